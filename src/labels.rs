// SPDX-License-Identifier: GPL-2.0

//! Which peers are called something, and what.
//!
//! One is never changed but replaced.

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    by_peer::{ByPeer, Place},
    kapi::{
        string,
        sync::rcu::{RcuArc, RcuReservation}, //
    },
    label::Label,
    peer::{apart, Peer},
    utf8, //
};

/// The labels of a device's peers.
#[pin_data]
pub(crate) struct Labels {
    #[pin]
    by_peer: ByPeer<RcuArc<Label>>,
}

/// Memory for a label.
pub(crate) struct LabelRoom {
    object: RcuReservation<Label>,
    place: Place<RcuArc<Label>>,
}

impl LabelRoom {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            object: RcuReservation::new(GFP_KERNEL)?,
            place: Place::new()?,
        })
    }
}

impl Labels {
    /// No peer has one.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            by_peer <- ByPeer::new(apart::LABEL),
        })
    }

    /// What a peer is called.
    pub(crate) fn of(peer: &Peer) -> Option<RcuArc<Label>> {
        peer.device.labels.by_peer.of(peer)
    }

    /// Calls a peer something. Under the lock of the configuration.
    pub(crate) fn set(peer: &Peer, checked: &CStr, LabelRoom { object, place }: LabelRoom) {
        let label = object.fill(Label::new(checked));
        peer.device.labels.by_peer.set(peer, label, place);
    }

    /// Calls a peer nothing. Under the lock of the configuration.
    pub(crate) fn remove(peer: &Peer) {
        peer.device.labels.by_peer.remove(peer);
    }
}

/// Shows a peer in a message: by its number, and by its label if it has one.
pub(crate) struct ShowPeer {
    id: u64,
    label: Option<RcuArc<Label>>,
}

impl ShowPeer {
    /// The peer as it is called now. Showing it takes no lock.
    #[cold]
    #[inline(never)]
    pub(crate) fn new(peer: &Peer) -> Self {
        Self {
            id: peer.id,
            label: Labels::of(peer),
        }
    }
}

impl fmt::Display for ShowPeer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.id, f)?;
        let Some(label) = &self.label else {
            return Ok(());
        };
        f.write_str(" \"")?;
        let mut text = string::bytes(label.as_c_str());
        while let Some((first, rest)) = utf8::split_first(text) {
            fmt::Display::fmt(&first, f)?;
            text = rest;
        }
        f.write_str("\"")
    }
}
