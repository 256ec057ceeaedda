// SPDX-License-Identifier: GPL-2.0

//! Context: a worker of the parallel queue, one per CPU.
//! Input:   a batch of data messages of one session.
//! Output:  the same batch, each packet decrypted or marked as forged.
//! Next:    [`super::deliver`], in the order of arrival, on the poller that the peer belongs to.

use kernel::prelude::*;

use super::{
    RxBatch,
    Verdict, //
};
use crate::{
    kapi::{net::skbuff::SkBuff, sync::bh},
    proto::{
        constants::DATA_HEADER_LEN,
        messages::DataHeader, //
    },
    queue::{inbox, parallel::Job},
    session::Session,
    time::boot_now, //
};

/// A batch to be decrypted.
pub(crate) struct Decrypt(pub(super) RxBatch);

impl Job for Decrypt {
    fn run(self) {
        let (header, mut packets) = self.0.into_parts();
        if header.session.may_receive(boot_now()) {
            packets.for_each_mut(|skb| match open(skb, &header.session) {
                Ok(()) => Verdict::Authentic.put(skb),
                Err(ENOMEM) => header.session.peer.device.dev.rx_dropped(1),
                Err(_) => {}
            });
        }
        if let Some(batch) = RxBatch::new(packets, header) {
            complete(batch);
        }
    }
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

/// Takes a decrypted batch, and passes all of its peer that is ready to the peer's poller.
fn complete(batch: RxBatch) {
    let session = batch.session.clone();
    let peer = &session.peer;
    let Some(drainer) = peer.rx_order.complete(batch) else {
        return;
    };
    let Some(poller) = peer.device.poller(peer) else {
        return drainer.for_each(drop);
    };
    inbox::hand_over(poller, drainer, bh::disable().token());
}
