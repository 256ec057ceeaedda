// SPDX-License-Identifier: GPL-2.0

//! A path-compressed binary trie with lock-free readers.
//!
//! A node stands for a prefix, and its children for longer ones within it. A node without an owner
//! is *glue*: it is there because prefixes part below it, and so always has two children.
//!
//! Readers walk down while a writer works, so each change becomes visible by one pointer: what is
//! to be inserted is complete before, and what is cut out keeps pointing to its children, for the
//! sake of readers that are still in it. Hence a child may have references from nodes that are
//! already gone; it is freed after those are.
//!
//! Writers exclude each other by themselves.

use kernel::prelude::*;

use super::Owner;
use crate::{
    kapi::sync::{
        atomic::{
            AtomicU64,
            Ordering, //
        },
        rcu::{
            Rcu,
            RcuArc,
            RcuCell,
            RcuRef,
            RcuReservation, //
        }, //
    },
    proto::prefix::{
        Address,
        Prefix, //
    }, //
};

/// Who owns a prefix, and since when.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Claim {
    /// The id of the owner.
    pub(super) owner: u64,
    /// The place in the order of insertions.
    pub(super) seq: u64,
}

/// The prefixes of one address family.
pub(super) struct Trie<A: Number, P: Owner> {
    root: Link<A, P>,
}

/// An address that may be shared between threads, as all numbers may.
pub(super) trait Number: Address + Send + Sync + 'static {}

impl<A: Address + Send + Sync + 'static> Number for A {}

type Link<A, P> = RcuCell<Node<A, P>>;
type Branch<A, P> = Option<RcuArc<Node<A, P>>>;

struct Node<A: Number, P: Owner> {
    prefix: Prefix<A>,
    owner: RcuCell<P>,
    /// When the owner got it. For writers.
    seq: AtomicU64,
    zero: Link<A, P>,
    one: Link<A, P>,
}

/// Memory for the nodes that one prefix may take: its own, and glue.
pub(super) struct Room<A: Number, P: Owner> {
    leaf: Reservation<A, P>,
    glue: Reservation<A, P>,
}

type Reservation<A, P> = RcuReservation<Node<A, P>>;

impl<A: Number, P: Owner> Room<A, P> {
    /// Allocates it.
    pub(super) fn new() -> Result<Self> {
        Ok(Self {
            leaf: RcuReservation::new(GFP_KERNEL)?,
            glue: RcuReservation::new(GFP_KERNEL)?,
        })
    }
}

/// Where in the trie a prefix is, or would be.
struct Place<A: Number, P: Owner> {
    /// The parent's parent.
    above: Branch<A, P>,
    /// The longest prefix that covers the one looked for and is shorter. None is the root.
    parent: Branch<A, P>,
    /// What is there: the prefix itself, or one that is not shorter, or nothing.
    node: Branch<A, P>,
}

