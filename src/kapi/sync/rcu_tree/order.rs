// SPDX-License-Identifier: GPL-2.0

//! The order of leaves, by their keys.
//!
//! C header: [`include/linux/rbtree.h`](srctree/include/linux/rbtree.h)

use core::{
    marker::PhantomData,
    ptr::{self, NonNull},
    sync::atomic::{AtomicUsize, Ordering}, //
};

use kernel::{
    sync::rcu,
    types::Opaque, //
};

use super::leaf::{Inner, Leaf, LeafRef};
use crate::bindings;

/// What has a place in an order.
pub(crate) trait Ordered<O> {
    /// What it is sorted by.
    type Key: Ord;

    /// The key of what belongs to `owner`, which stays the same for as long as it is in an order.
    fn key(&self, owner: &O) -> Self::Key;
}

/// Leaves in the order of their keys.
///
/// # Invariants
///
/// - The root, and what its links lead to, are the `links` of valid `Inner<T, O>`.
/// - Those are linked, and given up only when they no longer are, which takes a `&mut Order`.
pub(crate) struct Order<T: 'static, O: 'static> {
    root: bindings::rb_root,
    _leaves: PhantomData<*const Inner<T, O>>,
}

// SAFETY: An order lends out leaves by shared reference; nothing depends on the context.
unsafe impl<T: Send + Sync, O: Send + Sync> Send for Order<T, O> {}
// SAFETY: As above.
unsafe impl<T: Send + Sync, O: Send + Sync> Sync for Order<T, O> {}

/// The place of a leaf in an order.
///
/// It is linked unless it is its own parent, as `RB_CLEAR_NODE()` has it.
#[repr(transparent)]
pub(super) struct Links(Opaque<bindings::rb_node>);

impl Links {
    /// Links that [`Self::init`] is to be called on.
    pub(super) fn uninit() -> Self {
        Self(Opaque::uninit())
    }

    /// Makes them those of a leaf that is in no order.
    ///
    /// # Safety
    ///
    /// Nobody else may use them.
    pub(super) unsafe fn init(&self) {
        let node = self.0.get();
        // SAFETY: The pointer is valid, and by the caller's promise ours. Who finds the node to be its
        // own parent may free it at once.
        unsafe { parent_of(node) }.store(node.expose_provenance(), Ordering::Release);
    }

    /// Whether they are part of an order.
    pub(super) fn is_linked(&self) -> bool {
        let node = self.0.get();
        // SAFETY: The links of a leaf are initialised.
        let parent = unsafe { parent_of(node) }.load(Ordering::Acquire);
        parent != node.addr()
    }
}

/// A leaf, and the one behind it.
type FirstTwo<'a, T, O> = (LeafRef<'a, T, O>, Option<LeafRef<'a, T, O>>);

/// The leaf with these links.
///
/// # Safety
///
/// They must be those of a valid `Inner<T, O>`, which is not given up before `'a` ends.
unsafe fn leaf_of<'a, T, O>(node: *mut bindings::rb_node) -> LeafRef<'a, T, O> {
    let links: *const Links = node.cast();
    // SAFETY: By the caller's promise.
    unsafe {
        let leaf = kernel::container_of!(links, Inner<T, O>, links);
        LeafRef::new(NonNull::new_unchecked(leaf.cast_mut()))
    }
}

impl<T: Ordered<O> + Send + Sync, O: Send + Sync> Order<T, O> {
    /// An empty order.
    pub(crate) fn new() -> Self {
        Self {
            root: bindings::rb_root {
                rb_node: ptr::null_mut(),
            },
            _leaves: PhantomData,
        }
    }

    /// Gives a leaf its place, unless it has one already.
    pub(crate) fn enter(&mut self, leaf: &mut Leaf<T, O>) {
        if leaf.links().is_linked() {
            return;
        }
        let key = leaf.borrow().key();
        let mut parent = ptr::null_mut();
        let mut link = &raw mut self.root.rb_node;
        // SAFETY: By the type invariants, links lead to those of valid leaves.
        unsafe {
            while !(*link).is_null() {
                parent = *link;
                link = if key < leaf_of::<T, O>(parent).key() {
                    &raw mut (*parent).rb_left
                } else {
                    &raw mut (*parent).rb_right
                };
            }
        }
        // SAFETY: `leaf` is valid.
        let node = unsafe { (*leaf.as_ptr()).links.0.get() };
        // INVARIANT: The leaf is valid. It is linked from here on, so dropping it does not free it.
        // SAFETY: The links are those of a leaf that is in no order and ours; `link` is where they
        // belong, below `parent`. This is `rb_link_node()`.
        unsafe {
            node.write(bindings::rb_node {
                __rb_parent_color: parent.expose_provenance(),
                rb_left: ptr::null_mut(),
                rb_right: ptr::null_mut(),
            });
            *link = node;
            bindings::rb_insert_color(node, &raw mut self.root);
        }
    }

