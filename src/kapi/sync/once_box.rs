// SPDX-License-Identifier: GPL-2.0

//! A place for what is made when it is first needed, by whoever comes first.

use core::{
    marker::PhantomData,
    ptr::{self, NonNull}, //
};

use kernel::prelude::*;

use crate::kapi::sync::atomic::{
    AtomicPtr,
    Ordering, //
};

/// A place for a `T` that is made once and then stays, read and filled without a lock.
///
/// # Invariants
///
/// The pointer is null, or came out of a `KBox<T>` that the place owns. It changes once, from the former
/// to the latter.
pub(crate) struct OnceBox<T> {
    ptr: AtomicPtr<T>,
    _owns: PhantomData<KBox<T>>,
}

// SAFETY: The place owns the `T` as a box does, and lends it to others.
unsafe impl<T: Send + Sync> Send for OnceBox<T> {}
// SAFETY: As above; whoever drops the place gets the `T`, whichever context put it there.
unsafe impl<T: Send + Sync> Sync for OnceBox<T> {}

impl<T> OnceBox<T> {
    /// An empty place.
    pub(crate) const fn new() -> Self {
        Self {
            ptr: AtomicPtr::new(ptr::null_mut()),
            _owns: PhantomData,
        }
    }

    /// What is there.
    pub(crate) fn get(&self) -> Option<&T> {
        let ptr = NonNull::new(self.ptr.load(Ordering::Acquire))?;
        // SAFETY: By the type invariants, the target stays until the place is dropped.
        Some(unsafe { ptr.as_ref() })
    }

    /// What is there, which `make` makes if that is nothing. If several do so at once, one of them has
    /// its way, and the others' are dropped. Does not sleep, but as far as `make` does.
    pub(crate) fn get_or_make(&self, make: impl FnOnce() -> Option<KBox<T>>) -> Option<&T> {
        if let Some(there) = self.get() {
            return Some(there);
        }
        let new = KBox::into_raw(make()?);
        let (expected, success, failure) = (ptr::null_mut(), Ordering::AcqRel, Ordering::Acquire);
        // INVARIANT: If the exchange succeeds, the place owns the box from here on.
        if self
            .ptr
            .compare_exchange(expected, new, success, failure)
            .is_err()
        {
            // SAFETY: The box has stayed ours.
            drop(unsafe { KBox::from_raw(new) });
        }
        self.get()
    }
}

impl<T> Drop for OnceBox<T> {
    fn drop(&mut self) {
        let ptr = *self.ptr.get_mut();
        if !ptr.is_null() {
            // SAFETY: By the type invariants the box is ours, and who borrows it borrows `self`.
            drop(unsafe { KBox::from_raw(ptr) });
        }
    }
}
