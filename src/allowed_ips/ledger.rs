// SPDX-License-Identifier: GPL-2.0

//! Who has which prefixes, in the order they came: what dumps list and what goes with an owner.

use super::{
    trie::{
        Claim,
        Entry,
        Number, //
    },
    AllowedIp,
    Owner, //
};
use crate::kapi::{
    cpu,
    sync::rcu_tree::{
        LeafRef,
        Order, //
    }, //
};

/// The prefixes of every owner. Owned by the writers of one [`AllowedIps`](super::AllowedIps), and
/// dropped before that.
pub(crate) struct Ledger<P: Owner> {
    pub(super) v4: Order<Entry<u32>, P>,
    pub(super) v6: Order<Entry<u128>, P>,
    next_seq: u64,
}

impl<P: Owner> Ledger<P> {
    /// An empty ledger, of an empty table.
    pub(crate) fn new() -> Self {
        Self {
            v4: Order::new(),
            v6: Order::new(),
            next_seq: 0,
        }
    }

    /// The first prefix of the owner with the id `owner` that came at `from` or later, and when it
    /// came. Start with 0, and go on one after the last answer.
    pub(crate) fn owned(&self, owner: u64, from: u64) -> Option<(u64, AllowedIp)> {
        let from = Claim { owner, seq: from };
        let v4 = first(&self.v4, &from).map(|(seq, ip)| (seq, AllowedIp::V4(*ip.prefix())));
        let v6 = first(&self.v6, &from).map(|(seq, ip)| (seq, AllowedIp::V6(*ip.prefix())));
        v4.into_iter().chain(v6).min_by_key(|(seq, _)| *seq)
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

    /// A moment: what came before it has a lower number, what comes later has not.
    pub(crate) fn now(&self) -> u64 {
        self.next_seq
    }

    /// The number of the prefix that comes now.
    pub(super) fn next_seq(&mut self) -> u64 {
        let seq = self.next_seq;
        // One each nanosecond would not use them up in five centuries.
        self.next_seq = seq.wrapping_add(1);
        seq
    }

    pub(super) fn clear(&mut self) {
        self.v4.clear(cpu::cond_resched);
        self.v6.clear(cpu::cond_resched);
    }
}

/// The first entry of the owner in `from` that came then or later, and when it did.
pub(super) fn first<'a, A: Number, P: Owner>(
    order: &'a Order<Entry<A>, P>,
    from: &Claim,
) -> Option<(u64, LeafRef<'a, Entry<A>, P>)> {
    let entry = order.first_from(from)?;
    let claim = entry.key();
    (claim.owner == from.owner).then_some((claim.seq, entry))
}
