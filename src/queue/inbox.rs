// SPDX-License-Identifier: GPL-2.0

//! Hands batches over to a poller.
//!
//! An inbox is filled before its poller is scheduled, and a poller that is scheduled while it polls
//! is polled once more: so no batch is left in an inbox whose poller is idle.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    fifo::Fifo,
    ordered::Linked, //
};
use crate::kapi::{
    net::{
        napi::{Napi, NapiPoll, Poll},
        skbuff::Batch, //
    },
    sync::{bh::BhDisabled, new_spinlock_bh, SpinLockBh},
};

/// A header of batches that a poller delivers.
pub(crate) trait Deliver: Linked + Send + 'static {
    /// Delivers a batch. What it takes of the poll's budget is noted there.
    fn deliver(batch: Batch<Self>, poll: &mut Poll<'_>);
}

/// What a poller has to do.
#[pin_data]
pub(crate) struct Inbox<H: Linked> {
    #[pin]
    batches: SpinLockBh<Fifo<H>>,
}

impl<H: Deliver> Inbox<H> {
    /// An empty inbox.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            batches <- new_spinlock_bh!(Fifo::new()),
        })
    }

    /// Drops all that is in it.
    pub(crate) fn clear(&self) {
        while self.pop().is_some() {}
    }

    fn push(&self, batch: Batch<H>) {
        self.batches.lock().push(batch);
    }

    fn pop(&self) -> Option<Batch<H>> {
        self.batches.lock().pop()
    }
}

/// Puts batches into a poller's inbox and has it polled.
#[inline]
pub(crate) fn hand_over<H: Deliver>(
    poller: &Napi<Arc<Inbox<H>>>,
    batches: impl Iterator<Item = Batch<H>>,
    bh: BhDisabled<'_>,
) {
    for batch in batches {
        poller.content().push(batch);
    }
    poller.schedule(bh);
}

impl<H: Deliver> NapiPoll for Arc<Inbox<H>> {
    fn poll(&self, poll: &mut Poll<'_>) {
        while poll.remaining() > 0 {
            let Some(batch) = self.pop() else {
                return;
            };
            H::deliver(batch, poll);
        }
    }
}
