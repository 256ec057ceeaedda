// SPDX-License-Identifier: GPL-2.0

//! What peers are called: by their numbers.

use std::fmt;

use crate::peer::Peer;

pub(crate) struct ShowPeer(u64);

impl ShowPeer {
    pub(crate) fn new(peer: &Peer) -> Self {
        Self(peer.id)
    }
}

impl fmt::Display for ShowPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
