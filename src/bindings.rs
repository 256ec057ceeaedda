// SPDX-License-Identifier: GPL-2.0

//! Raw bindings to what the kernel crate's own bindings lack.
//!
//! Generated at build time from `helpers/helpers.h`; everything that is not in
//! `bindgen_parameters` comes from the kernel crate. Only `kapi` uses this.

#![allow(
    clippy::all,
    clippy::undocumented_unsafe_blocks,
    dead_code,
    improper_ctypes,
    missing_docs,
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    unreachable_pub,
    unsafe_code,
    unsafe_op_in_unsafe_fn,
    unused_imports
)]
#![allow(clippy::as_underscore)]
#![allow(clippy::cast_lossless)]
#![allow(clippy::ptr_as_ptr)]
#![allow(clippy::ref_as_ptr)]

use kernel::prelude::*;
use pin_init::MaybeZeroable;

pub(crate) use kernel::bindings::*;
use kernel::ffi;

include!("bindings_generated.rs");
