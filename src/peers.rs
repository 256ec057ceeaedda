// SPDX-License-Identifier: GPL-2.0

//! Finds a peer by its public key.

use core::mem;

use kernel::{
    new_mutex,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation},
    sync::Mutex, //
};

use crate::{
    kapi::sync::rcu::RcuArc,
    peer::Peer,
    proto::messages::PublicKey, //
};

/// There may be a million peers, and between 512 bytes and 1024 there is no size that the kernel
/// allocates. Locks that are watched are larger.
#[cfg(all(
    CONFIG_SMP,
    not(CONFIG_PREEMPT_RT),
    not(CONFIG_DEBUG_SPINLOCK),
    not(CONFIG_DEBUG_MUTEXES),
    not(CONFIG_LOCKDEP)
))]
const _: () = assert!(RcuArc::<Peer>::SIZE <= 512);

/// A public key as what is quick to compare. The order means nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct KeyOrder(u64, u64, u64, u64);

impl From<&PublicKey> for KeyOrder {
    fn from(PublicKey(key): &PublicKey) -> Self {
        // All four are there.
        let mut words = key
            .chunks_exact(8)
            .filter_map(|word| word.first_chunk().copied())
            .map(u64::from_ne_bytes);
        let mut next = || words.next().unwrap_or(0);
        Self(next(), next(), next(), next())
    }
}

/// The peers of a device by their public keys. Process context.
#[pin_data]
pub(crate) struct PeersByKey {
    #[pin]
    tree: Mutex<RBTree<KeyOrder, RcuArc<Peer>>>,
}

/// Memory to add a peer.
pub(crate) type KeyReservation = RBTreeNodeReservation<KeyOrder, RcuArc<Peer>>;

impl PeersByKey {
    /// No peers.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            tree <- new_mutex!(RBTree::new(), "wg_peers"),
        })
    }

    /// The peer of that key.
    pub(crate) fn find(&self, key: &PublicKey) -> Option<RcuArc<Peer>> {
        self.tree.lock().get(&key.into()).cloned()
    }

    /// Adds a peer.
    pub(crate) fn insert(&self, memory: KeyReservation, peer: RcuArc<Peer>) {
        let node = memory.into_node((&peer.public_key).into(), peer);
        let replaced = self.tree.lock().insert(node);
        drop(replaced);
    }

    /// Removes all peers.
    pub(crate) fn clear(&self) {
        let removed = mem::replace(&mut *self.tree.lock(), RBTree::new());
        drop(removed);
    }

    /// Removes the peer of that key.
    pub(crate) fn remove(&self, key: &PublicKey) -> Option<RcuArc<Peer>> {
        self.tree.lock().remove(&key.into())
    }
}
