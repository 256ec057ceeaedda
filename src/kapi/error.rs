// SPDX-License-Identifier: GPL-2.0

//! Errors of C.

use kernel::prelude::*;

/// The result that a return value of C stands for.
///
/// [`kernel::error::to_result`] is a call; this one is for what succeeds for each packet.
#[inline]
pub(super) fn to_result(err: c_int) -> Result {
    if err == 0 {
        Ok(())
    } else {
        kernel::error::to_result(err)
    }
}
