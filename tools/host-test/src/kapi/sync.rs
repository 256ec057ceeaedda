// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

pub(crate) mod atomic;
pub(crate) mod bh;
pub(crate) mod rcu;
#[path = "../../../../src/kapi/sync/rcu_tree/mod.rs"]
pub(crate) mod rcu_tree;

/// A lock; the host has no bottom halves.
pub(crate) struct SpinLockBh<T>(std::sync::Mutex<T>);

impl<T> SpinLockBh<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(std::sync::Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> std::sync::MutexGuard<'_, T> {
        self.0.lock().unwrap()
    }
}

macro_rules! new_spinlock_bh {
    ($inner:expr $(, $name:literal)?) => {
        $crate::kapi::sync::SpinLockBh::new($inner)
    };
}
pub(crate) use new_spinlock_bh;
