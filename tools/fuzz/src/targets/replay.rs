// SPDX-License-Identifier: GPL-2.0

//! The window of counters against a set of all that were accepted.

use std::collections::HashSet;

use wireguard_proto::constants::{REJECT_AFTER_MESSAGES, REPLAY_BITS, REPLAY_WINDOW};
use wireguard_proto::messages::Counter;
use wireguard_proto::replay::ReplayWindow;

use crate::input::Input;

/// Remembers everything.
#[derive(Default)]
struct Oracle {
    next: u64,
    accepted: HashSet<u64>,
}

impl Oracle {
    fn accept(&mut self, counter: u64) -> bool {
        let oldest = self.next.saturating_sub(REPLAY_WINDOW + 1);
        if counter < oldest || counter >= REJECT_AFTER_MESSAGES {
            return false;
        }
        self.next = self.next.max(counter + 1);
        self.accepted.insert(counter)
    }
}

#[derive(Default)]
struct Pair {
    window: ReplayWindow,
    oracle: Oracle,
}

impl Pair {
    fn accept(&mut self, counter: u64) {
        let accepted = self.window.accept(Counter(counter));
        assert_eq!(accepted, self.oracle.accept(counter), "counter {counter}");
        assert_eq!(self.window.next(), self.oracle.next);
    }

    fn accept_batch(&mut self, counters: &[Counter]) {
        let verdicts = self.window.accept_batch(counters);
        for (n, counter) in counters.iter().enumerate() {
            let accepted = n < 64 && (verdicts >> n) & 1 == 1;
            let expected = n < 64 && self.oracle.accept(counter.0);
            assert_eq!(accepted, expected, "counter {} of {counters:?}", n);
        }
        assert_eq!(self.window.next(), self.oracle.next);
    }
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Pair::default();
    while !input.is_empty() {
        let counter = counter(&mut input, pair.oracle.next);
        match input.u8() {
            // So many from there on, or up to there.
            len @ 0..64 => (0..u64::from(len)).for_each(|n| pair.accept(counter.wrapping_add(n))),
            len @ 64..128 => {
                (0..u64::from(len)).for_each(|n| pair.accept(counter.wrapping_sub(n)));
            }
            128..192 => pair.accept(counter),
            count => {
                let mut last = counter;
                let counters = [(); 70].map(|()| {
                    last = last.wrapping_add_signed(input.u8() as i8 as i64);
                    Counter(last)
                });
                pair.accept_batch(&counters[..usize::from(count) - 186]);
            }
        }
    }
}

/// A counter near some edge, or any.
fn counter(input: &mut Input<'_>, next: u64) -> u64 {
    let kind = input.u8();
    let near = i64::from(input.u8() as i8);
    match kind % 8 {
        0 => next.wrapping_add_signed(near),
        1 => next.wrapping_sub(REPLAY_WINDOW).wrapping_add_signed(near),
        2 => next.wrapping_sub(REPLAY_BITS).wrapping_add_signed(near),
        3 => (u64::from(input.u16()) * REPLAY_BITS).wrapping_add_signed(near),
        4 => REJECT_AFTER_MESSAGES.wrapping_add_signed(near),
        5 => near as u64,
        6 => next.wrapping_add(u64::from(input.u16())),
        _ => input.u64(),
    }
}
