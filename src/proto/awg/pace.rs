// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How long timers take: WireGuard's times, or ranges that each of them is drawn from.

use core::time::Duration;

use super::super::constants::{
    KEEPALIVE_TIMEOUT, MAX_HANDSHAKE_ATTEMPTS, NEW_HANDSHAKE_TIMEOUT, REJECT_AFTER_TIME,
    REKEY_AFTER_TIME, REKEY_AFTER_TIME_RECEIVING, REKEY_TIMEOUT, ZERO_KEYS_AFTER_TIME,
};
use super::super::crypto::Crypto;
use super::super::timers::Jitter;
use super::{Settings, Span};

/// A range of times, drawn to the millisecond.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Period(Span<u32>);

impl Period {
    /// Of so many seconds. Zero seconds would be a timer that runs out at once, and again; so one is the
    /// least.
    #[must_use]
    pub const fn from_secs(secs: Span<u16>) -> Self {
        const fn millis(secs: u16) -> u32 {
            (if secs == 0 { 1 } else { secs as u32 }).wrapping_mul(1000)
        }
        Self(Span::new(millis(secs.lo), millis(secs.hi)))
    }

    const fn exactly(time: Duration) -> Self {
        Self(Span::single((time.as_secs() as u32).wrapping_mul(1000)))
    }

    /// Of so many seconds, or `default` if that is zero.
    const fn or(secs: Span<u16>, default: Duration) -> Self {
        if secs.is_zero() {
            Self::exactly(default)
        } else {
            Self::from_secs(secs)
        }
    }

    /// One of the range.
    #[must_use]
    pub fn pick(self, random: impl FnOnce() -> u32) -> Duration {
        let Self(Span { lo, hi }) = self;
        // Mostly there is nothing to be drawn.
        let random = if lo == hi { 0 } else { random() };
        Duration::from_millis(self.0.pick(random).into())
    }

    /// The longest of the range.
    #[must_use]
    pub const fn longest(self) -> Duration {
        Duration::from_millis(self.0.hi as u64)
    }
}

/// The times of a peer's timers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Pace {
    /// RekeyAfterTime: the age at which a session is renewed by who began it.
    pub rekey_after: Period,
    /// RejectAfterTime: the age at which it is over.
    pub reject_after: Period,
    /// RekeyTimeout: how long an initiation waits for its answer.
    pub rekey_timeout: Period,
    /// KeepaliveTimeout: after how much silence what came is acknowledged.
    pub keepalive_timeout: Period,
    /// MaxHandshakeAttempts: how often an initiation is repeated.
    pub attempts: Span<u16>,
}

impl Pace {
    /// The times of WireGuard.
    pub const WIREGUARD: Self = Self {
        rekey_after: Period::exactly(REKEY_AFTER_TIME),
        reject_after: Period::exactly(REJECT_AFTER_TIME),
        rekey_timeout: Period::exactly(REKEY_TIMEOUT),
        keepalive_timeout: Period::exactly(KEEPALIVE_TIMEOUT),
        attempts: Span::single(MAX_HANDSHAKE_ATTEMPTS),
    };

    /// As set.
    #[must_use]
    pub fn new<C: Crypto>(settings: &Settings<C>) -> Self {
        Self {
            rekey_after: Period::or(settings.rekey_after_time, REKEY_AFTER_TIME),
            reject_after: Period::or(settings.reject_after_time, REJECT_AFTER_TIME),
            rekey_timeout: Period::or(settings.rekey_timeout, REKEY_TIMEOUT),
            keepalive_timeout: Period::or(settings.keepalive_timeout, KEEPALIVE_TIMEOUT),
            attempts: if settings.max_handshake_attempts.is_zero() {
                Self::WIREGUARD.attempts
            } else {
                settings.max_handshake_attempts
            },
        }
    }

    /// How long a peer may take to be heard of when data were sent: it waits for as long as it may
    /// before it acknowledges them, and then once as long as for an answer to an initiation.
    #[must_use]
    pub fn new_handshake_timeout(&self) -> Duration {
        self.keepalive_timeout
            .longest()
            .saturating_add(self.rekey_timeout.longest())
    }

    /// The age since the last session at which all secrets of a peer are erased: three times as old as
    /// one may become.
    #[must_use]
    pub fn zero_keys_after(&self) -> Duration {
        self.reject_after.longest().saturating_mul(3)
    }
}

const _: () = assert!(
    REKEY_AFTER_TIME_RECEIVING.as_secs() + NEW_HANDSHAKE_TIMEOUT.as_secs()
        == REJECT_AFTER_TIME.as_secs()
);

/// What a timer is drawn with when it is armed.
pub trait Dice {
    /// The peer's pace, or none for WireGuard's.
    fn pace(&self) -> Option<&Pace>;

    /// 32 fresh random bits.
    fn random(&self) -> u32;

    /// A delay on top, so that two peers do not start over in step.
    #[inline]
    fn jitter(&self) -> Jitter {
        Jitter::from_random(self.random())
    }

    /// How long the next initiation waits for its answer.
    #[inline]
    fn rekey_timeout(&self) -> Duration {
        match self.pace() {
            None => REKEY_TIMEOUT,
            Some(pace) => pace.rekey_timeout.pick(|| self.random()),
        }
    }

    /// How long it takes to acknowledge what comes.
    #[inline]
    fn keepalive_timeout(&self) -> Duration {
        match self.pace() {
            None => KEEPALIVE_TIMEOUT,
            Some(pace) => pace.keepalive_timeout.pick(|| self.random()),
        }
    }

    /// How often the next initiation is repeated.
    #[inline]
    fn attempts(&self) -> u16 {
        match self.pace() {
            None => MAX_HANDSHAKE_ATTEMPTS,
            Some(pace) => pace.attempts.pick(self.random()),
        }
    }

    /// [`Pace::new_handshake_timeout`].
    #[inline]
    fn new_handshake_timeout(&self) -> Duration {
        match self.pace() {
            None => NEW_HANDSHAKE_TIMEOUT,
            Some(pace) => pace.new_handshake_timeout(),
        }
    }

    /// [`Pace::zero_keys_after`].
    #[inline]
    fn zero_keys_after(&self) -> Duration {
        match self.pace() {
            None => ZERO_KEYS_AFTER_TIME,
            Some(pace) => pace.zero_keys_after(),
        }
    }
}
