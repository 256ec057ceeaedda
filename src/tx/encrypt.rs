// SPDX-License-Identifier: GPL-2.0

//! Context: where the batch was made, bottom halves disabled; or a worker of the parallel queue, one
//!          per CPU.
//! Input:   a numbered batch of plaintext packets.
//! Output:  the same batch, encrypted, each packet a data message.
//! Next:    [`super::transmit`], in the order of the batches' numbers.

use kernel::prelude::*;

use super::{
    segments::Template,
    transmit,
    Fate,
    Note,
    TxBatch,
    HEADROOM, //
};
use crate::{
    kapi::{
        net::skbuff::{PacketList, SkBuff, Train},
        sync::rcu::RcuArc, //
    },
    peer::Peer,
    proto::{
        constants::DATA_HEADER_LEN,
        messages::{Counter, DataHeader},
        transport, //
    },
    queue::{ordered::Duty, parallel::Job},
    session::Session, //
};

/// What a worker does.
pub(crate) enum Encrypt {
    /// Encrypts a batch, and sends what it can.
    Seal(TxBatch),
    /// Goes on with what a peer has to send.
    Send(RcuArc<Peer>, Duty),
}

impl Job for Encrypt {
    fn run(self) {
        match self {
            Self::Seal(batch) => encrypt(batch),
            Self::Send(peer, duty) => transmit::resume(&peer, duty),
        }
    }
}

/// Encrypts a batch, and sends all of its peer that is ready.
pub(super) fn encrypt(batch: TxBatch) {
    let (header, mut packets) = batch.into_parts();
    let mut sealed = PacketList::new();
    let mut counter = header.first_counter;
    while let Some(mut skb) = packets.pop() {
        let messages = Note::of(&skb).messages;
        if messages > 1 {
            seal_segments(skb, &header.session, counter, &mut sealed);
        } else {
            if seal(&mut skb, &header.session, Counter(counter)).is_err() {
                discard(&mut skb, 1);
            }
            sealed.push(skb);
        }
        counter = counter.wrapping_add(messages.into());
    }
    if let Some(batch) = TxBatch::new(sealed, header) {
        transmit::complete(batch);
    }
}

/// Marks a packet, for so many messages, to be dropped at the end of its batch.
fn discard(skb: &mut SkBuff, messages: u16) {
    Note {
        fate: Fate::Drop,
        messages,
        ..Note::of(skb)
    }
    .put(skb);
}

/// Makes a packet a data message.
fn seal(skb: &mut SkBuff, session: &Session, counter: Counter) -> Result {
    let padding = transport::padding(skb.len() as usize, Note::of(skb).mtu as usize);
    skb.extend_for_seal(Some(&session.peer.device.dev), HEADROOM, padding as u32)?;
    skb.push_bytes(&DataHeader::new(session.remote_index, counter).to_bytes())?;
    skb.seal(
        DATA_HEADER_LEN as u32,
        counter.0,
        session.send_key.as_bytes(),
    )?;
    skb.reset_encapsulated();
    Ok(())
}

/// Makes the segments that a packet stands for data messages, all that can be in one packet again.
fn seal_segments(mut skb: SkBuff, session: &Session, counter: u64, sealed: &mut PacketList) {
    let mut left = Note::of(&skb).messages;
    if cut(&mut skb, session, counter, &mut left, sealed).is_ok() {
        return skb.consume();
    }
    discard(&mut skb, left);
    sealed.push(skb);
}

/// Makes messages of the segments, and counts down how many are not among the sealed ones yet.
fn cut(
    skb: &mut SkBuff,
    session: &Session,
    first: u64,
    left: &mut u16,
    sealed: &mut PacketList,
) -> Result {
    let packet = skb.super_packet().ok_or(EINVAL)?;
    let note = Note::of(skb);
    let payload = skb.len().checked_sub(packet.headers).ok_or(EINVAL)?;
    let mut template = Template::new(packet, skb.linear(), skb.len()).ok_or(EINVAL)?;
    let mut train = Train::new(HEADROOM)?;
    for segment in template.segments(payload) {
        let len = packet.headers.saturating_add(segment.len) as usize;
        let padding = transport::padding(len, note.mtu as usize);
        let len = len.saturating_add(padding);
        let len = transport::message_len(len).ok_or(EMSGSIZE)? as u32;
        let rest = payload.saturating_sub(segment.start);
        let expected = rest.div_ceil(packet.segment.max(1)).saturating_mul(len).saturating_sub(len);
        if !train.has_room(len, expected) {
            let full = core::mem::replace(&mut train, Train::new(HEADROOM)?);
            dispatch(full, skb, session, note, left, sealed);
        }
        let counter = Counter(first.wrapping_add(segment.index.into()));
        let mut message = train.message(len, expected).ok_or(ENOMEM)?;
        message.append(&DataHeader::new(session.remote_index, counter).to_bytes())?;
        message.append_zeros(packet.headers)?;
        let start = packet.headers.saturating_add(segment.start);
        let sum = message.append_from(skb, start, segment.len)?;
        let headers = template.headers(&segment, sum).ok_or(EMSGSIZE)?;
        message.patch(DATA_HEADER_LEN as u32, headers)?;
        message.append_zeros(padding as u32)?;
        message.seal(
            DATA_HEADER_LEN as u32,
            counter.0,
            session.send_key.as_bytes(),
        )?;
        if segment.is_last {
            train.take_owner(skb);
        }
    }
    dispatch(train, skb, session, note, left, sealed);
    Ok(())
}

/// Puts a packet of messages among the sealed ones.
fn dispatch(
    mut train: Train,
    from: &mut SkBuff,
    session: &Session,
    note: Note,
    left: &mut u16,
    sealed: &mut PacketList,
) {
    let messages = train.count() as u16;
    train.hash_flow(from, &session.peer.device.dev);
    let Some(mut skb) = train.finish() else {
        return;
    };
    Note { messages, ..note }.put(&mut skb);
    sealed.push(skb);
    *left = left.saturating_sub(messages);
}
