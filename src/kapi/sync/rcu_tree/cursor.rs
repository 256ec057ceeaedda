// SPDX-License-Identifier: GPL-2.0

//! Changes of a tree.

use core::{
    marker::PhantomData,
    ptr, //
};

use super::{
    branch::{BranchRoom, Raw},
    leaf::Leaf,
    Node,
    Slot,
    Taken,
    Target,
    Tree,
    LEVELS, //
};
use crate::kapi::sync::atomic::Ordering;

/// A place of a tree, which walks down to where the tree is to be changed. A change uses it up.
///
/// # Invariants
///
/// - Nobody else changes the tree.
/// - `spot` is the root of the tree, or in the branch of `above`, which is in the tree.
pub(crate) struct Cursor<'t, T: 'static, O: 'static> {
    spot: &'t Slot,
    above: Option<Above<'t>>,
    _taken: Taken<'t>,
    _owns: PhantomData<&'t Leaf<T, O>>,
}

/// Where a branch is that the cursor has come through, and by which place.
struct Above<'t> {
    spot: &'t Slot,
    branch: Raw,
    place: u8,
}

impl<'t, T: Send + Sync, O: Send + Sync> Cursor<'t, T, O> {
    pub(super) fn new(tree: &'t Tree<T, O>, taken: Taken<'t>) -> Self {
        // INVARIANT: It is the root, and `taken` keeps others from changing the tree.
        Self {
            spot: &tree.root,
            above: None,
            _taken: taken,
            _owns: PhantomData,
        }
    }

