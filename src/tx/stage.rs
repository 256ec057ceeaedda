// SPDX-License-Identifier: GPL-2.0

//! Context: bottom halves disabled; from `ndo_start_xmit`, a work item, a timer or a poll.
//! Input:   packets for a peer.
//! Output:  all that the peer has staged, as one numbered batch of its current session.
//! Next:    [`super::encrypt`], at once or by way of the parallel queue.

use kernel::prelude::*;

use super::{
    encrypt::{self, Encrypt},
    handshake,
    streak::Streak,
    trace,
    Fate,
    Note,
    TxBatch,
    TxHeader,
    HEADROOM,
    MAX_BATCHES, //
};
use crate::{
    device::Device,
    drops::{Drops, Reason},
    kapi::{
        log::debug_ratelimited,
        net::{
            device::may_xmit_here,
            skbuff::{PacketList, SkBuff}, //
        },
        sync::{
            atomic::Ordering,
            bh::{self, BhDisabled},
            rcu::{RcuArc, RcuRef},
            SpinLockBhGuard, //
        },
        time, //
    },
    peer::Peer,
    proto::{
        constants::{KEEPALIVE_LEN, MAX_STAGED_PACKETS},
        timers::Retry, //
    },
    queue::{bound::Bound, ordered::Link},
    session::Session,
    time::boot_now, //
};

/// How many messages may wait for a worker that was called.
const MAX_QUEUED: u32 = 1024;

/// How many messages such a worker makes a batch of.
const MAX_IN_BATCH: u32 = 64;

/// How many devices and tunnels may be at sending on this CPU, this one included, for it to encrypt
/// at once. The core has a limit to that, so what is below gets as much of it as from a worker.
const MAX_DEPTH: u32 = 1;

/// Packets that wait to be sent.
#[derive(Default)]
pub(crate) struct Staged {
    packets: PacketList,
    /// How many messages they will become.
    pub(crate) messages: u32,
    bytes: u32,
}

/// What a peer has staged, and who takes it on; whether a worker is called is noted in the peer.
pub(crate) struct Stage {
    staged: Staged,
    /// There as long as there may be sessions: without one no worker is called.
    pace: Option<KBox<Pace>>,
}

/// How fast packets come and go.
pub(crate) struct Pace {
    /// How much may wait for a worker.
    bound: Bound,
    streak: Streak,
}

impl Pace {
    /// Nothing is known yet.
    pub(crate) fn new() -> Result<KBox<Self>> {
        let pace = Self {
            bound: Bound::new(),
            streak: Streak::new(),
        };
        Ok(KBox::new(pace, GFP_KERNEL)?)
    }
}

impl Stage {
    /// Nothing staged.
    pub(crate) const fn new() -> Self {
        Self {
            staged: Staged::new(),
            pace: None,
        }
    }

    /// Begins to note how fast packets come and go, or no longer does.
    pub(crate) fn set_pace(&mut self, pace: Option<KBox<Pace>>) {
        self.pace = pace;
    }

    /// Whether a packet is part of a stream.
    fn goes_on(&mut self, peer: &Peer) -> bool {
        self.pace
            .as_mut()
            .is_some_and(|pace| pace.streak.goes_on(peer.has_been_heard()))
    }

    /// Whether there is room for packets that a worker is to take.
    fn admits(&self, packets: &Staged) -> bool {
        let waiting = &self.staged;
        let has_time = |pace: &KBox<Pace>| {
            pace.bound
                .admits(packets.bytes.into(), waiting.bytes.into())
        };
        waiting.messages <= MAX_QUEUED && self.pace.as_ref().is_none_or(has_time)
    }

    /// Notes that a worker goes on with what it has taken.
    fn worker_passed(&mut self, packets: &Staged) {
        if let Some(pace) = &mut self.pace {
            pace.bound
                .passed(packets.bytes.into(), time::monotonic_ns());
        }
    }

    fn worker_rests(&mut self) {
        if let Some(pace) = &mut self.pace {
            pace.bound.rests();
        }
    }

    /// Whether nothing is staged.
    pub(crate) fn is_empty(&self) -> bool {
        self.staged.messages == 0
    }

