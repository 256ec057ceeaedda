// SPDX-License-Identifier: GPL-2.0

//! Locks that are held with bottom halves disabled.

use std::{
    mem::ManuallyDrop,
    ops::{Deref, DerefMut}, //
};

use super::rcu;

/// A spin lock.
pub struct SpinLock<T>(loom::sync::Mutex<T>);

/// A spin lock, held.
pub struct SpinLockGuard<'a, T>(ManuallyDrop<loom::sync::MutexGuard<'a, T>>);

impl<T> SpinLock<T> {
    /// Creates one.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Locks it.
    #[track_caller]
    pub fn lock(&self) -> SpinLockGuard<'_, T> {
        rcu::callbacks_off();
        SpinLockGuard(ManuallyDrop::new(self.0.lock().unwrap()))
    }
}

impl<T> Deref for SpinLockGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for SpinLockGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

impl<T> Drop for SpinLockGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: This is done once.
        unsafe { ManuallyDrop::drop(&mut self.0) };
        rcu::callbacks_on();
    }
}
