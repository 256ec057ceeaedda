// SPDX-License-Identifier: GPL-2.0

//! Whether peers are there, as far as that can be known.
//!
//! A peer is *alive* from the end of a handshake on, until it falls silent, a handshake with it is given
//! up, or its keys are forgotten. It is *silent* from when nothing has come back for so long that
//! another handshake is asked for, until it is heard again. All that changes seldom, and never where
//! packets pass that nothing is wrong with.
//!
//! Nothing is decided by what is read here but what users are told, so these are plain atomics.

use core::sync::atomic::{
    AtomicU32,
    AtomicU8,
    Ordering, //
};

/// How a peer is: [`ALIVE`], [`SILENT`], and a [`Failure`] in the bits above. There may be a million peers.
pub(crate) struct Liveness(AtomicU8);

const ALIVE: u8 = 1 << 0;
const SILENT: u8 = 1 << 1;
const FAILURE_SHIFT: u32 = 2;

/// Why the last handshake that we began came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Failure {
    /// It did not, or it is under way.
    None,
    /// The peer did not answer in time.
    NoAnswer,
    /// It is not known where the peer is.
    NoEndpoint,
    /// There is no way to where it is.
    Unreachable,
    /// There is no private key, or none that goes with the peer's.
    NoKey,
    NoMemory,
}

impl Failure {
    const ALL: [Self; 6] = [
        Self::None,
        Self::NoAnswer,
        Self::NoEndpoint,
        Self::Unreachable,
        Self::NoKey,
        Self::NoMemory,
    ];

    fn of(bits: u8) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|failure| *failure as u8 == bits >> FAILURE_SHIFT)
            .unwrap_or(Self::None)
    }
}

impl Liveness {
    /// Of a peer that has never been heard of.
    pub(crate) const fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    /// Sets a bit, and returns whether it was set.
    fn set(&self, bit: u8) -> bool {
        self.0.fetch_or(bit, Ordering::AcqRel) & bit != 0
    }

    /// Clears a bit, and returns whether it was set.
    fn clear(&self, bit: u8) -> bool {
        self.0.fetch_and(!bit, Ordering::AcqRel) & bit != 0
    }

    fn has(&self, bit: u8) -> bool {
        self.0.load(Ordering::Acquire) & bit != 0
    }

    /// Whether the peer is alive.
    pub(crate) fn is_alive(&self) -> bool {
        self.has(ALIVE)
    }

    /// Notes that nothing comes back from the peer, and returns whether that is new.
    pub(crate) fn fall_silent(&self) -> bool {
        !self.set(SILENT)
    }

    /// Notes that the peer is heard, and returns whether it was silent.
    pub(crate) fn end_silence(&self) -> bool {
        self.has(SILENT) && self.clear(SILENT)
    }

    /// Why the last handshake failed.
    pub(crate) fn failure(&self) -> Failure {
        Failure::of(self.0.load(Ordering::Relaxed))
    }

    /// Notes why a handshake fails.
    pub(crate) fn fail(&self, failure: Failure) {
        self.replace_failure(|_| Some(failure));
    }

    /// Notes that an initiation has left: what kept earlier ones from leaving is over.
    pub(crate) fn has_sent(&self) {
        self.replace_failure(|before| (before != Failure::NoAnswer).then_some(Failure::None));
    }

    /// Notes that an initiation was not answered in time, unless it is known that it never left.
    pub(crate) fn has_waited(&self) {
        self.replace_failure(|before| (before == Failure::None).then_some(Failure::NoAnswer));
    }

    fn replace_failure(&self, by: impl Fn(Failure) -> Option<Failure>) {
        let _ = self
            .0
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |bits| {
                let failure = by(Failure::of(bits))? as u8;
                Some((failure << FAILURE_SHIFT) | (bits & (ALIVE | SILENT)))
            });
    }
}

/// How many peers of a device are alive.
pub(crate) struct Alive(AtomicU32);

impl Alive {
    /// None.
    pub(crate) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Whether any is.
    pub(crate) fn is_any(&self) -> bool {
        self.0.load(Ordering::Acquire) > 0
    }

    /// Counts a peer in, unless `may_live` says that its time is over: who ends that counts it out
    /// afterwards, so one of both sees the other.
    pub(crate) fn enter(&self, peer: &Liveness, may_live: impl FnOnce() -> bool) {
        if !peer.set(ALIVE) {
            self.0.fetch_add(1, Ordering::AcqRel);
        }
        if !may_live() {
            self.leave(peer);
        }
    }

    /// Counts a peer out.
    pub(crate) fn leave(&self, peer: &Liveness) {
        if peer.clear(ALIVE) {
            self.0.fetch_sub(1, Ordering::AcqRel);
        }
    }
}
