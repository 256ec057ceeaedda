// SPDX-License-Identifier: GPL-2.0

//! What is sent to single peers has a mark or a priority of its own.
//!
//! Few peers have any, so they are apart from peers. What is used on the way is a copy, in what the
//! peer's endpoint remembers of the way there.

use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation}, //
};

pub(crate) use crate::kapi::net::udp_tunnel::Marking;

use crate::{
    kapi::sync::{new_spinlock_bh, SpinLockBh},
    peer::{apart, Peer}, //
};

/// The markings of a device's peers, by the numbers of those.
#[pin_data]
pub(crate) struct Markings {
    #[pin]
    markings: SpinLockBh<RBTree<u64, Marking>>,
}

/// Memory for a marking.
pub(crate) struct MarkingRoom(RBTreeNodeReservation<u64, Marking>);

impl MarkingRoom {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        RBTreeNodeReservation::new(GFP_KERNEL).map(Self)
    }
}

impl Markings {
    /// No peer has one.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            markings <- new_spinlock_bh!(RBTree::new(), "wg_markings"),
        })
    }

    /// How a peer's packets are marked; zero stands for what others have.
    pub(crate) fn of(peer: &Peer) -> Marking {
        if !peer.has_apart(apart::MARKING) {
            return Marking::default();
        }
        let markings = peer.device.markings.markings.lock();
        markings.get(&peer.id).copied().unwrap_or_default()
    }

    /// Marks a peer's packets so. Under the lock of the configuration.
    pub(crate) fn set(peer: &Peer, marking: Marking, MarkingRoom(node): MarkingRoom) {
        let node = node.into_node(peer.id, marking);
        let before = peer.device.markings.markings.lock().insert(node);
        peer.set_apart(apart::MARKING, true);
        drop(before);
    }

    /// Marks a peer's packets as others. Under the lock of the configuration, or at the peer's end.
    pub(crate) fn remove(peer: &Peer) {
        if peer.set_apart(apart::MARKING, false) {
            let before = peer.device.markings.markings.lock().remove_node(&peer.id);
            drop(before);
        }
    }
}
