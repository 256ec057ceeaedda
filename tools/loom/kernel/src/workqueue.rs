// SPDX-License-Identifier: GPL-2.0

//! Work items. The queues they are put on are in [`bindings`].

use std::marker::PhantomData;

use crate::bindings;

/// See the kernel crate.
///
/// # Safety
///
/// See there.
pub unsafe trait RawWorkItem<const ID: u64> {
    /// What comes of queueing it.
    type EnqueueOutput;

    /// Queues it.
    ///
    /// # Safety
    ///
    /// See the kernel crate.
    unsafe fn __enqueue<F>(self, queue_work_on: F) -> Self::EnqueueOutput
    where
        F: FnOnce(*mut bindings::work_struct) -> bool;
}

/// See the kernel crate.
///
/// # Safety
///
/// See there.
pub unsafe trait WorkItemPointer<const ID: u64>: RawWorkItem<ID> {
    /// Runs the work.
    ///
    /// # Safety
    ///
    /// See the kernel crate.
    unsafe extern "C" fn run(work: *mut bindings::work_struct);
}

/// Work.
pub trait WorkItem<const ID: u64 = 0> {
    /// What it is queued by.
    type Pointer: WorkItemPointer<ID>;

    /// Does it.
    fn run(this: Self::Pointer);
}

/// An object with a work item in it.
///
/// # Safety
///
/// See the kernel crate.
pub unsafe trait HasWork<T, const ID: u64 = 0> {
    /// The work item of an object.
    ///
    /// # Safety
    ///
    /// See the kernel crate.
    unsafe fn raw_get_work(this: *mut Self) -> *mut Work<T, ID>;

    /// The object of a work item.
    ///
    /// # Safety
    ///
    /// See the kernel crate.
    unsafe fn work_container_of(work: *mut Work<T, ID>) -> *mut Self;
}

/// A work item of a `T`.
#[repr(transparent)]
pub struct Work<T, const ID: u64 = 0> {
    work: bindings::work_struct,
    owner: PhantomData<fn() -> T>,
}

impl<T: WorkItem<ID>, const ID: u64> Work<T, ID> {
    /// Creates a work item.
    pub fn create() -> Self {
        Self {
            work: bindings::work_struct::new(T::Pointer::run),
            owner: PhantomData,
        }
    }
}

impl<T, const ID: u64> Work<T, ID> {
    /// What belongs to C.
    ///
    /// # Safety
    ///
    /// See the kernel crate.
    pub unsafe fn raw_get(this: *const Self) -> *mut bindings::work_struct {
        this.cast_mut().cast()
    }
}

/// Creates a work item.
#[macro_export]
macro_rules! new_work {
    ($name:literal) => {
        $crate::workqueue::Work::create()
    };
}
pub use new_work;

/// Says which field is a work item.
#[macro_export]
macro_rules! impl_has_work {
    ($(impl$({$($generics:tt)*})?
       HasWork<$work_type:ty $(, $id:tt)?>
       for $self:ty
       { self.$field:ident }
    )*) => {$(
        // SAFETY: The field is the one that is named.
        unsafe impl$(<$($generics)+>)? $crate::workqueue::HasWork<$work_type $(, $id)?> for $self {
            unsafe fn raw_get_work(
                this: *mut Self,
            ) -> *mut $crate::workqueue::Work<$work_type $(, $id)?> {
                // SAFETY: By the caller's promise.
                unsafe { &raw mut (*this).$field }
            }

            unsafe fn work_container_of(
                work: *mut $crate::workqueue::Work<$work_type $(, $id)?>,
            ) -> *mut Self {
                // SAFETY: By the caller's promise.
                unsafe { $crate::container_of!(work, Self, $field) }
            }
        }
    )*};
}
pub use impl_has_work;
