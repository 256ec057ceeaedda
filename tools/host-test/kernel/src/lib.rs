// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate as the files under test use, on top of `std`.
//!
//! Allocations fail on demand: see [`alloc::fail_after`].

pub mod alloc;
pub mod bindings;
mod container_of;
pub mod error;
pub use core::fmt;
mod init;
pub mod rbtree;
pub mod sync;
pub mod types;

/// What is in the kernel's prelude.
pub mod prelude {
    pub use core::ffi::CStr;

    pub use kernel_macros::pin_data;

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
        },
        init::PinInit,
        pin_init,
        try_pin_init, //
    };
}

/// For macros.
pub mod __private {
    pub use crate::init::{from_fn, PinInit};
}
