// SPDX-License-Identifier: GPL-2.0

//! CPUs, of which each thread says how many there are and on which it runs.

use std::cell::Cell;

use crate::kapi::sync::bh::BhDisabled;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(1) };
    static CURRENT: Cell<u32> = const { Cell::new(0) };
}

/// Sets the number of CPUs.
pub(crate) fn set_count(count: u32) {
    COUNT.set(count);
}

/// Goes on on another CPU.
pub(crate) fn move_to(cpu: u32) {
    CURRENT.set(cpu);
}

/// Lets others run.
pub(crate) fn cond_resched() {}

pub(crate) struct Cpu(u32);

impl Cpu {
    pub(crate) fn count() -> u32 {
        COUNT.get()
    }

    pub(crate) fn online_count() -> u32 {
        COUNT.get()
    }

    pub(crate) fn current(_bh: BhDisabled<'_>) -> Self {
        Self(CURRENT.get())
    }

    pub(crate) fn id(self) -> u32 {
        self.0
    }
}
