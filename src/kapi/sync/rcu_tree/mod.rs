// SPDX-License-Identifier: GPL-2.0

//! Trees that lock-free readers walk down, with branches no larger than they need be.
//!
//! A [`Tree`] has [`Leaf`]s that hold a `T` each, and a reference to an `O`, its owner. Branches have up to fifteen numbered places, of
//! which only those in use take memory, and levels that become lower on the way down. What is where
//! is up to the user, who walks down by place, as a reader or with a [`Cursor`].
//!
//! Each change of a cursor becomes visible by one pointer, and leaves what it is not about where
//! readers find it all the time. What is cut out or replaced by a larger copy is freed a grace period
//! later, and nothing ever waits for more than one. The owner of a leaf is let go of at once: readers that
//! still find it there began before, and an object outlives its last reference by a grace period.
//!
//! A leaf may have a place in an [`Order`], too, which only writers see.
//!
//! C header: [`include/linux/rcupdate.h`](srctree/include/linux/rcupdate.h)

mod branch;
mod cursor;
mod leaf;
mod order;

use core::{
    marker::PhantomData,
    ptr::{
        self,
        NonNull, //
    }, //
};

use crate::kapi::sync::{
    atomic::{AtomicBool, AtomicPtr, Ordering},
    rcu::Rcu, //
};

pub(crate) use branch::{Branch, BranchRoom};
pub(crate) use cursor::Cursor;
pub(crate) use leaf::{Leaf, LeafRef, LeafRoom};
pub(crate) use order::{Order, Ordered};

/// Levels of branches are below this.
pub(crate) const LEVELS: u8 = 64;

/// A tree.
///
/// # Invariants
///
/// - What the root points to, and what branches point to that can be reached from there, is owned by
///   the tree, each leaf and branch by exactly one pointer. A branch has two children or more, which
///   are leaves, or branches of a lower level.
/// - Only a [`Cursor`] and [`Tree::clear`] change them, and there is one of those at a time.
/// - What is no longer reached from there is freed a grace period later.
pub(crate) struct Tree<T: 'static, O: 'static> {
    root: Slot,
    /// Whether it is being changed.
    is_taken: AtomicBool,
    _owns: PhantomData<Leaf<T, O>>,
}

/// Null, or a pointer to a leaf or a branch. Those to branches have [`BRANCH`] set.
type Slot = AtomicPtr<()>;

/// Both are aligned to more than this.
const BRANCH: usize = 1;

/// What a slot points to.
enum Target<T: 'static, O: 'static> {
    Leaf(NonNull<leaf::Inner<T, O>>),
    Branch(branch::Raw),
}

impl<T, O> Target<T, O> {
    /// What `ptr`, which was in a slot, points to.
    #[inline]
    fn of(ptr: *mut ()) -> Option<Self> {
        if ptr.addr() & BRANCH == 0 {
            return NonNull::new(ptr.cast()).map(Self::Leaf);
        }
        let branch = NonNull::new(ptr.wrapping_byte_sub(BRANCH).cast())?;
        Some(Self::Branch(branch::Raw(branch)))
    }

    fn into_ptr(self) -> *mut () {
        match self {
            Self::Leaf(leaf) => leaf.as_ptr().cast(),
            Self::Branch(branch) => branch.0.as_ptr().wrapping_byte_add(BRANCH).cast(),
        }
    }
}

/// What is at a place of a tree.
pub(crate) enum Node<'r, T: 'static, O: 'static> {
    /// A leaf.
    Leaf(LeafRef<'r, T, O>),
    /// A branch.
    Branch(Branch<'r, T, O>),
}

impl<T, O> Node<'_, T, O> {
    /// # Safety
    ///
    /// `ptr` must have been read from a slot of a tree of `T` and `O`, and what it points to must not be
    /// freed before `'r` ends, nor what that refers to.
    #[inline]
    unsafe fn of(ptr: *mut ()) -> Option<Self> {
        // This is the inner part of every look-up: the likely one comes first, and no more is asked
        // than is needed.
        if ptr.addr() & BRANCH != 0 {
            // SAFETY: By the caller's promise. A branch is not at the address that no object is at.
            return Some(Self::Branch(unsafe {
                Branch::new(branch::Raw(NonNull::new_unchecked(
                    ptr.wrapping_byte_sub(BRANCH).cast(),
                )))
            }));
        }
        // SAFETY: By the caller's promise.
        NonNull::new(ptr.cast()).map(|leaf| Self::Leaf(unsafe { LeafRef::new(leaf) }))
    }
}

