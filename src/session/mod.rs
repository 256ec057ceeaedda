// SPDX-License-Identifier: GPL-2.0

//! Sessions: the keys that a handshake leaves behind.

mod lanes;
mod slots;

pub(crate) use lanes::Lanes;
pub(crate) use slots::Slots;

use core::convert::Infallible;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    crypto::{KernelCrypto, Key},
    index_table,
    kapi::{
        farewell::{farewell, Farewell},
        log::debug_ratelimited,
        sync::{
            atomic::{AtomicBool, AtomicU64, Ordering},
            new_spinlock_bh,
            rcu::RcuArc,
            SpinLockBh,
            SpinLockBhGuard, //
        }, //
    },
    peer::Peer,
    proto::{
        handshake::{Role, SessionKeys},
        messages::{Counter, Index},
        replay::ReplayWindow,
        time::BootTime,
        transport::{self, Lifetime}, //
    }, //
};

/// Finds sessions, and the peers that handshakes are with, by the indexes of messages.
pub(crate) type IndexTable = index_table::IndexTable<Peer, Session>;

/// A pair of keys, one for either direction, and what has been done with them.
#[pin_data(PinnedDrop)]
pub(crate) struct Session {
    /// Its number among the sessions of all peers, by order of creation.
    id: u64,
    pub(crate) peer: RcuArc<Peer>,
    pub(crate) lanes: Arc<Lanes>,
    pub(crate) role: Role,
    pub(crate) born: BootTime,
    lifetime: Lifetime,
    pub(crate) local_index: Index,
    pub(crate) remote_index: Index,
    pub(crate) send_key: Key,
    pub(crate) receive_key: Key,
    /// The counter of the next message to send.
    sent: AtomicU64,
    may_send: AtomicBool,
    may_receive: AtomicBool,
    #[pin]
    window: SpinLockBh<ReplayWindow>,
    /// What `window` has for its next counter, to be read without the lock.
    received: AtomicU64,
}

/// How many sessions have been created since the module was loaded.
static CREATED: AtomicU64 = AtomicU64::new(0);

farewell!(Session);

impl Farewell for Session {
    fn farewell(&self) {
        debug_ratelimited!(
            self.peer.device.dev,
            "Keypair {} destroyed for peer {}",
            self.id,
            self.peer.show()
        );
    }
}

impl Session {
    /// The session of `peer` that begins now, with these keys.
    pub(crate) fn new(
        peer: RcuArc<Peer>,
        lanes: Arc<Lanes>,
        keys: SessionKeys<KernelCrypto>,
        born: BootTime,
        lifetime: Lifetime,
    ) -> Result<RcuArc<Self>> {
        let id = CREATED.fetch_add(1, Ordering::Relaxed).wrapping_add(1);
        let init = pin_init!(Self {
            id,
            peer,
            lanes,
            role: keys.role,
            born,
            lifetime,
            local_index: keys.local_index,
            remote_index: keys.remote_index,
            send_key: keys.send,
            receive_key: keys.receive,
            sent: AtomicU64::new(0),
            may_send: AtomicBool::new(true),
            may_receive: AtomicBool::new(true),
            window <- new_spinlock_bh!(ReplayWindow::new()),
            received: AtomicU64::new(0),
        });
        let session = RcuArc::pin_init::<Infallible>(init, GFP_KERNEL)?;
        debug_ratelimited!(
            session.peer.device.dev,
            "Keypair {} created for peer {}",
            session.id,
            session.peer.show()
        );
        Ok(session)
    }

    /// Whether messages may be sent.
    #[inline]
    pub(crate) fn may_send(&self, now: BootTime) -> bool {
        self.may_send.load(Ordering::Relaxed)
            && transport::may_send(&self.lifetime, now, self.sent.load(Ordering::Relaxed))
    }

    /// Stops the session from being used to send.
    pub(crate) fn stop_sending(&self) {
        self.may_send.store(false, Ordering::Relaxed);
    }

    /// Reserves counters for `count` messages and returns the first.
    ///
    /// When they run out, the session is not used to send any more. Counters that are refused are
    /// gone, but there are 2^13 of them before the sum would wrap, and nobody asks a second time:
    /// to be called under the lock that `may_send` was asked under.
    #[inline]
    pub(crate) fn reserve(&self, count: u64) -> Option<u64> {
        let first = self.sent.fetch_add(count, Ordering::Relaxed);
        if transport::may_number(first, count) {
            return Some(first);
        }
        self.stop_sending();
        None
    }

    /// Whether messages may be received; once they may not, they never may again.
    #[inline]
    pub(crate) fn may_receive(&self, now: BootTime) -> bool {
        if !self.may_receive.load(Ordering::Relaxed) {
            return false;
        }
        let may =
            transport::may_receive(&self.lifetime, now, self.received.load(Ordering::Relaxed));
        if !may {
            self.may_receive.store(false, Ordering::Relaxed);
        }
        may
    }

    /// Locks the window of counters that were received.
    #[inline]
    pub(crate) fn window(&self) -> Window<'_> {
        Window {
            session: self,
            seen: self.window.lock(),
        }
    }

    /// Whether it is time for a successor, seen after sending.
    #[inline]
    pub(crate) fn is_rekey_due_after_send(&self, now: impl FnOnce() -> BootTime) -> bool {
        let sent = self.sent.load(Ordering::Relaxed);
        transport::rekey_due_after_send(self.role, &self.lifetime, now, sent)
            && self.may_send.load(Ordering::Relaxed)
    }

    /// Whether it is time for a successor, seen after receiving.
    #[inline]
    pub(crate) fn is_rekey_due_after_receive(&self, now: impl FnOnce() -> BootTime) -> bool {
        transport::rekey_due_after_receive(self.role, &self.lifetime, now)
            && self.may_send.load(Ordering::Relaxed)
    }
}

/// The counters that were received, locked.
pub(crate) struct Window<'a> {
    session: &'a Session,
    seen: SpinLockBhGuard<'a, ReplayWindow>,
}

impl Window<'_> {
    /// Takes a counter in, unless it was received before or is too old to tell.
    #[inline]
    pub(crate) fn accept(&mut self, counter: Counter) -> bool {
        self.seen.accept(counter)
    }

    /// The counter after the highest that was received.
    pub(crate) fn next(&self) -> u64 {
        self.seen.next()
    }
}

impl Drop for Window<'_> {
    #[inline]
    fn drop(&mut self) {
        self.session
            .received
            .store(self.seen.next(), Ordering::Relaxed);
    }
}
