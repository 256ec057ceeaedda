// SPDX-License-Identifier: GPL-2.0

//! The protocol's clocks, read.

use crate::{
    kapi::time,
    proto::time::{BootTime, MonoTime, WallTime}, //
};

/// Now, for the age of secrets: it goes on while the system is suspended.
#[inline]
pub(crate) fn boot_now() -> BootTime {
    BootTime(time::coarse_boottime_ns())
}

/// Now, for timers.
#[inline]
pub(crate) fn mono_now() -> MonoTime {
    MonoTime(time::coarse_monotonic_ns())
}

/// The time of day.
pub(crate) fn wall_now() -> WallTime {
    let now = time::real_time();
    WallTime {
        secs: now.secs,
        nanos: now.nanos,
    }
}
