// SPDX-License-Identifier: GPL-2.0

//! A path-compressed trie of three bits a step, with lock-free readers.
//!
//! A branch of level *n* is about the bits 3 *n* to 3 *n* + 2 of addresses, counted from the end, and
//! all that is below it has the bits before those in common. Its places are numbered as in a heap:
//! 8 to 15 are for what is decided by all three bits, prefixes that end there or further down; 1 to 7
//! for prefixes that end before, by the bits that they have. So the places of the prefixes that an
//! address is in are its own one halved, and halved again. ::
//!
//!                      1                  ends before the three bits
//!            2                   3        after one of them
//!        4       5          6         7   after two
//!      8   9  10   11    12  13    14  15 after all of them
//!
//! Branches do not know what is in common below them: readers go down by the bits alone, and look at
//! the prefixes that they find there. A reader may be led astray while the trie is being changed, when a
//! child has come where the one was that it was on its way to. It does no harm, since it does not take
//! what does not cover its address, nor what does not belong to the place where it looked. It may miss
//! a prefix that came after it had passed the place, though, and one within it that went before it got
//! there: then it finds what both are in.

use kernel::prelude::*;

use super::Owner;
use crate::{
    kapi::sync::{
        rcu::{
            Rcu,
            RcuArc,
            RcuRef, //
        },
        rcu_tree::{
            Branch,
            BranchRoom,
            Leaf,
            LeafRef,
            LeafRoom,
            Node,
            Ordered,
            Tree, //
        }, //
    },
    proto::prefix::{
        Address,
        Prefix, //
    }, //
};

/// How many bits a branch is about.
const STRIDE: u8 = 3;

/// The first of the places that all bits of a branch decide about.
const WHOLE: u8 = 1 << STRIDE;

/// Who owns a prefix, and since when.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Claim {
    /// The id of the owner.
    pub(super) owner: u64,
    /// The place in the order of insertions.
    pub(super) seq: u64,
}

/// The prefixes of one address family.
pub(super) struct Trie<A: Number, P: Owner>(Tree<Entry<A>, P>);

/// An address whose bits can be taken out.
pub(super) trait Number: Address + Send + Sync + 'static {
    /// The bits that a branch of that level is about.
    fn digit(self, level: u8) -> u8;
}

macro_rules! impl_number {
    ($int:ty) => {
        impl Number for $int {
            #[inline]
            fn digit(self, level: u8) -> u8 {
                let shift = u32::from(level).wrapping_mul(u32::from(STRIDE));
                self.wrapping_shr(shift) as u8 & WHOLE.wrapping_sub(1)
            }
        }
    };
}

impl_number!(u32);
impl_number!(u128);

/// A prefix that has an owner. What it says never changes: another entry takes its place.
#[derive(Clone, Copy)]
pub(super) struct Entry<A: Number> {
    prefix: Prefix<A>,
    seq: u64,
}

impl<A: Number> Entry<A> {
    pub(super) fn new(prefix: Prefix<A>, seq: u64) -> Self {
        Self { prefix, seq }
    }

    pub(super) fn prefix(&self) -> &Prefix<A> {
        &self.prefix
    }
}

impl<A: Number, P: Owner> Ordered<P> for Entry<A> {
    type Key = Claim;

    fn key(&self, owner: &P) -> Claim {
        Claim {
            owner: owner.id(),
            seq: self.seq,
        }
    }
}

/// The entry before, if there was one; or the one that could not be inserted.
type Inserted<A, P> = Result<Option<Leaf<Entry<A>, P>>, Leaf<Entry<A>, P>>;

/// Memory for one prefix: what it takes itself, and the branch that it may take at most.
pub(super) struct Room<A: Number, P: Owner> {
    pub(super) leaf: LeafRoom<Entry<A>, P>,
    pub(super) branch: BranchRoom,
}

impl<A: Number, P: Owner> Room<A, P> {
    /// Allocates it.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            leaf: LeafRoom::new(GFP_KERNEL)?,
            branch: BranchRoom::new(GFP_KERNEL)?,
        })
    }
}

