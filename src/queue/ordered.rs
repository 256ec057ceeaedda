// SPDX-License-Identifier: GPL-2.0

//! Puts what was done in parallel back in order.
//!
//! Whoever completes the batch that is next in order becomes the drainer and passes on all that
//! follow it without a gap. There is one drainer at a time. The decision who drains, and the
//! drainer's that nothing is left, are made under the same lock, so no completed batch is forgotten.

use kernel::prelude::*;

use crate::kapi::{
    net::skbuff::Batch,
    sync::{new_spinlock_bh, SpinLockBh}, //
};

/// What a batch carries to be put in order.
pub(crate) struct Link<H> {
    next: Option<Batch<H>>,
    number: u64,
}

impl<H> Link<H> {
    /// The link of a batch that was given this number by [`Ordered::issue`].
    pub(crate) fn new(number: Number) -> Self {
        Self {
            next: None,
            number: number.0,
        }
    }

    /// What is linked behind.
    #[inline]
    fn next_mut(&mut self) -> &mut Option<Batch<H>> {
        &mut self.next
    }
}

/// A header with a link in it.
pub(crate) trait Linked: Sized {
    /// The link.
    fn link(&self) -> &Link<Self>;

    /// The link.
    fn link_mut(&mut self) -> &mut Link<Self>;
}

/// A place in the order, to be completed by the batch that bears it, once.
#[must_use = "the order stops at a number that is never completed"]
pub(crate) struct Number(u64);

/// An ordered queue.
#[pin_data]
pub(crate) struct Ordered<H: Linked> {
    #[pin]
    state: SpinLockBh<State<H>>,
}

struct State<H: Linked> {
    issued: u64,
    passed: u64,
    /// Completed batches by ascending number.
    completed: Option<Batch<H>>,
    is_draining: bool,
}

impl<H: Linked> Ordered<H> {
    /// Creates an empty queue.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            state <- new_spinlock_bh!(State {
                issued: 0,
                passed: 0,
                completed: None,
                is_draining: false,
            }),
        })
    }

    /// Gives out the next number, unless `limit` are under way.
    #[inline]
    pub(crate) fn issue(&self, limit: u64) -> Option<Number> {
        let mut state = self.state.lock();
        if state.issued.wrapping_sub(state.passed) >= limit {
            return None;
        }
        let number = state.issued;
        state.issued = number.wrapping_add(1);
        Some(Number(number))
    }

    /// Takes a completed batch in, and returns what comes first and the drainer if the caller is to
    /// be that.
    #[inline]
    pub(crate) fn complete(&self, batch: Batch<H>) -> Option<(Batch<H>, Drainer<'_, H>)> {
        let mut state = self.state.lock();
        insert(&mut state.completed, batch);
        if state.is_draining || !state.is_ready() {
            return None;
        }
        let first = state.pass()?;
        state.is_draining = true;
        Some((first, Drainer(self)))
    }

    /// Resumes what a drainer of this queue was put off from.
    pub(crate) fn resume(&self, _duty: Duty) -> Drainer<'_, H> {
        Drainer(self)
    }
}

impl<H: Linked> State<H> {
    fn is_ready(&self) -> bool {
        self.completed
            .as_ref()
            .is_some_and(|first| first.link().number == self.passed)
    }

    /// Takes the first batch, which is ready.
    #[inline]
    fn pass(&mut self) -> Option<Batch<H>> {
        let batch = take_off(&mut self.completed)?;
        self.passed = self.passed.wrapping_add(1);
        Some(batch)
    }
}

/// Puts a batch in its place, most often the end of a short list.
fn insert<H: Linked>(list: &mut Option<Batch<H>>, batch: Batch<H>) {
    let number = batch.link().number;
    let mut place = list;
    while place
        .as_ref()
        .is_some_and(|other| other.link().number.wrapping_sub(number) > u64::MAX / 2)
    {
        match place {
            Some(other) => place = &mut other.link_mut().next,
            None => break,
        }
    }
    put_on(place, batch);
}

/// Puts a batch on top of a pile.
#[inline]
fn put_on<H: Linked>(pile: &mut Option<Batch<H>>, mut batch: Batch<H>) {
    *batch.link_mut().next_mut() = pile.take();
    *pile = Some(batch);
}

/// Takes the batch on top of a pile.
#[inline]
fn take_off<H: Linked>(pile: &mut Option<Batch<H>>) -> Option<Batch<H>> {
    let mut batch = pile.take()?;
    *pile = batch.link_mut().next_mut().take();
    Some(batch)
}

impl<H: Linked> Drop for State<H> {
    fn drop(&mut self) {
        // Not by dropping one from within the other: the stack is small.
        while take_off(&mut self.completed).is_some() {}
    }
}

/// The right, and duty, to pass on what is ready: to be used until it yields nothing more.
pub(crate) struct Drainer<'a, H: Linked>(&'a Ordered<H>);

/// The duty of a drainer that was put off, to be resumed.
#[must_use = "the order stops until it is resumed"]
pub(crate) struct Duty(());

impl<H: Linked> Drainer<'_, H> {
    /// Puts the rest off. Nobody else becomes the drainer meanwhile.
    pub(crate) fn put_off(self) -> Duty {
        Duty(())
    }
}

impl<H: Linked> Iterator for Drainer<'_, H> {
    type Item = Batch<H>;

    #[inline]
    fn next(&mut self) -> Option<Batch<H>> {
        let mut state = self.0.state.lock();
        if !state.is_ready() {
            state.is_draining = false;
            return None;
        }
        state.pass()
    }
}
