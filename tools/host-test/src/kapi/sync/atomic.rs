// SPDX-License-Identifier: GPL-2.0

//! Atomics, whose changes can be watched.

use std::{cell::Cell, ops::Deref, sync::atomic};

pub(crate) use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU8, AtomicUsize, Ordering};

thread_local! {
    static OBSERVER: Cell<Option<*const dyn Fn()>> = const { Cell::new(None) };
}

/// Calls `observer` after each change that `work` makes visible to readers in this thread.
pub(crate) fn observed<R>(observer: &dyn Fn(), work: impl FnOnce() -> R) -> R {
    // SAFETY: The pointer is gone before the borrow ends, whether or not `work` panics.
    let observer = unsafe { std::mem::transmute::<&dyn Fn(), &'static dyn Fn()>(observer) };
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            OBSERVER.set(None);
        }
    }
    let _reset = Reset;
    OBSERVER.set(Some(observer));
    work()
}

/// Tells the observer of this thread that something has changed.
fn changed() {
    if let Some(observer) = OBSERVER.get() {
        // SAFETY: It is there only as long as `observed` borrows what it points to.
        unsafe { (*observer)() };
    }
}

macro_rules! watched {
    ($name:ident $(<$param:ident>)?, $value:ty) => {
        pub(crate) struct $name $(<$param>)?(atomic::$name $(<$param>)?);

        impl $(<$param>)? $name $(<$param>)? {
            pub(crate) const fn new(value: $value) -> Self {
                Self(atomic::$name::new(value))
            }

            pub(crate) fn store(&self, value: $value, order: Ordering) {
                self.0.store(value, order);
                changed();
            }

            pub(crate) fn swap(&self, value: $value, order: Ordering) -> $value {
                let before = self.0.swap(value, order);
                changed();
                before
            }

            pub(crate) fn get_mut(&mut self) -> &mut $value {
                self.0.get_mut()
            }
        }

        impl $(<$param>)? Deref for $name $(<$param>)? {
            type Target = atomic::$name $(<$param>)?;

            fn deref(&self) -> &Self::Target {
                &self.0
            }
        }
    };
}

watched!(AtomicPtr<T>, *mut T);
watched!(AtomicU64, u64);
