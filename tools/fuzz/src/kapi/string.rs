// SPDX-License-Identifier: GPL-2.0

//! Strings of C.

use std::ffi::CStr;

pub(crate) fn first(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes).ok()
}
