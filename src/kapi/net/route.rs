// SPDX-License-Identifier: GPL-2.0

//! Routes and their cache.
//!
//! C headers: [`include/net/dst.h`](srctree/include/net/dst.h),
//! [`include/net/dst_cache.h`](srctree/include/net/dst_cache.h)

use core::{
    mem::ManuallyDrop,
    ptr::NonNull, //
};

use kernel::{
    error::{from_err_ptr, to_result},
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

/// A route and the source address to use with it, remembered on each CPU.
///
/// C lets lookups run on several CPUs at once with bottom halves disabled, and an invalidation
/// beside them. Here whatever uses the cache takes `&mut self`: who shares it keeps it in a lock,
/// along with the destination that the routes lead to, so that a route to the one before is never
/// put into a cache that has just been emptied.
///
/// # Invariants
///
/// `dst_cache_init` has initialised the cache.
pub(crate) struct DstCache(bindings::dst_cache);

// SAFETY: The cache is a pointer to per-CPU memory, which any CPU may use and free.
unsafe impl Send for DstCache {}
// SAFETY: Nothing can be done through `&DstCache`.
unsafe impl Sync for DstCache {}

impl DstCache {
    /// Allocates an empty cache. May sleep.
    pub(crate) fn new() -> Result<Self> {
        let mut cache = bindings::dst_cache::default();
        // SAFETY: `cache` can be written. It stores no pointer to itself, so it can be moved.
        to_result(unsafe { bindings::dst_cache_init(&mut cache, kernel::bindings::GFP_KERNEL) })?;
        // INVARIANT: Just initialised.
        Ok(Self(cache))
    }

    /// Invalidates what all CPUs remember, each of which frees its share when it looks next.
    #[inline]
    pub(crate) fn reset(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::dst_cache_reset(&mut self.0) };
    }

    /// Forgets what all CPUs remember, and frees it at once.
    ///
    /// Slower than [`Self::reset`], but nothing keeps a device or a namespace from going away.
    pub(crate) fn reset_now(&mut self) {
        // SAFETY: By the type invariants; `&mut self` excludes the concurrent users that C forbids.
        unsafe { bindings::dst_cache_reset_now(&mut self.0) };
    }

    /// The cache as C knows it.
    #[inline]
    pub(super) fn as_mut_ptr(&mut self) -> *mut bindings::dst_cache {
        &mut self.0
    }
}

impl Drop for DstCache {
    fn drop(&mut self) {
        // SAFETY: By the type invariants, and nobody else uses the cache now.
        unsafe { bindings::dst_cache_destroy(&mut self.0) };
    }
}
