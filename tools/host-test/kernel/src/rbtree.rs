// SPDX-License-Identifier: GPL-2.0

//! The ordered map of the kernel, on top of the one of `std`.

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::alloc::{attempt, Flags};
use crate::error::Result;

/// An ordered map.
pub struct RBTree<K, V>(BTreeMap<K, V>);

/// Memory for a node.
pub struct RBTreeNodeReservation<K, V>(PhantomData<(K, V)>);

/// A node outside the tree.
pub struct RBTreeNode<K, V>(K, V);

/// A place in the tree.
pub struct Cursor<'a, K, V>(&'a K, &'a V);

impl<K, V> RBTreeNodeReservation<K, V> {
    /// Allocates.
    pub fn new(_flags: Flags) -> Result<Self> {
        attempt()?;
        Ok(Self(PhantomData))
    }

    /// Fills the memory.
    pub fn into_node(self, key: K, value: V) -> RBTreeNode<K, V> {
        RBTreeNode(key, value)
    }
}

impl<K: Ord, V> Default for RBTree<K, V> {
    fn default() -> Self {
        Self::new()
    }
}

impl<K: Ord, V> RBTree<K, V> {
    /// An empty tree.
    pub fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Inserts a node.
    pub fn insert(&mut self, node: RBTreeNode<K, V>) {
        self.0.insert(node.0, node.1);
    }

    /// Removes a node.
    pub fn remove(&mut self, key: &K) -> Option<V> {
        self.0.remove(key)
    }

    /// The first node that is not below `key`.
    pub fn cursor_lower_bound(&self, key: &K) -> Option<Cursor<'_, K, V>> {
        let (key, value) = self.0.range(key..).next()?;
        Some(Cursor(key, value))
    }
}

impl<K, V> Cursor<'_, K, V> {
    /// The node.
    pub fn current(&self) -> (&K, &V) {
        (self.0, self.1)
    }
}
