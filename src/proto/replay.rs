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
