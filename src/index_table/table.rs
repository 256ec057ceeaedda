// SPDX-License-Identifier: GPL-2.0

//! An array of chains, and where its entries go when there is a better one.

use kernel::{
    alloc::flags::__GFP_NOWARN,
    prelude::*, //
};

use super::chains::{
    Entry,
    Shared, //
};
use crate::kapi::{
    array::Array,
    sync::rcu::{
        Rcu,
        RcuArc,
        RcuCell, //
    }, //
};

/// One number; never changes but for what follows it.
pub(crate) struct Node<P: Shared, S: Shared> {
    pub(super) index: u32,
    pub(super) entry: Entry<P, S>,
    pub(super) next: Link<P, S>,
}

pub(super) type Link<P, S> = RcuCell<Node<P, S>>;

/// Where a number is: the node, and what points to it.
pub(super) struct Place<'r, P: Shared, S: Shared> {
    pub(super) link: &'r Link<P, S>,
    pub(super) node: &'r Node<P, S>,
}

pub(crate) struct Table<P: Shared, S: Shared> {
    buckets: Array<Link<P, S>>,
    /// Those bits of a number that choose its bucket.
    mask: u32,
    /// The table that all entries move to, once there is one.
    pub(super) successor: RcuCell<Table<P, S>>,
}

impl<P: Shared, S: Shared> Table<P, S> {
    /// A table without entries; `buckets` must be a power of two. May sleep.
    pub(super) fn new(buckets: usize) -> Result<RcuArc<Self>> {
        // One that cannot be had is done without.
        let flags = GFP_KERNEL | __GFP_NOWARN;
        let table = Self {
            buckets: Array::try_repeat_with_flags(buckets, flags, || Ok(RcuCell::new(None)))?,
            mask: buckets.wrapping_sub(1) as u32,
            successor: RcuCell::new(None),
        };
        RcuArc::new(table, flags)
    }

    /// How many buckets there are.
    pub(super) fn len(&self) -> usize {
        self.buckets.len()
    }

    #[inline]
    pub(super) fn locate<'r>(&'r self, rcu: Rcu<'r>, index: u32) -> Option<Place<'r, P, S>> {
        let mut link = self.bucket(index)?;
        loop {
            let node = link.load(rcu)?.get();
            if node.index == index {
                return Some(Place { link, node });
            }
            link = &node.next;
        }
    }

    /// Adds a number, ahead of what is in its chain.
    pub(super) fn push(&self, node: RcuArc<Node<P, S>>) {
        if let Some(bucket) = self.bucket(node.index) {
            node.next.replace(bucket.get());
            bucket.replace(Some(node));
        }
    }

    /// Moves all that is in `count` buckets, from the one of that number on, to another table.
    pub(super) fn empty(&self, from: usize, count: usize, to: &Self, rcu: Rcu<'_>) {
        for bucket in self.buckets.iter().skip(from).take(count) {
            while let Some(Place { link, .. }) = last(bucket, rcu) {
                if let Some(node) = link.get() {
                    to.push(node);
                }
                link.replace(None);
            }
        }
    }

    /// Removes everything. Every node lets go of the next before it is given up, so that they do
    /// not wait for each other's grace periods.
    pub(super) fn clear(&self) {
        for bucket in self.buckets.iter().filter(|bucket| !bucket.is_none()) {
            let mut next = bucket.replace(None);
            while let Some(node) = next {
                next = node.next.replace(None);
            }
        }
    }

    #[inline]
    fn bucket(&self, index: u32) -> Option<&Link<P, S>> {
        // The number of buckets is a power of two, and the index random.
        self.buckets.get((index & self.mask) as usize)
    }
}

/// The last node of a chain.
fn last<'r, P: Shared, S: Shared>(bucket: &'r Link<P, S>, rcu: Rcu<'r>) -> Option<Place<'r, P, S>> {
    let mut place = Place {
        link: bucket,
        node: bucket.load(rcu)?.get(),
    };
    while let Some(next) = place.node.next.load(rcu) {
        place = Place {
            link: &place.node.next,
            node: next.get(),
        };
    }
    Some(place)
}

impl<P: Shared, S: Shared> Drop for Table<P, S> {
    fn drop(&mut self) {
        // Nothing is in them: all has moved, or was cleared. This happens in a callback of RCU, where
        // millions of buckets should not be looked at one by one.
        self.buckets.forget();
    }
}