    /// Takes all that is staged.
    pub(crate) fn take(&mut self) -> Staged {
        self.staged.take()
    }

    /// Notes that no worker of the peer will come, or that it has left.
    fn is_left_by(&mut self, peer: &Peer) {
        set_called(self, peer, false);
        self.worker_rests();
    }
}

impl Staged {
    /// None yet.
    pub(crate) const fn new() -> Self {
        Self {
            packets: PacketList::new(),
            messages: 0,
            bytes: 0,
        }
    }

    /// Appends a packet.
    #[inline]
    fn push(&mut self, skb: SkBuff) {
        self.messages = self.messages.wrapping_add(messages_of(&skb));
        self.bytes = self.bytes.wrapping_add(skb.len());
        self.packets.push(skb);
    }

    /// Takes the first packet.
    fn pop(&mut self) -> Option<SkBuff> {
        let skb = self.packets.pop()?;
        self.messages = self.messages.wrapping_sub(messages_of(&skb));
        self.bytes = self.bytes.wrapping_sub(skb.len());
        Some(skb)
    }

    /// Appends packets.
    #[inline]
    fn append(&mut self, other: Self) {
        self.messages = self.messages.wrapping_add(other.messages);
        self.bytes = self.bytes.wrapping_add(other.bytes);
        self.packets.append(other.packets);
    }

    /// Takes all of them.
    #[inline]
    fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    /// Puts packets in front of those that have come meanwhile.
    fn put_back(&mut self, mut packets: Self) {
        packets.append(self.take());
        *self = packets;
    }

    /// Takes the first packets, of some messages, but one at least.
    fn take_some(&mut self, messages: u32) -> Self {
        if self.messages <= messages {
            return self.take();
        }
        let mut some = Self::new();
        while some.messages < messages {
            let Some(skb) = self.pop() else { break };
            some.push(skb);
        }
        some
    }

    /// Has the messages show what the device says of the packets' own DSCP, beside ECN.
    #[cold]
    #[inline(never)]
    pub(super) fn show_dscp(&mut self, device: &Device, bh: BhDisabled<'_>) {
        let Some(dscp) = device.dscp.load(bh.rcu()) else {
            return;
        };
        self.packets.for_each_mut(|skb| {
            let note = Note::of(skb);
            let ds = note.ds | dscp.carry(skb.ds());
            Note { ds, ..note }.put(skb);
        });
    }

    /// Makes packets from the stack, each of which becomes so many messages, our own: without a
    /// route, and with notes in place of its own.
    pub(super) fn own(mut packets: PacketList, messages: u16, mtu: u32) -> Self {
        let mut staged = Self::new();
        while let Some(mut skb) = packets.pop() {
            Note {
                mtu,
                // It was kept so that an ICMP error could go back.
                ds: skb.leave_route(),
                fate: Fate::Send,
                messages,
            }
            .put(&mut skb);
            staged.push(skb);
        }
        staged
    }
}

/// Whether a worker has been called to take all that a peer has staged.
#[inline]
fn is_called(_stage: &Stage, peer: &Peer) -> bool {
    peer.is_worker_called.load(Ordering::Relaxed)
}

#[inline]
fn set_called(_stage: &mut Stage, peer: &Peer, is_called: bool) {
    peer.is_worker_called.store(is_called, Ordering::Relaxed);
}

fn messages_of(skb: &SkBuff) -> u32 {
    Note::of(skb).messages.into()
}

/// Stages packets and sends what can be sent.
///
/// If too many wait for a session, the oldest are dropped; the new ones stay, since they may be the
/// segments of one packet. If too many wait for a worker, or too much, the new ones are.
pub(crate) fn stage(peer: RcuRef<'_, Peer>, packets: Staged, bh: BhDisabled<'_>) {
    let mut stage = peer.stage.lock();
    let goes_on = packets.messages == 1 && stage.goes_on(&peer);
    if is_called(&stage, &peer) {
        // A worker will take them.
        if stage.admits(&packets) {
            stage.staged.append(packets);
            return;
        }
        drop(stage);
        drop_all(&peer, packets, Reason::TxStreamFull);
    } else {
        let mut dropped = Staged::new();
        while stage.staged.messages as usize > MAX_STAGED_PACKETS {
            let Some(skb) = stage.staged.pop() else { break };
            dropped.push(skb);
        }
        stage.staged.append(packets);
        if goes_on && has_session(&peer, bh) {
            set_called(&mut stage, &peer, true);
            drop(stage);
            call_worker(peer, bh);
        } else {
            let submitted = submit_staged(peer, stage, Where::Anywhere, bh);
            conclude(peer, or_orphan(peer, submitted, Where::Anywhere, bh));
        }
        drop_all(&peer, dropped, Reason::TxStagedFull);
    }
}

