// SPDX-License-Identifier: GPL-2.0

//! What few peers have, and so is apart from them.

use kernel::{
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation}, //
};

use crate::{
    kapi::sync::{new_spinlock_bh, SpinLockBh},
    peer::Peer, //
};

/// Something of a device's peers, by the numbers of those. A peer knows by a bit of its own, one of
/// [`crate::peer::apart`], whether it is among them.
#[pin_data]
pub(crate) struct ByPeer<V> {
    bit: u8,
    /// Looked into where messages are printed or sent, which may be anywhere.
    #[pin]
    values: SpinLockBh<RBTree<u64, V>>,
}

/// Memory for a peer's place.
pub(crate) struct Place<V>(RBTreeNodeReservation<u64, V>);

impl<V> Place<V> {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        RBTreeNodeReservation::new(GFP_KERNEL).map(Self)
    }
}

impl<V: Clone + Unpin> ByPeer<V> {
    /// No peer has one.
    pub(crate) fn new(bit: u8) -> impl PinInit<Self> {
        pin_init!(Self {
            bit,
            values <- new_spinlock_bh!(RBTree::new(), "wg_by_peer"),
        })
    }

    /// A peer's.
    pub(crate) fn of(&self, peer: &Peer) -> Option<V> {
        if !peer.has_apart(self.bit) {
            return None;
        }
        self.values.lock().get(&peer.id).cloned()
    }

    /// Gives a peer one, in place of what it has. Under the lock of the configuration.
    pub(crate) fn set(&self, peer: &Peer, value: V, Place(node): Place<V>) {
        let before = self.values.lock().insert(node.into_node(peer.id, value));
        peer.set_apart(self.bit, true);
        drop(before);
    }

    /// Takes a peer's, if it has one. Under the lock of the configuration, or at the peer's end.
    pub(crate) fn remove(&self, peer: &Peer) {
        if peer.set_apart(self.bit, false) {
            let before = self.values.lock().remove_node(&peer.id);
            drop(before);
        }
    }
}
