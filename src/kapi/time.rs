// SPDX-License-Identifier: GPL-2.0

//! Coarse clocks and jiffies.
//!
//! Coarse clocks advance once per tick and cost a few loads, unlike those of [`kernel::time`],
//! which read the hardware.
//!
//! C headers: [`include/linux/timekeeping.h`](srctree/include/linux/timekeeping.h),
//! [`include/linux/jiffies.h`](srctree/include/linux/jiffies.h)

use crate::bindings;
use kernel::time::Jiffies;

/// A point in `CLOCK_REALTIME`.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct RealTime {
    /// Seconds since 1970.
    pub(crate) secs: i64,
    /// Nanoseconds within the second.
    pub(crate) nanos: u32,
}

/// Returns `CLOCK_REALTIME`, exactly.
///
/// Context: Any context but NMI.
pub(crate) fn real_time() -> RealTime {
    let mut now = bindings::timespec64::default();
    // SAFETY: `now` is valid for writes.
    unsafe { bindings::ktime_get_real_ts64(&mut now) };
    RealTime {
        secs: now.tv_sec,
        // CAST: The kernel keeps `tv_nsec` in `0..1_000_000_000`.
        nanos: now.tv_nsec as u32,
    }
}

/// Returns the nanoseconds since boot, time in suspend included.
///
/// Context: Any context but NMI.
#[inline]
pub(crate) fn coarse_boottime_ns() -> u64 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::ktime_get_coarse_boottime_ns() }
}

/// Returns the nanoseconds of a monotonic clock that stands still in suspend.
///
/// Context: Any context but NMI.
#[inline]
pub(crate) fn coarse_monotonic_ns() -> u64 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::ktime_get_coarse_ns() }
}

/// Returns the nanoseconds of the same clock, exactly. It reads the hardware.
///
/// Context: Any context but NMI.
#[inline]
pub(crate) fn monotonic_ns() -> u64 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::ktime_get() as u64 }
}

/// Returns the current tick count.
///
/// Context: Any context.
#[inline]
pub(crate) fn jiffies() -> Jiffies {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::jiffies_now() }
}

/// Converts nanoseconds to jiffies, rounding down.
///
/// Context: Any context.
#[inline]
pub(crate) fn nsecs_to_jiffies(nsecs: u64) -> Jiffies {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::nsecs_to_jiffies(nsecs) }
}

/// Converts jiffies to nanoseconds.
///
/// Context: Any context.
#[inline]
pub(crate) fn jiffies_to_nsecs(jiffies: Jiffies) -> u64 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::jiffies64_to_nsecs(jiffies as u64) }
}
