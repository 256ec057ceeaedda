// SPDX-License-Identifier: GPL-2.0

//! A hash table of chains with lock-free readers, keyed by numbers that are random themselves.
//!
//! Writers exclude each other by themselves. As in a trie of allowed IPs, what is cut out keeps
//! pointing to what follows, for readers that are still there.

use kernel::prelude::*;

use crate::kapi::{
    array::Array,
    sync::rcu::{
        Rcu,
        RcuArc,
        RcuCell, //
    }, //
};

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

/// One number; never changes but for what follows it.
pub(crate) struct Node<P: Shared, S: Shared> {
    index: u32,
    entry: Entry<P, S>,
    next: Link<P, S>,
}

type Link<P, S> = RcuCell<Node<P, S>>;
type Next<P, S> = Option<RcuArc<Node<P, S>>>;

pub(crate) struct Chains<P: Shared, S: Shared> {
    buckets: Array<Link<P, S>>,
}

/// Where in its chain a number is, or would be.
struct Place<P: Shared, S: Shared> {
    before: Next<P, S>,
    node: Next<P, S>,
}

impl<P: Shared, S: Shared> Chains<P, S> {
    /// `buckets` must be a power of two.
    pub(crate) fn new(buckets: usize) -> Result<Self> {
        Ok(Self {
            buckets: Array::try_repeat_with(buckets, || Ok(RcuCell::new(None)))?,
        })
    }

    #[inline]
    pub(crate) fn lookup<'r>(&self, rcu: Rcu<'r>, index: u32) -> Option<&'r Entry<P, S>> {
        let mut next = self.bucket(index)?.load(rcu);
        while let Some(node) = next {
            let node = node.get();
            if node.index == index {
                return Some(&node.entry);
            }
            next = node.next.load(rcu);
        }
        None
    }

    /// Allocates what [`Self::insert`] and [`Self::replace`] take.
    pub(crate) fn prepare(index: u32, entry: Entry<P, S>) -> Result<RcuArc<Node<P, S>>> {
        let node = Node {
            index,
            entry,
            next: RcuCell::new(None),
        };
        RcuArc::new(node, GFP_KERNEL)
    }

    /// Adds a number, ahead of older ones; returns whether it was free.
    pub(crate) fn insert(&self, node: RcuArc<Node<P, S>>) -> bool {
        let is_free = self.locate(node.index).node.is_none();
        if let Some(bucket) = self.bucket(node.index).filter(|_| is_free) {
            node.next.replace(bucket.get());
            bucket.replace(Some(node));
        }
        is_free
    }

    /// Puts `node` where its number is. Returns `ENOENT` unless what is there is `expected`.
    pub(crate) fn replace(
        &self,
        node: RcuArc<Node<P, S>>,
        expected: impl Fn(&Entry<P, S>) -> bool,
    ) -> Result {
        let place = self.locate(node.index);
        let old = place.expect(expected).ok_or(ENOENT)?;
        let link = self.link(&place, node.index).ok_or(ENOENT)?;
        node.next.replace(old.next.get());
        link.replace(Some(node));
        Ok(())
    }

    /// Removes a number. Returns `ENOENT` unless what is there is `expected`.
    pub(crate) fn remove(&self, index: u32, expected: impl Fn(&Entry<P, S>) -> bool) -> Result {
        let place = self.locate(index);
        let old = place.expect(expected).ok_or(ENOENT)?;
        let link = self.link(&place, index).ok_or(ENOENT)?;
        link.replace(old.next.get());
        Ok(())
    }

    /// Removes everything. Every node lets go of the next before it is given up, so that they do
    /// not wait for each other's grace periods.
    pub(crate) fn clear(&self) {
        for bucket in &*self.buckets {
            let mut next = bucket.replace(None);
            while let Some(node) = next {
                next = node.next.replace(None);
            }
        }
    }

    #[inline]
    fn bucket(&self, index: u32) -> Option<&Link<P, S>> {
        // The number of buckets is a power of two, and the index random.
        let mask = self.buckets.len().wrapping_sub(1);
        self.buckets.get(index as usize & mask)
    }

    fn link<'a>(&'a self, place: &'a Place<P, S>, index: u32) -> Option<&'a Link<P, S>> {
        match &place.before {
            Some(node) => Some(&node.next),
            None => self.bucket(index),
        }
    }

    fn locate(&self, index: u32) -> Place<P, S> {
        let mut place = Place {
            before: None,
            node: self.bucket(index).and_then(RcuCell::get),
        };
        while let Some(node) = place.node.take_if(|node| node.index != index) {
            place = Place {
                node: node.next.get(),
                before: Some(node),
            };
        }
        place
    }
}

impl<P: Shared, S: Shared> Place<P, S> {
    fn expect(&self, expected: impl Fn(&Entry<P, S>) -> bool) -> Option<&Node<P, S>> {
        self.node.as_deref().filter(|node| expected(&node.entry))
    }
}

impl<P: Shared, S: Shared> Drop for Chains<P, S> {
    fn drop(&mut self) {
        self.clear();
    }
}
