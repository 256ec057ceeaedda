// SPDX-License-Identifier: GPL-2.0

//! The numbers by which messages name our handshakes and sessions: receiver indexes.
//!
//! Numbers are random. A session takes over the number of the handshake it came from.
//!
//! The table grows and shrinks with what is in it, without readers or writers that wait.

mod chains;
mod table;

use kernel::{
    prelude::*,
    sync::rcu, //
};

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
use chains::{
    Chains,
    Tally, //
};
use table::Table;

pub(crate) use chains::{
    Entry,
    Shared, //
};

/// How many steps of a move [`IndexTable::fit`] makes. One removal in four comes with a call of it at
/// least, so a table that becomes smaller has moved before all that was in it is gone.
const STEPS_TO_FIT: usize = 64;

/// Finds handshakes, by the peer `P` they are with, and sessions `S`.
#[pin_data]
pub(crate) struct IndexTable<P: Shared, S: Shared> {
    chains: Chains<P, S>,
    #[pin]
    writers: SpinLockBh<Tally>,
}

impl<P: Shared, S: Shared> IndexTable<P, S> {
    /// An empty table, which will have `least` buckets or more, a power of two. May sleep.
    pub(crate) fn new(least: usize) -> impl PinInit<Self, Error> {
        try_pin_init!(Self {
            chains: Chains::new(least)?,
            writers <- new_spinlock_bh!(Tally::new(), "wg_index_table"),
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
        self.write(|chains, tally, rcu| {
            chains.replace(tally, rcu, node, |entry| entry.is_handshake_of(peer))
        })
    }

    /// Takes the number from a handshake with `peer`. Returns `ENOENT` if it does not have it.
    pub(crate) fn remove_handshake(&self, index: Index, peer: &RcuArc<P>) -> Result {
        self.remove(index, |entry| entry.is_handshake_of(peer))
    }

    /// Takes the number from `session`. Returns `ENOENT` if it does not have it.
    pub(crate) fn remove_session(&self, index: Index, session: &RcuArc<S>) -> Result {
        self.remove(index, |entry| entry.is_session(session))
    }

    /// Takes all numbers.
    pub(crate) fn clear(&self) {
        self.write(|chains, tally, rcu| chains.clear(tally, rcu));
    }

    /// Gives back memory that is not needed, after numbers were removed. May sleep.
    ///
    /// Insertions do that too. Removals happen where nothing may sleep.
    pub(crate) fn fit(&self) {
        let (order, mut is_moving) =
            self.write(|chains, tally, rcu| (chains.order(tally, rcu), chains.advance(tally, rcu)));
        is_moving |= self.resize(order);
        for _ in 0..STEPS_TO_FIT {
            if !is_moving {
                break;
            }
            // Others may write in between.
            is_moving = self.write(|chains, tally, rcu| chains.advance(tally, rcu));
        }
    }

    /// How many buckets there are; amid a change, those of both tables.
    pub(crate) fn buckets(&self) -> usize {
        self.write(|chains, _, rcu| chains.buckets(rcu))
    }

    fn insert(&self, entry: Entry<P, S>) -> Result<Index> {
        loop {
            let index = random::u32();
            let node = Chains::prepare(index, entry.clone())?;
            let (is_new, order) = self.write(|chains, tally, rcu| {
                let is_new = chains.insert(tally, rcu, node);
                (is_new, chains.order(tally, rcu))
            });
            self.resize(order);
            if is_new {
                return Ok(Index(index));
            }
        }
    }

    /// Gets the table that was ordered; returns whether entries move to it now.
    fn resize(&self, order: Option<usize>) -> bool {
        let Some(buckets) = order else {
            return false;
        };
        let table = Table::new(buckets);
        self.write(|chains, tally, rcu| match table {
            Ok(table) => chains.move_to(tally, rcu, table),
            // Longer chains, or more memory than needed, are no reason for a handshake to fail.
            Err(_) => {
                chains.stay(tally, rcu);
                false
            }
        })
    }

    fn remove(&self, index: Index, expected: impl Fn(&Entry<P, S>) -> bool) -> Result {
        self.write(|chains, tally, rcu| chains.remove(tally, rcu, index.0, expected))
    }

    /// Does something as the only writer.
    fn write<R>(&self, work: impl FnOnce(&Chains<P, S>, &mut Tally, Rcu<'_>) -> R) -> R {
        let mut tally = self.writers.lock();
        let guard = rcu::read_lock();
        work(&self.chains, &mut tally, Rcu::from(&guard))
    }
}
