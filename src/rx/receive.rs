// SPDX-License-Identifier: GPL-2.0

//! Context: softirq, from UDP, on several CPUs at once, without a lock.
//! Input:   a datagram.
//! Output:  a handshake message, or a batch of its session.
//! Next:    [`super::admission`], or [`super::decrypt`] by way of an inbox.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use super::{
    admission,
    discard,
    trace,
    undress,
    RxBatch,
    RxHeader,
    Verdict,
    HEADER_LEN, //
};
use crate::{
    device::Device,
    drops::{Drops, Reason},
    kapi::{
        net::{
            skbuff::{PacketList, Row, SkBuff},
            udp_tunnel::{self, UdpHandler}, //
        },
        sync::{
            bh::BhDisabled,
            rcu::RcuArc, //
        },
    },
    proto::{
        constants::DATA_HEADER_LEN,
        messages::{DataHeader, Index, MessageType}, //
    },
    session::Session,
};

impl UdpHandler for Device {
    fn receive(this: ArcBorrow<'_, Self>, mut skb: SkBuff, bh: BhDisabled<'_>) {
        if skb.train().is_some() {
            // Nothing needs to be in the linear part: there may be nothing but headers.
            match udp_tunnel::prepare_datagram(&mut skb, 0) {
                Ok(()) => receive_train(this, skb, bh),
                Err(_) => this.discard(skb, Reason::RxBadHeader),
            }
            return;
        }
        match udp_tunnel::prepare_datagram(&mut skb, HEADER_LEN) {
            Ok(()) => receive_one(this, skb, bh),
            Err(EMSGSIZE) => this.discard(skb, Reason::RxTooShort),
            Err(ENOMEM) => no_memory(&this, skb),
            Err(_) => this.discard(skb, Reason::RxBadHeader),
        }
    }
}

/// Drops a packet of one message that there is no memory for.
#[cold]
pub(super) fn no_memory(device: &Device, skb: SkBuff) {
    device.dev.rx_dropped(1);
    device.discard(skb, Reason::RxNoMemory);
}

/// Receives a packet of one message.
pub(super) fn receive_one(this: ArcBorrow<'_, Device>, mut skb: SkBuff, bh: BhDisabled<'_>) {
    if let Some(wardrobe) = this.wardrobe.load(bh.rcu()) {
        return undress::receive_one(this, &wardrobe, skb, bh);
    }
    let kind = match classify(&mut skb) {
        Ok(kind) => kind,
        Err(Reason::RxNoMemory) => return no_memory(&this, skb),
        Err(reason) => return this.discard(skb, reason),
    };
    match kind {
        MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
            admission::receive(this, skb, bh);
        }
        MessageType::Data => {
            let receiver = skb.linear().first_chunk().map(DataHeader::read);
            match receiver.and_then(|header| this.session(bh, header.receiver())) {
                Some(session) => queue_data(&this, skb, session, 1, bh),
                None => this.discard(skb, Reason::RxNoSession),
            }
        }
    }
}

/// Receives a packet of several messages.
fn receive_train(this: ArcBorrow<'_, Device>, skb: SkBuff, bh: BhDisabled<'_>) {
    let Some(row) = skb.train() else {
        return this.discard(skb, Reason::RxTooShort);
    };
    if let Some(wardrobe) = this.wardrobe.load(bh.rcu()) {
        return undress::receive_train(this, &wardrobe, skb, row, bh);
    }
    if let Some(receiver) = common_receiver(&skb, row) {
        return match this.session(bh, receiver) {
            Some(session) => queue_data(&this, skb, session, row.count(), bh),
            None => this.discard_messages(skb, row.count(), Reason::RxNoSession),
        };
    }
    receive_parts(this, skb, row, bh);
}

/// Receives the messages of a packet that have nothing in common but where they come from.
pub(super) fn receive_parts(
    this: ArcBorrow<'_, Device>,
    skb: SkBuff,
    row: Row,
    bh: BhDisabled<'_>,
) {
    for (start, len) in row.iter() {
        if len < HEADER_LEN {
            this.count_drops(1, Reason::RxTooShort);
            continue;
        }
        match skb.part(start, len) {
            Some(part) => receive_one(this, part, bh),
            None => {
                this.dev.rx_dropped(1);
                this.count_drops(1, Reason::RxNoMemory);
            }
        }
    }
    // What was in it has gone on by itself.
    skb.consume();
}

/// The receiver of all messages of a packet, if they are data messages of one session.
fn common_receiver(skb: &SkBuff, row: Row) -> Option<Index> {
    let mut receiver = None;
    for (start, len) in row.iter() {
        let header: [u8; DATA_HEADER_LEN] = skb.bytes_at(start)?;
        let kind = MessageType::of(*header.first_chunk()?, len as usize)?;
        let this = DataHeader::read(&header).receiver();
        if kind != MessageType::Data || *receiver.get_or_insert(this) != this {
            return None;
        }
    }
    receiver
}

/// What kind of message a datagram is, from its first bytes and its length, or why it is dropped.
fn classify(skb: &mut SkBuff) -> Result<MessageType, Reason> {
    let first = skb.linear().first_chunk().ok_or(Reason::RxTooShort)?;
    let Some(kind) = MessageType::of(*first, skb.len() as usize) else {
        return Err(what_is_wrong(*first));
    };
    match kind {
        MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
            // They are short: nothing is left to be gathered later.
            let is_whole = skb.pull_to_linear(skb.len());
            is_whole.then_some(kind).ok_or(Reason::RxNoMemory)
        }
        MessageType::Data => Ok(kind),
    }
}

/// Why a datagram that begins like this is no message.
#[cold]
fn what_is_wrong(first: [u8; 4]) -> Reason {
    let is_type = |kind: MessageType| first == (kind as u32).to_le_bytes();
    if MessageType::ALL.into_iter().any(is_type) {
        Reason::RxBadLength
    } else {
        Reason::RxUnknownType
    }
}

/// Queues a packet of data messages at the poller of the peer whose session they are for.
#[inline]
pub(super) fn queue_data(
    device: &Device,
    mut skb: SkBuff,
    session: RcuArc<Session>,
    count: u32,
    bh: BhDisabled<'_>,
) {
    let Some(poller) = device.poller(&session.peer) else {
        return device.discard_messages(skb, count, Reason::RxDown);
    };
    let header = match RxHeader::new(session, count, skb.len()) {
        Ok(header) => header,
        Err(session) => {
            return session
                .peer
                .discard_messages(skb, count, Reason::RxPeerFull);
        }
    };
    trace::receive(&header.session, &skb);
    Verdict::Forged.put(&mut skb);
    let mut packets = PacketList::new();
    packets.push(skb);
    let Some(batch) = RxBatch::new(packets, header) else {
        return;
    };
    match poller.content().push(batch) {
        Ok(waiting) => {
            poller.schedule(bh);
            device.assistants.consider(waiting, &device.crypt_queue, bh);
        }
        Err(batch) => discard(batch, Reason::RxInboxFull),
    }
}
