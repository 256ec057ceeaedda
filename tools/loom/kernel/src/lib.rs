// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate, and of the kernel below it, as the files under test use: a model
//! whose every step loom sees.
//!
//! Only one thread runs at a time under loom, on one thread of the host. So what a model remembers for
//! itself, and what no order between threads may come of, is in the host's `thread_local!`.

#![feature(const_eval_select, core_intrinsics)]
#![allow(internal_features, reason = "atomics in statics are outside of models")]

#[path = "../../../host-test/kernel/src/alloc.rs"]
pub mod alloc;
pub mod atomic;
pub mod bindings;
#[path = "../../../host-test/kernel/src/container_of.rs"]
mod container_of;
pub mod cpu;
mod cstr;
#[path = "../../../host-test/kernel/src/error.rs"]
pub mod error;
#[path = "../../../host-test/kernel/src/init.rs"]
mod init;
mod kbox;
pub mod memory;
pub mod model;
#[path = "../../../host-test/kernel/src/rbtree.rs"]
pub mod rbtree;
pub mod sync;
pub mod task;
pub mod time;
pub mod types;
pub mod workqueue;

/// What is in the kernel's prelude.
pub mod prelude {
    pub use core::{
        ffi::{c_int, c_uint, CStr},
        pin::Pin, //
    };

    pub use kernel_macros::pin_data;

    pub use crate::{
        alloc::{flags::*, KVVec, KVec},
        cstr::CStrExt,
        error::{code::*, Error, Result},
        init::PinInit,
        kbox::KBox,
        pin_init,
        try_pin_init, //
    };
}

/// For macros.
pub mod __private {
    pub use crate::init::{from_fn, PinInit};
}

/// A class of locks, which nobody looks at here.
#[macro_export]
macro_rules! static_lock_class {
    () => {
        ()
    };
}
