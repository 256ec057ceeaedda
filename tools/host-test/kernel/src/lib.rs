// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate as the files under test use, on top of `std`.
//!
//! Allocations fail on demand: see [`alloc::fail_after`].

pub mod alloc;
pub mod error;
pub mod rbtree;
pub mod sync;

/// What is in the kernel's prelude.
pub mod prelude {
    pub use crate::{
        alloc::{
            flags::*,
            KBox,
            KVVec,
            KVec, //
        },
        error::{
            code::*,
            Error,
            Result, //
        }, //
    };
}
