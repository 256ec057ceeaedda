// SPDX-License-Identifier: GPL-2.0

//! Bottom halves: evidence that softirqs cannot run on this CPU.
//!
//! C header: [`include/linux/bottom_half.h`](srctree/include/linux/bottom_half.h)

use core::marker::PhantomData;

use kernel::types::NotThreadSafe;

use crate::{
    bindings,
    kapi::sync::rcu::Rcu, //
};

/// Evidence that bottom halves are disabled on the current CPU.
///
/// What is per CPU may be touched through it, and a region with bottom halves disabled is a
/// read-side critical section of RCU.
///
/// # Invariants
///
/// Bottom halves are disabled on the current CPU for `'a`, and the value stays on it.
#[derive(Clone, Copy)]
pub(crate) struct BhDisabled<'a>(PhantomData<&'a ()>, NotThreadSafe);

impl<'a> BhDisabled<'a> {
    /// Asserts that the current context is a softirq or has bottom halves disabled.
    ///
    /// # Safety
    ///
    /// Bottom halves must be disabled on the current CPU for the whole of `'a`.
    #[inline]
    pub(in crate::kapi) unsafe fn assume() -> Self {
        // INVARIANT: The caller promises it.
        Self(PhantomData, NotThreadSafe)
    }

    /// Returns evidence of an RCU read-side critical section.
    #[inline]
    pub(crate) fn rcu(self) -> Rcu<'a> {
        // SAFETY: A region with bottom halves disabled is a read-side critical section since the
        // RCU flavours were consolidated, and by the type invariants it lasts for `'a`.
        unsafe { Rcu::assume() }
    }
}

/// Keeps bottom halves disabled on this CPU until dropped.
pub(crate) struct BhGuard(NotThreadSafe);

/// Disables bottom halves on this CPU.
#[inline]
pub(crate) fn disable() -> BhGuard {
    // SAFETY: No requirements; the guard's `drop` is the counterpart.
    unsafe { bindings::local_bh_disable() };
    BhGuard(NotThreadSafe)
}

impl BhGuard {
    /// The evidence that this guard provides.
    #[inline]
    pub(crate) fn token(&self) -> BhDisabled<'_> {
        // SAFETY: Bottom halves stay disabled as long as the guard is borrowed.
        unsafe { BhDisabled::assume() }
    }
}

impl Drop for BhGuard {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: Balances the call in `disable`, on the same CPU, since the guard is not `Send`.
        unsafe { bindings::local_bh_enable() };
    }
}