/// Has a worker send what is staged, and what will be by the time it comes: packets that wait
/// together travel together.
fn call_worker(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    let device = &peer.device;
    if let Some((this, entrance)) = peer.try_get().zip(device.encrypt.enter_empty()) {
        return entrance.submit(&device.crypt_queue, Encrypt::Flush(this));
    }
    peer.stage.lock().is_left_by(&peer);
    flush(peer, bh);
}

/// Sends some of what is staged, and returns whether there may be more. In process context.
pub(super) fn flush_some(peer: &RcuArc<Peer>) -> bool {
    let bh = bh::disable();
    let submitted = submit(peer.borrow(), Where::Worker, bh.token());
    let is_over = matches!(submitted, Submitted::Nothing | Submitted::NoSession);
    conclude(peer.borrow(), submitted);
    !is_over
}

/// Drops packets that could not be sent, outside all locks.
#[inline]
pub(crate) fn drop_all(peer: &Peer, staged: Staged, reason: Reason) {
    if staged.messages > 0 {
        peer.device.dev.tx_dropped(staged.messages);
        peer.discard_all(staged.packets, messages_of, reason);
    }
}

/// Sends a keepalive, or what is staged: that keeps the session alive as well.
pub(crate) fn send_keepalive(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    let Ok(made) = stage_keepalive(&peer, bh) else {
        return peer.count_drops(1, Reason::TxNoMemory);
    };
    if made {
        debug_ratelimited!(
            peer.device.dev,
            "Sending keepalive packet to peer {} ({})",
            peer.show(),
            peer.endpoint.show()
        );
    }
    flush(peer, bh);
}

/// Stages an empty packet, and returns whether that was needed. It counts as one whose DSCP is zero.
fn stage_keepalive(peer: &Peer, bh: BhDisabled<'_>) -> Result<bool> {
    let mtu = peer.device.dev.mtu();
    let dscp = peer.device.dscp.load(bh.rcu());
    let mut stage = peer.stage.lock();
    if stage.staged.messages > 0 {
        return Ok(false);
    }
    let mut skb = SkBuff::new(HEADROOM, KEEPALIVE_LEN as u32)?;
    Note {
        mtu,
        ds: dscp.map_or(0, |dscp| dscp.carry(0)),
        fate: Fate::NoData,
        messages: 1,
    }
    .put(&mut skb);
    stage.staged.push(skb);
    Ok(true)
}

/// Sends what is staged if there is a session, and otherwise asks for one.
pub(crate) fn flush(peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) {
    conclude(peer, submit(peer, Where::Anywhere, bh));
}

#[inline]
fn conclude(peer: RcuRef<'_, Peer>, submitted: Submitted) {
    match submitted {
        Submitted::Nothing | Submitted::Sent => {}
        Submitted::Dropped(packets, reason) => drop_all(&peer, packets, reason),
        Submitted::NoSession => handshake::request(peer, Retry::No),
    }
}

/// What has become of the staged packets.
enum Submitted {
    /// There were none.
    Nothing,
    /// They are on their way.
    Sent,
    /// There is no room for them where they are encrypted.
    Dropped(Staged, Reason),
    /// They wait.
    NoSession,
}

/// Where packets are encrypted.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Where {
    /// All of them, wherever that is best.
    Anywhere,
    /// Some of them, here: by the worker that was called, which stays as long as there are any.
    Worker,
}

/// Makes a batch of the staged packets and encrypts it, or has it encrypted.
///
/// Packets that wait for a session go on without their sockets.
fn submit(peer: RcuRef<'_, Peer>, place: Where, bh: BhDisabled<'_>) -> Submitted {
    let submitted = submit_staged(peer, peer.stage.lock(), place, bh);
    or_orphan(peer, submitted, place, bh)
}

