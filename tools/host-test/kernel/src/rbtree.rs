// SPDX-License-Identifier: GPL-2.0

//! The ordered map of the kernel, on top of the one of `std`.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::ops::Bound;

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

/// A place in a tree that may be changed there.
pub struct CursorMut<'a, K, V> {
    tree: &'a mut BTreeMap<K, V>,
    key: K,
}

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

    /// Allocates and inserts a node.
    pub fn try_create_and_insert(&mut self, key: K, value: V, flags: Flags) -> Result<()> {
        let node = RBTreeNodeReservation::new(flags)?.into_node(key, value);
        self.insert(node);
        Ok(())
    }

    /// The value of a node.
    pub fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
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

impl<K: Clone + Ord, V> RBTree<K, V> {
    /// The first node that is not below `key`.
    pub fn cursor_lower_bound_mut(&mut self, key: &K) -> Option<CursorMut<'_, K, V>> {
        let key = self.0.range(key..).next()?.0.clone();
        Some(CursorMut {
            tree: &mut self.0,
            key,
        })
    }
}

impl<K: Clone + Ord, V> CursorMut<'_, K, V> {
    /// The node.
    pub fn current(&self) -> (&K, &V) {
        (&self.key, &self.tree[&self.key])
    }

    /// The node after this one.
    pub fn peek_next(&self) -> Option<(&K, &V)> {
        let after = (Bound::Excluded(&self.key), Bound::Unbounded);
        self.tree.range(after).next()
    }

    /// Removes the node.
    pub fn remove_current(self) {
        self.tree.remove(&self.key);
    }
}

impl<K, V> Cursor<'_, K, V> {
    /// The node.
    pub fn current(&self) -> (&K, &V) {
        (self.0, self.1)
    }
}
