// SPDX-License-Identifier: GPL-2.0

//! Polls, which whoever has something to be polled makes.

use std::marker::PhantomData;

pub(crate) trait NapiPoll: Send + Sync + 'static {
    fn poll(&self, poll: &mut Poll<'_>);
}

pub(crate) struct Poll<'a> {
    remaining: u32,
    device: PhantomData<&'a ()>,
}

impl Poll<'_> {
    /// A poll of up to `budget` packets.
    pub(crate) fn new(budget: u32) -> Self {
        Self {
            remaining: budget,
            device: PhantomData,
        }
    }

    pub(crate) fn remaining(&self) -> u32 {
        self.remaining
    }

    pub(crate) fn consume(&mut self, packets: u32) {
        self.remaining = self.remaining.saturating_sub(packets);
    }
}