impl<A: Number, P: Owner> Trie<A, P> {
    pub(super) const fn new() -> Self {
        Self(Tree::new())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The owner of the longest prefix that `address` is in.
    #[inline]
    pub(super) fn lookup<'r>(&self, rcu: Rcu<'r>, address: A) -> Option<RcuRef<'r, P>> {
        // A tunnel of two has but one prefix.
        let found = match self.0.root(rcu)? {
            Node::Leaf(entry) => Some(entry).filter(|entry| entry.prefix.contains(address)),
            Node::Branch(branch) => descend(branch, address),
        };
        found.map(LeafRef::owner)
    }

    /// The owner of exactly this prefix.
    pub(super) fn owner_of(&self, rcu: Rcu<'_>, prefix: &Prefix<A>) -> Option<RcuArc<P>> {
        let mut next = self.0.root(rcu);
        loop {
            next = match next? {
                Node::Leaf(entry) => {
                    let found = Some(entry).filter(|entry| entry.prefix == *prefix);
                    return found?.owner().try_get();
                }
                Node::Branch(branch) => branch.at(place_in(branch, prefix)?),
            };
        }
    }

    /// Gives a prefix to the owner that the entry names, and returns the entry before.
    ///
    /// # Errors
    ///
    /// The entry comes back if there is no room left, or another writer at work.
    pub(super) fn insert(&self, entry: Leaf<Entry<A>, P>, room: &mut BranchRoom) -> Inserted<A, P> {
        let Some(mut cursor) = self.0.edit() else {
            return Err(entry);
        };
        let new = entry.prefix;
        let nearest = nearest(cursor.node(), &new).unwrap_or(new.address());
        let bits = deciding_bits(&new, nearest);
        loop {
            let (bits, old) = match cursor.node() {
                None => return cursor.replace(entry),
                Some(Node::Leaf(old)) if old.prefix == new => return cursor.replace(entry),
                Some(Node::Leaf(old)) => (bits.max(host_bits(&old.prefix)), old.prefix),
                Some(Node::Branch(branch)) if branch.level() < level_of(bits) => {
                    (bits, Prefix::host(nearest))
                }
                Some(Node::Branch(branch)) => {
                    let place = place(&new, branch.level());
                    if cursor.down(place) {
                        continue;
                    }
                    return cursor.add(place, entry, room).map(|()| None);
                }
            };
            let level = level_of(bits);
            let (old, new) = (place(&old, level), place(&new, level));
            return cursor.fork(level, old, entry, new, room).map(|()| None);
        }
    }

    /// Takes a prefix from the owner with the id `owner`, if that one has it.
    pub(super) fn remove(&self, prefix: &Prefix<A>, owner: u64) -> Option<Leaf<Entry<A>, P>> {
        let mut cursor = self.0.edit()?;
        loop {
            match cursor.node()? {
                Node::Leaf(entry) => {
                    let is_it = entry.prefix == *prefix && entry.owner().id() == owner;
                    return is_it.then(|| cursor.remove()).flatten();
                }
                Node::Branch(branch) => {
                    let place = place_in(branch, prefix)?;
                    if !cursor.down(place) {
                        return None;
                    }
                }
            }
        }
    }

    /// Takes all prefixes. `pause` is called now and then.
    pub(super) fn clear(&self, pause: impl FnMut()) {
        self.0.clear(pause);
    }
}

/// The longest prefix below a branch that an address is in. Apart, so that the rest is short enough to
/// be where it is called.
#[inline(never)]
fn descend<A: Number, P: Owner>(
    mut branch: Branch<'_, Entry<A>, P>,
    address: A,
) -> Option<LeafRef<'_, Entry<A>, P>> {
    let mut best = None;
    loop {
        let place = WHOLE | address.digit(branch.level());
        if branch.has_below(WHOLE) {
            best = shorter(branch, place, address).or(best);
        }
        match branch.at(place) {
            Some(Node::Branch(below)) => branch = below,
            Some(Node::Leaf(entry))
                if host_bits(&entry.prefix) <= bits_behind(branch)
                    && entry.prefix.contains(address) =>
            {
                return Some(entry);
            }
            _ => return best,
        }
    }
}

/// The longest prefix that `address` is in among those that end before the last bit which `branch` is
/// about, where `place` is that of the address.
fn shorter<A: Number, P: Owner>(
    branch: Branch<'_, Entry<A>, P>,
    place: u8,
    address: A,
) -> Option<LeafRef<'_, Entry<A>, P>> {
    (1..=STRIDE).find_map(|bits| match branch.at(place.wrapping_shr(bits.into()))? {
        Node::Leaf(entry) => {
            let belongs_here = host_bits(&entry.prefix) == bits_behind(branch).saturating_add(bits);
            (belongs_here && entry.prefix.contains(address)).then_some(entry)
        }
        Node::Branch(_) => None,
    })
}

/// How many bits there are behind those that a branch is about.
fn bits_behind<T, O>(branch: Branch<'_, T, O>) -> u8 {
    branch.level().saturating_mul(STRIDE)
}

/// The address of a prefix below `node` that has as many bits in common with `prefix` as any that
/// branches on the way to it tell it from.
fn nearest<A: Number, P: Owner>(
    node: Option<Node<'_, Entry<A>, P>>,
    prefix: &Prefix<A>,
) -> Option<A> {
    let mut node = node?;
    loop {
        node = match node {
            Node::Leaf(entry) => return Some(entry.prefix.address()),
            Node::Branch(branch) => {
                let here = place_in(branch, prefix).and_then(|place| branch.at(place));
                here.or_else(|| branch.any())?
            }
        }
    }
}

/// How many bits at the end of an address are not those of the prefix.
fn host_bits<A: Number>(prefix: &Prefix<A>) -> u8 {
    A::BITS.saturating_sub(prefix.len())
}

/// The bits at the end by which a prefix is told from `other`: where they begin to differ, or where
/// the prefix ends.
fn deciding_bits<A: Number>(prefix: &Prefix<A>, other: A) -> u8 {
    let common = prefix.address().common_bits(other);
    A::BITS.saturating_sub(common).max(host_bits(prefix))
}

/// The level of a branch that is about the first of so many bits at the end.
fn level_of(bits: u8) -> u8 {
    bits.saturating_sub(1) / STRIDE
}

/// The place of a prefix in a branch of that level, which is no lower than that of its host bits.
fn place<A: Number>(prefix: &Prefix<A>, level: u8) -> u8 {
    let after = host_bits(prefix).saturating_sub(level.saturating_mul(STRIDE));
    (WHOLE | prefix.address().digit(level)).wrapping_shr(after.into())
}

/// The place of a prefix in a branch, unless it belongs above.
fn place_in<A: Number, T, O>(branch: Branch<'_, T, O>, prefix: &Prefix<A>) -> Option<u8> {
    let level = branch.level();
    (level >= level_of(host_bits(prefix))).then(|| place(prefix, level))
}
