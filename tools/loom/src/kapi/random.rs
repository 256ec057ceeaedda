// SPDX-License-Identifier: GPL-2.0

//! Random numbers that are the same in each execution, and differ from each other.

use std::cell::Cell;

thread_local! {
    static LAST: Cell<u32> = const { Cell::new(0) };
    static STRIDE: Cell<u32> = const { Cell::new(1) };
}

/// Begins anew, with numbers that are so far from each other.
pub(crate) fn begin(stride: u32) {
    LAST.set(0);
    STRIDE.set(stride);
}

pub(crate) fn u32() -> u32 {
    LAST.set(LAST.get().wrapping_add(STRIDE.get()));
    LAST.get()
}

pub(crate) fn fill(out: &mut [u8]) {
    out.fill(u32() as u8);
}
