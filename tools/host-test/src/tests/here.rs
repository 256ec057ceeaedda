// SPDX-License-Identifier: GPL-2.0

use crate::{
    kapi::{cpu, sync::bh::disabled, time},
    queue::here::Here,
};

/// The coarse clock at 250 ticks a second.
const TICK: u64 = 4_000_000;

const SMALL: u64 = 4 << 10;

/// How many bytes a CPU takes in one tick.
const MOST: u64 = 768 << 10;

fn here(cpus: u32) -> Here {
    time::set(1 << 40);
    cpu::set_count(cpus);
    cpu::move_to(0);
    Here::new().unwrap()
}

fn takes(here: &Here, bytes: u64) -> bool {
    here.takes(bytes, disabled())
}

/// How many pieces are taken before one is not.
fn taken(here: &Here, bytes: u64) -> u64 {
    (0..=MOST).take_while(|_| takes(here, bytes)).count() as u64
}

#[test]
fn what_is_large_is_spread() {
    let here = here(2);
    assert!(takes(&here, SMALL));
    assert!(!takes(&here, SMALL + 1));
    assert!(!takes(&here, u64::MAX));
}

#[test]
fn one_cpu_does_all() {
    let here = here(1);
    assert!((0..1000).all(|_| takes(&here, MOST)));
}

#[test]
fn a_busy_cpu_gives_work_away_until_the_clock_moves() {
    let here = here(2);
    for _ in 0..100 {
        assert_eq!(taken(&here, SMALL), MOST / SMALL);
        assert_eq!(taken(&here, SMALL), 0);
        // By a window, whose length is a little more than that of a tick.
        time::pass(2 * TICK);
    }
    assert_eq!(taken(&here, 1500), MOST / 1500);
    // What is left is still to be had.
    assert!(takes(&here, MOST % 1500));
    assert!(!takes(&here, 1));
}

#[test]
fn each_cpu_has_its_own() {
    let here = here(3);
    for cpu in 0..3 {
        cpu::move_to(cpu);
        assert_eq!(taken(&here, SMALL), MOST / SMALL);
    }
    // One that there is no memory for does nothing itself.
    cpu::move_to(3);
    assert!(!takes(&here, 1));
}

/// The clock's upper bits are not kept; that they come round is seen as nothing but a new window.
#[test]
fn a_window_long_ago() {
    let here = here(2);
    assert_eq!(taken(&here, SMALL), MOST / SMALL);
    time::pass(1 << 60);
    // This is taken for the same one.
    assert!(!takes(&here, 1));
    time::pass(2 * TICK);
    assert!(takes(&here, 1));
}
