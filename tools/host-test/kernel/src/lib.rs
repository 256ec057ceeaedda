// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate as the files under test use, on top of `std`.
//!
//! Allocations fail on demand: see [`alloc::fail_after`].

pub mod alloc;
pub mod bindings;
pub mod error;
pub use core::fmt;
mod init;
pub mod rbtree;
pub mod sync;
pub mod types;

/// What is in the kernel's prelude.
pub mod prelude {
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

/// The object that a pointer's target is a field of.
#[macro_export]
macro_rules! container_of {
    ($pointer:expr, $type:ty, $field:ident) => {
        $pointer
            .byte_sub(::core::mem::offset_of!($type, $field))
            .cast::<$type>()
    };
}

/// For macros.
pub mod __private {
    pub use crate::init::{from_fn, PinInit};
}
