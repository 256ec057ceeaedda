// SPDX-License-Identifier: GPL-2.0

//! Context: a NAPI poll, bottom halves disabled; for one peer on one CPU at a time.
//! Input:   decrypted batches, in order.
//! Output:  inner packets.
//! Next:    GRO and the stack, as received by our device.

use core::net::{
    IpAddr,
    Ipv4Addr, //
};

use kernel::prelude::*;

use super::{
    decrypt::decrypt,
    messages_of,
    trace,
    uncover::is_keepalive,
    undress,
    RxBatch,
    RxHeader,
    Verdict,
    OVERHEAD, //
};
use crate::{
    drops::{Drops, Reason},
    endpoint::EndpointCell,
    events,
    ip::{self, Which},
    kapi::{
        log::debug_ratelimited,
        net::{
            addr::ShowIp,
            napi::Poll,
            skbuff::{IpProtocol, PacketList, SkBuff},
            udp_tunnel::{self, Origin}, //
        },
        sync::{
            bh::BhDisabled,
            rcu::RcuArc, //
        }, //
    },
    peer::Peer,
    proto::timers::Retry,
    queue::inbox::Deliver,
    session::Session,
    time::{boot_now, wall_now},
    timers,
    tx::{handshake, stage}, //
};

impl Deliver for RxHeader {
    fn work(batch: RxBatch) -> Option<RxBatch> {
        decrypt(batch)
    }

    fn deliver(batch: RxBatch, poll: &mut Poll<'_>) {
        let (header, packets) = batch.into_parts();
        let session = &header.session;
        poll.consume(header.count);
        let Some(datagram) = packets.first_map(udp_tunnel::datagram_of).flatten() else {
            let peer = &session.peer;
            return peer.discard_all(packets, messages_of, Reason::RxBadHeader);
        };
        let packets = screen(session, packets);
        if !packets.is_empty() {
            note(session, &packets, &datagram.origin, poll.bh());
            unwrap_all(session, packets, datagram.ds, poll);
        }
    }
}

/// Lets through what is authentic and was not received before.
fn screen(session: &Session, mut packets: PacketList) -> PacketList {
    let mut fresh = PacketList::new();
    let mut is_part = false;
    let mut window = session.window();
    while let Some(mut skb) = packets.pop() {
        let counter = match Verdict::of(&skb) {
            Verdict::Authentic(counter) => counter,
            Verdict::Headers => {
                is_part = true;
                skb.consume();
                continue;
            }
            verdict => {
                lose(&session.peer, skb, verdict);
                continue;
            }
        };
        if !window.accept(counter) {
            debug_ratelimited!(
                session.peer.device.dev,
                "Packet has invalid nonce {} (max {})",
                counter.0,
                window.next()
            );
            session.peer.discard(skb, Reason::RxReplayed);
            continue;
        }
        if !is_part {
            skb.reset_decapsulated();
        }
        fresh.push(skb);
    }
    fresh
}

/// Drops a message that did not come out as authentic.
#[cold]
fn lose(peer: &Peer, skb: SkBuff, verdict: Verdict) {
    let reason = match verdict {
        Verdict::Expired => Reason::RxSessionExpired,
        Verdict::NoMemory => Reason::RxNoMemory,
        Verdict::Forged | Verdict::Headers | Verdict::Authentic(_) => Reason::RxBadTag,
    };
    let messages = messages_of(&skb);
    peer.discard_messages(skb, messages, reason);
}

/// Does what every authentic message is a reason for, once for all of them.
fn note(session: &RcuArc<Session>, packets: &PacketList, origin: &Origin, bh: BhDisabled<'_>) {
    let peer = &session.peer;
    peer.hear();
    EndpointCell::set_from_datagram(peer, origin);
    let is_confirmed = peer
        .sessions
        .confirm(&peer.device.index_table, bh.rcu(), session);
    let data_packets = if peer.device.wardrobe.is_none() {
        count_if(packets, |skb| !skb.is_empty())
    } else {
        count_if(packets, |skb| undress::note(peer, skb, bh))
    };
    // Before anything is sent, which may be the answer, or want one of its own.
    timers::packets_received(peer.borrow(), data_packets);
    if is_confirmed {
        timers::with(peer.borrow(), |timers| {
            timers.handshake_complete(wall_now())
        });
        stage::flush(peer.borrow(), bh);
        events::handshake_complete(peer, session.role, session.born);
    }
    keep_fresh(peer, bh);
}

/// How many packets are such.
#[inline]
fn count_if(packets: &PacketList, mut is_such: impl FnMut(&SkBuff) -> bool) -> usize {
    let mut count = 0usize;
    packets.for_each(|skb| count = count.wrapping_add(usize::from(is_such(skb))));
    count
}

/// Asks for a successor to a session that is only received on, once.
fn keep_fresh(peer: &RcuArc<Peer>, bh: BhDisabled<'_>) {
    let is_due = peer
        .sessions
        .current(bh.rcu())
        .is_some_and(|session| session.is_rekey_due_after_receive(boot_now));
    if is_due && peer.timers.lock().take_last_minute() {
        handshake::request(peer.borrow(), Retry::No);
    }
}

