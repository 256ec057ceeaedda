// SPDX-License-Identifier: GPL-2.0

//! A clock that each thread sets for itself.

use std::cell::Cell;

thread_local! {
    static NOW: Cell<u64> = const { Cell::new(0) };
}

/// Sets the clock.
pub(crate) fn set(ns: u64) {
    NOW.set(ns);
}

/// Lets time pass.
pub(crate) fn pass(ns: u64) {
    NOW.set(NOW.get() + ns);
}

pub(crate) fn coarse_monotonic_ns() -> u64 {
    NOW.get()
}
