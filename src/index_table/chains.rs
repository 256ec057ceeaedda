// SPDX-License-Identifier: GPL-2.0

//! A hash table of chains with lock-free readers, keyed by numbers that are random themselves.
//!
//! It has about as many buckets as entries. When that has changed much, there is a second table, the
//! first one's successor: new entries go there, and the others move to it little by little, the last
//! of a chain first. A reader who does not find a number in the first table looks into the second.
//! It finds what stays:
//!
//! - An entry is in its new chain before it leaves the old one, and it never goes back.
//! - Whoever sees that it has left sees the successor, and the entry in there.
//! - Nothing follows an entry that moves in its old chain. A reader who stands on it goes on into the
//!   new chain, and has missed nothing of the old one.
//!
//! As in a trie of allowed IPs, what is cut out keeps pointing to what follows, for readers that are
//! still there.

use kernel::prelude::*;

use super::table::{
    Node,
    Place,
    Table, //
};
use crate::kapi::sync::rcu::{
    Rcu,
    RcuArc,
    RcuCell,
    RcuRef, //
};

/// How many buckets whoever writes empties while entries move: few enough not to keep others waiting,
/// and enough for a table to be empty long before another change is due. One that grows is when there
/// are a sixteenth more entries than buckets, one that shrinks when half of those that were left are.
const STEP: usize = 16;

/// How many times fewer entries than buckets there are when the table becomes smaller.
const SPARSE: usize = 8;

/// What several contexts may hold references to.
pub(crate) trait Shared: Send + Sync + 'static {}

impl<T: Send + Sync + 'static> Shared for T {}

/// What a number stands for.
pub(crate) enum Entry<P: Shared, S: Shared> {
    /// A handshake with a peer.
    Handshake(RcuArc<P>),
    /// A session.
    Session(RcuArc<S>),
}

impl<P: Shared, S: Shared> Clone for Entry<P, S> {
    fn clone(&self) -> Self {
        match self {
            Self::Handshake(peer) => Self::Handshake(peer.clone()),
            Self::Session(session) => Self::Session(session.clone()),
        }
    }
}

impl<P: Shared, S: Shared> Entry<P, S> {
    pub(super) fn is_handshake_of(&self, peer: &RcuArc<P>) -> bool {
        matches!(self, Self::Handshake(other) if other.ptr_eq(peer))
    }

    pub(super) fn is_session(&self, session: &RcuArc<S>) -> bool {
        matches!(self, Self::Session(other) if other.ptr_eq(session))
    }
}

pub(crate) struct Chains<P: Shared, S: Shared> {
    /// The table that readers begin with; there always is one.
    table: RcuCell<Table<P, S>>,
    /// How many buckets there are at least.
    least: usize,
}

/// What writers know of the chains. Only one of them has it at a time.
pub(crate) struct Tally {
    entries: usize,
    /// How many buckets of the first table have been emptied into its successor.
    moved: usize,
    /// Whether somebody is making a table.
    is_ordered: bool,
    /// How often not to ask for a table, since there was no memory for one.
    patience: usize,
}

impl Tally {
    /// That of chains without entries.
    pub(crate) fn new() -> Self {
        Self {
            entries: 0,
            moved: 0,
            is_ordered: false,
            patience: 0,
        }
    }
}

impl<P: Shared, S: Shared> Chains<P, S> {
    /// Chains that will have `least` buckets or more, a power of two. May sleep.
    pub(crate) fn new(least: usize) -> Result<Self> {
        Ok(Self {
            table: RcuCell::new(Some(Table::new(least)?)),
            least,
        })
    }