    /// Takes its place from a leaf. Nothing happens if it has none in this order.
    pub(crate) fn strike(&mut self, leaf: &mut Leaf<T, O>) {
        if !leaf.links().is_linked() {
            return;
        }
        // SAFETY: `leaf` is valid.
        let node = unsafe { (*leaf.as_ptr()).links.0.get() };
        // SAFETY: The leaf is in some order.
        let top = unsafe { top(node) };
        if top.is_null() || !ptr::eq(top, self.root.rb_node) {
            return;
        }
        // SAFETY: The leaf is in this order, as just seen, which is ours to change; it is out of it
        // when it is made its own parent.
        unsafe {
            bindings::rb_erase(node, &raw mut self.root);
            leaf.links().init();
        }
    }

    /// The first one whose key is not below `key`.
    pub(crate) fn first_from(&self, key: &T::Key) -> Option<LeafRef<'_, T, O>> {
        self.first_two_from(key).map(|(first, _)| first)
    }

    /// The first one whose key is not below `key`, and the one behind it.
    pub(crate) fn first_two_from(&self, key: &T::Key) -> Option<FirstTwo<'_, T, O>> {
        let mut node = self.root.rb_node;
        let (mut first, mut second) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: By the type invariants, links lead to those of valid leaves, which stay so while `self`
        // is borrowed.
        unsafe {
            while !node.is_null() {
                if leaf_of::<T, O>(node).key() < *key {
                    node = (*node).rb_right;
                } else {
                    (first, second) = (node, first);
                    node = (*node).rb_left;
                }
            }
            if first.is_null() {
                return None;
            }
            node = (*first).rb_right;
            while !node.is_null() {
                second = node;
                node = (*node).rb_left;
            }
            let second = (!second.is_null()).then(|| leaf_of(second));
            Some((leaf_of(first), second))
        }
    }
}

impl<T, O> Order<T, O> {
    /// Takes their places from all leaves. `pause` is called now and then.
    pub(crate) fn clear(&mut self, mut pause: impl FnMut()) {
        const BATCH: u32 = 4096;
        let mut node = core::mem::replace(&mut self.root.rb_node, ptr::null_mut());
        let mut count = 0u32;
        while !node.is_null() {
            // SAFETY: By the type invariants, all that is linked is valid, and none of it is freed
            // before it is its own parent. Nodes turn around their left children until there are
            // none; then the node is the first of those that are left. All that is linked has a
            // parent that is, or none: who looks for the top of another order relies on that.
            unsafe {
                let left = (*node).rb_left;
                if left.is_null() {
                    let next = (*node).rb_right;
                    set_parent(next, ptr::null_mut());
                    (*node.cast::<Links>()).init();
                    node = next;
                } else {
                    let middle = (*left).rb_right;
                    set_parent(middle, node);
                    set_parent(node, left);
                    set_parent(left, ptr::null_mut());
                    (*node).rb_left = middle;
                    (*left).rb_right = node;
                    node = left;
                }
            }
            count = count.wrapping_add(1);
            if count % BATCH == 0 {
                pause();
            }
        }
    }
}

/// The root of the order that a node is in; null if it is not found, since others change that order,
/// which is not the caller's then.
///
/// # Safety
///
/// The node must be linked, and its leaf valid.
unsafe fn top(mut node: *mut bindings::rb_node) -> *mut bindings::rb_node {
    // The lower bits are a node's colour.
    const COLOUR: usize = 3;
    // Deeper than any: twice as many as there are bits in an address.
    const DEEPEST: u32 = 128;
    // Leaves of an order that is changed meanwhile are not freed while this looks at them.
    let _guard = rcu::read_lock();
    for _ in 0..DEEPEST {
        // SAFETY: Linked nodes lead to linked nodes, whose leaves are freed a grace period after they
        // are no longer linked.
        let parent = unsafe { parent_of(node) }.load(Ordering::Acquire) & !COLOUR;
        if parent == 0 {
            return node;
        }
        node = ptr::with_exposed_provenance_mut(parent);
    }
    ptr::null_mut()
}

/// Makes a node, unless it is null, another one's child.
///
/// # Safety
///
/// The node must be initialised and valid, and the caller's to change.
unsafe fn set_parent(node: *mut bindings::rb_node, parent: *mut bindings::rb_node) {
    if !node.is_null() {
        // SAFETY: By the caller's promise.
        unsafe { parent_of(node) }.store(parent.expose_provenance(), Ordering::Release);
    }
}

/// The parent and the colour of a node.
///
/// # Safety
///
/// The node must be initialised, and valid for `'a`.
unsafe fn parent_of<'a>(node: *mut bindings::rb_node) -> &'a AtomicUsize {
    // SAFETY: By the caller's promise. Where C writes to it, that is by aligned stores of words.
    unsafe { AtomicUsize::from_ptr(&raw mut (*node).__rb_parent_color) }
}

impl<T, O> Drop for Order<T, O> {
    fn drop(&mut self) {
        self.clear(|| ());
    }
}
