// SPDX-License-Identifier: GPL-2.0

//! Context: bottom halves disabled; from `ndo_start_xmit`, a work item, a timer or a poll.
//! Input:   packets for a peer.
//! Output:  all that the peer has staged, as one numbered batch of its current session.
//! Next:    [`super::encrypt`], by way of the parallel queue.

use super::{
    encrypt,
    handshake,
    Fate,
    Note,
    TxBatch,
    TxHeader,
    HEADROOM,
    MAX_BATCHES, //
};
use crate::{
    kapi::{
        net::skbuff::{PacketList, SkBuff},
        sync::{
            bh::BhDisabled,
            rcu::{RcuArc, RcuRef}, //
        }, //
    },
    peer::Peer,
    proto::{
        constants::{KEEPALIVE_LEN, MAX_STAGED_PACKETS},
        timers::Retry, //
    },
    queue::ordered::Link,
    session::Session,
    time::boot_now, //
};

/// Stages packets and sends what can be sent.
///
/// If too many wait already, the oldest are dropped; the new ones stay, since they may be the
/// segments of one packet.
pub(crate) fn stage(peer: RcuRef<'_, Peer>, packets: PacketList, bh: BhDisabled<'_>) {
    let mut dropped = PacketList::new();
    {
        let mut staged = peer.staged.lock();
        while staged.len() > MAX_STAGED_PACKETS {
            let Some(skb) = staged.pop() else { break };
            dropped.push(skb);
        }
        staged.append(packets);
    }
    peer.device.dev.tx_dropped(dropped.len() as u32);
    flush(peer, bh);
}

/// Sends a keepalive, or what is staged: that keeps the session alive as well.
pub(crate) fn send_keepalive(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    let mtu = peer.device.dev.mtu();
    {
        let mut staged = peer.staged.lock();
        if staged.is_empty() {
            let Ok(mut skb) = SkBuff::new(HEADROOM, KEEPALIVE_LEN as u32) else {
                return;
            };
            Note {
                mtu,
                ds: 0,
                fate: Fate::Send,
            }
            .put(&mut skb);
            staged.push(skb);
        }
    }
    flush(peer, bh);
}

/// Sends what is staged if there is a session, and otherwise asks for one.
pub(crate) fn flush(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    match take_batch(peer, bh) {
        Staged::Batch(batch) => encrypt::submit(batch),
        Staged::NoSession => handshake::request(peer, Retry::No),
        Staged::Nothing => {}
    }
}

/// What comes of the staged packets.
enum Staged {
    Batch(TxBatch),
    NoSession,
    Nothing,
}

fn take_batch(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) -> Staged {
    let mut staged = peer.staged.lock();
    if staged.is_empty() || peer.is_closed() {
        return Staged::Nothing;
    }
    // Numbering and queueing happen under one lock, so that counters go out in order.
    let Some((session, first_counter)) = reserve(peer, staged.len(), bh) else {
        // Who waits for a handshake must not hold a sender's socket buffer.
        staged.for_each_mut(SkBuff::orphan);
        return Staged::NoSession;
    };
    let packets = staged.take();
    let Some(number) = peer.tx_order.issue(MAX_BATCHES) else {
        peer.device.dev.tx_dropped(packets.len() as u32);
        return Staged::Nothing;
    };
    let header = TxHeader {
        link: Link::new(number),
        session,
        first_counter,
    };
    TxBatch::new(packets, header).map_or(Staged::Nothing, Staged::Batch)
}

/// Reserves counters of the current session.
fn reserve(
    peer: RcuRef<'_, Peer>,
    count: usize,
    bh: BhDisabled<'_>,
) -> Option<(RcuArc<Session>, u64)> {
    let session = peer.sessions.current(bh.rcu())?;
    if !session.may_send(boot_now()) {
        return None;
    }
    let session = session.try_get()?;
    let first = session.reserve(count as u64)?;
    Some((session, first))
}
