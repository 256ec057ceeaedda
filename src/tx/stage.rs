// SPDX-License-Identifier: GPL-2.0

//! Context: bottom halves disabled; from `ndo_start_xmit`, a work item, a timer or a poll.
//! Input:   packets for a peer.
//! Output:  all that the peer has staged, as one numbered batch of its current session.
//! Next:    [`super::encrypt`], by way of the parallel queue.

use kernel::prelude::*;

use super::{
    encrypt::Encrypt,
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
        log::debug_ratelimited,
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
    drop_all(&peer, dropped);
    flush(peer, bh);
}

/// Drops packets that could not be sent, outside all locks.
fn drop_all(peer: &Peer, packets: PacketList) {
    if !packets.is_empty() {
        peer.device.dev.tx_dropped(packets.len() as u32);
    }
}

/// Sends a keepalive, or what is staged: that keeps the session alive as well.
pub(crate) fn send_keepalive(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    let Ok(made) = stage_keepalive(&peer) else {
        return;
    };
    if made {
        debug_ratelimited!(
            peer.device.dev,
            "Sending keepalive packet to peer {} ({})",
            peer.id,
            peer.endpoint.show()
        );
    }
    flush(peer, bh);
}

/// Stages an empty packet, and returns whether that was needed.
fn stage_keepalive(peer: &Peer) -> Result<bool> {
    let mtu = peer.device.dev.mtu();
    let mut staged = peer.staged.lock();
    if !staged.is_empty() {
        return Ok(false);
    }
    let mut skb = SkBuff::new(HEADROOM, KEEPALIVE_LEN as u32)?;
    Note {
        mtu,
        ds: 0,
        fate: Fate::Send,
    }
    .put(&mut skb);
    staged.push(skb);
    Ok(true)
}

/// Sends what is staged if there is a session, and otherwise asks for one.
pub(crate) fn flush(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    match submit(peer, bh) {
        Staged::Sent => {}
        Staged::Dropped(packets) => drop_all(&peer, packets),
        Staged::NoSession => {
            orphan(&peer);
            handshake::request(peer, Retry::No);
        }
    }
}

/// What has become of the staged packets.
enum Staged {
    /// They are on their way, or there were none.
    Sent,
    /// There is no room for them where they are encrypted.
    Dropped(PacketList),
    /// They wait.
    NoSession,
}

/// Makes a batch of the staged packets and has it encrypted.
///
/// Counters, the batch's number and its place in a ring are taken under one lock: so counters go out
/// in order, and no number is given to a batch that is then refused.
fn submit(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) -> Staged {
    let mut staged = peer.staged.lock();
    if staged.is_empty() || peer.is_closed() {
        return Staged::Sent;
    }
    let Some((session, first_counter)) = reserve(peer, staged.len(), bh) else {
        return Staged::NoSession;
    };
    let packets = staged.take();
    let device = &peer.device;
    let Some(entrance) = device.encrypt.enter() else {
        return Staged::Dropped(packets);
    };
    let Some(number) = peer.tx_order.issue(MAX_BATCHES) else {
        return Staged::Dropped(packets);
    };
    let header = TxHeader {
        link: Link::new(number),
        session,
        first_counter,
    };
    if let Some(batch) = TxBatch::new(packets, header) {
        entrance.submit(&device.crypt_queue, Encrypt(batch));
    }
    Staged::Sent
}

/// Lets go of the sockets that staged packets came from: who waits for a handshake must not hold a
/// sender's buffer.
fn orphan(peer: &Peer) {
    // Outside the lock, since a socket may answer by sending.
    let mut packets = peer.staged.lock().take();
    packets.for_each_mut(SkBuff::orphan);
    let mut staged = peer.staged.lock();
    packets.append(staged.take());
    *staged = packets;
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
