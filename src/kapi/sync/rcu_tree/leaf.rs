// SPDX-License-Identifier: GPL-2.0

//! Leaves.

use core::{
    marker::PhantomData,
    mem::{offset_of, MaybeUninit},
    ops::Deref,
    ptr::NonNull, //
};

use kernel::{
    alloc::Flags,
    prelude::*,
    types::Opaque, //
};

use super::order::{Links, Ordered};
use crate::{
    bindings,
    kapi::sync::rcu::{self, RcuArc, RcuLink, RcuRef}, //
};

/// A leaf in memory.
///
/// # Invariants
///
/// `links` is initialised. `owner` is let go of when a [`Leaf`] is dropped, and then new readers do not find
/// the leaf any more.
#[repr(C)]
pub(super) struct Inner<T, O: 'static> {
    head: Opaque<bindings::callback_head>,
    pub(super) links: Links,
    owner: RcuLink<O>,
    data: T,
}

/// A leaf that is in no tree. Dropping it lets go of its owner, and frees it a grace period later.
///
/// One that is still in an order is leaked instead: see [`Order::strike`](super::Order::strike).
///
/// # Invariants
///
/// The pointer came out of a `KBox`, and the value owns its target; readers may still be in there.
pub(crate) struct Leaf<T: 'static, O: 'static> {
    ptr: NonNull<Inner<T, O>>,
    _owns: PhantomData<(T, RcuArc<O>)>,
}

// SAFETY: A leaf owns a `T` and a reference to an `O`, which are shared with readers in other contexts.
unsafe impl<T: Send + Sync, O: Send + Sync> Send for Leaf<T, O> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync, O: Send + Sync> Sync for Leaf<T, O> {}

/// Memory for a leaf.
pub(crate) struct LeafRoom<T: 'static, O: 'static>(KBox<MaybeUninit<Inner<T, O>>>);

impl<T: Copy + Send + Sync, O: Send + Sync> LeafRoom<T, O> {
    /// What a leaf takes, in bytes.
    pub(crate) const SIZE: usize = size_of::<Inner<T, O>>();

    /// Allocates it.
    pub(crate) fn new(flags: Flags) -> Result<Self> {
        Ok(Self(KBox::new_uninit(flags)?))
    }

    /// Makes the leaf. What it holds is [`Copy`]: it is not dropped.
    pub(crate) fn fill(self, data: T, owner: RcuArc<O>) -> Leaf<T, O> {
        let inner = KBox::into_raw(KBox::write(
            self.0,
            Inner {
                head: Opaque::uninit(),
                links: Links::uninit(),
                owner: RcuLink::new(owner),
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

impl<T, O> Leaf<T, O> {
    /// Gives the leaf away as what a slot holds.
    pub(super) fn into_ptr(self) -> NonNull<Inner<T, O>> {
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
    pub(super) unsafe fn from_ptr(ptr: NonNull<Inner<T, O>>) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            ptr,
            _owns: PhantomData,
        }
    }

    /// The leaf as others see it.
    pub(super) fn borrow(&self) -> LeafRef<'_, T, O> {
        // SAFETY: By the type invariants, the target is valid, and nothing is let go of while it is borrowed.
        unsafe { LeafRef::new(self.ptr) }
    }

    /// The links of this leaf.
    pub(super) fn links(&self) -> &Links {
        // SAFETY: By the type invariants, the target is valid.
        unsafe { &(*self.ptr.as_ptr()).links }
    }

    /// The leaf in memory.
    pub(super) fn as_ptr(&self) -> *mut Inner<T, O> {
        self.ptr.as_ptr()
    }
}

impl<T, O> Deref for Leaf<T, O> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: By the type invariants, the target is valid; it is only shared.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

impl<T, O> Drop for Leaf<T, O> {
    fn drop(&mut self) {
        // The head is what the memory begins with.
        const { assert!(offset_of!(Inner<T, O>, head) == 0) };
        let is_linked = self.links().is_linked();
        debug_assert!(!is_linked, "a leaf is dropped that is in an order");
        if is_linked {
            return;
        }
        let inner = self.ptr.as_ptr();
        // SAFETY: By the type invariants, the target is valid and ours, so this happens once; readers that
        // are still in there began before.
        let owner = unsafe { (*inner).owner.let_go() };
        // SAFETY: As above; it came out of a box, and what else is in it needs no drop.
        unsafe { rcu::free(inner.cast()) };
        drop(owner);
    }
}

/// A leaf, as readers see it, and whoever looks into an [`Order`](super::Order).
///
/// # Invariants
///
/// The leaf is not freed before `'r` ends, nor is its owner.
pub(crate) struct LeafRef<'r, T: 'static, O: 'static>(&'r Inner<T, O>);

impl<T, O> Clone for LeafRef<'_, T, O> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, O> Copy for LeafRef<'_, T, O> {}

impl<'r, T, O> LeafRef<'r, T, O> {
    /// # Safety
    ///
    /// The leaf must be valid, and neither it nor its owner be freed before `'r` ends.
    #[inline]
    pub(super) unsafe fn new(ptr: NonNull<Inner<T, O>>) -> Self {
        // INVARIANT: By the caller's promise.
        // SAFETY: As above. Nothing writes to the data of a leaf in a tree.
        Self(unsafe { ptr.as_ref() })
    }

    /// The owner.
    #[inline]
    pub(crate) fn owner(self) -> RcuRef<'r, O> {
        // SAFETY: By the type invariants.
        unsafe { self.0.owner.borrow() }
    }
}

impl<T: Ordered<O>, O: Send + Sync> LeafRef<'_, T, O> {
    /// What it is sorted by in an order.
    pub(crate) fn key(self) -> T::Key {
        self.0.data.key(self.owner().get())
    }
}

impl<T, O> Deref for LeafRef<'_, T, O> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.0.data
    }
}