impl<T: Send + Sync, O: Send + Sync> Tree<T, O> {
    /// An empty tree.
    pub(crate) const fn new() -> Self {
        Self {
            root: AtomicPtr::new(ptr::null_mut()),
            is_taken: AtomicBool::new(false),
            _owns: PhantomData,
        }
    }

    /// Whether there are no leaves.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.root.load(Ordering::Relaxed).is_null()
    }

    /// What a reader begins with.
    #[inline]
    pub(crate) fn root<'r>(&self, _rcu: Rcu<'r>) -> Option<Node<'r, T, O>> {
        let ptr = self.root.load(Ordering::Acquire);
        // SAFETY: By the type invariants, what was reached in the critical section is freed after it.
        unsafe { Node::of(ptr) }
    }

    /// Takes the tree for one change; `None` if it is being changed already. Writers are expected to
    /// exclude each other by themselves.
    pub(crate) fn edit(&self) -> Option<Cursor<'_, T, O>> {
        Some(Cursor::new(self, self.take()?))
    }
}

impl<T, O> Tree<T, O> {
    /// Gives up all leaves, without recursion. `pause` is called now and then.
    ///
    /// Readers that are in the tree meanwhile find all of it or none. No leaf waits for another one's
    /// grace period.
    pub(crate) fn clear(&self, mut pause: impl FnMut()) {
        const BATCH: u32 = 1024;
        let Some(_taken) = self.take() else { return };
        let mut above: [Option<branch::Raw>; LEVELS as usize] = [None; LEVELS as usize];
        let mut depth = 0usize;
        let mut count = 0u32;
        let mut next = self.root.swap(ptr::null_mut(), Ordering::AcqRel);
        loop {
            match Target::<T, O>::of(next) {
                // SAFETY: It was in the tree, whose it was; new readers do not find it.
                Some(Target::Leaf(leaf)) => drop(unsafe { Leaf::from_ptr(leaf) }),
                Some(Target::Branch(branch)) => {
                    // Levels are all different on the way down, so there is always room.
                    if let Some(place) = above.get_mut(depth) {
                        *place = Some(branch);
                        depth = depth.wrapping_add(1);
                    }
                }
                None => {}
            }
            let Some(&Some(branch)) = above.get(depth.wrapping_sub(1)) else {
                return;
            };
            // SAFETY: It was in the tree and is ours now.
            if let Some(child) = unsafe { branch.next_child() } {
                next = child;
            } else {
                // SAFETY: As above. Its children have been taken, all of them.
                unsafe { branch.give_up() };
                next = ptr::null_mut();
                depth = depth.wrapping_sub(1);
            }
            count = count.wrapping_add(1);
            if count % BATCH == 0 {
                pause();
            }
        }
    }

    fn take(&self) -> Option<Taken<'_>> {
        if self.is_taken.swap(true, Ordering::Acquire) {
            return None;
        }
        Some(Taken(&self.is_taken))
    }
}

impl<T, O> Drop for Tree<T, O> {
    fn drop(&mut self) {
        self.clear(|| ());
    }
}

/// The right to change a tree.
struct Taken<'t>(&'t AtomicBool);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

// SAFETY: The tree owns its leaves, and lends them to readers in other contexts.
unsafe impl<T: Send + Sync, O: Send + Sync> Send for Tree<T, O> {}
// SAFETY: As above; a cursor takes leaves out through a shared reference.
unsafe impl<T: Send + Sync, O: Send + Sync> Sync for Tree<T, O> {}
