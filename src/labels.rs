// SPDX-License-Identifier: GPL-2.0

//! Which peers are called something, and what.
//!
//! Few are, so labels are apart from peers. One is never changed but replaced.

use kernel::{
    fmt,
    prelude::*,
    rbtree::{RBTree, RBTreeNodeReservation}, //
};

use crate::{
    kapi::{
        string,
        sync::{
            new_spinlock_bh,
            rcu::{RcuArc, RcuReservation},
            SpinLockBh, //
        }, //
    },
    label::Label,
    peer::{apart, Peer},
    utf8, //
};

/// The labels of a device's peers, by the numbers of those.
#[pin_data]
pub(crate) struct Labels {
    /// Looked into where messages are printed, which may be anywhere.
    #[pin]
    labels: SpinLockBh<RBTree<u64, RcuArc<Label>>>,
}

/// Memory for a label.
pub(crate) struct LabelRoom {
    object: RcuReservation<Label>,
    node: RBTreeNodeReservation<u64, RcuArc<Label>>,
}

impl LabelRoom {
    /// Allocates it.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            object: RcuReservation::new(GFP_KERNEL)?,
            node: RBTreeNodeReservation::new(GFP_KERNEL)?,
        })
    }
}

impl Labels {
    /// No peer has one.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            labels <- new_spinlock_bh!(RBTree::new(), "wg_labels"),
        })
    }

    /// What a peer is called.
    pub(crate) fn of(peer: &Peer) -> Option<RcuArc<Label>> {
        if !peer.has_apart(apart::LABEL) {
            return None;
        }
        peer.device.labels.labels.lock().get(&peer.id).cloned()
    }

    /// Calls a peer something. Under the lock of the configuration.
    pub(crate) fn set(peer: &Peer, checked: &CStr, LabelRoom { object, node }: LabelRoom) {
        let node = node.into_node(peer.id, object.fill(Label::new(checked)));
        let before = peer.device.labels.labels.lock().insert(node);
        peer.set_apart(apart::LABEL, true);
        drop(before);
    }

    /// Calls a peer nothing. Under the lock of the configuration.
    pub(crate) fn remove(peer: &Peer) {
        if peer.set_apart(apart::LABEL, false) {
            let before = peer.device.labels.labels.lock().remove_node(&peer.id);
            drop(before);
        }
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
