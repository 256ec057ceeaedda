// SPDX-License-Identifier: GPL-2.0

//! What is sent to single peers has a mark or a priority of its own.
//!
//! What is used on the way is a copy, in what the peer's endpoint remembers of the way there.

use kernel::prelude::*;

pub(crate) use crate::kapi::net::udp_tunnel::Marking;

use crate::{
    by_peer::{ByPeer, Place},
    peer::{apart, Peer}, //
};

/// The markings of a device's peers.
#[pin_data]
pub(crate) struct Markings {
    #[pin]
    by_peer: ByPeer<Marking>,
}

/// Memory for a marking.
pub(crate) type MarkingRoom = Place<Marking>;

impl Markings {
    /// No peer has one.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            by_peer <- ByPeer::new(apart::MARKING),
        })
    }

    /// How a peer's packets are marked; zero stands for what others have.
    pub(crate) fn of(peer: &Peer) -> Marking {
        peer.device.markings.by_peer.of(peer).unwrap_or_default()
    }

    /// Marks a peer's packets so. Under the lock of the configuration.
    pub(crate) fn set(peer: &Peer, marking: Marking, room: MarkingRoom) {
        peer.device.markings.by_peer.set(peer, marking, room);
    }

    /// Marks a peer's packets as others. Under the lock of the configuration, or at the peer's end.
    pub(crate) fn remove(peer: &Peer) {
        peer.device.markings.by_peer.remove(peer);
    }
}
