// SPDX-License-Identifier: GPL-2.0

//! The theorems. Each is a function without a mangled name: for all arguments, and whatever is in
//! the memory that references among them lead to, no [`prove`] in it fails, nothing panics, and no
//! access is out of bounds.
//!
//! [`given`] narrows the arguments down. So that a theorem is not about nothing, some arguments must
//! lead to each [`reached`], and each theorem has one.

mod prefix;
mod replay;
mod session;
mod transport;

extern "C" {
    /// Must not be called; the prover tells the line.
    fn refuted(line: u32) -> !;
    /// Must be called for some arguments.
    fn come_here(line: u32);
}

/// Says what must be true here.
macro_rules! prove {
    ($condition:expr) => {
        if !$condition {
            // SAFETY: It has no effect on anything here.
            unsafe { $crate::theorems::refuted(line!()) }
        }
    };
}

/// Says what the theorem is not about, and ends it there.
macro_rules! given {
    ($condition:expr) => {
        if !$condition {
            return;
        }
    };
}

/// Says that it is not for nothing that the theorem comes here.
macro_rules! reached {
    () => {
        // SAFETY: It has no effect on anything here.
        unsafe { $crate::theorems::come_here(line!()) }
    };
}

use {given, prove, reached};
