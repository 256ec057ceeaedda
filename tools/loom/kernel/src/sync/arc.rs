// SPDX-License-Identifier: GPL-2.0

//! Reference counts. They are not what is under test, so they are the host's, and no steps.

use std::ptr;

use crate::{
    alloc::Flags,
    bindings,
    error::{Error, Result},
    init::PinInit,
    workqueue::{HasWork, RawWorkItem, Work, WorkItem, WorkItemPointer}, //
};

#[path = "../../../../host-test/kernel/src/sync/arc.rs"]
mod counted;

pub use counted::Arc;

impl<T> Arc<T> {
    /// Allocates an object.
    pub fn pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Self>
    where
        Error: From<E>,
    {
        Ok(Self::new(init.make()?, flags)?)
    }

    /// Whether both refer to one object.
    pub fn ptr_eq(&self, other: &Self) -> bool {
        ptr::eq(&**self, &**other)
    }
}

// SAFETY: `__enqueue` uses the `Work` field, which was set up with the `run` below.
unsafe impl<T, const ID: u64> WorkItemPointer<ID> for Arc<T>
where
    T: WorkItem<ID, Pointer = Self> + HasWork<T, ID>,
{
    unsafe extern "C" fn run(work: *mut bindings::work_struct) {
        // SAFETY: `__enqueue` passed the field of an object that it leaked a reference to.
        let this = unsafe { T::work_container_of(work.cast::<Work<T, ID>>()) };
        // SAFETY: As above; the reference comes back here.
        T::run(Self(unsafe { std::sync::Arc::from_raw(this) }));
    }
}

// SAFETY: The reference is leaked until the work runs.
unsafe impl<T, const ID: u64> RawWorkItem<ID> for Arc<T>
where
    T: WorkItem<ID, Pointer = Self> + HasWork<T, ID>,
{
    type EnqueueOutput = Result<(), Self>;

    unsafe fn __enqueue<F>(self, queue_work_on: F) -> Self::EnqueueOutput
    where
        F: FnOnce(*mut bindings::work_struct) -> bool,
    {
        let this = std::sync::Arc::into_raw(self.0).cast_mut();
        // SAFETY: The object is alive.
        let work = unsafe { Work::raw_get(T::raw_get_work(this)) };
        if queue_work_on(work) {
            return Ok(());
        }
        // SAFETY: The queue did not take the reference.
        Err(Self(unsafe { std::sync::Arc::from_raw(this) }))
    }
}