/// Why an inner packet is not delivered.
enum Refusal {
    /// It isn't IP.
    NotIp,
    /// Its source address is not the peer's to use.
    Source(Option<IpAddr>),
    /// It says it is longer than it is, or shorter than its own header.
    Length,
    /// There is no memory.
    Memory,
}

impl Refusal {
    fn reason(&self) -> Reason {
        match self {
            Self::NotIp => Reason::RxNotIp,
            Self::Source(_) => Reason::RxAllowedIps,
            Self::Length => Reason::RxInnerLength,
            Self::Memory => Reason::RxNoMemory,
        }
    }
}

/// Unwraps the packets and passes them to the stack.
fn unwrap_all(session: &Session, mut packets: PacketList, ds: u8, poll: &mut Poll<'_>) {
    let peer = &session.peer;
    let dev = &peer.device.dev;
    // A peer has some MiB under way: neither sum comes near its end.
    let (mut count, mut bytes) = (0u32, 0u32);
    while let Some(mut skb) = packets.pop() {
        let len = skb.len().wrapping_add(OVERHEAD);
        match unwrap(peer, &mut skb, ds, poll.bh()) {
            Ok(Content::Packet) => {
                trace::deliver(session, &skb);
                if let Err(skb) = poll.gro_receive(skb) {
                    peer.discard(skb, Reason::RxDown);
                }
            }
            Ok(Content::Keepalive) => skb.consume(),
            Err(refusal) => {
                refuse(peer, skb, refusal);
                continue;
            }
        }
        count = count.wrapping_add(1);
        bytes = bytes.wrapping_add(len);
    }
    if !peer.device.wardrobe.is_none() {
        let prefix = undress::prefix_len(peer, poll.bh());
        bytes = bytes.wrapping_add(count.wrapping_mul(prefix));
    }
    dev.count_rx(count, bytes, poll.bh());
    peer.count_received(u64::from(bytes));
}

/// Drops a packet that is not delivered.
#[cold]
fn refuse(peer: &Peer, skb: SkBuff, refusal: Refusal) {
    let dev = &peer.device.dev;
    match &refusal {
        Refusal::NotIp => {
            debug_ratelimited!(
                dev,
                "Packet is neither ipv4 nor ipv6 from peer {} ({})",
                peer.show(),
                peer.endpoint.show()
            );
            dev.rx_errors(1);
            dev.rx_frame_errors(1);
        }
        Refusal::Source(source) => {
            debug_ratelimited!(
                dev,
                "Packet has unallowed src IP ({}) from peer {} ({})",
                ShowIp(source.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))),
                peer.show(),
                peer.endpoint.show()
            );
            dev.rx_errors(1);
            dev.rx_frame_errors(1);
        }
        Refusal::Length => {
            debug_ratelimited!(
                dev,
                "Packet has incorrect size from peer {} ({})",
                peer.show(),
                peer.endpoint.show()
            );
            dev.rx_errors(1);
            dev.rx_length_errors(1);
        }
        Refusal::Memory => dev.rx_dropped(1),
    }
    peer.discard(skb, refusal.reason());
}

/// What is in a message.
enum Content {
    Packet,
    Keepalive,
}

/// Takes a packet out of its message; there is none in a keepalive.
fn unwrap(
    peer: &RcuArc<Peer>,
    skb: &mut SkBuff,
    ds: u8,
    bh: BhDisabled<'_>,
) -> Result<Content, Refusal> {
    if skb.is_empty() {
        report_keepalive(peer);
        return Ok(Content::Keepalive);
    }
    let Some(protocol) = protocol_of(skb) else {
        return not_ip(peer, skb);
    };
    skb.receive_as(protocol);
    let len = ip::total_len(protocol, skb.linear())
        .filter(|len| *len <= skb.len())
        .ok_or(Refusal::Length)?;
    skb.ecn_decapsulate(ds);
    skb.trim(len).map_err(|_| Refusal::Memory)?;
    let table = &peer.device.allowed_ips;
    let owner = ip::owner(table, bh.rcu(), protocol, skb.linear(), Which::Source);
    if owner.is_none_or(|owner| !owner.is(peer)) {
        let source = ip::address(protocol, skb.linear(), Which::Source);
        return Err(Refusal::Source(source));
    }
    Ok(Content::Packet)
}

/// What a packet is that is not IP: a keepalive that has been padded, if the peer wears a guise.
#[cold]
fn not_ip(peer: &Peer, skb: &SkBuff) -> Result<Content, Refusal> {
    if !is_keepalive(skb) || !peer.is_disguised() {
        return Err(Refusal::NotIp);
    }
    report_keepalive(peer);
    Ok(Content::Keepalive)
}

fn report_keepalive(peer: &Peer) {
    debug_ratelimited!(
        peer.device.dev,
        "Receiving keepalive packet from peer {} ({})",
        peer.show(),
        peer.endpoint.show()
    );
}

/// The protocol of a packet, whose header is in the linear part then.
fn protocol_of(skb: &mut SkBuff) -> Option<IpProtocol> {
    if !skb.pull_to_linear(ip::V4_HEADER_LEN) {
        return None;
    }
    match skb.linear().first()? >> 4 {
        4 => Some(IpProtocol::V4),
        6 if skb.pull_to_linear(ip::V6_HEADER_LEN) => Some(IpProtocol::V6),
        _ => None,
    }
}
