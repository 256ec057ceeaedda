// SPDX-License-Identifier: GPL-2.0

//! Packets without contents, batches of them, and what is said of packets to be cut.

#[path = "batch.rs"]
mod batch;

pub(crate) use self::batch::Batch;

/// So many packets.
pub(crate) struct PacketList(pub(crate) usize);

impl PacketList {
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == 0
    }

    pub(crate) fn for_each(&self, mut f: impl FnMut(&SkBuff)) {
        (0..self.0).for_each(|_| f(&SkBuff(None)));
    }
}

/// A packet of which nothing is known but what is to be known to cut it.
pub(crate) struct SkBuff(pub(crate) Option<SuperPacket>);

impl SkBuff {
    pub(crate) fn super_packet(&self) -> Option<SuperPacket> {
        self.0
    }
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct SuperPacket {
    pub(crate) transport: u32,
    pub(crate) headers: u32,
    pub(crate) segment: u32,
    pub(crate) is_v6: bool,
    pub(crate) is_tcp: bool,
    pub(crate) has_fixed_id: bool,
    pub(crate) keeps_cwr: bool,
}

#[derive(Clone, Copy, Default)]
pub(crate) struct Sum(pub(crate) u32);

pub(crate) fn pieces(len: u32, size: u32) -> u32 {
    if size == 0 {
        0
    } else {
        len.div_ceil(size)
    }
}
