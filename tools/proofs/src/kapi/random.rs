// SPDX-License-Identifier: GPL-2.0

//! Numbers that are different, which is all that indexes must be.

use std::sync::atomic::{AtomicU32, Ordering};

pub(crate) fn u32() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    NEXT.fetch_add(0x9e37_79b9, Ordering::Relaxed)
}