impl<A: Number, P: Owner> Trie<A, P> {
    pub(super) fn new() -> Self {
        Self {
            root: RcuCell::new(None),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.root.is_none()
    }

    /// The owner of the longest prefix that `address` is in.
    #[inline]
    pub(super) fn lookup<'r>(&self, rcu: Rcu<'r>, address: A) -> Option<RcuRef<'r, P>> {
        let mut best = None;
        let mut next = self.root.load(rcu);
        while let Some(node) = next {
            let node = node.get();
            if !node.prefix.contains(address) {
                break;
            }
            best = node.owner.load(rcu).or(best);
            next = node.child(address).load(rcu);
        }
        best
    }

    /// The owner of exactly this prefix. For writers.
    pub(super) fn owner_of(&self, prefix: &Prefix<A>) -> Option<RcuArc<P>> {
        let node = self.locate(prefix).node?;
        node.owner.get().filter(|_| node.prefix == *prefix)
    }

    /// Gives a prefix to `owner` and returns who had it.
    pub(super) fn insert(
        &self,
        prefix: &Prefix<A>,
        owner: &RcuArc<P>,
        seq: u64,
        room: Room<A, P>,
    ) -> Option<Claim> {
        let Place { parent, node, .. } = self.locate(prefix);
        let leaf =
            |memory: Reservation<A, P>| memory.fill(Node::new(*prefix, Some(owner.clone()), seq));
        let new = match node {
            Some(node) if node.prefix == *prefix => return node.reassign(owner, seq),
            Some(node) => Node::beside(node, leaf(room.leaf), room.glue),
            None => leaf(room.leaf),
        };
        self.link(parent.as_ref(), prefix).replace(Some(new));
        None
    }

    /// Takes a prefix from the owner with the id `owner`, if that one has it, and returns the claim.
    pub(super) fn remove(&self, prefix: &Prefix<A>, owner: u64) -> Option<Claim> {
        let place = self.locate(prefix);
        let node = place.node.as_ref().filter(|node| node.prefix == *prefix)?;
        let claim = node.claim().filter(|claim| claim.owner == owner)?;
        node.owner.replace(None);
        self.prune(place);
        Some(claim)
    }

    /// Takes all prefixes.
    ///
    /// Every node lets go of its children before it is given up. Otherwise they would have to wait
    /// for its grace period before their own could begin, generation by generation. Readers that
    /// are still in the trie find a part of it, as if its prefixes had been removed one by one.
    pub(super) fn clear(&self) {
        let mut next = self.root.replace(None);
        while let Some(node) = next {
            node.owner.replace(None);
            next = match node.zero.replace(None) {
                // Turns the node around its child, which comes first now. After this has happened
                // once for each node, they are all in one line.
                Some(child) => {
                    node.zero.replace(child.one.replace(None));
                    child.one.replace(Some(node));
                    Some(child)
                }
                None => node.one.replace(None),
            };
        }
    }

    /// The pointer below `parent` that leads to `prefix`.
    fn link<'a>(
        &'a self,
        parent: Option<&'a RcuArc<Node<A, P>>>,
        prefix: &Prefix<A>,
    ) -> &'a Link<A, P> {
        match parent {
            Some(parent) => parent.child(prefix.address()),
            None => &self.root,
        }
    }

    fn locate(&self, prefix: &Prefix<A>) -> Place<A, P> {
        let mut place = Place {
            above: None,
            parent: None,
            node: self.root.get(),
        };
        while let Some(node) = place.node.take_if(|node| node.is_above(prefix)) {
            place = Place {
                above: place.parent,
                node: node.child(prefix.address()).get(),
                parent: Some(node),
            };
        }
        place
    }

    /// Cuts out a node that has lost its owner, unless prefixes part below it, and the glue above
    /// it if they no longer do.
    fn prune(&self, place: Place<A, P>) {
        let Some(node) = place.node else { return };
        if node.is_fork() {
            return;
        }
        let parent = place.parent.as_ref();
        self.link(parent, &node.prefix).replace(node.any_child());
        if let Some(parent) = parent.filter(|parent| parent.is_spare()) {
            let link = self.link(place.above.as_ref(), &parent.prefix);
            link.replace(parent.any_child());
        }
    }
}

impl<A: Number, P: Owner> Node<A, P> {
    fn new(prefix: Prefix<A>, owner: Option<RcuArc<P>>, seq: u64) -> Self {
        Self {
            prefix,
            owner: RcuCell::new(owner),
            seq: AtomicU64::new(seq),
            zero: RcuCell::new(None),
            one: RcuCell::new(None),
        }
    }

    /// A subtrie of `node` and a new `leaf`, neither of which is above the other way round: the leaf
    /// may cover `node`, or both are below new glue.
    fn beside(node: RcuArc<Self>, leaf: RcuArc<Self>, glue: Reservation<A, P>) -> RcuArc<Self> {
        if leaf.prefix.covers(&node.prefix) {
            leaf.adopt(node);
            return leaf;
        }
        let glue = glue.fill(Self::new(leaf.prefix.common(&node.prefix), None, 0));
        glue.adopt(node);
        glue.adopt(leaf);
        glue
    }

    /// Takes a child that falls into a half without one.
    fn adopt(&self, child: RcuArc<Self>) {
        self.child(child.prefix.address()).replace(Some(child));
    }

    /// The pointer to what covers `address`, which this node does.
    #[inline]
    fn child(&self, address: A) -> &Link<A, P> {
        if self.prefix.branch(address) {
            &self.one
        } else {
            &self.zero
        }
    }

    fn any_child(&self) -> Branch<A, P> {
        self.zero.get().or_else(|| self.one.get())
    }

    fn is_above(&self, prefix: &Prefix<A>) -> bool {
        self.prefix.len() < prefix.len() && self.prefix.covers(prefix)
    }

    fn is_fork(&self) -> bool {
        !self.zero.is_none() && !self.one.is_none()
    }

    /// Whether this is glue that nothing parts below any more.
    fn is_spare(&self) -> bool {
        self.owner.is_none() && !self.is_fork()
    }

    fn claim(&self) -> Option<Claim> {
        Some(Claim {
            owner: self.owner.get()?.id(),
            seq: self.seq.load(Ordering::Relaxed),
        })
    }

    fn reassign(&self, owner: &RcuArc<P>, seq: u64) -> Option<Claim> {
        let before = self.claim();
        self.seq.store(seq, Ordering::Relaxed);
        self.owner.replace(Some(owner.clone()));
        before
    }
}
