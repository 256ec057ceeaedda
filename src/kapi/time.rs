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

/// The nanoseconds between two ticks.
const TICK_NS: u64 = bindings::WG_CONST_TICK_NSEC;

/// Returns the nanoseconds of a monotonic clock that stands still in suspend: that of the kernel's
/// timers, which counts ticks and begins anywhere.
///
/// Context: Any context.
#[inline]
pub(crate) fn coarse_monotonic_ns() -> u64 {
    // At a thousand ticks a second, 64 bits of nanoseconds are over after 584 years.
    jiffies64().wrapping_mul(TICK_NS)
}

/// Returns the nanoseconds of `CLOCK_MONOTONIC`, exactly. It reads the hardware.
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
    // SAFETY: The kernel's counter is always there, and read whole.
    unsafe { (&raw const bindings::jiffies).read_volatile() }
}

/// Returns the current tick count, which does not wrap.
#[inline]
fn jiffies64() -> u64 {
    #[cfg(CONFIG_64BIT)]
    return jiffies() as u64;
    // SAFETY: The function has no preconditions.
    #[cfg(not(CONFIG_64BIT))]
    return unsafe { bindings::get_jiffies_64() };
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