    /// What is here.
    pub(crate) fn node(&self) -> Option<Node<'_, T, O>> {
        // SAFETY: By the type invariants, all that is in the tree stays there until `self` is gone.
        unsafe { Node::of(self.spot.load(Ordering::Acquire)) }
    }

    /// Goes down to a place of the branch that is here, if that is in use.
    pub(crate) fn down(&mut self, place: u8) -> bool {
        let Some(branch) = self.branch() else {
            return false;
        };
        // SAFETY: By the type invariants, the branch is in the tree.
        let Some(slot) = (unsafe { branch.at(place) }) else {
            return false;
        };
        self.above = Some(Above {
            spot: self.spot,
            branch,
            place,
        });
        // INVARIANT: It is in that branch.
        self.spot = slot;
        true
    }

    /// Puts a leaf here, where nothing is or another leaf, which is returned.
    ///
    /// # Errors
    ///
    /// The leaf comes back if there is a branch.
    pub(crate) fn replace(self, leaf: Leaf<T, O>) -> Result<Option<Leaf<T, O>>, Leaf<T, O>> {
        if self.branch().is_some() {
            return Err(leaf);
        }
        let leaf = Target::Leaf(leaf.into_ptr()).into_ptr();
        let before = self.spot.swap(leaf, Ordering::AcqRel);
        match Target::of(before) {
            // SAFETY: It was in the tree, whose it was, and is no more.
            Some(Target::Leaf(before)) => Ok(Some(unsafe { Leaf::from_ptr(before) })),
            _ => Ok(None),
        }
    }

    /// Puts a new branch here, with what is here at the place `old`, and a leaf at the place `new`.
    ///
    /// # Errors
    ///
    /// The leaf comes back if there is nothing here, if the level does not fit between those above
    /// and below, if both places are one, or if there is no room.
    pub(crate) fn fork(
        self,
        level: u8,
        old: u8,
        leaf: Leaf<T, O>,
        new: u8,
        room: &mut BranchRoom,
    ) -> Result<(), Leaf<T, O>> {
        let here = self.spot.load(Ordering::Acquire);
        if here.is_null() || old & 15 == new & 15 || !self.fits(level) {
            return Err(leaf);
        }
        let Some(branch) = room.larger_than(0, level) else {
            return Err(leaf);
        };
        // SAFETY: The branch is new, and nobody else's. It has room for two. What is here passes to
        // it, and it will be the only one that has it.
        unsafe {
            branch.put(old, here);
            branch.put(new, Target::Leaf(leaf.into_ptr()).into_ptr());
        }
        self.publish(branch);
        Ok(())
    }

    /// Puts a leaf at a free place of the branch that is here.
    ///
    /// # Errors
    ///
    /// The leaf comes back if there is no branch, if the place is in use, or if there is no room.
    pub(crate) fn add(
        self,
        place: u8,
        leaf: Leaf<T, O>,
        room: &mut BranchRoom,
    ) -> Result<(), Leaf<T, O>> {
        let Some(branch) = self.branch() else {
            return Err(leaf);
        };
        // SAFETY: By the type invariants, the branch is in the tree.
        if unsafe { branch.at(place) }.is_some() {
            return Err(leaf);
        }
        let leaf = leaf.into_ptr();
        let child = Target::Leaf(leaf).into_ptr();
        // SAFETY: As above, and nobody else changes the branch; if the leaf does not fit it is ours
        // again.
        if unsafe { branch.put(place, child) } {
            return Ok(());
        }
        // SAFETY: The branch is valid.
        let (capacity, level) = unsafe { (branch.capacity(), branch.level()) };
        let Some(larger) = room.larger_than(capacity, level) else {
            // SAFETY: It was given away above, and is nowhere.
            return Err(unsafe { Leaf::from_ptr(leaf) });
        };
        // SAFETY: Both branches are valid, and the larger one nobody else's. The other one is used
        // by readers alone once the larger one is in its place. That has room for one more.
        unsafe {
            branch.bequeath(larger);
            larger.put(place, child);
        }
        self.publish(larger);
        // SAFETY: As above.
        unsafe { branch.give_up() };
        Ok(())
    }

    /// Takes the leaf that is here, if there is one. A branch that has but one child then is replaced
    /// by it.
    pub(crate) fn remove(self) -> Option<Leaf<T, O>> {
        let Some(Target::Leaf(leaf)) = Target::of(self.spot.load(Ordering::Acquire)) else {
            return None;
        };
        match &self.above {
            None => {
                self.spot.swap(ptr::null_mut(), Ordering::AcqRel);
            }
            Some(above) => {
                // SAFETY: By the type invariants, the branch is in the tree, and nobody else changes
                // it.
                unsafe { above.branch.take(above.place) };
                Self::prune(above);
            }
        }
        // SAFETY: It was in the tree, whose it was, and is no more.
        Some(unsafe { Leaf::from_ptr(leaf) })
    }

    /// Replaces a branch by its only child.
    fn prune(above: &Above<'_>) {
        // SAFETY: By the type invariants of the cursor, the branch is in the tree.
        let Some(only) = (unsafe { above.branch.only() }) else {
            return;
        };
        above
            .spot
            .swap(only.load(Ordering::Acquire), Ordering::AcqRel);
        // SAFETY: The branch has been in the tree, and is no more; nor is its child its own.
        unsafe { above.branch.give_up() };
    }

    /// The branch that is here.
    fn branch(&self) -> Option<Raw> {
        match Target::<T, O>::of(self.spot.load(Ordering::Acquire))? {
            Target::Leaf(_) => None,
            Target::Branch(branch) => Some(branch),
        }
    }

    /// Whether a branch of that level may be here, above what is here.
    fn fits(&self, level: u8) -> bool {
        // SAFETY: By the type invariants, both branches are in the tree.
        let (above, below) = unsafe {
            (
                self.above.as_ref().map(|above| above.branch.level()),
                self.branch().map(|branch| branch.level()),
            )
        };
        level < above.unwrap_or(LEVELS) && below.is_none_or(|below| below < level)
    }

    /// Puts a branch in the place of what is here.
    fn publish(&self, branch: Raw) {
        let branch = Target::<T, O>::Branch(branch).into_ptr();
        self.spot.swap(branch, Ordering::AcqRel);
    }
}
