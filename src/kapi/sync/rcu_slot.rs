// SPDX-License-Identifier: GPL-2.0

//! A place for what lock-free readers borrow and only process context may drop.
//!
//! [`RcuCell`](super::rcu::RcuCell) drops what it held in a callback of RCU, where nothing may
//! sleep. An [`RcuSlot`] hands it back to who replaced it instead, after waiting for the readers.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

use core::{
    marker::PhantomData,
    mem,
    ptr::{self, NonNull}, //
};

use kernel::prelude::*;

use crate::{
    bindings,
    kapi::sync::{
        atomic::{AtomicPtr, Ordering},
        rcu::Rcu, //
    }, //
};

/// A place that publishes a `T` to lock-free readers.
///
/// # Invariants
///
/// The pointer is null or came out of a `KBox<T>` that the slot owns; readers borrow its target
/// until the end of their critical section.
pub(crate) struct RcuSlot<T> {
    ptr: AtomicPtr<T>,
    _owns: PhantomData<KBox<T>>,
}

// SAFETY: The slot owns the `T` as a box does, and lends it to readers in other contexts.
unsafe impl<T: Send + Sync> Send for RcuSlot<T> {}
// SAFETY: As above; whoever replaces the `T` gets it, whichever context put it there.
unsafe impl<T: Send + Sync> Sync for RcuSlot<T> {}

impl<T> RcuSlot<T> {
    /// Creates an empty slot.
    pub(crate) const fn new() -> Self {
        Self {
            ptr: AtomicPtr::new(ptr::null_mut()),
            _owns: PhantomData,
        }
    }

    /// Borrows what is published now.
    #[inline]
    pub(crate) fn load<'a>(&'a self, _rcu: Rcu<'a>) -> Option<&'a T> {
        let ptr = NonNull::new(self.ptr.load(Ordering::Acquire))?;
        // SAFETY: By the type invariants, the target is valid. Who replaces it waits for the
        // critical section, and who drops the slot for the borrow of `self` to end.
        Some(unsafe { ptr.as_ref() })
    }

    /// Whether nothing is published.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.ptr.load(Ordering::Relaxed).is_null()
    }

    /// Publishes another value, or none, and returns the one before, which readers may still use.
    pub(crate) fn replace(&self, value: Option<KBox<T>>) -> Retired<T> {
        let new = value.map_or(ptr::null_mut(), KBox::into_raw);
        // INVARIANT: The slot passes its ownership on, but not before `Retired` has waited.
        Retired(NonNull::new(self.ptr.swap(new, Ordering::AcqRel)))
    }
}

impl<T> Drop for RcuSlot<T> {
    fn drop(&mut self) {
        let ptr = *self.ptr.get_mut();
        if !ptr.is_null() {
            // SAFETY: By the type invariants the box is ours, and readers borrow `self` as well.
            drop(unsafe { KBox::from_raw(ptr) });
        }
    }
}

/// What an [`RcuSlot`] published before; readers that started in time may still use it.
///
/// Dropping it waits for them, so that must happen in process context.
///
/// # Invariants
///
/// The pointer, if there is one, came out of a `KBox<T>` that this value owns, but must not use
/// or free before a grace period has passed.
#[must_use = "dropping it here waits for a grace period"]
pub(crate) struct Retired<T>(Option<NonNull<T>>);

// SAFETY: It is a box in transit to whoever waits for it.
unsafe impl<T: Send> Send for Retired<T> {}

impl<T> Retired<T> {
    /// What was replaced, which readers may still use as well.
    pub(crate) fn get(&self) -> Option<&T> {
        // SAFETY: By the type invariants the box is ours, and freed by nobody but `wait`, which takes the pointer away.
        self.0.map(|ptr| unsafe { ptr.as_ref() })
    }

    /// Waits until no reader is left that started before. Sleeps, unless there is nothing to wait for.
    pub(crate) fn wait_for_readers(&self) {
        if self.0.is_some() {
            // SAFETY: No requirements but process context, which the type's users are told about.
            unsafe { bindings::synchronize_net() };
        }
    }

    /// Waits until no reader is left. Sleeps, unless there was nothing to wait for.
    pub(crate) fn reclaim(mut self) -> Option<KBox<T>> {
        self.wait()
    }

    fn wait(&mut self) -> Option<KBox<T>> {
        self.wait_for_readers();
        let ptr = mem::take(&mut self.0)?;
        // SAFETY: By the type invariants the box is ours; the grace period has passed.
        Some(unsafe { KBox::from_raw(ptr.as_ptr()) })
    }
}

impl<T> Drop for Retired<T> {
    fn drop(&mut self) {
        drop(self.wait());
    }
}
