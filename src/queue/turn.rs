// SPDX-License-Identifier: GPL-2.0

//! Whose turn it is among the CPUs.

use crate::kapi::{
    cpu::Cpu,
    sync::atomic::{AtomicU32, Ordering}, //
};

/// Goes round and round the CPUs that are online.
///
/// It is a hint: two callers may be given one CPU.
pub(super) struct Turn(AtomicU32);

impl Turn {
    /// Begins with the first CPU.
    pub(super) const fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// The CPU whose turn it is now.
    #[inline]
    pub(super) fn next(&self) -> Cpu {
        self.next_that(|_| true)
    }

    /// The CPU whose turn it is now, or the one after it if that is not wanted.
    #[inline]
    pub(super) fn next_that(&self, is_wanted: impl FnOnce(Cpu) -> bool) -> Cpu {
        let last = self.0.load(Ordering::Relaxed);
        let mut cpu = Cpu::new(last).map_or_else(Cpu::first_online, Cpu::next_online);
        if !is_wanted(cpu) {
            cpu = cpu.next_online();
        }
        self.0.store(cpu.id(), Ordering::Relaxed);
        cpu
    }
}