    #[inline]
    pub(crate) fn lookup<'r>(&self, rcu: Rcu<'r>, index: u32) -> Option<&'r Entry<P, S>> {
        Some(&self.locate(rcu, index)?.node.entry)
    }

    /// Allocates what [`Self::insert`] and [`Self::replace`] take. May sleep.
    pub(crate) fn prepare(index: u32, entry: Entry<P, S>) -> Result<RcuArc<Node<P, S>>> {
        let node = Node {
            index,
            entry,
            next: RcuCell::new(None),
        };
        RcuArc::new(node, GFP_KERNEL)
    }

    /// Adds a number, ahead of older ones; returns whether it was free.
    pub(crate) fn insert(&self, tally: &mut Tally, rcu: Rcu<'_>, node: RcuArc<Node<P, S>>) -> bool {
        let is_free = self.locate(rcu, node.index).is_none();
        if let Some(newest) = self.newest(rcu).filter(|_| is_free) {
            newest.push(node);
            tally.entries = tally.entries.saturating_add(1);
            self.advance(tally, rcu);
        }
        is_free
    }

    /// Puts `node` where its number is. Returns `ENOENT` unless what is there is `expected`.
    pub(crate) fn replace(
        &self,
        tally: &mut Tally,
        rcu: Rcu<'_>,
        node: RcuArc<Node<P, S>>,
        expected: impl Fn(&Entry<P, S>) -> bool,
    ) -> Result {
        let Place { link, node: old } = self.expect(rcu, node.index, expected)?;
        node.next.replace(old.next.get());
        link.replace(Some(node));
        self.advance(tally, rcu);
        Ok(())
    }

    /// Removes a number. Returns `ENOENT` unless what is there is `expected`.
    pub(crate) fn remove(
        &self,
        tally: &mut Tally,
        rcu: Rcu<'_>,
        index: u32,
        expected: impl Fn(&Entry<P, S>) -> bool,
    ) -> Result {
        let Place { link, node: old } = self.expect(rcu, index, expected)?;
        link.replace(old.next.get());
        tally.entries = tally.entries.saturating_sub(1);
        self.advance(tally, rcu);
        Ok(())
    }

    /// Removes everything.
    pub(crate) fn clear(&self, tally: &mut Tally, rcu: Rcu<'_>) {
        let mut next = self.table.load(rcu);
        while let Some(table) = next {
            table.clear();
            next = table.get().successor.load(rcu);
        }
        tally.entries = 0;
    }

    /// How many buckets there are in all tables.
    pub(crate) fn buckets(&self, rcu: Rcu<'_>) -> usize {
        let mut sum = 0_usize;
        let mut next = self.table.load(rcu);
        while let Some(table) = next {
            sum = sum.saturating_add(table.len());
            next = table.get().successor.load(rcu);
        }
        sum
    }

    /// How many buckets another table should have, if there should be one. Whoever asked has to
    /// call [`Self::move_to`] or [`Self::stay`] then.
    pub(crate) fn order(&self, tally: &mut Tally, rcu: Rcu<'_>) -> Option<usize> {
        let table = self.table.load(rcu)?;
        if tally.is_ordered || !table.successor.is_none() {
            return None;
        }
        let wanted = self.wanted(tally.entries, table.len())?;
        if let Some(less) = tally.patience.checked_sub(1) {
            tally.patience = less;
            return None;
        }
        tally.is_ordered = true;
        Some(wanted)
    }

    /// Lets all entries move to another table, which was ordered; returns as [`Self::advance`].
    pub(crate) fn move_to(
        &self,
        tally: &mut Tally,
        rcu: Rcu<'_>,
        table: RcuArc<Table<P, S>>,
    ) -> bool {
        tally.is_ordered = false;
        tally.moved = 0;
        if let Some(first) = self.table.load(rcu) {
            first.successor.replace(Some(table));
        }
        self.advance(tally, rcu)
    }

    /// Leaves all entries where they are, since a table that was ordered could not be made. There
    /// will be no other order before a number of attempts that pays for this one.
    pub(crate) fn stay(&self, tally: &mut Tally, rcu: Rcu<'_>) {
        tally.is_ordered = false;
        tally.patience = self.table.load(rcu).map_or(0, |table| table.len());
    }

    /// How many buckets there should be for so many entries, unless `buckets` will do.
    fn wanted(&self, entries: usize, buckets: usize) -> Option<usize> {
        let is_sparse = buckets > self.least && entries.saturating_mul(SPARSE) < buckets;
        if entries <= buckets && !is_sparse {
            return None;
        }
        // Half as much again: neither a few more nor a few less will soon ask for another change.
        let roomy = entries.saturating_add(entries / 2);
        Some(roomy.checked_next_power_of_two()?.max(self.least))
    }

    /// Moves some entries on, if they are moving; returns whether there may be more.
    pub(crate) fn advance(&self, tally: &mut Tally, rcu: Rcu<'_>) -> bool {
        let Some(first) = self.table.load(rcu) else {
            return false;
        };
        let Some(successor) = first.successor.load(rcu) else {
            return false;
        };
        first.empty(tally.moved, STEP, successor.get(), rcu);
        tally.moved = tally.moved.saturating_add(STEP);
        if tally.moved < first.len() {
            return true;
        }
        if let Some(successor) = successor.try_get() {
            self.table.replace(Some(successor));
        }
        false
    }

    /// The table that new entries go to.
    fn newest<'r>(&self, rcu: Rcu<'r>) -> Option<RcuRef<'r, Table<P, S>>> {
        let first = self.table.load(rcu)?;
        first.get().successor.load(rcu).or(Some(first))
    }

    #[inline]
    fn locate<'r>(&self, rcu: Rcu<'r>, index: u32) -> Option<Place<'r, P, S>> {
        let mut table = self.table.load(rcu)?.get();
        loop {
            if let Some(place) = table.locate(rcu, index) {
                return Some(place);
            }
            table = table.successor.load(rcu)?.get();
        }
    }

    fn expect<'r>(
        &self,
        rcu: Rcu<'r>,
        index: u32,
        expected: impl Fn(&Entry<P, S>) -> bool,
    ) -> Result<Place<'r, P, S>> {
        self.locate(rcu, index)
            .filter(|place| expected(&place.node.entry))
            .ok_or(ENOENT)
    }
}

impl<P: Shared, S: Shared> Drop for Chains<P, S> {
    fn drop(&mut self) {
        let guard = kernel::sync::rcu::read_lock();
        self.clear(&mut Tally::new(), Rcu::from(&guard));
    }
}
