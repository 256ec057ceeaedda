// SPDX-License-Identifier: GPL-2.0

//! Leaves.

use core::{
    marker::PhantomData,
    mem::MaybeUninit,
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    alloc::Flags,
    prelude::*,
    types::Opaque, //
};

use super::order::Links;
use crate::{
    bindings,
    kapi::sync::rcu, //
};

/// A leaf in memory.
///
/// # Invariants
///
/// `links` is initialised.
#[repr(C)]
pub(super) struct Inner<T> {
    head: Opaque<bindings::callback_head>,
    pub(super) links: Links,
    pub(super) data: T,
}

/// A leaf that is in no tree. Dropping it frees it a grace period later, in a callback of RCU, where
/// nothing may sleep.
///
/// One that is still in an order is leaked instead: see [`Order::strike`](super::Order::strike).
///
/// # Invariants
///
/// The pointer came out of a `KBox`, and the value owns its target; readers may still be in there.
pub(crate) struct Leaf<T: 'static> {
    ptr: NonNull<Inner<T>>,
    _owns: PhantomData<Inner<T>>,
}

// SAFETY: A leaf owns a `T`, which is shared with readers in other contexts.
unsafe impl<T: Send + Sync> Send for Leaf<T> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync> Sync for Leaf<T> {}

/// Memory for a leaf.
pub(crate) struct LeafRoom<T: 'static>(KBox<MaybeUninit<Inner<T>>>);

impl<T: Send + Sync> LeafRoom<T> {
    /// What a leaf takes, in bytes.
    pub(crate) const SIZE: usize = size_of::<Inner<T>>();

    /// Allocates it.
    pub(crate) fn new(flags: Flags) -> Result<Self> {
        Ok(Self(KBox::new_uninit(flags)?))
    }

    /// Makes the leaf.
    pub(crate) fn fill(self, data: T) -> Leaf<T> {
        let inner = KBox::into_raw(KBox::write(
            self.0,
            Inner {
                head: Opaque::uninit(),
                links: Links::uninit(),
                data,
            },
        ));
        // SAFETY: `inner` is valid, and nobody else's yet.
        unsafe { (*inner).links.init() };
        // INVARIANT: It came out of a box that is given to this value, and the links are initialised.
        Leaf {
            // SAFETY: A box is never null.
            ptr: unsafe { NonNull::new_unchecked(inner) },
            _owns: PhantomData,
        }
    }
}

impl<T> Leaf<T> {
    /// Gives the leaf away as what a slot holds.
    pub(super) fn into_ptr(self) -> NonNull<Inner<T>> {
        let ptr = self.ptr;
        core::mem::forget(self);
        ptr
    }

    /// Takes a leaf back.
    ///
    /// # Safety
    ///
    /// `ptr` must come from [`Self::into_ptr`] and be taken back once, after it is out of reach of
    /// readers that begin later.
    pub(super) unsafe fn from_ptr(ptr: NonNull<Inner<T>>) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            ptr,
            _owns: PhantomData,
        }
    }

    /// The links of this leaf.
    pub(super) fn links(&self) -> &Links {
        // SAFETY: By the type invariants, the target is valid.
        unsafe { &(*self.ptr.as_ptr()).links }
    }

    /// The leaf in memory.
    pub(super) fn as_ptr(&self) -> *mut Inner<T> {
        self.ptr.as_ptr()
    }
}

impl<T> Deref for Leaf<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, the target is valid; it is only shared.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

impl<T> Drop for Leaf<T> {
    fn drop(&mut self) {
        let is_linked = self.links().is_linked();
        debug_assert!(!is_linked, "a leaf is dropped that is in an order");
        if is_linked {
            return;
        }
        let inner = self.ptr.as_ptr();
        // SAFETY: By the type invariants, the target is valid and ours, so the head is used once;
        // `reclaim` gets the pointer that it expects.
        unsafe { rcu::call((*inner).head.get(), reclaim::<T>) };
    }
}

/// Frees a leaf whose grace period is over.
///
/// # Safety
///
/// `head` must be the head of an `Inner<T>` that came out of a box and was owned by a [`Leaf`] that
/// was dropped at least a grace period ago.
unsafe extern "C" fn reclaim<T>(head: *mut bindings::callback_head) {
    let head = Opaque::cast_from(head);
    // SAFETY: By the caller's promise.
    let inner = unsafe { kernel::container_of!(head, Inner<T>, head) }.cast_mut();
    // SAFETY: It came out of a box, and no readers are left.
    drop(unsafe { KBox::from_raw(inner) });
    rcu::called();
}
