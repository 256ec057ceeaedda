// SPDX-License-Identifier: GPL-2.0

//! Counting devices until the last is freed.

use core::{
    pin::Pin,
    ptr::NonNull,
    sync::atomic::{AtomicUsize, Ordering}, //
};

use kernel::{
    prelude::*,
    sync::Completion, //
};

use crate::bindings;

/// The devices of a kind whose memory isn't freed yet.
#[pin_data(PinnedDrop)]
pub(super) struct Devices {
    /// How many, and one for the registration.
    count: AtomicUsize,
    #[pin]
    none_left: Completion,
    /// Frees devices whose last reference goes where that must not sleep.
    workqueue: NonNull<bindings::workqueue_struct>,
}

// SAFETY: All of it may be used from any thread.
unsafe impl Send for Devices {}
// SAFETY: All of it may be used from several threads at once.
unsafe impl Sync for Devices {}

impl Devices {
    pub(super) fn new(kind: &'static CStr) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            count: AtomicUsize::new(1),
            none_left <- Completion::new(),
            workqueue: {
                // SAFETY: Both strings are terminated and copied by the call.
                let workqueue = unsafe {
                    bindings::alloc_workqueue(
                        c"netdev".as_char_ptr(),
                        kind.as_char_ptr(),
                        bindings::wq_flags_WQ_UNBOUND,
                    )
                };
                NonNull::new(workqueue).ok_or(ENOMEM)?
            },
        }? Error)
    }

    /// The workqueue that frees devices.
    pub(super) fn workqueue(&self) -> *mut bindings::workqueue_struct {
        self.workqueue.as_ptr()
    }

    /// One more device.
    pub(super) fn add(&self) {
        self.count.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until there is none.
    pub(super) fn wait(&self) {
        self.none_left.wait_for_completion();
    }

    /// One less, or the registration is gone.
    pub(super) fn remove(&self) {
        if self.count.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.none_left.complete_all();
        }
    }
}

#[pinned_drop]
impl PinnedDrop for Devices {
    fn drop(self: Pin<&mut Self>) {
        // The work that counted the last device may not have returned yet; this waits for it.
        // SAFETY: The workqueue is ours, and nobody is left to queue anything.
        unsafe { bindings::destroy_workqueue(self.workqueue.as_ptr()) };
    }
}
