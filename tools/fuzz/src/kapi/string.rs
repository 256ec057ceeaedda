// SPDX-License-Identifier: GPL-2.0

//! Strings of C.

use std::ffi::CStr;

pub(crate) fn bytes(string: &CStr) -> &[u8] {
    string.to_bytes()
}

pub(crate) fn first(bytes: &[u8]) -> Option<&CStr> {
    CStr::from_bytes_until_nul(bytes).ok()
}
