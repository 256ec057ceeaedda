// SPDX-License-Identifier: GPL-2.0

//! What each fuzz target does with a fuzzer's bytes. It panics if something is wrong.
//!
//! The driver's files are mounted as they are in the module. What they use of the kernel is played by
//! the crate `kernel` and by [`kapi`]. `Documentation/fuzzing.rst` says how targets are run.
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the targets use a part of what the module does"
)]

mod cheap;
mod input;
pub mod targets;

#[path = "../../../src/proto/tests/common/mod.rs"]
mod common;
#[path = "../../../src/proto/tests/sim/mod.rs"]
mod sim;

#[path = "../../../src/allowed_ips/mod.rs"]
mod allowed_ips;
#[path = "../../../src/binding.rs"]
mod binding;
mod bindings;
#[path = "../../../selftests/kmod/checks/mod.rs"]
mod checks;
mod config;
mod crypto;
#[path = "../../../src/dscp.rs"]
mod dscp;
mod endpoint;
mod events;
#[path = "../../../src/guise.rs"]
mod guise;
mod kapi;
#[path = "../../../src/label.rs"]
mod label;
mod netlink;
mod peer;
#[path = "../../../src/pile.rs"]
mod pile;
#[path = "../../../src/ratelimit.rs"]
mod ratelimit;
#[path = "../../../src/utf8.rs"]
mod utf8;
#[path = "../../../src/wardrobe.rs"]
mod wardrobe;

use wireguard_proto as proto;
