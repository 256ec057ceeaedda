// SPDX-License-Identifier: GPL-2.0

//! The replay window accepts each counter once.
//!
//! The theorems are steps of an induction over all that a window is ever asked. The memory is any
//! that [`holds`]; in it, [`seen`] tells what was accepted. They say that `accept` answers as it
//! should by that, keeps it up to date for *every* other counter, and that it still [`holds`].

use super::{given, prove, reached};
use crate::proto::{
    constants::{REJECT_AFTER_MESSAGES, REPLAY_BITS, REPLAY_WINDOW},
    messages::Counter,
    replay::ReplayWindow,
};

const WORDS: usize = (REPLAY_BITS / 64) as usize;

/// What a window is in memory; that it is, is a theorem too.
pub struct Memory {
    next: u64,
    bitmap: [u64; WORDS],
}

impl Memory {
    fn window(&mut self) -> &mut ReplayWindow {
        // SAFETY: Both are numbers of the same total size.
        unsafe { &mut *core::ptr::from_mut(self).cast() }
    }

    fn of(window: &ReplayWindow) -> &Self {
        // SAFETY: As above.
        unsafe { &*core::ptr::from_ref(window).cast() }
    }

    fn word(&self, place: u64) -> u64 {
        self.bitmap[(place / 64 % WORDS as u64) as usize]
    }

    /// Nothing above the limit was accepted, and nothing is marked ahead of the head.
    fn holds(&self) -> bool {
        self.next <= REJECT_AFTER_MESSAGES && (self.word(self.next) >> (self.next % 64)) >> 1 == 0
    }

    /// Whether the counter, which is in the window, was accepted.
    fn seen(&self, counter: u64) -> bool {
        let place = counter + 1;
        place <= self.next && (self.word(place) >> (place % 64)) & 1 == 1
    }

    /// Whether the counter is too old to tell.
    fn is_old(&self, counter: u64) -> bool {
        counter + 1 + REPLAY_WINDOW < self.next
    }
}

const _: () = assert!(size_of::<Memory>() == size_of::<ReplayWindow>());

pub mod theorems {
    use super::*;

    #[no_mangle]
    pub fn a_window_is_in_memory_as_said(memory: &mut Memory) {
        let next = memory.next;
        prove!(memory.window().next() == next);
        reached!();
    }

    /// The beginning of the induction.
    #[no_mangle]
    pub fn a_new_window_has_seen_nothing(counter: u64) {
        given!(counter < REJECT_AFTER_MESSAGES);
        let window = ReplayWindow::new();
        let memory = Memory::of(&window);
        prove!(window.next() == 0 && memory.holds());
        prove!(!memory.seen(counter) && !memory.is_old(counter));
        reached!();
    }

    /// Whatever was accepted: nothing from the limit on is, nor does it change anything.
    #[no_mangle]
    pub fn nothing_from_the_limit_on(memory: &mut Memory, counter: u64, at: u64) {
        given!(counter >= REJECT_AFTER_MESSAGES);
        let (next, word) = (memory.next, memory.word(at));
        prove!(!memory.window().accept(Counter(counter)));
        prove!(memory.next == next && memory.word(at) == word);
        reached!();
    }

    /// The answer: yes exactly for those in the window that were not accepted before.
    #[no_mangle]
    pub fn the_answer_is_right(memory: &mut Memory, counter: u64) {
        given!(memory.holds() && counter < REJECT_AFTER_MESSAGES);
        let (seen, is_old) = (memory.seen(counter), memory.is_old(counter));
        let answer = memory.window().accept(Counter(counter));
        prove!(answer == (!seen && !is_old));
        reached!();
    }

    /// What is known of this counter afterwards, and that the invariant still holds.
    #[no_mangle]
    pub fn what_is_accepted_is_known(memory: &mut Memory, counter: u64) {
        given!(memory.holds() && counter < REJECT_AFTER_MESSAGES);
        let next = memory.next;
        let is_old = memory.is_old(counter);
        let answer = memory.window().accept(Counter(counter));
        prove!(memory.holds());
        prove!(memory.next == if answer { next.max(counter + 1) } else { next });
        prove!(is_old || memory.seen(counter));
        reached!();
    }

    /// Nothing is forgotten or made up of any other counter that is still in the window.
    #[no_mangle]
    pub fn all_others_stay_as_they_were(memory: &mut Memory, counter: u64, other: u64) {
        given!(memory.holds() && counter < REJECT_AFTER_MESSAGES);
        given!(other != counter && other < REJECT_AFTER_MESSAGES);
        let seen = memory.seen(other);
        memory.window().accept(Counter(counter));
        given!(!memory.is_old(other));
        prove!(memory.seen(other) == seen);
        reached!();
    }
}
