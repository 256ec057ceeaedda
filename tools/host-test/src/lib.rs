// SPDX-License-Identifier: GPL-2.0

//! Data structures of the driver, from the very files of the module, for tests in user space.
//!
//! What they use of the kernel is played by the crate `kernel` and by [`kapi`].
#![cfg(test)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the tests use a part of what the module does"
)]

#[path = "../../../src/allowed_ips/mod.rs"]
mod allowed_ips;
mod bindings;
#[path = "../../../selftests/kmod/checks/mod.rs"]
mod checks;
#[path = "../../../src/index_table/mod.rs"]
mod index_table;
mod kapi;
#[path = "../../../src/pile.rs"]
mod pile;
mod queue;
#[path = "../../../src/ratelimit.rs"]
mod ratelimit;
mod time;
mod tx;
#[path = "../../../src/utf8.rs"]
mod utf8;

use wireguard_proto as proto;

mod tests;
