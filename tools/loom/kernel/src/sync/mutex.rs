// SPDX-License-Identifier: GPL-2.0

//! Locks that sleep.

use std::ops::{Deref, DerefMut};

use crate::task::might_sleep;

/// A mutex.
pub struct Mutex<T>(loom::sync::Mutex<T>);

/// A mutex, locked.
pub struct MutexGuard<'a, T>(loom::sync::MutexGuard<'a, T>);

impl<T> Mutex<T> {
    /// Creates one.
    pub fn new(value: T) -> Self {
        Self(loom::sync::Mutex::new(value))
    }

    /// Locks it.
    #[track_caller]
    pub fn lock(&self) -> MutexGuard<'_, T> {
        might_sleep();
        MutexGuard(self.0.lock().unwrap())
    }
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// Creates a mutex.
#[macro_export]
macro_rules! new_mutex {
    ($value:expr $(, $name:literal)?) => {
        $crate::sync::Mutex::new($value)
    };
}
pub use new_mutex;
