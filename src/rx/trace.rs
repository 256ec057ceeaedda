// SPDX-License-Identifier: GPL-2.0

//! What tracepoints are told on the way in: of each message by itself.

use super::{
    uncover::header_at,
    RxBatch,
    Verdict, //
};
use crate::{
    kapi::net::skbuff::SkBuff,
    proto::messages::{Counter, DataHeader},
    session::Session,
    trace::{
        wg_decrypt,
        wg_deliver,
        wg_receive, //
    },
};

/// A packet of data messages is about to wait for its poller.
#[inline]
pub(super) fn receive(session: &Session, skb: &SkBuff) {
    if wg_receive::is_on() {
        tell_receive(session, skb);
    }
}

/// Packets have been decrypted, or could not be.
#[inline]
pub(super) fn decrypt(batch: &RxBatch) {
    if wg_decrypt::is_on() {
        tell_decrypt(batch);
    }
}

/// A packet is about to be passed to the stack.
#[inline]
pub(super) fn deliver(session: &Session, skb: &SkBuff) {
    if wg_deliver::is_on() {
        tell_deliver(session, skb);
    }
}

#[cold]
#[inline(never)]
fn tell_receive(session: &Session, skb: &SkBuff) {
    let (peer, index) = (&session.peer, session.local_index);
    let tell = |counter: Counter, len| {
        wg_receive::tell(&peer.device.dev, peer.id, index.0, counter.0, skb, len, 1);
    };
    let Some(row) = skb.train() else {
        if let Some(header) = skb.linear().first_chunk().map(DataHeader::read) {
            tell(header.counter(), skb.len());
        }
        return;
    };
    let wardrobe = peer.device.wardrobe();
    for (start, len) in row.iter() {
        let header = match &wardrobe {
            Some(wardrobe) => header_at(wardrobe.of(peer.profile()).profile(), skb, start, len),
            None => skb.bytes_at(start).as_ref().map(DataHeader::read),
        };
        // Others are received by themselves.
        if let Some(header) = header.filter(|header| header.receiver() == index) {
            tell(header.counter(), len);
        }
    }
}

#[cold]
#[inline(never)]
fn tell_decrypt(batch: &RxBatch) {
    let (peer, index) = (&batch.session.peer, batch.session.local_index.0);
    batch.for_each(|skb| match Verdict::of(skb) {
        Verdict::Authentic(Counter(counter)) => {
            wg_decrypt::tell(&peer.device.dev, peer.id, index, counter, skb, skb.len(), 1);
        }
        Verdict::Headers | Verdict::Forged | Verdict::Expired | Verdict::NoMemory => {}
    });
}

#[cold]
#[inline(never)]
fn tell_deliver(session: &Session, skb: &SkBuff) {
    if let Verdict::Authentic(Counter(counter)) = Verdict::of(skb) {
        let (peer, index) = (&session.peer, session.local_index.0);
        wg_deliver::tell(&peer.device.dev, peer.id, index, counter, skb, skb.len(), 1);
    }
}
