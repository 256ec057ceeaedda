// SPDX-License-Identifier: GPL-2.0

//! Tests parts of the WireGuard driver inside the kernel.
//!
//! Mounts the driver's own files. Loading it runs all checks and writes a line of TAP about each
//! to the kernel log; it fails if one of them does. A kernel with KUnit runs them as its suites
//! instead.

#![crate_name = "wireguard_selftest"]
#![deny(unsafe_code)]
#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "the checks use a part of what the driver does"
)]

#[path = "../../src/allowed_ips/mod.rs"]
mod allowed_ips;
#[path = "../../src/bindings.rs"]
mod bindings;
#[path = "../../src/crypto.rs"]
mod crypto;
#[path = "../../src/tx/dress.rs"]
mod dress;
#[path = "../../src/guise.rs"]
mod guise;
#[path = "../../src/index_table/mod.rs"]
mod index_table;
#[path = "../../src/kapi/mod.rs"]
mod kapi;
#[path = "../../src/pile.rs"]
mod pile;
#[path = "../../src/tx/pool.rs"]
mod pool;
#[path = "../../src/proto/mod.rs"]
mod proto;
#[path = "../../src/queue/mod.rs"]
mod queue;
#[path = "../../src/ratelimit.rs"]
mod ratelimit;
#[path = "../../src/tx/segments.rs"]
mod segments;
#[path = "../../src/rx/uncover.rs"]
mod uncover;

mod checks;
mod environment;
mod guises;
mod lifetimes;
mod made;
mod numbers;
mod packets;
mod primitives;
mod queues;
mod sockets;
#[cfg(CONFIG_KUNIT)]
mod suites;
mod trains;
mod window;

/// The room asked for in front of a packet, as the driver's.
const HEADROOM: u32 = 128;

use kernel::prelude::*;

use checks::{
    allowed_ips as ips,
    ratelimit as rate,
    Outcome, //
};

module! {
    type: Selftest,
    name: "wireguard_selftest",
    authors: ["WireGuard for Rust-for-Linux authors"],
    description: "Checks of the WireGuard driver's parts",
    license: "GPL v2",
}

type Check = (&'static str, fn() -> Outcome);

const CHECKS: [Check; 65] = [
    (
        "protocol core with the kernel's cryptography",
        proto::selftest::run::<crypto::KernelCrypto>,
    ),
    (
        "aead: in place as from slice to slice",
        primitives::in_place,
    ),
    ("aead: refuses what is forged", primitives::forgeries),
    ("aead: refuses lengths that disagree", primitives::lengths),
    ("curve25519: refuses zero", primitives::zero_points),
    ("crypto: comparing and wiping", primitives::comparing),
    ("random numbers", environment::random),
    ("clocks", environment::clocks),
    ("cpus", environment::cpus),
    ("allowed_ips: the longest prefix wins", ips::longest_prefix),
    ("allowed_ips: an owner goes", ips::remove_owner),
    ("allowed_ips: a list replaces another", ips::replace),
    ("allowed_ips: a prefix goes", ips::remove_one),
    ("allowed_ips: order of insertion", ips::order),
    ("allowed_ips: depth", ips::depth),
    ("allowed_ips: many prefixes", ips::many),
    ("allowed_ips: against a naive model", || {
        ips::model(10_000, 7)
    }),
    ("ratelimit: per source", rate::per_source),
    ("ratelimit: capacity", rate::capacity),
    ("ratelimit: flood", rate::flood),
    ("ratelimit: size", rate::size),
    ("index_table: numbers", numbers::numbers),
    ("index_table: sizes", numbers::sizes),
    ("replay: against a naive model", || window::model(20_000)),
    ("replay: the last counters", window::end),
    ("packets: both ends", packets::ends),
    ("packets: no room", packets::no_room),
    ("packets: notes", packets::notes),
    ("packets: lists", packets::lists),
    ("packets: batches", packets::batches),
    ("packets: sealing", packets::sealing),
    ("packets: forgeries", packets::forgeries),
    ("trains: in and out again", trains::round_trips),
    ("trains: what fits", trains::what_fits),
    ("trains: nothing beyond a message", trains::bounds),
    ("trains: room", trains::room),
    ("trains: wherever they lie", trains::shapes),
    ("trains: forgeries", trains::forgeries),
    ("trains: pages that are written to", trains::written_pages),
    ("trains: lists that cannot be cut", trains::lists),
    ("trains: parts", trains::parts),
    ("trains: rows", trains::rows),
    ("trains: owners", trains::owners),
    (
        "segments: as the stack makes them",
        trains::segments_of_all_kinds,
    ),
    ("segments: what is left to the stack", trains::refusals),
    ("guises: bytes in place", guises::in_place),
    ("guises: messages alone", guises::alone),
    ("guises: messages in trains", guises::in_trains),
    ("guises: by another one", guises::by_another),
    ("guises: what is drawn", guises::drawn),
    ("inbox: in the order of arrival", queues::inbox_order),
    ("queue: back in order", queues::order),
    ("queue: one drainer", queues::one_drainer),
    ("queue: in parallel", queues::parallel),
    ("queue: in turns", queues::turns),
    ("queue: purging", queues::purging),
    ("queue: backlog", queues::backlog),
    ("rcu: references", lifetimes::references),
    ("rcu: cells", lifetimes::cells),
    ("rcu: slots", lifetimes::slots),
    ("timers", lifetimes::timers),
    ("roster", lifetimes::roster),
    ("work", lifetimes::work),
    ("sockets: registration", sockets::registration),
    ("sockets: sharing", sockets::sharing),
];

struct Selftest;

impl kernel::Module for Selftest {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        #[cfg(not(CONFIG_KUNIT))]
        run_checks()?;
        Ok(Self)
    }
}

impl Drop for Selftest {
    fn drop(&mut self) {
        kapi::sync::rcu::drain();
    }
}

fn run_checks() -> Result {
    pr_info!("1..{}\n", CHECKS.len());
    let mut failures = 0;
    for (number, (name, check)) in (1..).zip(CHECKS) {
        if let Err(reason) = check() {
            failures += 1;
            pr_err!("not ok {number} - {name}: {reason}\n");
        } else {
            pr_info!("ok {number} - {name}\n");
        }
    }
    kapi::sync::rcu::drain();
    if failures == 0 {
        Ok(())
    } else {
        Err(EINVAL)
    }
}
