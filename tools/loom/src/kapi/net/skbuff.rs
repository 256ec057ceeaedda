// SPDX-License-Identifier: GPL-2.0

//! Packets without contents, and batches of them.

#[path = "../../../../host-test/src/kapi/net/batch.rs"]
mod batch;

use std::{
    collections::VecDeque,
    ptr, //
};

use kernel::prelude::*;

use crate::bindings;

pub(crate) use self::batch::Batch;

/// A packet, of which three are too large to be encrypted at once.
#[derive(Default)]
pub(crate) struct SkBuff {
    /// What it was encrypted with.
    pub(crate) counter: u64,
}

impl SkBuff {
    pub(crate) fn new(_headroom: u32, _len: u32) -> Result<Self> {
        Ok(Self::default())
    }

    pub(crate) fn len(&self) -> u32 {
        1500
    }

    pub(crate) fn leave_route(&mut self) -> u8 {
        0
    }

    pub(crate) fn ds(&self) -> u8 {
        0
    }

    pub(crate) fn orphan(&mut self) {}

    pub(crate) fn into_raw(self) -> *mut bindings::sk_buff {
        ptr::null_mut()
    }

    pub(crate) unsafe fn from_raw(_skb: *mut bindings::sk_buff) -> Self {
        Self::default()
    }
}

#[derive(Default)]
pub(crate) struct PacketList(VecDeque<SkBuff>);

impl PacketList {
    pub(crate) const fn new() -> Self {
        Self(VecDeque::new())
    }

    /// So many packets.
    pub(crate) fn of(packets: usize) -> Self {
        Self((0..packets).map(|_| SkBuff::default()).collect())
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, skb: SkBuff) {
        self.0.push_back(skb);
    }

    pub(crate) fn pop(&mut self) -> Option<SkBuff> {
        self.0.pop_front()
    }

    pub(crate) fn append(&mut self, mut other: Self) {
        self.0.append(&mut other.0);
    }

    pub(crate) fn for_each(&self, f: impl FnMut(&SkBuff)) {
        self.0.iter().for_each(f);
    }

    pub(crate) fn for_each_mut(&mut self, f: impl FnMut(&mut SkBuff)) {
        self.0.iter_mut().for_each(f);
    }
}
