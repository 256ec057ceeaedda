// SPDX-License-Identifier: GPL-2.0

//! Routes, and what is remembered of them.
//!
//! C header: [`include/net/dst.h`](srctree/include/net/dst.h)

use core::{
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull}, //
};

use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

use crate::bindings;

/// A reference to a route.
///
/// # Invariants
///
/// The pointer is to a valid `struct dst_entry`, of whose references this value owns one.
pub(in crate::kapi) struct Dst(NonNull<bindings::dst_entry>);

// SAFETY: References to a route may be given up in any context.
unsafe impl Send for Dst {}

impl Dst {
    /// Takes the result of a route lookup over.
    ///
    /// # Safety
    ///
    /// `dst` must be an `ERR_PTR`, or a route with a reference that the caller gives up.
    #[inline]
    pub(super) unsafe fn from_raw(dst: *mut bindings::dst_entry) -> Result<Self> {
        // INVARIANT: By the caller's promise.
        Ok(Self(NonNull::new(from_err_ptr(dst)?).ok_or(ENETUNREACH)?))
    }

    /// How long packets by the route may be, as far as is known.
    #[inline]
    pub(super) fn mtu(&self) -> u32 {
        // SAFETY: By the type invariants, the route is valid and referenced.
        unsafe { bindings::dst_mtu(self.0.as_ptr()) }
    }

    /// The route as C knows it.
    #[inline]
    pub(super) fn as_ptr(&self) -> *mut bindings::dst_entry {
        self.0.as_ptr()
    }

    /// Passes the reference on to C.
    #[inline]
    pub(super) fn into_raw(self) -> *mut bindings::dst_entry {
        ManuallyDrop::new(self).0.as_ptr()
    }
}

impl Clone for Dst {
    #[inline]
    fn clone(&self) -> Self {
        // SAFETY: By the type invariants, the route is valid and referenced.
        unsafe { bindings::dst_hold(self.0.as_ptr()) };
        // INVARIANT: The reference just taken is the clone's.
        Self(self.0)
    }
}

impl Drop for Dst {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the reference is ours.
        unsafe { bindings::dst_release(self.0.as_ptr()) };
    }
}

/// A route and the source address to use with it, remembered from a lookup to the next.
///
/// Whatever uses it takes `&mut self`: who shares it keeps it in a lock, along with the destination
/// that the route leads to, so that a route to the one before is never remembered for the next.
///
/// A route that no longer holds is let go of at the next lookup. Until then it keeps what the table
/// of routes knows of it, but no device: one that goes away is exchanged in all routes. A namespace
/// may not go before [`Self::forget`].
///
/// # Invariants
///
/// `dst` is null, or points to a valid `struct dst_entry` of whose references this value owns one.
pub(crate) struct KnownRoute(bindings::wg_helper_route);

// SAFETY: References to a route may be used and given up in any context.
unsafe impl Send for KnownRoute {}
// SAFETY: Nothing can be done through `&KnownRoute`.
unsafe impl Sync for KnownRoute {}

impl KnownRoute {
    /// No route is known.
    pub(crate) fn new() -> Self {
        // INVARIANT: The pointer is null.
        Self(bindings::wg_helper_route::default())
    }

    /// Forgets the route.
    #[inline]
    pub(crate) fn forget(&mut self) {
        // INVARIANT: The reference passes on to what is dropped here.
        let dst = mem::replace(&mut self.0.dst, ptr::null_mut());
        drop(NonNull::new(dst).map(Dst));
    }

    /// The route as the shims know it, which keep the invariants.
    #[inline]
    pub(super) fn as_mut_ptr(&mut self) -> *mut bindings::wg_helper_route {
        &mut self.0
    }
}

impl Drop for KnownRoute {
    fn drop(&mut self) {
        self.forget();
    }
}
