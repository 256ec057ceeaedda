// SPDX-License-Identifier: GPL-2.0

//! What a poller has to do, in the order of arrival.
//!
//! A batch is worked on, which may be done anywhere, and then delivered, which the poller does alone
//! and in order. So nothing but the place in the inbox keeps the order, and a batch that is nobody's
//! yet when its turn comes is worked on by the poller itself. Helpers on other CPUs take the work
//! off it when much waits.
//!
//! The poller is scheduled by whoever puts a batch in, and by the helper that ends work on the batch
//! whose turn it is: that is the only one a poller goes idle for. Both, and the poller's look at the
//! next batch, happen under one lock; and a poller that is scheduled while it polls is polled once
//! more. So none goes idle for good while a batch waits.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::kapi::{
    array::Array,
    net::{
        napi::{NapiPoll, Poll},
        skbuff::Batch, //
    },
    sync::{
        atomic::{AtomicUsize, Ordering},
        new_spinlock_bh,
        SpinLockBh, //
    }, //
};

/// A header of batches that a poller delivers.
pub(crate) trait Deliver: Sized + Send + 'static {
    /// Does what need not be done in order. Nothing may be left.
    fn work(batch: Batch<Self>) -> Option<Batch<Self>>;

    /// Delivers a batch. What it takes of the poll's budget is noted there.
    fn deliver(batch: Batch<Self>, poll: &mut Poll<'_>);
}

/// What a poller has to do.
#[pin_data]
pub(crate) struct Inbox<H: Deliver> {
    #[pin]
    ring: SpinLockBh<Ring<H>>,
    /// How many batches nobody has begun to work on, to be read without the lock.
    waiting: AtomicUsize,
}

/// A batch that a helper works on: its place in the inbox, to be given back with what is left of it.
#[must_use = "the inbox waits for it"]
pub(crate) struct Claim(u64);

impl<H: Deliver> Inbox<H> {
    /// An empty inbox, for so many batches.
    pub(crate) fn new(capacity: usize) -> Result<impl PinInit<Self>> {
        let ring = Ring::new(capacity)?;
        Ok(pin_init!(Self {
            ring <- new_spinlock_bh!(ring),
            waiting: AtomicUsize::new(0),
        }))
    }

    /// Puts a batch in, and returns how many wait now; the poller is to be scheduled then. If there is no
    /// room, the batch comes back.
    #[inline]
    pub(crate) fn push(&self, batch: Batch<H>) -> Result<usize, Batch<H>> {
        let mut ring = self.ring.lock();
        ring.push(batch)?;
        Ok(self.note(&ring))
    }

    /// How many batches nobody has begun to work on.
    #[inline]
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    /// Takes the next batch that nobody has begun to work on, to work on it.
    pub(crate) fn claim(&self) -> Option<(Claim, Batch<H>)> {
        let mut ring = self.ring.lock();
        let claimed = ring.claim();
        self.note(&ring);
        claimed
    }

    /// Gives back what a helper has worked on. Returns whether it is its turn: the poller is to be
    /// scheduled then.
    #[must_use = "the poller may be waiting for it"]
    pub(crate) fn finish(&self, claim: Claim, batch: Option<Batch<H>>) -> bool {
        self.ring.lock().finish(claim, batch)
    }

    /// Takes all out that is in it, but what helpers work on.
    pub(crate) fn clear(&self, mut each: impl FnMut(Batch<H>)) {
        loop {
            match self.next() {
                (Next::Nothing, _) => return,
                (Next::Waiting(batch) | Next::Done(Some(batch)), _) => each(batch),
                (Next::Done(None), _) => {}
            }
        }
    }

    /// The next batch, and whether there is none behind it.
    #[inline]
    fn next(&self) -> (Next<H>, bool) {
        let mut ring = self.ring.lock();
        let next = ring.next();
        self.note(&ring);
        (next, ring.len == 0)
    }

    #[inline]
    fn note(&self, ring: &Ring<H>) -> usize {
        let waiting = ring.waiting();
        self.waiting.store(waiting, Ordering::Relaxed);
        waiting
    }
}

