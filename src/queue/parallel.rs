// SPDX-License-Identifier: GPL-2.0

//! Spreads jobs over the CPUs.
//!
//! Every CPU has a ring and a work item that empties it. The work item is queued when a ring that
//! nobody empties gets a job: once per burst, not once per job.

use kernel::{
    alloc::flags::*,
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    workqueue::{Work, WorkItem}, //
};

use super::turn::Turn;
use crate::kapi::{
    array::Array,
    cpu::{self, Cpu},
    sync::{
        new_spinlock_bh,
        SpinLockBh,
        SpinLockBhGuard, //
    },
    workqueue::Workqueue, //
};

/// Something to be done by one CPU, in process context.
pub(crate) trait Job: Send + 'static {
    /// Does it.
    fn run(self);
}

/// A queue that every CPU works on.
pub(crate) struct Parallel<J: Job> {
    workers: Array<Arc<Worker<J>>>,
    turn: Turn,
}

/// A ring that has room, locked.
///
/// Who needs a number for a job takes it meanwhile, and so never for a job that is then refused.
pub(crate) struct Entrance<'a, J: Job> {
    cpu: Cpu,
    worker: &'a Arc<Worker<J>>,
    ring: SpinLockBhGuard<'a, Ring<J>>,
}

impl<J: Job> Entrance<'_, J> {
    /// Has a job done, on `queue`.
    #[inline]
    pub(crate) fn submit(mut self, queue: &Workqueue, job: J) {
        self.ring.push(job);
        if !self.ring.is_attended {
            self.ring.is_attended = true;
            drop(self.ring);
            // The item can be queued already only if it is attended.
            let _ = queue.enqueue_on(self.cpu, self.worker.clone());
        }
    }
}

#[pin_data]
struct Worker<J: Job> {
    #[pin]
    ring: SpinLockBh<Ring<J>>,
    #[pin]
    work: Work<Worker<J>>,
}

impl_has_work! {
    impl{J: Job} HasWork<Worker<J>> for Worker<J> { self.work }
}

/// A bounded queue.
///
/// `first` is an index of a slot, or zero without one, and `len` at most their number; so sums of
/// both are small.
struct Ring<J> {
    slots: Array<Option<J>>,
    first: usize,
    len: usize,
    /// The work item is queued or runs, and will look again before it ends.
    is_attended: bool,
}

impl<J: Job> Parallel<J> {
    /// Creates the rings, each for `capacity` jobs.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let count = Cpu::count() as usize;
        Ok(Self {
            workers: Array::try_repeat_with(count, || Worker::new(capacity))?,
            turn: Turn::new(),
        })
    }

    /// Opens the ring of the next CPU in turn.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Entrance<'_, J>> {
        let cpu = self.turn.next();
        let worker = self.workers.get(cpu.id() as usize)?;
        let ring = worker.ring.lock();
        (!ring.is_full()).then_some(Entrance { cpu, worker, ring })
    }

    /// Takes all jobs out that nobody has begun.
    pub(crate) fn purge(&self) {
        for worker in self.workers.iter() {
            loop {
                let job = worker.ring.lock().pop();
                if job.is_none() {
                    break;
                }
            }
        }
    }
}

impl<J: Job> WorkItem for Worker<J> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        while let Some(job) = this.next() {
            job.run();
            cpu::cond_resched();
        }
    }
}

impl<J: Job> Worker<J> {
    fn new(capacity: usize) -> Result<Arc<Self>> {
        let ring = Ring::new(capacity)?;
        Arc::pin_init(
            pin_init!(Self {
                ring <- new_spinlock_bh!(ring),
                work <- new_work!("wg_parallel"),
            }),
            GFP_KERNEL,
        )
    }

    fn next(&self) -> Option<J> {
        let mut ring = self.ring.lock();
        let job = ring.pop();
        ring.is_attended = job.is_some();
        job
    }
}

impl<J> Ring<J> {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            slots: Array::try_repeat_with(capacity, || Ok(None))?,
            first: 0,
            len: 0,
            is_attended: false,
        })
    }

    fn is_full(&self) -> bool {
        self.len >= self.slots.len()
    }

    /// Puts a job in, for which there is room.
    fn push(&mut self, job: J) {
        let at = wrap(self.first.wrapping_add(self.len), self.slots.len());
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some(job);
            self.len = self.len.wrapping_add(1);
        }
    }

    fn pop(&mut self) -> Option<J> {
        let capacity = self.slots.len();
        let job = self.slots.get_mut(self.first)?.take()?;
        self.first = wrap(self.first.wrapping_add(1), capacity);
        self.len = self.len.wrapping_sub(1);
        Some(job)
    }
}

/// An index less than twice the capacity, brought back into the ring.
fn wrap(index: usize, capacity: usize) -> usize {
    if index < capacity {
        index
    } else {
        index.wrapping_sub(capacity)
    }
}
