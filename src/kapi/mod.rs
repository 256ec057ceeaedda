// SPDX-License-Identifier: GPL-2.0

//! Safe wrappers of the kernel interfaces that the `kernel` crate lacks.
//!
//! All `unsafe` code of the module lives below here. Nothing here knows about WireGuard: each
//! file wraps one C concept, and is written as if it were to move to `rust/kernel/`.

#![allow(unsafe_code)]

pub(crate) mod array;
pub(crate) mod cpu;
pub(crate) mod crypto;
mod error;
pub(crate) mod farewell;
mod flags;
pub(crate) mod log;
pub(crate) mod memory;
pub(crate) mod net;
pub(crate) mod notifier;
pub(crate) mod random;
pub(crate) mod string;
pub(crate) mod sync;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod tracepoint;
pub(crate) mod workqueue;
