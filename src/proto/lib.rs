// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

// The same files are the `proto` module of the kernel module: `mod.rs` is the root of both, and
// this file only makes a cargo crate of it.
#![doc = include_str!("README.md")]
#![no_std]
#![forbid(unsafe_code)]

#[path = "mod.rs"]
mod proto;

pub use proto::*;

#[cfg(feature = "rustcrypto")]
pub mod rustcrypto;
