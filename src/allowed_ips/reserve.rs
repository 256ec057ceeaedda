// SPDX-License-Identifier: GPL-2.0

//! Memory for prefixes that are to be inserted, so that nothing can fail then.

use kernel::prelude::*;

use super::{
    trie::Room,
    AllowedIp,
    Owner, //
};
use crate::pile::Pile;

/// Memory for a number of prefixes of either family.
pub(crate) struct Reserve<P: Owner> {
    v4: Pile<Room<u32, P>>,
    v6: Pile<Room<u128, P>>,
}

impl<P: Owner> Reserve<P> {
    /// No memory.
    pub(crate) const fn new() -> Self {
        Self {
            v4: Pile::new(),
            v6: Pile::new(),
        }
    }

    /// Allocates what one more prefix, `ip` or another of its family, needs at most. May sleep.
    pub(crate) fn add(&mut self, ip: &AllowedIp) -> Result {
        match ip {
            AllowedIp::V4(_) => self.v4.push(Room::new()?),
            AllowedIp::V6(_) => self.v6.push(Room::new()?),
        }
    }

    pub(super) fn take_v4(&mut self) -> Option<Room<u32, P>> {
        self.v4.pop()
    }

    pub(super) fn take_v6(&mut self) -> Option<Room<u128, P>> {
        self.v6.pop()
    }
}
