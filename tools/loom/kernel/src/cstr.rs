// SPDX-License-Identifier: GPL-2.0

//! Strings of C.

use std::ffi::{c_char, CStr};

/// What the kernel crate adds.
pub trait CStrExt {
    /// A pointer for C.
    fn as_char_ptr(&self) -> *const c_char;
}

impl CStrExt for CStr {
    fn as_char_ptr(&self) -> *const c_char {
        self.as_ptr()
    }
}
