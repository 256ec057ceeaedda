// SPDX-License-Identifier: GPL-2.0

//! Time, which stands still.

pub(crate) fn coarse_monotonic_ns() -> u64 {
    1_000_000_000
}

pub(crate) fn monotonic_ns() -> u64 {
    coarse_monotonic_ns()
}
