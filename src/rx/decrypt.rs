// SPDX-License-Identifier: GPL-2.0

//! Context: a poll, or a worker of an assistant; on several CPUs at once.
//! Input:   a batch of data messages of one session.
//! Output:  the same batch, each packet decrypted or marked as forged.
//! Next:    [`super::deliver`], in the order of arrival, on the poller that the peer belongs to.

use kernel::prelude::*;

use super::{
    RxBatch,
    RxHeader,
    Verdict, //
};
use crate::{
    kapi::{net::skbuff::SkBuff, sync::bh},
    proto::{
        constants::DATA_HEADER_LEN,
        messages::DataHeader, //
    },
    queue::assist::Assist,
    session::Session,
    time::boot_now, //
};

/// Decrypts the messages of a batch.
pub(super) fn decrypt(batch: RxBatch) -> Option<RxBatch> {
    let (header, mut packets) = batch.into_parts();
    if header.session.may_receive(boot_now()) {
        packets.for_each_mut(|skb| match open(skb, &header.session) {
            Ok(()) => Verdict::Authentic.put(skb),
            Err(ENOMEM) => header.session.peer.device.dev.rx_dropped(1),
            Err(_) => {}
        });
    }
    RxBatch::new(packets, header)
}

/// Decrypts a data message, whose header stays in front.
fn open(skb: &mut SkBuff, session: &Session) -> Result {
    let header = DataHeader::read(skb.linear().first_chunk().ok_or(EINVAL)?);
    skb.open(
        DATA_HEADER_LEN as u32,
        header.counter().0,
        session.receive_key.as_bytes(),
    )
}

impl Assist for RxHeader {
    fn assist(batch: RxBatch, finish: impl FnOnce(Option<RxBatch>) -> bool) {
        let session = batch.session.clone();
        if finish(decrypt(batch)) {
            if let Some(poller) = session.peer.device.poller(&session.peer) {
                poller.schedule(bh::disable().token());
            }
        }
    }
}
