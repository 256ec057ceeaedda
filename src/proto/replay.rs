// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The window of counters already seen (5.4.6), as in RFC 6479: a ring of words, of which moving
//! forward clears whole words only.

use super::constants::{REJECT_AFTER_MESSAGES, REPLAY_BITS, REPLAY_WINDOW};
use super::messages::Counter;

const WORD_BITS: u64 = u64::BITS as u64;
const WORDS: usize = (REPLAY_BITS / WORD_BITS) as usize;

/// Which counters of a session have been accepted: the highest, and 8128 behind it.
pub struct ReplayWindow {
    /// One more than the highest accepted counter; zero if there is none.
    next: u64,
    bitmap: [u64; WORDS],
}

impl Default for ReplayWindow {
    fn default() -> Self {
        Self::new()
    }
}

impl ReplayWindow {
    /// A window that has seen nothing.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            next: 0,
            bitmap: [0; WORDS],
        }
    }

    /// One more than the highest accepted counter; zero if there is none.
    #[inline]
    #[must_use]
    pub const fn next(&self) -> u64 {
        self.next
    }

    /// Whether `counter` is new, which it is only once. Ask after the packet proved authentic.
    pub fn accept(&mut self, counter: Counter) -> bool {
        if counter.0 >= REJECT_AFTER_MESSAGES {
            return false;
        }
        // Neither sum wraps: counters end a whole window before u64 does.
        let place = counter.0.wrapping_add(1);
        if place.wrapping_add(REPLAY_WINDOW) < self.next {
            return false;
        }
        if place > self.next {
            self.advance(place);
        }
        self.mark(place)
    }

    /// Asks for up to 64 counters in order; bit `n` of the answer says whether the `n`th is new.
    /// Counters beyond the 64th are not looked at.
    pub fn accept_batch(&mut self, counters: &[Counter]) -> u64 {
        let mut verdicts = 0;
        for (bit, counter) in (0..WORD_BITS).zip(counters) {
            verdicts |= u64::from(self.accept(*counter)) << bit;
        }
        verdicts
    }

    /// Moves the head to `place` and clears the words that come into the window.
    fn advance(&mut self, place: u64) {
        let old = self.next / WORD_BITS;
        let fresh = (place / WORD_BITS).saturating_sub(old);
        for ahead in 1..=fresh.min(WORDS as u64) {
            if let Some(word) = self.word(old.wrapping_add(ahead)) {
                *word = 0;
            }
        }
        self.next = place;
    }

    /// Sets the bit of `place`; true if it was clear.
    fn mark(&mut self, place: u64) -> bool {
        let bit = 1 << (place % WORD_BITS);
        let Some(word) = self.word(place / WORD_BITS) else {
            return false;
        };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    /// A word of the ring, which is always there: the mask keeps the index inside.
    fn word(&mut self, index: u64) -> Option<&mut u64> {
        self.bitmap.get_mut(index as usize & (WORDS - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const W: u64 = REPLAY_WINDOW;
    const L: u64 = W + 1;
    const R: u64 = REJECT_AFTER_MESSAGES;

    fn all_accepted(counters: impl IntoIterator<Item = u64>, window: &mut ReplayWindow) -> bool {
        counters
            .into_iter()
            .all(|counter| window.accept(Counter(counter)))
    }

    #[test]
    fn sequence_of_jumps_and_repeats() {
        let steps = [
            (0, true),
            (1, true),
            (1, false),
            (9, true),
            (8, true),
            (7, true),
            (7, false),
            (L, true),
            (L - 1, true),
            (L - 1, false),
            (L - 2, true),
            (2, true),
            (2, false),
            (L + 16, true),
            (3, false),
            (L + 16, false),
            (4 * L, true),
            (4 * L - (L - 1), true),
            (10, false),
            (4 * L - L, false),
            (4 * L - (L + 1), false),
            (4 * L - (L - 2), true),
            (4 * L + 1 - L, false),
            (0, false),
            (R, false),
            (R - 1, true),
            (R, false),
            (R - 1, false),
            (R - 2, true),
            (R + 1, false),
            (R + 2, false),
            (R - 2, false),
            (R - 3, true),
            (0, false),
        ];
        let mut window = ReplayWindow::new();
        for (step, (counter, expected)) in steps.into_iter().enumerate() {
            assert_eq!((step, window.accept(Counter(counter))), (step, expected));
        }
    }

    #[test]
    fn ascending_then_zero() {
        let mut window = ReplayWindow::new();
        assert!(all_accepted(1..=W, &mut window));
        assert!(window.accept(Counter(0)));
        assert!(!window.accept(Counter(0)));
    }

    #[test]
    fn zero_falls_out_of_the_window() {
        let mut window = ReplayWindow::new();
        assert!(all_accepted(2..=W + 1, &mut window));
        assert!(window.accept(Counter(1)));
        assert!(!window.accept(Counter(0)));
    }

    #[test]
    fn descending() {
        assert!(all_accepted((0..=W).rev(), &mut ReplayWindow::new()));
        let mut window = ReplayWindow::new();
        assert!(all_accepted((1..=W + 1).rev(), &mut window));
        assert!(!window.accept(Counter(0)));
    }

    #[test]
    fn descending_then_ahead() {
        let mut window = ReplayWindow::new();
        assert!(all_accepted((1..=W).rev(), &mut window));
        assert!(window.accept(Counter(W + 1)));
        assert!(!window.accept(Counter(0)));

        let mut window = ReplayWindow::new();
        assert!(all_accepted((1..=W).rev(), &mut window));
        assert!(window.accept(Counter(0)));
        assert!(window.accept(Counter(W + 1)));
    }

    #[test]
    fn next_is_one_past_the_highest() {
        let mut window = ReplayWindow::new();
        assert_eq!(window.next(), 0);
        assert!(all_accepted([5, 3], &mut window));
        assert_eq!(window.next(), 6);
        assert!(window.accept(Counter(R - 1)));
        assert_eq!(window.next(), R);
    }

    #[test]
    fn batch_answers_bit_by_bit() {
        let mut window = ReplayWindow::new();
        let counters = [4, 4, 5, 1, 5].map(Counter);
        assert_eq!(window.accept_batch(&counters), 0b01101);
        assert_eq!(window.accept_batch(&[]), 0);
        let many: [Counter; 70] = core::array::from_fn(|n| Counter(100 + n as u64));
        assert_eq!(window.accept_batch(&many), u64::MAX);
        assert_eq!(window.next(), 164);
    }

    /// Remembers every counter of a short session by itself.
    struct Oracle {
        next: u64,
        seen: [bool; 1 << 15],
    }

    impl Oracle {
        fn accept(&mut self, counter: u64) -> bool {
            let next = self.next.max(counter + 1);
            let is_old = counter + W + 1 < self.next;
            let seen = core::mem::replace(&mut self.seen[counter as usize], !is_old);
            if !is_old {
                self.next = next;
            }
            !is_old && !seen
        }
    }

    #[test]
    fn agrees_with_remembering_everything() {
        for seed in 1..=20 {
            let mut random = seed;
            let mut window = ReplayWindow::new();
            let mut oracle = Oracle {
                next: 0,
                seen: [false; 1 << 15],
            };
            for _ in 0..4000 {
                random = xorshift(random);
                let counter = pick(random, oracle.next);
                assert_eq!(window.accept(Counter(counter)), oracle.accept(counter));
                assert_eq!(window.next(), oracle.next);
            }
        }
    }

    fn xorshift(mut x: u64) -> u64 {
        x ^= x << 13;
        x ^= x >> 7;
        x ^ (x << 17)
    }

    /// Mostly near the head, sometimes at the far edge, sometimes far ahead.
    fn pick(random: u64, next: u64) -> u64 {
        let offset = random >> 8;
        let counter = match random % 8 {
            0..=3 => (next + offset % 5).saturating_sub(2),
            4 => next + offset % 200,
            5 => next.saturating_sub(offset % (W + 100)),
            6 => next.saturating_sub(W - 3 + offset % 8),
            _ => offset % (1 << 15),
        };
        counter.min((1 << 15) - 1)
    }
}
