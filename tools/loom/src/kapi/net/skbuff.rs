// SPDX-License-Identifier: GPL-2.0

//! Packets without contents, and batches of them.

#[path = "../../../../host-test/src/kapi/net/batch.rs"]
mod batch;

use std::{
    mem,
    ptr, //
};

use kernel::prelude::*;

use crate::bindings;

pub(crate) use self::batch::Batch;

pub(crate) struct SkBuff;

impl SkBuff {
    pub(crate) fn new(_headroom: u32, _len: u32) -> Result<Self> {
        Ok(Self)
    }

    pub(crate) fn orphan(&mut self) {}

    pub(crate) fn into_raw(self) -> *mut bindings::sk_buff {
        ptr::null_mut()
    }
}

/// So many packets.
#[derive(Default)]
pub(crate) struct PacketList(usize);

impl PacketList {
    pub(crate) const fn new() -> Self {
        Self(0)
    }

    pub(crate) fn of(packets: usize) -> Self {
        Self(packets)
    }

    pub(crate) fn len(&self) -> usize {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0 == 0
    }

    pub(crate) fn push(&mut self, _skb: SkBuff) {
        self.0 += 1;
    }

    pub(crate) fn pop(&mut self) -> Option<SkBuff> {
        self.0 = self.0.checked_sub(1)?;
        Some(SkBuff)
    }

    pub(crate) fn append(&mut self, other: Self) {
        self.0 += other.0;
    }

    pub(crate) fn take(&mut self) -> Self {
        mem::take(self)
    }

    pub(crate) fn for_each_mut(&mut self, f: impl FnMut(&mut SkBuff)) {
        (0..self.0)
            .map(|_| SkBuff)
            .collect::<Vec<_>>()
            .iter_mut()
            .for_each(f);
    }
}
