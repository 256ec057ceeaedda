// SPDX-License-Identifier: GPL-2.0

//! Context: a poll, or a worker of an assistant; on several CPUs at once.
//! Input:   a batch of data messages of one session.
//! Output:  the same batch, each packet decrypted or marked as forged.
//! Next:    [`super::deliver`], in the order of arrival, on the poller that the peer belongs to.

use kernel::prelude::*;

use super::{
    trace,
    undress,
    RxBatch,
    RxHeader,
    Verdict,
    HEADER_LEN,
    OVERHEAD, //
};
use crate::{
    drops::{Drops, Reason},
    kapi::{
        net::skbuff::{PacketList, Row, SkBuff},
        sync::bh, //
    },
    proto::messages::{
        Counter,
        DataHeader, //
    },
    queue::assist::Assist,
    session::Session,
    time::boot_now, //
};

/// Decrypts the messages of a batch.
pub(super) fn decrypt(batch: RxBatch) -> Option<RxBatch> {
    let (header, mut packets) = batch.into_parts();
    let mut opened = PacketList::new();
    let may_receive = header.session.may_receive(boot_now());
    while let Some(mut skb) = packets.pop() {
        match skb.train() {
            Some(row) if !header.session.peer.device.wardrobe.is_none() => {
                undress::open_all(skb, row, &header.session, may_receive, &mut opened);
            }
            _ if !may_receive => {
                Verdict::Expired.put(&mut skb);
                opened.push(skb);
            }
            Some(row) => open_all(skb, row, &header.session, &mut opened),
            None => {
                if open(&mut skb, &header.session) == Err(ENOMEM) {
                    header.session.peer.device.dev.rx_dropped(1);
                    Verdict::NoMemory.put(&mut skb);
                }
                opened.push(skb);
            }
        }
    }
    let batch = RxBatch::new(opened, header)?;
    trace::decrypt(&batch);
    Some(batch)
}

/// Decrypts a data message where it is, and takes its header off.
fn open(skb: &mut SkBuff, session: &Session) -> Result {
    let header = DataHeader::read(skb.linear().first_chunk().ok_or(EINVAL)?);
    let counter = header.counter();
    skb.open(HEADER_LEN, counter.0, session.receive_key.as_bytes())?;
    skb.pull(HEADER_LEN)?;
    Verdict::Authentic(counter).put(skb);
    Ok(())
}

/// Decrypts the data messages in a packet, each into one of its own.
fn open_all(skb: SkBuff, row: Row, session: &Session, opened: &mut PacketList) {
    let mut parts = PacketList::new();
    for (start, len) in row.iter() {
        let part = skb.bytes_at(start).ok_or(EINVAL).and_then(|header| {
            let counter = DataHeader::read(&header).counter();
            open_part(&skb, start, len, counter, session)
        });
        take_in(part, session, &mut parts);
    }
    replace(skb, parts, opened);
}

/// Takes a packet in that came out of another, if it did.
#[inline]
pub(super) fn take_in(part: Result<SkBuff>, session: &Session, parts: &mut PacketList) {
    match part {
        Ok(part) => parts.push(part),
        Err(error) => lose_part(session, error),
    }
}

/// Counts a message that no packet has come out of.
#[cold]
fn lose_part(session: &Session, error: Error) {
    let peer = &session.peer;
    if error == ENOMEM {
        peer.device.dev.rx_dropped(1);
        peer.count_drops(1, Reason::RxNoMemory);
    } else {
        peer.count_drops(1, Reason::RxBadTag);
    }
}

/// Appends what has come out of a packet, behind the headers that are left of it.
#[inline]
pub(super) fn replace(mut skb: SkBuff, parts: PacketList, opened: &mut PacketList) {
    // What was encrypted isn't needed any more, but does no harm.
    let _ = skb.trim(0);
    Verdict::Headers.put(&mut skb);
    opened.push(skb);
    opened.append(parts);
}

/// Decrypts a data message in a packet, whose header is at `start`, into one of its own.
#[inline]
pub(super) fn open_part(
    skb: &SkBuff,
    start: u32,
    len: u32,
    counter: Counter,
    session: &Session,
) -> Result<SkBuff> {
    let body = start.saturating_add(HEADER_LEN);
    let len = len.checked_sub(OVERHEAD).ok_or(EINVAL)?;
    let key = session.receive_key.as_bytes();
    let mut part = skb.open_part(body, len, counter.0, key)?;
    Verdict::Authentic(counter).put(&mut part);
    Ok(part)
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
