// SPDX-License-Identifier: GPL-2.0

//! Workqueues of one's own.
//!
//! Work items are those of [`kernel::workqueue`].
//!
//! C header: [`include/linux/workqueue.h`](srctree/include/linux/workqueue.h)

use core::ptr::NonNull;

use kernel::{
    prelude::*,
    workqueue::RawWorkItem, //
};

use crate::{
    bindings,
    kapi::{cpu::Cpu, flags::flag_set}, //
};

flag_set! {
    /// Flags of a workqueue, from [`flags`].
    Flags: u32
}

/// What [`Flags`] there are.
pub(crate) mod flags {
    use super::Flags;
    use crate::bindings;

    /// Work runs on the CPU it was queued on.
    pub(crate) const PERCPU: Flags = Flags(bindings::wq_flags_WQ_PERCPU);
    /// Work runs on any CPU.
    pub(crate) const UNBOUND: Flags = Flags(bindings::wq_flags_WQ_UNBOUND);
    /// Work stops while the system is suspended.
    pub(crate) const FREEZABLE: Flags = Flags(bindings::wq_flags_WQ_FREEZABLE);
    /// Work may run for long without keeping other work of its CPU waiting.
    pub(crate) const CPU_INTENSIVE: Flags = Flags(bindings::wq_flags_WQ_CPU_INTENSIVE);
    /// Work is needed to free memory, so one thread is kept for it.
    pub(crate) const MEM_RECLAIM: Flags = Flags(bindings::wq_flags_WQ_MEM_RECLAIM);
}

/// A workqueue, destroyed when it is dropped, after all that was queued has run.
///
/// It may be dropped in process context only.
///
/// # Invariants
///
/// The pointer is to a workqueue that this value owns.
pub(crate) struct Workqueue(NonNull<bindings::workqueue_struct>);

// SAFETY: A workqueue may be used from any thread.
unsafe impl Send for Workqueue {}
// SAFETY: A workqueue may be used from several threads at once.
unsafe impl Sync for Workqueue {}

impl Workqueue {
    /// Creates a workqueue by the name of `prefix-name`.
    pub(crate) fn new(prefix: &CStr, name: &CStr, flags: Flags) -> Result<Self> {
        // SAFETY: Both strings are terminated and copied by the call.
        let wq =
            unsafe { bindings::alloc_workqueue(prefix.as_char_ptr(), name.as_char_ptr(), flags.0) };
        // INVARIANT: A new workqueue is ours.
        Ok(Self(NonNull::new(wq).ok_or(ENOMEM)?))
    }

    /// Queues work, on this CPU if the queue is per CPU.
    ///
    /// Fails if the item is queued already.
    #[inline]
    pub(crate) fn enqueue<W, const ID: u64>(&self, work: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        self.enqueue_raw(bindings::wq_misc_consts_WORK_CPU_UNBOUND as c_int, work)
    }

    /// Queues work on a CPU. One that has gone offline is as good as any, but on one that has never
    /// been online the work waits until it is.
    ///
    /// Fails if the item is queued already.
    #[inline]
    pub(crate) fn enqueue_on<W, const ID: u64>(&self, cpu: Cpu, work: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        self.enqueue_raw(cpu.id() as c_int, work)
    }

    #[inline]
    fn enqueue_raw<W, const ID: u64>(&self, cpu: c_int, work: W) -> W::EnqueueOutput
    where
        W: RawWorkItem<ID> + Send + 'static,
    {
        let wq = self.0.as_ptr();
        // SAFETY: `queue_work_on` says false only if the item is queued already, the item has no
        // lifetime and is `Send`, and the CPU is a possible one or stands for any.
        unsafe { work.__enqueue(move |work| bindings::queue_work_on(cpu, wq, work)) }
    }

    /// Waits until all that was queued before the call has run.
    pub(crate) fn flush(&self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::__flush_workqueue(self.0.as_ptr()) };
    }
}

impl Drop for Workqueue {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; nobody else can queue any more.
        unsafe { bindings::destroy_workqueue(self.0.as_ptr()) };
    }
}
