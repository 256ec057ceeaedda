// SPDX-License-Identifier: GPL-2.0

//! CPUs.
//!
//! C header: [`include/linux/cpumask.h`](srctree/include/linux/cpumask.h)

use crate::{
    bindings,
    kapi::sync::bh::BhDisabled, //
};

/// A CPU that the system may have.
///
/// # Invariants
///
/// The number is below `nr_cpu_ids`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cpu(u32);

impl Cpu {
    /// The number of CPU numbers in use: every CPU's number is lower.
    pub(crate) fn count() -> u32 {
        kernel::cpu::nr_cpu_ids()
    }

    /// How many CPUs are online now.
    pub(crate) fn online_count() -> u32 {
        // SAFETY: No requirements.
        unsafe { bindings::num_online() }
    }

    /// The CPU of that number, if there can be one.
    pub(crate) fn new(id: u32) -> Option<Self> {
        // INVARIANT: Just checked.
        (id < Self::count()).then_some(Self(id))
    }

    /// The CPU that runs this, which stays the same as long as bottom halves are disabled.
    #[inline]
    pub(crate) fn current(_bh: BhDisabled<'_>) -> Self {
        // SAFETY: No requirements.
        // INVARIANT: A running CPU has a number.
        Self(unsafe { bindings::smp_processor_id() })
    }

    /// The first CPU that is online.
    #[inline]
    pub(crate) fn first_online() -> Self {
        // The search wraps around behind the last number.
        Self(Self::count().wrapping_sub(1)).next_online()
    }

    /// The online CPU after this one, round and round.
    #[inline]
    pub(crate) fn next_online(self) -> Self {
        // SAFETY: By the type invariants, the number is in range.
        // INVARIANT: An online CPU's number is in range.
        Self(unsafe { bindings::next_online_cpu(self.0) })
    }

    /// Whether the CPU is online now.
    #[inline]
    pub(crate) fn is_online(self) -> bool {
        // SAFETY: By the type invariants, the number is in range.
        unsafe { bindings::cpu_online(self.0) }
    }

    /// The CPU's number.
    #[inline]
    pub(crate) fn id(self) -> u32 {
        self.0
    }
}

/// Lets other threads run, in process context, if it is their turn.
#[inline]
pub(crate) fn cond_resched() {
    // SAFETY: Whether this context may sleep is checked by the kernel's debug options; it is no
    // matter of memory safety.
    unsafe { bindings::cond_resched() }
}
