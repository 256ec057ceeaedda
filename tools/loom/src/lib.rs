// SPDX-License-Identifier: GPL-2.0

//! The driver's lock-free structures and wake-ups in every interleaving of a few threads.
//!
//! The files are those of the module. What is below them is played: the kernel by the crate
//! `kernel`, and of `kapi` what is not mounted itself by [`kapi`].
#![cfg(test)]
#![allow(
    dead_code,
    unused_imports,
    unreachable_pub,
    reason = "the models use a part of what the module does"
)]

#[path = "../../../src/allowed_ips/mod.rs"]
mod allowed_ips;
mod bindings;
#[path = "../../../src/census.rs"]
mod census;
mod crypto;
mod device;
mod drops;
#[path = "../../../src/dscp.rs"]
mod dscp;
mod endpoint;
#[path = "../../../src/identity.rs"]
mod identity;
#[path = "../../../src/index_table/mod.rs"]
mod index_table;
mod kapi;
mod labels;
#[path = "../../../src/liveness.rs"]
mod liveness;
mod markings;
#[path = "../../../src/noise.rs"]
mod noise;
#[path = "../../../src/peer.rs"]
mod peer;
#[path = "../../../src/pile.rs"]
mod pile;
#[path = "../../../src/queue/mod.rs"]
mod queue;
#[path = "../../../src/session/mod.rs"]
mod session;
mod socket;
mod time;
mod timers;
#[path = "../../../src/trace.rs"]
mod trace;
mod tx;

use wireguard_proto as proto;

mod models;
