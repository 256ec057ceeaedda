// SPDX-License-Identifier: GPL-2.0

//! The numbers by which messages name our handshakes and sessions: receiver indexes.
//!
//! Numbers are random. A session takes over the number of the handshake it came from.

mod chains;

use kernel::prelude::*;

use crate::{
    kapi::{
        random,
        sync::{
            new_spinlock_bh,
            rcu::{
                Rcu,
                RcuArc, //
            },
            SpinLockBh, //
        }, //
    },
    proto::messages::Index, //
};
use chains::Chains;

pub(crate) use chains::{
    Entry,
    Shared, //
};

/// Finds handshakes, by the peer `P` they are with, and sessions `S`.
#[pin_data]
pub(crate) struct IndexTable<P: Shared, S: Shared> {
    chains: Chains<P, S>,
    #[pin]
    writers: SpinLockBh<()>,
}

impl<P: Shared, S: Shared> IndexTable<P, S> {
    /// An empty table; `buckets` must be a power of two. May sleep.
    pub(crate) fn new(buckets: usize) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            chains: Chains::new(buckets)?,
            writers <- new_spinlock_bh!((), "wg_index_table"),
        }? Error)
    }

    /// What the number stands for.
    #[inline]
    pub(crate) fn lookup<'r>(&self, rcu: Rcu<'r>, index: Index) -> Option<&'r Entry<P, S>> {
        self.chains.lookup(rcu, index.0)
    }

    /// Gives a handshake a number that nobody else has. May sleep.
    pub(crate) fn insert_handshake(&self, peer: RcuArc<P>) -> Result<Index> {
        self.insert(Entry::Handshake(peer))
    }

    /// Gives a session a number that nobody else has. May sleep.
    pub(crate) fn insert_session(&self, session: RcuArc<S>) -> Result<Index> {
        self.insert(Entry::Session(session))
    }

    /// Passes the number of a handshake with `peer` on to a session. May sleep.
    ///
    /// Returns `ENOENT` if the number does not stand for a handshake with this peer, and `ENOMEM`;
    /// either way nothing changes.
    pub(crate) fn replace(&self, index: Index, peer: &RcuArc<P>, session: RcuArc<S>) -> Result {
        let node = Chains::prepare(index.0, Entry::Session(session))?;
        let _guard = self.writers.lock();
        self.chains
            .replace(node, |entry| entry.is_handshake_of(peer))
    }

    /// Takes the number from a handshake with `peer`. Returns `ENOENT` if it does not have it.
    pub(crate) fn remove_handshake(&self, index: Index, peer: &RcuArc<P>) -> Result {
        let _guard = self.writers.lock();
        self.chains
            .remove(index.0, |entry| entry.is_handshake_of(peer))
    }

    /// Takes the number from `session`. Returns `ENOENT` if it does not have it.
    pub(crate) fn remove_session(&self, index: Index, session: &RcuArc<S>) -> Result {
        let _guard = self.writers.lock();
        self.chains
            .remove(index.0, |entry| entry.is_session(session))
    }

    /// Takes all numbers.
    pub(crate) fn clear(&self) {
        let _guard = self.writers.lock();
        self.chains.clear();
    }

    fn insert(&self, entry: Entry<P, S>) -> Result<Index> {
        loop {
            let index = random::u32();
            let node = Chains::prepare(index, entry.clone())?;
            let _guard = self.writers.lock();
            if self.chains.insert(node) {
                return Ok(Index(index));
            }
        }
    }
}
