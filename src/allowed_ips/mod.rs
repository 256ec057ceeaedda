// SPDX-License-Identifier: GPL-2.0

//! Allowed IPs: which peer a packet goes to, and whether it may come from there (2.1).
//!
//! [`AllowedIps`] is what readers search without a lock. [`Ledger`] is what only the writers need:
//! the prefixes of each owner in the order they came. Whoever holds the `Ledger` exclusively may
//! write; it lives behind the lock of the device's configuration, and belongs to one table.
//! Documentation/allowed-ips.rst has what they take in memory and time.

mod ledger;
mod prefix;
mod reserve;
mod trie;

use core::net::IpAddr;
use kernel::prelude::*;

use crate::{
    kapi::{
        cpu,
        sync::{
            rcu::{
                Rcu,
                RcuArc,
                RcuRef, //
            },
            rcu_tree::{BranchRoom, Leaf, LeafRef, Order}, //
        }, //
    },
    proto::prefix::Prefix, //
};
use trie::{
    Claim,
    Entry,
    Number,
    Trie, //
};

pub(crate) use ledger::Ledger;
pub(crate) use prefix::AllowedIp;
pub(crate) use reserve::Reserve;

/// Who prefixes may belong to.
pub(crate) trait Owner: Send + Sync + 'static {
    /// A number that no other owner in the same table has.
    fn id(&self) -> u64;
}

/// The prefixes of all peers of a device. Each has one owner; the longest match wins.
pub(crate) struct AllowedIps<P: Owner> {
    v4: Trie<u32, P>,
    v6: Trie<u128, P>,
}

impl<P: Owner> AllowedIps<P> {
    /// An empty table.
    pub(crate) fn new() -> Self {
        Self {
            v4: Trie::new(),
            v6: Trie::new(),
        }
    }

    /// The owner of the longest prefix that an IPv4 address, in host order, is in.
    #[inline]
    pub(crate) fn lookup_v4<'r>(&self, rcu: Rcu<'r>, address: u32) -> Option<RcuRef<'r, P>> {
        self.v4.lookup(rcu, address)
    }

    /// The owner of the longest prefix that an IPv6 address, in host order, is in.
    #[inline]
    pub(crate) fn lookup_v6<'r>(&self, rcu: Rcu<'r>, address: u128) -> Option<RcuRef<'r, P>> {
        self.v6.lookup(rcu, address)
    }

    /// The owner of the longest prefix that `address` is in.
    pub(crate) fn lookup<'r>(&self, rcu: Rcu<'r>, address: IpAddr) -> Option<RcuRef<'r, P>> {
        match address {
            IpAddr::V4(ip) => self.lookup_v4(rcu, ip.to_bits()),
            IpAddr::V6(ip) => self.lookup_v6(rcu, ip.to_bits()),
        }
    }

    /// The owner of exactly this prefix.
    pub(crate) fn owner_of(&self, rcu: Rcu<'_>, ip: &AllowedIp) -> Option<RcuArc<P>> {
        match ip {
            AllowedIp::V4(prefix) => self.v4.owner_of(rcu, prefix),
            AllowedIp::V6(prefix) => self.v6.owner_of(rcu, prefix),
        }
    }

    /// Whether there are no prefixes.
    pub(crate) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    /// Gives `ip` to `owner`, whoever had it before, as the last of its prefixes.
    ///
    /// Takes memory from `reserve`; returns `ENOMEM`, with nothing changed, if there is none for `ip`.
    pub(crate) fn insert(
        &self,
        ledger: &mut Ledger<P>,
        ip: AllowedIp,
        owner: &RcuArc<P>,
        reserve: &mut Reserve<P>,
    ) -> Result {
        let seq = ledger.next_seq();
        match ip {
            AllowedIp::V4(prefix) => {
                let room = reserve.take_v4().ok_or(ENOMEM)?;
                let entry = room.leaf.fill(Entry::new(prefix, seq), owner.clone());
                insert(&self.v4, &mut ledger.v4, entry, room.branch)
            }
            AllowedIp::V6(prefix) => {
                let room = reserve.take_v6().ok_or(ENOMEM)?;
                let entry = room.leaf.fill(Entry::new(prefix, seq), owner.clone());
                insert(&self.v6, &mut ledger.v6, entry, room.branch)
            }
        }
    }

    /// Takes `ip` from the owner with the id `owner`. If that one does not have exactly this prefix
    /// nothing happens.
    pub(crate) fn remove(&self, ledger: &mut Ledger<P>, ip: AllowedIp, owner: u64) {
        match ip {
            AllowedIp::V4(prefix) => remove(&self.v4, &mut ledger.v4, &prefix, owner),
            AllowedIp::V6(prefix) => remove(&self.v6, &mut ledger.v6, &prefix, owner),
        };
    }

    /// Takes all prefixes of the owner with the id `owner`. May sleep.
    pub(crate) fn remove_owner(&self, ledger: &mut Ledger<P>, owner: u64) {
        self.remove_owned_before(ledger, owner, u64::MAX);
    }

    /// Takes those prefixes of an owner that it was last given before the moment `end`. May sleep.
    pub(crate) fn remove_owned_before(&self, ledger: &mut Ledger<P>, owner: u64, end: u64) {
        remove_owned_before(&self.v4, &mut ledger.v4, owner, end);
        remove_owned_before(&self.v6, &mut ledger.v6, owner, end);
    }

    /// Takes all prefixes of everybody. May sleep.
    ///
    /// Readers find all of a family's prefixes or none. It takes one grace period until all memory
    /// is free.
    pub(crate) fn clear(&self, ledger: &mut Ledger<P>) {
        ledger.clear();
        self.v4.clear(cpu::cond_resched);
        self.v6.clear(cpu::cond_resched);
    }
}

fn insert<A: Number, P: Owner>(
    trie: &Trie<A, P>,
    order: &mut Order<Entry<A>, P>,
    mut entry: Leaf<Entry<A>, P>,
    mut room: BranchRoom,
) -> Result {
    order.enter(&mut entry);
    let (result, gone) = match trie.insert(entry, &mut room) {
        Ok(before) => (Ok(()), before),
        // Whoever has the ledger is the only writer, and has brought all the room there may be need of.
        Err(entry) => (Err(ENOMEM), Some(entry)),
    };
    if let Some(mut gone) = gone {
        order.strike(&mut gone);
    }
    result
}

fn remove_owned_before<A: Number, P: Owner>(
    trie: &Trie<A, P>,
    order: &mut Order<Entry<A>, P>,
    owner: u64,
    end: u64,
) {
    const BATCH: u32 = 256;
    let start = Claim { owner, seq: 0 };
    let goes = |entry: &LeafRef<'_, Entry<A>, P>| {
        let claim = entry.key();
        claim.owner == owner && claim.seq < end
    };
    let mut left = BATCH;
    while let Some((first, second)) = order
        .first_two_from(&start)
        .filter(|(first, _)| goes(first))
    {
        let is_last = !second.as_ref().is_some_and(goes);
        let prefix = *first.prefix();
        if !remove(trie, order, &prefix, owner) || is_last {
            break;
        }
        left = left.checked_sub(1).unwrap_or_else(|| {
            cpu::cond_resched();
            BATCH
        });
    }
}

/// Takes a prefix from an owner, and says whether that had it.
fn remove<A: Number, P: Owner>(
    trie: &Trie<A, P>,
    order: &mut Order<Entry<A>, P>,
    prefix: &Prefix<A>,
    owner: u64,
) -> bool {
    let Some(mut entry) = trie.remove(prefix, owner) else {
        return false;
    };
    order.strike(&mut entry);
    true
}
