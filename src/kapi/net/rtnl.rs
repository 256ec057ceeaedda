// SPDX-License-Identifier: GPL-2.0

//! The lock over the configuration of network devices.
//!
//! C header: [`include/linux/rtnetlink.h`](srctree/include/linux/rtnetlink.h)

use core::ops::Deref;

use kernel::types::NotThreadSafe;

use crate::bindings;

/// Evidence that the current task holds RTNL, used by reference.
///
/// # Invariants
///
/// The current task holds RTNL for as long as the value is borrowed.
pub(crate) struct RtnlHeld(NotThreadSafe);

impl RtnlHeld {
    /// Asserts that the current task holds RTNL.
    ///
    /// # Safety
    ///
    /// RTNL must be held for the whole of `'a`.
    #[inline]
    pub(in crate::kapi) unsafe fn assume<'a>() -> &'a Self {
        // INVARIANT: The caller promises it.
        &Self(NotThreadSafe)
    }
}

/// Keeps RTNL until dropped.
///
/// Giving up RTNL finishes the unregistration of all devices that were unregistered while it was
/// held: destructors run in the thread that drops the guard, and references to those devices are
/// waited for there.
///
/// # Invariants
///
/// The current task holds RTNL.
pub(crate) struct RtnlGuard(RtnlHeld);

/// Takes RTNL; may sleep for long.
///
/// Not for drivers: whoever changes a link, an address or a route anywhere would wait for them.
pub(in crate::kapi) fn lock() -> RtnlGuard {
    // SAFETY: No requirements; the guard's `drop` is the counterpart.
    unsafe { bindings::rtnl_lock() };
    // INVARIANT: RTNL has just been taken.
    RtnlGuard(RtnlHeld(NotThreadSafe))
}

impl RtnlGuard {
    /// The evidence that this guard provides.
    #[inline]
    pub(crate) fn held(&self) -> &RtnlHeld {
        &self.0
    }
}

impl Deref for RtnlGuard {
    type Target = RtnlHeld;

    #[inline]
    fn deref(&self) -> &RtnlHeld {
        self.held()
    }
}

impl Drop for RtnlGuard {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, by this task, since the guard is not `Send`.
        unsafe { bindings::rtnl_unlock() };
    }
}
