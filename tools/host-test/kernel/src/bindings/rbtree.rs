// SPDX-License-Identifier: GPL-2.0

//! The links of `lib/rbtree.c`, which a treap keeps balanced here: nodes are below those of a lower
//! priority, and their priorities come from their addresses.

use std::{
    hash::{BuildHasher, BuildHasherDefault, DefaultHasher},
    ptr,
};

/// A node.
pub struct rb_node {
    /// The address of the parent. Nodes have no colour.
    pub __rb_parent_color: usize,
    /// What comes after.
    pub rb_right: *mut rb_node,
    /// What comes before.
    pub rb_left: *mut rb_node,
}

/// A tree.
pub struct rb_root {
    /// The node at the top.
    pub rb_node: *mut rb_node,
}

fn priority(node: *mut rb_node) -> u64 {
    BuildHasherDefault::<DefaultHasher>::default().hash_one(node.addr())
}

unsafe fn parent(node: *mut rb_node) -> *mut rb_node {
    // SAFETY: By the caller's promise.
    ptr::with_exposed_provenance_mut(unsafe { (*node).__rb_parent_color })
}

/// Puts `new`, or nothing, where `old` is.
unsafe fn replace(old: *mut rb_node, new: *mut rb_node, root: *mut rb_root) {
    // SAFETY: By the caller's promise.
    unsafe {
        let above = parent(old);
        if above.is_null() {
            (*root).rb_node = new;
        } else if (*above).rb_left == old {
            (*above).rb_left = new;
        } else {
            (*above).rb_right = new;
        }
        if !new.is_null() {
            (*new).__rb_parent_color = above.expose_provenance();
        }
    }
}

/// Puts a node in the place of its parent, which becomes its child.
unsafe fn rotate_up(node: *mut rb_node, root: *mut rb_root) {
    // SAFETY: By the caller's promise.
    unsafe {
        let above = parent(node);
        let is_left = (*above).rb_left == node;
        replace(above, node, root);
        let inner = if is_left {
            core::mem::replace(&mut (*node).rb_right, above)
        } else {
            core::mem::replace(&mut (*node).rb_left, above)
        };
        (*above).__rb_parent_color = node.expose_provenance();
        if is_left {
            (*above).rb_left = inner;
        } else {
            (*above).rb_right = inner;
        }
        if !inner.is_null() {
            (*inner).__rb_parent_color = above.expose_provenance();
        }
    }
}

/// Balances a tree to which a node was linked.
pub unsafe fn rb_insert_color(node: *mut rb_node, root: *mut rb_root) {
    // SAFETY: By the caller's promise.
    unsafe {
        while !parent(node).is_null() && priority(node) < priority(parent(node)) {
            rotate_up(node, root);
        }
    }
}

/// Takes a node out of its tree.
pub unsafe fn rb_erase(node: *mut rb_node, root: *mut rb_root) {
    // SAFETY: By the caller's promise.
    unsafe {
        loop {
            let (left, right) = ((*node).rb_left, (*node).rb_right);
            if left.is_null() || right.is_null() {
                let child = if left.is_null() { right } else { left };
                return replace(node, child, root);
            }
            let first = if priority(left) < priority(right) {
                left
            } else {
                right
            };
            rotate_up(first, root);
        }
    }
}
