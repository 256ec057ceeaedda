// SPDX-License-Identifier: GPL-2.0

//! Memory of the machine.
//!
//! C header: [`include/linux/mm.h`](srctree/include/linux/mm.h)

use crate::bindings;

/// How much memory the machine has for the system to use, in bytes.
pub(crate) fn total() -> usize {
    // SAFETY: No requirements.
    unsafe { bindings::totalram_bytes() }
}
