// SPDX-License-Identifier: GPL-2.0

//! A data race on purpose, to see that a kernel with KCSAN reports it of Rust: two threads add to
//! a plain number while it loads.

use core::{
    cell::UnsafeCell,
    hint::black_box, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        Completion, //
    },
    time::{
        Delta,
        Instant,
        Monotonic, //
    },
    workqueue, //
};

module! {
    type: Race,
    name: "wireguard_selftest_race",
    authors: ["WireGuard for Rust-for-Linux authors"],
    description: "A data race that debug kernels must see",
    license: "GPL v2",
}

struct Race;

impl kernel::Module for Race {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        let other_ended = Arc::pin_init(Completion::new(), GFP_KERNEL)?;
        let ended = other_ended.clone();
        workqueue::system_unbound().try_spawn(GFP_KERNEL, move || {
            add_for_a_while();
            ended.complete_all();
        })?;
        add_for_a_while();
        other_ended.wait_for_completion();
        Ok(Self)
    }
}

struct Number(UnsafeCell<u64>);

// SAFETY: It is not safe: that is the fault.
unsafe impl Sync for Number {}

static NUMBER: Number = Number(UnsafeCell::new(0));

fn add_for_a_while() {
    let start = Instant::<Monotonic>::now();
    while start.elapsed() < Delta::from_secs(4) {
        add();
    }
}

#[inline(never)]
fn add() {
    let number = black_box(NUMBER.0.get());
    // SAFETY: It is valid and aligned. That nobody else has it is not so: that is the fault.
    unsafe { *number += 1 };
}
