// SPDX-License-Identifier: GPL-2.0

//! Allowed IPs: which peer a packet goes to, and whether it may come from there (2.1).
//!
//! [`AllowedIps`] is what readers search without a lock. [`Ledger`] is what only the writers need:
//! the prefixes of each owner in the order they came. Whoever holds the `Ledger` exclusively may
//! write; it lives behind the lock of the device's configuration, and belongs to one table.

mod ledger;
mod prefix;
mod reserve;
mod trie;

use core::net::IpAddr;
use kernel::prelude::*;

use crate::kapi::sync::rcu::{
    Rcu,
    RcuArc,
    RcuRef, //
};
use trie::{
    Claim,
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

    /// The owner of exactly this prefix. For writers.
    pub(crate) fn owner_of(&self, ip: &AllowedIp) -> Option<RcuArc<P>> {
        match ip {
            AllowedIp::V4(prefix) => self.v4.owner_of(prefix),
            AllowedIp::V6(prefix) => self.v6.owner_of(prefix),
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
        ledger: &mut Ledger,
        ip: AllowedIp,
        owner: &RcuArc<P>,
        reserve: &mut Reserve<P>,
    ) -> Result {
        let (entry, before, claim) = match &ip {
            AllowedIp::V4(prefix) => {
                let (entry, room) = reserve.take_v4().ok_or(ENOMEM)?;
                let claim = ledger.next_claim(owner.id());
                (entry, self.v4.insert(prefix, owner, claim.seq, room), claim)
            }
            AllowedIp::V6(prefix) => {
                let (entry, room) = reserve.take_v6().ok_or(ENOMEM)?;
                let claim = ledger.next_claim(owner.id());
                (entry, self.v6.insert(prefix, owner, claim.seq, room), claim)
            }
        };
        if let Some(before) = before {
            ledger.strike(before);
        }
        ledger.enter(entry, claim, ip);
        Ok(())
    }

    /// Takes `ip` from the owner with the id `owner`. If that one does not have exactly this prefix
    /// nothing happens.
    pub(crate) fn remove(&self, ledger: &mut Ledger, ip: AllowedIp, owner: u64) {
        if let Some(claim) = self.unlink(&ip, owner) {
            ledger.strike(claim);
        }
    }

    /// Takes all prefixes of the owner with the id `owner`.
    pub(crate) fn remove_owner(&self, ledger: &mut Ledger, owner: u64) {
        self.remove_owned_before(ledger, owner, u64::MAX);
    }

    /// Takes those prefixes of an owner that it was last given before the moment `end`.
    pub(crate) fn remove_owned_before(&self, ledger: &mut Ledger, owner: u64, end: u64) {
        while let Some(ip) = ledger.take_first(owner, end) {
            self.unlink(&ip, owner);
        }
    }

    /// Takes all prefixes of everybody.
    pub(crate) fn clear(&self, ledger: &mut Ledger) {
        ledger.clear();
        self.v4.clear();
        self.v6.clear();
    }

    fn unlink(&self, ip: &AllowedIp, owner: u64) -> Option<Claim> {
        match ip {
            AllowedIp::V4(prefix) => self.v4.remove(prefix, owner),
            AllowedIp::V6(prefix) => self.v6.remove(prefix, owner),
        }
    }
}

impl<P: Owner> Drop for AllowedIps<P> {
    fn drop(&mut self) {
        self.v4.clear();
        self.v6.clear();
    }
}