/// The second half of [`submit`].
#[inline]
fn or_orphan(
    peer: RcuRef<'_, Peer>,
    submitted: Submitted,
    place: Where,
    bh: BhDisabled<'_>,
) -> Submitted {
    if !matches!(submitted, Submitted::NoSession) {
        return submitted;
    }
    orphan(&peer);
    // Who has put a session in its place meanwhile did not find them.
    submit_staged(peer, peer.stage.lock(), place, bh)
}

/// Counters, the batch's number and its place in a ring are taken under one lock: so counters go out
/// in order, and no number is given to a batch that is then refused.
fn submit_staged(
    peer: RcuRef<'_, Peer>,
    mut stage: SpinLockBhGuard<'_, Stage>,
    place: Where,
    bh: BhDisabled<'_>,
) -> Submitted {
    if stage.staged.messages == 0 || peer.is_closed() {
        if place == Where::Worker {
            stage.is_left_by(&peer);
        }
        return Submitted::Nothing;
    }
    let packets = match place {
        // The worker takes them, in pieces that keep nobody waiting.
        Where::Anywhere if is_called(&stage, &peer) => return Submitted::Sent,
        Where::Anywhere => stage.take(),
        Where::Worker => {
            let some = stage.staged.take_some(MAX_IN_BATCH);
            stage.worker_passed(&some);
            some
        }
    };
    let Some((session, first_counter)) = reserve(peer, packets.messages, bh) else {
        stage.staged.put_back(packets);
        stage.is_left_by(&peer);
        return Submitted::NoSession;
    };
    let device = &peer.device;
    let bytes = packets.bytes.into();
    let entrance = if place == Where::Worker || is_done_here(device, bytes, bh) {
        None
    } else {
        match device.encrypt.enter(bytes) {
            Some(entrance) => Some(entrance),
            None => return Submitted::Dropped(packets, Reason::TxEncryptFull),
        }
    };
    let Some(number) = session.lanes.tx_order.issue(MAX_BATCHES) else {
        return Submitted::Dropped(packets, Reason::TxOrderFull);
    };
    let header = TxHeader {
        link: Link::new(number),
        session,
        first_counter,
    };
    let Some(batch) = TxBatch::new(packets.packets, header) else {
        return Submitted::Sent;
    };
    trace::stage(&batch);
    match entrance {
        Some(entrance) => entrance.submit(&device.crypt_queue, Encrypt::Seal(batch)),
        None => {
            drop(stage);
            encrypt::encrypt(batch);
        }
    }
    Submitted::Sent
}

/// Whether to encrypt at once.
///
/// What is sent goes through the stack once more on top of what brought it here, so there is a limit
/// to how deep that goes: tunnels within tunnels, and routes that lead back.
fn is_done_here(device: &Device, bytes: u64, bh: BhDisabled<'_>) -> bool {
    may_xmit_here(MAX_DEPTH, bh) && device.encrypt_here.takes(bytes, bh)
}

/// Lets go of the sockets that staged packets came from: who waits for a handshake must not hold a
/// sender's buffer.
#[cold]
fn orphan(peer: &Peer) {
    // Outside the lock, since a socket may answer by sending.
    let mut packets = peer.stage.lock().take();
    packets.packets.for_each_mut(SkBuff::orphan);
    peer.stage.lock().staged.put_back(packets);
}

/// Whether there is a session to send with.
fn has_session(peer: &Peer, bh: BhDisabled<'_>) -> bool {
    let session = peer.sessions.current(bh.rcu());
    session.is_some_and(|session| session.may_send(boot_now()))
}

/// Reserves counters of the current session.
fn reserve(
    peer: RcuRef<'_, Peer>,
    count: u32,
    bh: BhDisabled<'_>,
) -> Option<(RcuArc<Session>, u64)> {
    let session = peer.sessions.current(bh.rcu())?;
    if !session.may_send(boot_now()) {
        return None;
    }
    let session = session.try_get()?;
    let first = session.reserve(count.into())?;
    Some((session, first))
}
