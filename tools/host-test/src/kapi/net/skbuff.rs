// SPDX-License-Identifier: GPL-2.0

//! Packets without contents, and batches of them.

#[path = "batch.rs"]
mod batch;

pub(crate) use self::batch::Batch;

/// So many packets.
pub(crate) struct PacketList(pub(crate) usize);

impl PacketList {
    pub(crate) fn is_empty(&self) -> bool {
        self.0 == 0
    }
}
