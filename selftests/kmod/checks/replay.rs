// SPDX-License-Identifier: GPL-2.0

//! The window of counters against a list of all that were accepted.

use super::{
    check,
    Dice,
    Outcome, //
};
use crate::proto::{
    constants::{
        REJECT_AFTER_MESSAGES,
        REPLAY_WINDOW, //
    },
    messages::Counter,
    replay::ReplayWindow, //
};

/// How many counters behind the highest the model remembers: more than the window.
const REMEMBERED: u64 = 4 * REPLAY_WINDOW;

/// The words of the model's memory.
pub(crate) const WORDS: usize = (REMEMBERED / 64) as usize;

/// A bit for each counter, and the highest of them.
struct Model<'a> {
    accepted: &'a mut [u64; WORDS],
    next: u64,
}

impl Model<'_> {
    fn accept(&mut self, counter: u64) -> bool {
        if counter >= REJECT_AFTER_MESSAGES || counter + 1 + REPLAY_WINDOW < self.next {
            return false;
        }
        // What the ring is used for anew is forgotten one by one.
        for forgotten in self.next.max(counter.saturating_sub(REMEMBERED))..=counter {
            self.set(forgotten, false);
        }
        self.next = self.next.max(counter + 1);
        let is_new = !self.has(counter);
        self.set(counter, true);
        is_new
    }

    fn has(&self, counter: u64) -> bool {
        let at = counter % REMEMBERED;
        (self.accepted[(at / 64) as usize] >> (at % 64)) & 1 == 1
    }

    fn set(&mut self, counter: u64, is_accepted: bool) {
        let at = counter % REMEMBERED;
        let word = &mut self.accepted[(at / 64) as usize];
        *word = (*word & !(1 << (at % 64))) | (u64::from(is_accepted) << (at % 64));
    }
}

/// The next counter to try: mostly near the highest, at times at the window's edge or far ahead.
fn counter(dice: &mut Dice, next: u64) -> u64 {
    match dice.below(100) {
        0 => next + dice.below(3 * REPLAY_WINDOW),
        1..=10 => (next + 2).saturating_sub(REPLAY_WINDOW + dice.below(4)),
        11..=40 => next.saturating_sub(dice.below(REPLAY_WINDOW + 100)),
        _ => (next + dice.below(4)).saturating_sub(dice.below(16)),
    }
}

/// Asks window and model `steps` times, beginning at `start`, and compares the answers.
pub(crate) fn model(
    window: &mut ReplayWindow,
    accepted: &mut [u64; WORDS],
    start: u64,
    steps: usize,
) -> Outcome {
    let mut dice = Dice::new(start);
    let mut model = Model { accepted, next: 0 };
    if start > 0 {
        check!(window.accept(Counter(start)));
        model.next = start;
        check!(model.accept(start));
    }
    for _ in 0..steps {
        let counter = counter(&mut dice, model.next);
        check!(window.accept(Counter(counter)) == model.accept(counter));
        check!(window.next() == model.next);
    }
    Ok(())
}

/// Counters up to the last that may be used, and not one more.
pub(crate) fn end(window: &mut ReplayWindow) -> Outcome {
    for (counter, is_accepted) in [
        (REJECT_AFTER_MESSAGES - 2, true),
        (REJECT_AFTER_MESSAGES, false),
        (u64::MAX, false),
        (REJECT_AFTER_MESSAGES - 1, true),
        (REJECT_AFTER_MESSAGES - 1, false),
        (REJECT_AFTER_MESSAGES - 1 - REPLAY_WINDOW, true),
        (REJECT_AFTER_MESSAGES - 2 - REPLAY_WINDOW, false),
    ] {
        check!(window.accept(Counter(counter)) == is_accepted);
    }
    Ok(())
}
