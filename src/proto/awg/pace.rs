// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! How long timers take: WireGuard's times, or ranges that each of them is drawn from.

use core::time::Duration;

use super::super::constants::{
    KEEPALIVE_TIMEOUT, MAX_HANDSHAKE_ATTEMPTS, NEW_HANDSHAKE_TIMEOUT, REJECT_AFTER_TIME,
    REKEY_AFTER_TIME, REKEY_AFTER_TIME_RECEIVING, REKEY_TIMEOUT, ZERO_KEYS_AFTER_TIME,
};
use super::super::crypto::Crypto;
use super::super::timers::Jitter;
use super::settings::Settings;
use super::Span;

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

    /// One of the range. Random bits are drawn only if they decide anything.
    #[must_use]
    pub fn pick(self, random: impl FnOnce() -> u32) -> Duration {
        let Self(Span { lo, hi }) = self;
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

    /// How many there are to be is drawn bit by bit, so that nobody has to remember it: of the numbers
    /// that are still possible, is it the least?
    fn gives_up_after(&self, attempts: u16, random: u32) -> bool {
        let Span { lo, hi } = self.attempts;
        let least = attempts.saturating_sub(1).max(lo);
        Span::new(least, hi).pick(random) < attempts
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
    fn pace(&self) -> Option<Pace>;

    /// Whether it is WireGuard's.
    #[inline]
    fn is_wireguards(&self) -> bool {
        self.pace().is_none()
    }

    /// 32 fresh random bits.
    fn random(&self) -> u32;

    /// A delay on top, so that two peers do not start over in step.
    #[inline]
    fn jitter(&self) -> Jitter {
        Jitter::from_random(self.random())
    }

    /// The age at which a session that begins is renewed.
    #[inline]
    fn rekey_after(&self) -> Duration {
        match self.pace() {
            None => REKEY_AFTER_TIME,
            Some(pace) => pace.rekey_after.pick(|| self.random()),
        }
    }

    /// The age at which it is over.
    #[inline]
    fn reject_after(&self) -> Duration {
        match self.pace() {
            None => REJECT_AFTER_TIME,
            Some(pace) => pace.reject_after.pick(|| self.random()),
        }
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

    /// Whether an initiation that was repeated so many times, the last of them included that was not
    /// answered, is not repeated any more. To be asked each time.
    #[inline]
    fn gives_up_after(&self, attempts: u16) -> bool {
        match self.pace() {
            None => attempts > MAX_HANDSHAKE_ATTEMPTS,
            Some(pace) => pace.gives_up_after(attempts, self.random()),
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

/// WireGuard's pace, with a source of random bits.
impl<F: Fn() -> u32> Dice for F {
    fn pace(&self) -> Option<Pace> {
        None
    }

    fn random(&self) -> u32 {
        self()
    }
}

/// Another pace, with a source of random bits.
impl<F: Fn() -> u32> Dice for (Pace, F) {
    fn pace(&self) -> Option<Pace> {
        Some(self.0)
    }

    fn random(&self) -> u32 {
        self.1()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_drawn_to_the_millisecond() {
        let period = Period::from_secs(Span::new(5, 7));
        assert_eq!(period.pick(|| 0), Duration::from_secs(5));
        assert_eq!(period.pick(|| u32::MAX), Duration::from_secs(7));
        assert_eq!(period.pick(|| 1 << 30), Duration::from_millis(5_500));
        assert_eq!(period.longest(), Duration::from_secs(7));
    }

    #[test]
    fn one_time_draws_nothing() {
        let period = Period::from_secs(Span::single(u16::MAX));
        let time = period.pick(|| panic!("there is nothing to draw"));
        assert_eq!(time, Duration::from_secs(65_535));
    }

    #[test]
    fn no_timer_runs_out_at_once() {
        let period = Period::from_secs(Span::new(0, 2));
        assert_eq!(period.pick(|| 0), Duration::from_secs(1));
    }

    #[test]
    fn wireguard_as_a_pace_is_as_good_as_none() {
        let (none, some) = (|| 7, (Pace::WIREGUARD, || 7));
        assert_eq!(none.rekey_timeout(), some.rekey_timeout());
        assert_eq!(none.keepalive_timeout(), some.keepalive_timeout());
        assert_eq!(none.new_handshake_timeout(), some.new_handshake_timeout());
        assert_eq!(none.zero_keys_after(), some.zero_keys_after());
        for attempts in 0..30 {
            let given_up = none.gives_up_after(attempts);
            assert_eq!(given_up, some.gives_up_after(attempts));
            assert_eq!(given_up, attempts >= 19);
        }
    }

    #[test]
    fn each_number_of_attempts_is_as_likely() {
        let pace = Pace {
            attempts: Span::new(3, 6),
            ..Pace::WIREGUARD
        };
        let mut seed = 1_u32;
        let mut counts = [0; 8];
        for _ in 0..40_000 {
            let mut attempts = 0;
            loop {
                seed = seed.wrapping_mul(747_796_405).wrapping_add(2_891_336_453);
                if pace.gives_up_after(attempts, seed ^ (seed >> 16)) {
                    break;
                }
                attempts += 1;
            }
            counts[usize::from(attempts)] += 1;
        }
        // As WireGuard counts, one more is sent than there are to be.
        let [none @ .., a, b, c, d] = counts;
        assert_eq!(none, [0; 4]);
        assert!(
            [a, b, c, d].iter().all(|n| (9_500..10_500).contains(n)),
            "{counts:?}"
        );
    }

    #[test]
    fn a_range_that_has_passed_gives_up() {
        let pace = Pace {
            attempts: Span::new(1, 2),
            ..Pace::WIREGUARD
        };
        assert!(pace.gives_up_after(7, 0) && pace.gives_up_after(7, u32::MAX));
    }
}
