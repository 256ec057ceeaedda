// SPDX-License-Identifier: GPL-2.0

//! The protocol's clock for timers, read.

use crate::{kapi::time, proto::time::MonoTime};

pub(crate) fn mono_now() -> MonoTime {
    MonoTime(time::coarse_monotonic_ns())
}
