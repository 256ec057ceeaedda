// SPDX-License-Identifier: GPL-2.0

//! Theorems about the module's own files: `prove` compiles them together and proves them on what
//! the compiler made.
//!
//! What sessions use of the kernel is played by the crate `kernel` and by [`kapi`]. Their turns in
//! the slots are not proved but walked through, all of them, by the tests in here.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "theorems are about a part of what the module does"
)]

mod crypto;
#[path = "../../../src/index_table/mod.rs"]
mod index_table;
mod kapi;
mod peer;
#[path = "../../../src/proto/mod.rs"]
mod proto;
mod queue;
#[path = "../../../src/session/mod.rs"]
mod session;
mod tx;

#[cfg(test)]
mod tests;
#[cfg(not(test))]
mod theorems;
