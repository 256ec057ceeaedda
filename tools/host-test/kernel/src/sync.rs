// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

use std::ops::Deref;

use crate::alloc::{attempt, AllocError, Flags};

/// One of several references to an object.
pub struct Arc<T>(std::sync::Arc<T>);

impl<T> Arc<T> {
    /// Allocates it.
    pub fn new(object: T, _flags: Flags) -> Result<Self, AllocError> {
        attempt()?;
        Ok(Self(std::sync::Arc::new(object)))
    }
}

impl<T> Clone for Arc<T> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<T> Deref for Arc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

/// Read-side critical sections.
pub mod rcu {
    use std::marker::PhantomData;
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// How many critical sections there are.
    static READERS: AtomicUsize = AtomicUsize::new(0);

    /// A critical section.
    pub struct Guard(PhantomData<*mut ()>);

    /// Enters a critical section.
    pub fn read_lock() -> Guard {
        READERS.fetch_add(1, Ordering::SeqCst);
        Guard(PhantomData)
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            READERS.fetch_sub(1, Ordering::SeqCst);
        }
    }

    /// Waits for a moment without critical sections, which is more than a grace period.
    pub fn synchronize() {
        while READERS.load(Ordering::SeqCst) != 0 {
            std::thread::yield_now();
        }
    }
}
