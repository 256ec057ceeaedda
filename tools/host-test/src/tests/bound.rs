// SPDX-License-Identifier: GPL-2.0

//! How much a queue holds, by its worker's pace.

use crate::queue::bound::Bound;

const MS: u64 = 1_000_000;
const KIB: u64 = 1 << 10;

/// How much can wait for another large job to be taken.
fn room(bound: &Bound, bytes: u64) -> u64 {
    (0..1 << 28)
        .step_by(4 << 10)
        .find(|waiting| !bound.admits(bytes, *waiting))
        .unwrap()
}

/// Works for a second on jobs of so many bytes, which take so long.
fn work(bound: &mut Bound, bytes: u64, ns: u64) {
    let mut now = 1;
    bound.passed(0, now);
    while now < 1000 * MS {
        now += ns;
        bound.passed(bytes, now);
    }
    bound.rests();
}

#[test]
fn it_holds_what_is_done_in_eight_milliseconds() {
    // From 0.5 to 50 Gbit/s.
    for per_ms in [64 * KIB, 128 * KIB, 1024 * KIB, 6400 * KIB] {
        let mut bound = Bound::new();
        work(&mut bound, per_ms / 4, MS / 4);
        let room = room(&bound, 64 * KIB) as f64 / per_ms as f64;
        assert!((7.5..=10.5).contains(&room), "{room} ms");
    }
}

#[test]
fn it_follows_a_change_of_pace() {
    let mut bound = Bound::new();
    work(&mut bound, 1024 * KIB, MS);
    let before = room(&bound, 64 * KIB);
    work(&mut bound, 64 * KIB, MS);
    let after = room(&bound, 64 * KIB);
    assert!(after * 10 < before, "{before} bytes, then {after}");
}

#[test]
fn it_is_never_too_low_for_a_socket() {
    let mut bound = Bound::new();
    work(&mut bound, 1, MS);
    assert_eq!(room(&bound, 64 * KIB), 256 * KIB);
}

#[test]
fn what_is_small_finds_room_among_what_is_large() {
    let mut bound = Bound::new();
    work(&mut bound, 64 * KIB, MS);
    let (large, small) = (room(&bound, 64 * KIB), room(&bound, 100));
    assert_eq!(small - large, 64 * KIB);
    assert_eq!(room(&bound, KIB), small);
    assert_eq!(room(&bound, KIB + 1), large);
}

#[test]
fn anything_is_taken_when_nothing_waits() {
    let mut bound = Bound::new();
    work(&mut bound, 1, MS);
    assert!(bound.admits(1 << 40, 0));
}

#[test]
fn rest_is_not_work() {
    let mut bound = Bound::new();
    let mut now = 1;
    // A megabyte in a millisecond, then a hundred of rest.
    for _ in 0..100 {
        bound.passed(0, now);
        bound.passed(1024 * KIB, now + MS);
        bound.rests();
        now += 101 * MS;
    }
    let room = room(&bound, 64 * KIB);
    assert!(room >= 7 << 20, "{room} bytes");
}

#[test]
fn a_long_job_is_not_taken_for_a_fast_one() {
    let mut bound = Bound::new();
    // A megabyte a second, in one piece each.
    let mut now = 1;
    bound.passed(0, now);
    for _ in 0..50 {
        now += 1000 * MS;
        bound.passed(1024 * KIB, now);
    }
    assert_eq!(room(&bound, 64 * KIB), 256 * KIB);
}
