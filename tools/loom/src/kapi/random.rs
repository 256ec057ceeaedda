// SPDX-License-Identifier: GPL-2.0

//! Random numbers that are the same in each execution, and differ from each other.

use std::cell::Cell;

thread_local! {
    static LAST: Cell<u32> = const { Cell::new(0) };
}

/// Begins anew.
pub(crate) fn begin() {
    LAST.set(0);
}

pub(crate) fn u32() -> u32 {
    LAST.set(LAST.get() + 1);
    LAST.get()
}

pub(crate) fn fill(out: &mut [u8]) {
    out.fill(u32() as u8);
}
