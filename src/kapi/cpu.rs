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
/// The CPU is a possible one: there is per-CPU memory for it. Not every number below `nr_cpu_ids` is
/// that of one.
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
    #[inline]
    pub(crate) fn new(id: u32) -> Option<Self> {
        // SAFETY: No requirements: numbers out of range are told from possible ones.
        // INVARIANT: Just checked.
        unsafe { bindings::cpu_possible(id) }.then_some(Self(id))
    }

    /// The CPU that runs this, which stays the same as long as bottom halves are disabled.
    #[inline]
    pub(crate) fn current(_bh: BhDisabled<'_>) -> Self {
        Self::lately()
    }

    /// The CPU that runs this, or has run it just now.
    #[inline]
    pub(crate) fn lately() -> Self {
        // SAFETY: No requirements.
        // INVARIANT: A CPU that runs, or ran, is possible.
        Self(unsafe { bindings::smp_processor_id() })
    }

    /// The first CPU that is online.
    #[inline]
    pub(crate) fn first_online() -> Self {
        // INVARIANT: `nr_cpu_ids` is the number behind that of the last possible CPU.
        let last = Self(Self::count().wrapping_sub(1));
        // The search wraps around behind it.
        last.next_online()
    }

    /// The online CPU after this one, round and round.
    #[inline]
    pub(crate) fn next_online(self) -> Self {
        // SAFETY: By the type invariants, the number is in range.
        // INVARIANT: An online CPU is possible.
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
///
/// As all that sleeps, this must not happen in a read-side critical section of RCU: where RCU is not
/// preemptible, it ends the section whatever references there are.
#[inline]
pub(crate) fn cond_resched() {
    // SAFETY: The types cannot tell whether this context may sleep; the kernel's debug options do.
    unsafe { bindings::cond_resched() }
}
