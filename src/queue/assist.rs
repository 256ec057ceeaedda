// SPDX-License-Identifier: GPL-2.0

//! Takes work off pollers that cannot keep up.
//!
//! Every CPU has an assistant, a work item. One is called when a poller's inbox fills up, and works
//! on what it finds in any inbox until there is nothing. It is only ever a help: what no assistant
//! takes, the poller does.

use kernel::{
    alloc::flags::*,
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    workqueue::{Work, WorkItem}, //
};

use super::{
    inbox::{Deliver, Inbox},
    turn::Turn, //
};
use crate::kapi::{
    array::Array,
    cpu::{self, Cpu},
    net::skbuff::Batch,
    sync::bh::BhDisabled,
    workqueue::Workqueue, //
};

/// How many batches wait in an inbox for each assistant that is called.
const FAIR_SHARE: usize = 4;

/// The inboxes of a device.
pub(crate) type Inboxes<H> = Arc<Array<Arc<Inbox<H>>>>;

/// A header of batches that assistants work on.
pub(crate) trait Assist: Deliver {
    /// Works on a batch, and tells `finish`, which says whether the poller is to be scheduled then.
    fn assist(batch: Batch<Self>, finish: impl FnOnce(Option<Batch<Self>>) -> bool);
}

/// The assistants, one for each CPU.
pub(crate) struct Assistants<H: Assist> {
    each: Array<Arc<Assistant<H>>>,
    turn: Turn,
}

impl<H: Assist> Assistants<H> {
    /// Creates the assistants for these inboxes.
    pub(crate) fn new(inboxes: &Inboxes<H>) -> Result<Self> {
        let count = Cpu::count() as usize;
        Ok(Self {
            each: Array::try_repeat_with(count, || Assistant::new(inboxes.clone()))?,
            turn: Turn::new(),
        })
    }

    /// Calls an assistant on another CPU, on `queue`, if the batch that was just put into an inbox
    /// where so many wait is one too many for those that are there.
    #[inline]
    pub(crate) fn consider(&self, waiting: usize, queue: &Workqueue, bh: BhDisabled<'_>) {
        if waiting % FAIR_SHARE == 0 {
            self.call(queue, bh);
        }
    }

    fn call(&self, queue: &Workqueue, bh: BhDisabled<'_>) {
        let here = Cpu::current(bh);
        let cpu = self.turn.next_that(|cpu| cpu != here);
        if cpu == here {
            return;
        }
        if let Some(assistant) = self.each.get(cpu.id() as usize) {
            // One that is called already will come.
            let _ = queue.enqueue_on(cpu, assistant.clone());
        }
    }
}

#[pin_data]
struct Assistant<H: Assist> {
    inboxes: Inboxes<H>,
    #[pin]
    work: Work<Assistant<H>>,
}

impl_has_work! {
    impl{H: Assist} HasWork<Assistant<H>> for Assistant<H> { self.work }
}

impl<H: Assist> Assistant<H> {
    fn new(inboxes: Inboxes<H>) -> Result<Arc<Self>> {
        Arc::pin_init(
            pin_init!(Self {
                inboxes,
                work <- new_work!("wg_assist"),
            }),
            GFP_KERNEL,
        )
    }
}

impl<H: Assist> WorkItem for Assistant<H> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mut found = true;
        while found {
            found = false;
            for inbox in this.inboxes.iter().filter(|inbox| inbox.waiting() > 0) {
                if let Some((claim, batch)) = inbox.claim() {
                    H::assist(batch, |batch| inbox.finish(claim, batch));
                    cpu::cond_resched();
                    found = true;
                }
            }
        }
    }
}
