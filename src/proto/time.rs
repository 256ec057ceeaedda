// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Three clocks that are easy to confuse, as three types.
//!
//! All arithmetic saturates: a clock that stands at the end of its range makes things old, never
//! young.

use core::time::Duration;

/// Nanoseconds since boot, time in suspend included. Measures the age of keys and cookies.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct BootTime(pub u64);

/// Nanoseconds of a monotonic clock that stands still in suspend. Deadlines of timers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct MonoTime(pub u64);

/// Seconds and nanoseconds since the UNIX epoch. `nanos` is below one thousand million.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct WallTime {
    /// Whole seconds; negative before 1970.
    pub secs: i64,
    /// Nanoseconds within the second.
    pub nanos: u32,
}

impl BootTime {
    /// The time `after` from here.
    #[inline]
    #[must_use]
    pub const fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(nanos(after)))
    }

    /// Whether what began here has reached `age` by `now`. Nothing is older than a `now` before it.
    #[inline]
    #[must_use]
    pub const fn is_older_than(self, age: Duration, now: Self) -> bool {
        now.0.saturating_sub(self.0) >= nanos(age)
    }
}

impl MonoTime {
    /// The time `after` from here.
    #[inline]
    #[must_use]
    pub const fn saturating_add(self, after: Duration) -> Self {
        Self(self.0.saturating_add(nanos(after)))
    }
}

/// A time or none, in the room of a time alone: the last that there is stands for none.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Maybe<T>(T);

macro_rules! impl_maybe {
    ($time:ident) => {
        impl Maybe<$time> {
            pub(super) const NONE: Self = Self($time(u64::MAX));

            #[inline]
            pub(super) const fn some(time: $time) -> Self {
                Self(time)
            }

            #[inline]
            pub(super) const fn get(self) -> Option<$time> {
                if self.0 .0 == u64::MAX {
                    None
                } else {
                    Some(self.0)
                }
            }
        }

        impl Default for Maybe<$time> {
            fn default() -> Self {
                Self::NONE
            }
        }
    };
}

impl_maybe!(BootTime);
impl_maybe!(MonoTime);

/// `Duration::as_nanos` without 128-bit arithmetic, which not every kernel links.
pub(super) const fn nanos(duration: Duration) -> u64 {
    duration
        .as_secs()
        .saturating_mul(1_000_000_000)
        .saturating_add(duration.subsec_nanos() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn age_is_reached_exactly() {
        let birth = BootTime(7);
        let age = Duration::from_nanos(100);
        assert!(!birth.is_older_than(age, BootTime(106)));
        assert!(birth.is_older_than(age, BootTime(107)));
    }

    #[test]
    fn clock_behind_birth_is_young() {
        assert!(!BootTime(10).is_older_than(Duration::from_nanos(1), BootTime(3)));
    }

    #[test]
    fn end_of_range_saturates() {
        let end = MonoTime(u64::MAX - 1).saturating_add(Duration::from_secs(5));
        assert_eq!(end, MonoTime(u64::MAX));
        assert_eq!(nanos(Duration::MAX), u64::MAX);
        assert_eq!(nanos(Duration::new(3, 21)), 3_000_000_021);
    }
}
