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
    undress,
    RxBatch,
    RxHeader,
    Verdict,
    HEADER_LEN, //
};
use crate::{
    device::Device,
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
            if udp_tunnel::prepare_datagram(&mut skb, 0).is_ok() {
                receive_train(this, skb, bh);
            }
            return;
        }
        match udp_tunnel::prepare_datagram(&mut skb, HEADER_LEN) {
            Ok(()) => receive_one(this, skb, bh),
            Err(ENOMEM) => this.dev.rx_dropped(1),
            Err(_) => {}
        }
    }
}

/// Receives a packet of one message.
pub(super) fn receive_one(this: ArcBorrow<'_, Device>, mut skb: SkBuff, bh: BhDisabled<'_>) {
    if let Some(wardrobe) = this.wardrobe.load(bh.rcu()) {
        return undress::receive_one(this, &wardrobe, skb, bh);
    }
    let kind = match classify(&mut skb) {
        Ok(kind) => kind,
        Err(ENOMEM) => return this.dev.rx_dropped(1),
        Err(_) => return,
    };
    match kind {
        MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
            admission::receive(this, skb, bh);
        }
        MessageType::Data => {
            let receiver = skb.linear().first_chunk().map(DataHeader::read);
            // What nobody has a session for is dropped.
            let _ = receiver
                .and_then(|header| this.session(bh, header.receiver()))
                .and_then(|session| queue_data(&this, skb, session, 1, bh));
        }
    }
}

/// Receives a packet of several messages.
fn receive_train(this: ArcBorrow<'_, Device>, skb: SkBuff, bh: BhDisabled<'_>) {
    let Some(row) = skb.train() else {
        return;
    };
    if let Some(wardrobe) = this.wardrobe.load(bh.rcu()) {
        return undress::receive_train(this, &wardrobe, skb, row, bh);
    }
    if let Some(receiver) = common_receiver(&skb, row) {
        let _ = this
            .session(bh, receiver)
            .and_then(|session| queue_data(&this, skb, session, row.count(), bh));
        return;
    }
    receive_parts(this, &skb, row, bh);
}

/// Receives the messages of a packet that have nothing in common but where they come from.
pub(super) fn receive_parts(
    this: ArcBorrow<'_, Device>,
    skb: &SkBuff,
    row: Row,
    bh: BhDisabled<'_>,
) {
    for (start, len) in row.iter().filter(|(_, len)| *len >= HEADER_LEN) {
        match skb.part(start, len) {
            Some(part) => receive_one(this, part, bh),
            None => this.dev.rx_dropped(1),
        }
    }
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

/// What kind of message a datagram is, from its first bytes and its length.
///
/// [`ENOMEM`] if there is no memory to look at it, [`EINVAL`] if it is none.
fn classify(skb: &mut SkBuff) -> Result<MessageType> {
    let first = skb.linear().first_chunk().ok_or(EINVAL)?;
    let kind = MessageType::of(*first, skb.len() as usize).ok_or(EINVAL)?;
    match kind {
        MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
            // They are short: nothing is left to be gathered later.
            skb.pull_to_linear(skb.len()).then_some(kind).ok_or(ENOMEM)
        }
        MessageType::Data => Ok(kind),
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
) -> Option<()> {
    let poller = device.poller(&session.peer)?;
    let header = RxHeader::new(session, count, skb.len())?;
    Verdict::Forged.put(&mut skb);
    let mut packets = PacketList::new();
    packets.push(skb);
    let waiting = poller.content().push(RxBatch::new(packets, header)?)?;
    poller.schedule(bh);
    device.assistants.consider(waiting, &device.crypt_queue, bh);
    Some(())
}