impl<H: Deliver> NapiPoll for Arc<Inbox<H>> {
    fn poll(&self, poll: &mut Poll<'_>) {
        while poll.remaining() > 0 {
            let (next, is_last) = self.next();
            let batch = match next {
                Next::Nothing => return,
                Next::Waiting(batch) => H::work(batch),
                Next::Done(batch) => batch,
            };
            if let Some(batch) = batch {
                H::deliver(batch, poll);
            }
            // Who puts in another one has the poller scheduled, which polls again then.
            if is_last {
                return;
            }
        }
    }
}

/// What a poller does next.
enum Next<H> {
    /// Nothing: there is no batch, or it is worked on.
    Nothing,
    /// Work on a batch and deliver it.
    Waiting(Batch<H>),
    /// Deliver what is left of a batch.
    Done(Option<Batch<H>>),
}

enum Slot<H> {
    Vacant,
    Waiting(Batch<H>),
    Taken,
    Done(Option<Batch<H>>),
}

/// A bounded queue.
///
/// `first` is the number of the next batch by order of arrival, `begun` at most `len`, and `len` at
/// most the number of slots, which is a power of two. The first `begun` slots are `Taken` or `Done`,
/// the others up to `len` are `Waiting`, the rest is `Vacant`.
struct Ring<H> {
    slots: Array<Slot<H>>,
    first: u64,
    len: usize,
    begun: usize,
}

impl<H> Ring<H> {
    fn new(capacity: usize) -> Result<Self> {
        let capacity = capacity.checked_next_power_of_two().ok_or(ENOMEM)?;
        Ok(Self {
            slots: Array::try_repeat_with(capacity, || Ok(Slot::Vacant))?,
            first: 0,
            len: 0,
            begun: 0,
        })
    }

    #[inline]
    fn waiting(&self) -> usize {
        self.len.wrapping_sub(self.begun)
    }

    /// The slot of a batch by its number.
    #[inline]
    fn slot(&mut self, number: u64) -> Option<&mut Slot<H>> {
        let mask = self.slots.len().wrapping_sub(1);
        self.slots.get_mut(number as usize & mask)
    }

    #[inline]
    fn push(&mut self, batch: Batch<H>) -> Result<(), Batch<H>> {
        if self.len >= self.slots.len() {
            return Err(batch);
        }
        let Some(slot) = self.slot(self.first.wrapping_add(self.len as u64)) else {
            return Err(batch);
        };
        *slot = Slot::Waiting(batch);
        self.len = self.len.wrapping_add(1);
        Ok(())
    }

    #[inline]
    fn next(&mut self) -> Next<H> {
        let Some(slot) = self.slot(self.first) else {
            return Next::Nothing;
        };
        let next = match core::mem::replace(slot, Slot::Vacant) {
            Slot::Vacant => return Next::Nothing,
            Slot::Taken => {
                *slot = Slot::Taken;
                return Next::Nothing;
            }
            Slot::Waiting(batch) => Next::Waiting(batch),
            Slot::Done(batch) => {
                self.begun = self.begun.wrapping_sub(1);
                Next::Done(batch)
            }
        };
        self.first = self.first.wrapping_add(1);
        self.len = self.len.wrapping_sub(1);
        next
    }

    fn claim(&mut self) -> Option<(Claim, Batch<H>)> {
        let number = self.first.wrapping_add(self.begun as u64);
        if self.waiting() == 0 {
            return None;
        }
        match core::mem::replace(self.slot(number)?, Slot::Taken) {
            Slot::Waiting(batch) => {
                self.begun = self.begun.wrapping_add(1);
                Some((Claim(number), batch))
            }
            // By what a ring is, there is no other.
            _ => None,
        }
    }

    fn finish(&mut self, Claim(number): Claim, batch: Option<Batch<H>>) -> bool {
        if let Some(slot) = self.slot(number) {
            *slot = Slot::Done(batch);
        }
        number == self.first
    }
}
