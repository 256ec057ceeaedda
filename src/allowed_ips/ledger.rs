// SPDX-License-Identifier: GPL-2.0

//! Who has which prefixes, in the order they came: what dumps list and what goes with an owner.

use kernel::{
    prelude::*,
    rbtree::{
        RBTree,
        RBTreeNodeReservation, //
    }, //
};

use super::{
    trie::Claim,
    AllowedIp, //
};

/// The prefixes of every owner. Owned by the writers of one [`AllowedIps`](super::AllowedIps).
pub(crate) struct Ledger {
    entries: RBTree<Claim, AllowedIp>,
    next_seq: u64,
}

/// Memory for one entry.
pub(super) struct Reservation(RBTreeNodeReservation<Claim, AllowedIp>);

impl Reservation {
    /// Allocates it.
    pub(super) fn new() -> Result<Self> {
        Ok(Self(RBTreeNodeReservation::new(GFP_KERNEL)?))
    }
}

impl Ledger {
    /// An empty ledger, of an empty table.
    pub(crate) fn new() -> Self {
        Self {
            entries: RBTree::new(),
            next_seq: 0,
        }
    }

    /// The first prefix of the owner with the id `owner` that came at `from` or later, and when it
    /// came. Start with 0, and go on one after the last answer.
    pub(crate) fn owned(&self, owner: u64, from: u64) -> Option<(u64, AllowedIp)> {
        let cursor = self
            .entries
            .cursor_lower_bound(&Claim { owner, seq: from })?;
        let (claim, ip) = cursor.current();
        (claim.owner == owner).then_some((claim.seq, *ip))
    }

    /// All prefixes of the owner with the id `owner`, in the order they came.
    pub(crate) fn all_owned(&self, owner: u64) -> impl Iterator<Item = AllowedIp> + '_ {
        let mut from = 0u64;
        core::iter::from_fn(move || {
            let (seq, ip) = self.owned(owner, from)?;
            from = seq.saturating_add(1);
            Some(ip)
        })
    }

    /// The claim of an owner to the prefix that comes now.
    pub(super) fn next_claim(&mut self, owner: u64) -> Claim {
        let seq = self.next_seq;
        // One each nanosecond would not use them up in five centuries.
        self.next_seq = seq.wrapping_add(1);
        Claim { owner, seq }
    }

    pub(super) fn enter(&mut self, entry: Reservation, claim: Claim, ip: AllowedIp) {
        self.entries.insert(entry.0.into_node(claim, ip));
    }

    pub(super) fn strike(&mut self, claim: Claim) {
        self.entries.remove(&claim);
    }

    /// A moment: what came before it has a lower number, what comes later has not.
    pub(crate) fn now(&self) -> u64 {
        self.next_seq
    }

    /// Removes the first entry of an owner, if it came before the moment `end`.
    pub(super) fn take_first(&mut self, owner: u64, end: u64) -> Option<AllowedIp> {
        let (seq, ip) = self.owned(owner, 0).filter(|(seq, _)| *seq < end)?;
        self.strike(Claim { owner, seq });
        Some(ip)
    }

    pub(super) fn clear(&mut self) {
        self.entries = RBTree::new();
    }
}
