// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

mod arc;

pub use arc::Arc;

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
