// SPDX-License-Identifier: GPL-2.0

//! Random numbers, which a test may choose.

use std::cell::{Cell, RefCell};

thread_local! {
    static CHOSEN: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    static LAST: Cell<u32> = const { Cell::new(1 << 31) };
}

/// What the next number will be, in this thread.
pub(crate) fn choose(number: u32) {
    CHOSEN.with_borrow_mut(|chosen| chosen.push(number));
}

/// A chosen number, or else one after the other, from 2^31 on.
pub(crate) fn u32() -> u32 {
    CHOSEN.with_borrow_mut(Vec::pop).unwrap_or_else(|| {
        LAST.set(LAST.get() + 1);
        LAST.get()
    })
}
