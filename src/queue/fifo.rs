// SPDX-License-Identifier: GPL-2.0

//! A queue of batches that needs no memory of its own.

use super::ordered::Linked;
use crate::kapi::net::skbuff::Batch;

/// Batches, first in, first out.
///
/// They are linked through their headers. What comes in is put on one pile, and turned over onto
/// another when that one has been used up.
pub(crate) struct Fifo<H: Linked> {
    incoming: Option<Batch<H>>,
    outgoing: Option<Batch<H>>,
}

impl<H: Linked> Fifo<H> {
    /// An empty queue.
    pub(crate) const fn new() -> Self {
        Self {
            incoming: None,
            outgoing: None,
        }
    }

    /// Puts a batch behind all others.
    #[inline]
    pub(crate) fn push(&mut self, batch: Batch<H>) {
        put_on(&mut self.incoming, batch);
    }

    /// Takes the batch that came first.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Batch<H>> {
        if self.outgoing.is_none() {
            while let Some(batch) = take_off(&mut self.incoming) {
                put_on(&mut self.outgoing, batch);
            }
        }
        take_off(&mut self.outgoing)
    }
}

impl<H: Linked> Drop for Fifo<H> {
    fn drop(&mut self) {
        // Not by dropping one from within the other: the stack is small.
        while self.pop().is_some() {}
    }
}

/// Puts a batch on top of a pile.
#[inline]
pub(super) fn put_on<H: Linked>(pile: &mut Option<Batch<H>>, mut batch: Batch<H>) {
    *batch.link_mut().next_mut() = pile.take();
    *pile = Some(batch);
}

/// Takes the batch on top of a pile.
#[inline]
pub(super) fn take_off<H: Linked>(pile: &mut Option<Batch<H>>) -> Option<Batch<H>> {
    let mut batch = pile.take()?;
    *pile = batch.link_mut().next_mut().take();
    Some(batch)
}
