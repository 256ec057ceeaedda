// SPDX-License-Identifier: GPL-2.0

//! The timers of a peer, driven by one timer of the kernel.
//!
//! What happened is told once per batch. The kernel's timer is moved only if a deadline is earlier
//! than what it is set to.

use core::mem::offset_of;

use crate::{
    drops::Reason,
    events,
    kapi::{
        log::debug,
        random,
        sync::{
            bh::BhDisabled,
            rcu::{RcuArc, RcuRef}, //
        },
        time::nsecs_to_jiffies,
        timer::{HasTimer, Timer}, //
    },
    peer::Peer,
    proto::{
        awg::{Dice, Pace},
        time::MonoTime,
        timers::{Expired, Leaving, Retry, Timers}, //
    },
    time::mono_now,
    tx::{handshake, stage}, //
};

/// Does something to a peer's timers, and sets the kernel's timer if need be.
#[inline]
pub(crate) fn with<R>(peer: RcuRef<'_, Peer>, f: impl FnOnce(&mut Timers) -> R) -> R {
    let mut timers = Peer::lock_timers(peer);
    let result = f(&mut timers);
    set(peer, &mut timers);
    result
}

/// Sets the kernel's timer if need be.
#[inline]
fn set(peer: RcuRef<'_, Peer>, timers: &mut Timers) {
    if let Some(deadline) = timers.arm() {
        Timer::arm(peer, delay(deadline));
    }
}

/// What is drawn for the timers and sessions of a peer.
pub(crate) struct Draws<'a>(pub(crate) &'a Peer);

impl Dice for Draws<'_> {
    #[inline]
    fn pace(&self) -> Option<Pace> {
        if self.0.device.wardrobe.is_none() {
            return None;
        }
        pace_of_guise(self.0)
    }

    #[inline]
    fn is_wireguards(&self) -> bool {
        self.0.device.wardrobe.is_none()
    }

    #[inline]
    fn random(&self) -> u32 {
        random::u32()
    }
}

/// The pace of what a peer wears.
#[cold]
fn pace_of_guise(peer: &Peer) -> Option<Pace> {
    let guard = kernel::sync::rcu::read_lock();
    let wardrobe = peer.device.wardrobe.load((&guard).into())?;
    Some(*wardrobe.of(peer.profile()).profile().pace())
}

/// A batch of authenticated messages is about to be sent. Returns whether it is the one from which it is
/// counted when something has to come back.
#[inline]
pub(crate) fn packets_leave(peer: RcuRef<'_, Peer>, leaving: Leaving) -> bool {
    with(peer, |timers| {
        timers.packets_leave(mono_now(), leaving, &Draws(peer.get()))
    })
}

/// No data of that batch were sent.
#[cold]
pub(crate) fn data_refused(peer: RcuRef<'_, Peer>) {
    with(peer, Timers::data_refused);
}

/// A batch of authenticated messages was received, of which so many carried data.
#[inline]
pub(crate) fn packets_received(peer: RcuRef<'_, Peer>, data_packets: usize) {
    with(peer, |timers| {
        timers.packets_received(mono_now(), data_packets, &Draws(peer.get()))
    });
}

/// Jiffies until a deadline, rounded up: an early expiry would find nothing to do.
fn delay(deadline: MonoTime) -> u64 {
    let nanos = deadline.0.saturating_sub(mono_now().0);
    nsecs_to_jiffies(nanos).saturating_add(1) as u64
}

impl HasTimer for Peer {
    const OFFSET: usize = offset_of!(Self, timer);

    fn timer(&self) -> &Timer<Self> {
        &self.timer
    }

    fn expired(this: RcuArc<Self>, bh: BhDisabled<'_>) {
        this.timers.lock().fired();
        loop {
            let draws = Draws(&this);
            let expired = this.timers.lock().expire(mono_now(), &draws);
            match expired {
                Some(expired) => act(&this, expired, bh),
                None => break,
            }
        }
        // What is due later was set when the peer was awake, and keeps it so.
        set(this.borrow(), &mut this.timers.lock());
    }
}

fn act(peer: &RcuArc<Peer>, expired: Expired, bh: BhDisabled<'_>) {
    match expired {
        Expired::RetransmitHandshake { attempt } => {
            debug!(
                peer.device.dev,
                "Handshake for peer {} ({}) did not complete after {} seconds, retrying (try {})",
                peer.show(),
                peer.endpoint.show(),
                Draws(peer)
                    .pace()
                    .unwrap_or(Pace::WIREGUARD)
                    .rekey_timeout
                    .longest()
                    .as_secs(),
                u32::from(attempt).saturating_add(1)
            );
            peer.liveness.has_waited();
            peer.endpoint.clear_source();
            handshake::request(peer.borrow(), Retry::Yes);
        }
        Expired::NewHandshake => {
            debug!(
                peer.device.dev,
                "Retrying handshake with peer {} ({}) because we stopped hearing back after {} seconds",
                peer.show(),
                peer.endpoint.show(),
                Draws(peer).new_handshake_timeout().as_secs()
            );
            // Before the way is forgotten: whatever comes next is then looked at.
            events::fell_silent(peer);
            peer.endpoint.clear_source();
            handshake::request(peer.borrow(), Retry::No);
        }
        Expired::GiveUp { initiations } => {
            debug!(
                peer.device.dev,
                "Handshake for peer {} ({}) did not complete after {} attempts, giving up",
                peer.show(),
                peer.endpoint.show(),
                initiations
            );
            peer.liveness.has_waited();
            peer.drop_staged(Reason::TxNoAnswer);
            events::gave_up(peer);
        }
        Expired::SendKeepalive | Expired::PersistentKeepalive => {
            stage::send_keepalive(peer.borrow(), bh);
        }
        Expired::ZeroKeys => handshake::forget_keys_later(peer.clone()),
    }
}
