// SPDX-License-Identifier: GPL-2.0

//! Spreads jobs over the CPUs.
//!
//! Every CPU has a ring and a work item that empties it. The work item is queued when a ring that
//! nobody empties gets a job: once per burst, not once per job. A ring takes as much as its worker
//! can do soon; a job that takes long does a part at a time, and the others in the ring in between.

use kernel::{
    alloc::flags::*,
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    workqueue::{Work, WorkItem}, //
};

use super::{
    bound::Bound,
    share::{Share, Stretch},
    turn::Turn, //
};
use crate::kapi::{
    array::Array,
    cpu::{self, Cpu},
    sync::{
        new_spinlock_bh,
        SpinLockBh,
        SpinLockBhGuard, //
    },
    time,
    workqueue::Workqueue, //
};

/// How many jobs fit into the ring of a CPU that is not online when the rings are made. Firmware may
/// name many more CPUs than there will ever be.
const CAPACITY_OFFLINE: usize = 64;

/// Something to be done by one CPU, in process context.
pub(crate) trait Job: Sized + Send + 'static {
    /// Does it, or a part, and returns the rest.
    fn run(self) -> Option<Self>;

    /// How much of its CPU its worker may take now.
    fn share(&self) -> Share {
        Share::Whole
    }
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
    bytes: u64,
}

impl<J: Job> Entrance<'_, J> {
    /// Has a job done, on `queue`.
    #[inline]
    pub(crate) fn submit(mut self, queue: &Workqueue, job: J) {
        self.ring.push(job, self.bytes);
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
    /// Jobs, and how many bytes each is about.
    slots: Array<Option<(J, u64)>>,
    first: usize,
    len: usize,
    bytes: u64,
    bound: Bound,
    /// The work item is queued or runs, and will look again before it ends.
    is_attended: bool,
}

impl<J: Job> Parallel<J> {
    /// Creates the rings, each for `capacity` jobs, or fewer if its CPU is not online.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let mut numbers = 0..Cpu::count();
        let worker = || {
            let cpu = numbers.next().and_then(Cpu::new);
            let is_online = cpu.is_some_and(Cpu::is_online);
            Worker::new(if is_online {
                capacity
            } else {
                capacity.min(CAPACITY_OFFLINE)
            })
        };
        Ok(Self {
            workers: Array::try_repeat_with(Cpu::count() as usize, worker)?,
            turn: Turn::new(),
        })
    }

    /// Opens the ring of the next CPU in turn for a job about so many bytes.
    #[inline]
    pub(crate) fn enter(&self, bytes: u64) -> Option<Entrance<'_, J>> {
        let entrance = self.enter_empty()?;
        let ring = &entrance.ring;
        let has_room = ring.bound.admits(bytes, ring.bytes);
        has_room.then_some(Entrance { bytes, ..entrance })
    }

    /// Opens the ring of the next CPU in turn for a job that has no packets with it: it makes nobody
    /// wait, and need not wait for those that do.
    #[inline]
    pub(crate) fn enter_empty(&self) -> Option<Entrance<'_, J>> {
        self.enter_if(|ring| !ring.is_full())
    }

    /// The same for a job that must leave room for others: a quarter of every ring is not for it.
    #[inline]
    pub(crate) fn enter_spare(&self) -> Option<Entrance<'_, J>> {
        self.enter_if(|ring| ring.len < ring.slots.len().wrapping_sub(ring.slots.len() / 4))
    }

    #[inline]
    fn enter_if(&self, has_room: impl FnOnce(&Ring<J>) -> bool) -> Option<Entrance<'_, J>> {
        let cpu = self.turn.next();
        let worker = self.workers.get(cpu.id() as usize)?;
        let ring = worker.ring.lock();
        has_room(&ring).then_some(Entrance {
            cpu,
            worker,
            ring,
            bytes: 0,
        })
    }

    /// Takes all jobs out that nobody has begun.
    pub(crate) fn purge(&self, each: impl Fn(J)) {
        for worker in self.workers.iter() {
            loop {
                let job = worker.ring.lock().pop();
                match job {
                    Some((job, _)) => each(job),
                    None => break,
                }
            }
        }
    }
}

impl<J: Job> WorkItem for Worker<J> {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let mut stretch = Stretch::begin();
        let mut next = this.next(None, 0);
        while let Some((job, bytes)) = next {
            stretch.end_after(job.share());
            let rest = job.run();
            cpu::cond_resched();
            next = this.next(rest, bytes);
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

    /// The next job, after one of so many bytes of which this is left.
    fn next(&self, rest: Option<J>, bytes: u64) -> Option<(J, u64)> {
        let now = time::monotonic_ns();
        let mut ring = self.ring.lock();
        ring.bound.passed(bytes, now);
        let job = ring.next(rest);
        ring.is_attended = job.is_some();
        if !ring.is_attended {
            ring.bound.rests();
        }
        job
    }
}

impl<J> Ring<J> {
    fn new(capacity: usize) -> Result<Self> {
        Ok(Self {
            slots: Array::try_repeat_with(capacity, || Ok(None))?,
            first: 0,
            len: 0,
            bytes: 0,
            bound: Bound::new(),
            is_attended: false,
        })
    }

    fn is_full(&self) -> bool {
        self.len >= self.slots.len()
    }

    /// The next job. What is left of the last one has its turn behind those that wait.
    fn next(&mut self, rest: Option<J>) -> Option<(J, u64)> {
        // First, so that there is a slot for the rest.
        match (self.pop(), rest) {
            (Some(next), Some(rest)) => {
                self.push(rest, 0);
                Some(next)
            }
            (None, Some(rest)) => Some((rest, 0)),
            (next, None) => next,
        }
    }

    /// Puts a job in, for which there is a slot.
    fn push(&mut self, job: J, bytes: u64) {
        let at = wrap(self.first.wrapping_add(self.len), self.slots.len());
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Some((job, bytes));
            self.len = self.len.wrapping_add(1);
            self.bytes = self.bytes.wrapping_add(bytes);
        }
    }

    fn pop(&mut self) -> Option<(J, u64)> {
        let capacity = self.slots.len();
        let (job, bytes) = self.slots.get_mut(self.first)?.take()?;
        self.first = wrap(self.first.wrapping_add(1), capacity);
        self.len = self.len.wrapping_sub(1);
        self.bytes = self.bytes.wrapping_sub(bytes);
        Some((job, bytes))
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
