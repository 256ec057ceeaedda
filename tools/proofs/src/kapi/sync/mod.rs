// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

use std::{
    cell::UnsafeCell,
    ops::{Deref, DerefMut},
    sync::atomic::{AtomicBool, Ordering},
};

use kernel::{alloc::Flags, prelude::*};

#[path = "../../../../../src/kapi/sync/atomic.rs"]
pub(crate) mod atomic;
#[path = "../../../../host-test/src/kapi/sync/rcu.rs"]
pub(crate) mod rcu;

impl<T: Send + Sync> rcu::RcuArc<T> {
    pub(crate) fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        Self::new(init.make()?, flags)
    }
}

/// A lock of which nobody waits: a theorem is about one context at a time.
pub(crate) struct SpinLockBh<T> {
    held: AtomicBool,
    data: UnsafeCell<T>,
}

// SAFETY: The data is reached through the lock only.
unsafe impl<T: Send> Sync for SpinLockBh<T> {}

impl<T> SpinLockBh<T> {
    pub(crate) fn new(data: T) -> Self {
        Self {
            held: AtomicBool::new(false),
            data: UnsafeCell::new(data),
        }
    }

    pub(crate) fn lock(&self) -> SpinLockBhGuard<'_, T> {
        assert!(!self.held.swap(true, Ordering::Acquire), "a deadlock");
        SpinLockBhGuard(self)
    }
}

pub(crate) struct SpinLockBhGuard<'a, T>(&'a SpinLockBh<T>);

impl<T> Deref for SpinLockBhGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The lock is held.
        unsafe { &*self.0.data.get() }
    }
}

impl<T> DerefMut for SpinLockBhGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The lock is held, and `self` borrowed.
        unsafe { &mut *self.0.data.get() }
    }
}

impl<T> Drop for SpinLockBhGuard<'_, T> {
    fn drop(&mut self) {
        self.0.held.store(false, Ordering::Release);
    }
}

macro_rules! new_spinlock_bh {
    ($inner:expr $(, $name:literal)?) => {
        $crate::kapi::sync::SpinLockBh::new($inner)
    };
}
pub(crate) use new_spinlock_bh;
