// SPDX-License-Identifier: GPL-2.0

//! Atomics, from one place.
//!
//! What is written against these names runs on the CPU's atomics here, and on those of a model
//! checker when its file is mounted in a test harness. They are the compiler's and not those of the
//! `kernel` crate, whose every operation is a call out of the module in a kernel built by gcc.
//! Their orderings are at least as strong as the ones of the same name in
//! `Documentation/memory-barriers.txt`; nothing here mixes with accesses by C.

pub(crate) use core::sync::atomic::{
    AtomicBool,
    AtomicPtr,
    AtomicU32,
    AtomicU64,
    AtomicU8,
    AtomicUsize,
    Ordering, //
};
