// SPDX-License-Identifier: GPL-2.0

//! CPUs: there are as many as a model asks for, all online.

use std::cell::Cell;

thread_local! {
    static COUNT: Cell<u32> = const { Cell::new(1) };
}

/// Sets the number of CPUs.
pub fn set_count(count: u32) {
    COUNT.set(count);
}

/// How many CPUs there are.
pub fn nr_cpu_ids() -> u32 {
    COUNT.get()
}
