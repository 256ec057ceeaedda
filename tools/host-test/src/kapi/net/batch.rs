// SPDX-License-Identifier: GPL-2.0

//! Batches of packets, in memory of their own.

use std::ops::{Deref, DerefMut};

use super::{PacketList, SkBuff};

/// Packets and a header.
pub(crate) struct Batch<H> {
    header: Box<H>,
    packets: PacketList,
}

impl<H> Batch<H> {
    pub(crate) fn new(packets: PacketList, header: H) -> Option<Self> {
        let header = Box::new(header);
        (!packets.is_empty()).then_some(Self { header, packets })
    }

    pub(crate) fn for_each(&self, f: impl FnMut(&SkBuff)) {
        self.packets.for_each(f);
    }

    pub(crate) fn into_parts(self) -> (H, PacketList) {
        (*self.header, self.packets)
    }
}

impl<H> Deref for Batch<H> {
    type Target = H;

    fn deref(&self) -> &H {
        &self.header
    }
}

impl<H> DerefMut for Batch<H> {
    fn deref_mut(&mut self) -> &mut H {
        &mut self.header
    }
}
