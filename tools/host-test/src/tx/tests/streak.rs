// SPDX-License-Identifier: GPL-2.0

use crate::{
    kapi::time,
    tx::streak::Streak, //
};

/// The coarse clock at 250 ticks a second.
const TICK: u64 = 4_000_000;

/// How many packets one behind the other are not a stream yet.
const SHORT: usize = 16;

/// Sends so many packets without an answer, and says how many of them were part of a stream.
fn send(streak: &mut Streak, packets: usize) -> usize {
    (0..packets).filter(|_| streak.goes_on(false)).count()
}

fn begin() -> Streak {
    time::set(1 << 40);
    Streak::new()
}

#[test]
fn many_packets_at_once_are_a_stream() {
    let mut streak = begin();
    assert_eq!(send(&mut streak, SHORT), 0);
    assert_eq!(send(&mut streak, 1000), 1000);
}

#[test]
fn who_is_answered_has_no_stream() {
    let mut streak = begin();
    for _ in 0..1000 {
        assert!(!streak.goes_on(true));
        assert_eq!(send(&mut streak, SHORT - 1), 0);
    }
}

#[test]
fn an_answer_ends_a_stream() {
    let mut streak = begin();
    send(&mut streak, 100);
    assert!(!streak.goes_on(true));
    assert_eq!(send(&mut streak, SHORT), 1);
}

/// A packet now and then is none, however long it goes on.
#[test]
fn few_packets_in_each_window_are_no_stream() {
    let mut streak = begin();
    for _ in 0..1000 {
        assert_eq!(send(&mut streak, SHORT / 2), 0);
        time::pass(2 * TICK);
    }
}

#[test]
fn a_stream_goes_on_from_window_to_window() {
    let mut streak = begin();
    assert_eq!(send(&mut streak, 100), 100 - SHORT);
    for _ in 0..1000 {
        // Not more than the length of a window, so none is left out.
        time::pass(TICK);
        assert_eq!(send(&mut streak, 100), 100);
    }
}

#[test]
fn a_pause_ends_a_stream() {
    let mut streak = begin();
    send(&mut streak, 100);
    time::pass(3 * TICK);
    assert_eq!(send(&mut streak, SHORT + 1), 1);
}
