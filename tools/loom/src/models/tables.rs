// SPDX-License-Identifier: GPL-2.0

//! The index table and the allowed IPs: a reader that comes in amid a change finds what was there
//! before or what is there after, and never what has been freed.

use std::{net::Ipv4Addr, sync::Arc};

use kernel::{
    model,
    prelude::*,
    sync::rcu::read_lock, //
};
use loom::thread;

use super::made_or_failed;
use crate::{
    allowed_ips::{AllowedIp, AllowedIps, Ledger, Owner, Reserve},
    index_table::{Entry, IndexTable},
    kapi::{random, sync::rcu::RcuArc},
    proto::messages::Index,
};

struct Named(u64);

impl Owner for Named {
    fn id(&self) -> u64 {
        self.0
    }
}

fn named(id: u64) -> RcuArc<Named> {
    RcuArc::new(Named(id), GFP_KERNEL).unwrap()
}

type Table = IndexTable<Named, Named>;

/// How many buckets there are where none must move.
const ENOUGH: usize = 8;

/// A table whose entries are all in one chain.
fn table() -> Arc<Table> {
    table_of(ENOUGH, ENOUGH as u32)
}

/// A table of so many buckets or more, whose numbers are so far from each other.
fn table_of(least: usize, stride: u32) -> Arc<Table> {
    random::begin(stride);
    Arc::new(made_or_failed(Table::new(least)).unwrap())
}

/// Who has a number.
fn found(table: &Table, index: Index) -> Option<u64> {
    let guard = read_lock();
    match table.lookup((&guard).into(), index)? {
        Entry::Handshake(peer) => Some(peer.clone().0),
        Entry::Session(session) => Some(session.clone().0),
    }
}

/// Changes a table of three handshakes while another thread looks one of them up twice.
fn looked_up(
    which: usize,
    change: fn(&Table, [Index; 3], &RcuArc<Named>),
    allowed: &'static [Option<u64>],
) {
    model::check(2, move || {
        let table = table();
        let second = named(2);
        let indexes =
            [named(1), second.clone(), named(3)].map(|peer| table.insert_handshake(peer).unwrap());
        let reader = thread::spawn({
            let table = table.clone();
            let index = indexes[which];
            move || {
                for found in [found(&table, index), found(&table, index)] {
                    assert!(allowed.contains(&found), "{found:?}");
                }
            }
        });
        change(&table, indexes, &second);
        reader.join().unwrap();
    });
}

fn remove_second(table: &Table, [_, index, _]: [Index; 3], second: &RcuArc<Named>) {
    table.remove_handshake(index, second).unwrap();
}

fn replace_second(table: &Table, [_, index, _]: [Index; 3], second: &RcuArc<Named>) {
    let session = named(20);
    table.replace(index, second, session.clone()).unwrap();
    table.remove_session(index, &session).unwrap();
}

fn remove_and_insert(table: &Table, indexes: [Index; 3], second: &RcuArc<Named>) {
    remove_second(table, indexes, second);
    table.insert_handshake(named(4)).unwrap();
}

#[test]
fn a_number_that_goes() {
    looked_up(1, remove_second, &[Some(2), None]);
}

#[test]
fn a_number_behind_one_that_goes() {
    looked_up(0, remove_and_insert, &[Some(1)]);
}

#[test]
fn a_handshake_that_becomes_a_session_and_goes() {
    looked_up(1, replace_second, &[Some(2), Some(20), None]);
}

#[test]
fn a_number_behind_one_that_is_replaced() {
    looked_up(0, replace_second, &[Some(1)]);
}

#[test]
fn all_numbers_go() {
    looked_up(0, |table, _, _| table.clear(), &[Some(1), None]);
}

/// Two at once that want numbers get different ones.
#[test]
fn two_numbers_at_once() {
    model::check(3, || {
        let table = table();
        let other = thread::spawn({
            let table = table.clone();
            move || table.insert_handshake(named(1)).unwrap()
        });
        let mine = table.insert_session(named(2)).unwrap();
        let theirs = other.join().unwrap();
        assert_ne!(mine, theirs);
        assert_eq!(found(&table, mine), Some(2));
        assert_eq!(found(&table, theirs), Some(1));
    });
}

/// A table, and the handshakes with the peers 1, 2, 3 and so on that are in it.
struct Filled {
    table: Arc<Table>,
    handshakes: Vec<(Index, RcuArc<Named>)>,
}

impl Filled {
    fn new(least: usize, stride: u32, count: u64) -> Self {
        let mut filled = Self {
            table: table_of(least, stride),
            handshakes: Vec::new(),
        };
        (0..count).for_each(|_| filled.insert());
        filled
    }

    fn insert(&mut self) {
        let peer = named(self.handshakes.len() as u64 + 1);
        let index = self.table.insert_handshake(peer.clone()).unwrap();
        self.handshakes.push((index, peer));
    }

    fn index(&self, peer: u64) -> Index {
        self.handshakes[peer as usize - 1].0
    }

    fn remove(&self, peer: u64) {
        let (index, peer) = &self.handshakes[peer as usize - 1];
        self.table.remove_handshake(*index, peer).unwrap();
    }

    /// Puts the session of ten times the peer's number in its place.
    fn replace(&self, peer: u64) -> RcuArc<Named> {
        let (index, named_peer) = &self.handshakes[peer as usize - 1];
        let session = named(10 * peer);
        self.table
            .replace(*index, named_peer, session.clone())
            .unwrap();
        session
    }
}

/// Changes a table while another thread looks up the number of one peer.
fn looked_up_amid_a_move(
    make: impl Fn() -> Filled + Send + Sync + 'static,
    change: fn(&mut Filled),
    peer: u64,
    allowed: &'static [Option<u64>],
) {
    model::check(2, move || {
        let mut filled = make();
        let reader = thread::spawn({
            let table = filled.table.clone();
            let index = filled.index(peer);
            move || {
                let found = found(&table, index);
                assert!(allowed.contains(&found), "{found:?}");
            }
        });
        let buckets = filled.table.buckets();
        change(&mut filled);
        assert_ne!(filled.table.buckets(), buckets, "nothing has moved");
        reader.join().unwrap();
        let found = found(&filled.table, filled.index(peer));
        assert!(allowed.contains(&found), "in the end: {found:?}");
    });
}

/// The four numbers of a chain, and the fifth, part into two.
#[test]
fn a_number_of_a_table_that_grows() {
    for (peer, found) in [(1, &[Some(1)]), (2, &[Some(2)]), (4, &[Some(4)])] {
        looked_up_amid_a_move(|| Filled::new(4, 4, 4), Filled::insert, peer, found);
    }
}

/// Three numbers of three chains come together in one.
#[test]
fn a_number_of_a_table_that_shrinks() {
    const STAY: [u64; 3] = [4, 8, 12];
    let make = || {
        let filled = Filled::new(1, 1, 17);
        let go = (1..=17).filter(|peer| !STAY.contains(peer));
        go.for_each(|peer| filled.remove(peer));
        assert_eq!(filled.table.buckets(), 32);
        filled
    };
    for (peer, found) in [(4, &[Some(4)]), (12, &[Some(12)])] {
        looked_up_amid_a_move(make, |filled| filled.table.fit(), peer, found);
    }
}

#[test]
fn a_handshake_that_moves_and_becomes_a_session() {
    let change = |filled: &mut Filled| {
        filled.insert();
        filled.replace(2);
    };
    looked_up_amid_a_move(|| Filled::new(4, 4, 4), change, 2, &[Some(2), Some(20)]);
}

#[test]
fn a_number_that_moves_beside_those_that_go() {
    let change = |filled: &mut Filled| {
        filled.insert();
        filled.remove(4);
        filled.remove(3);
    };
    looked_up_amid_a_move(|| Filled::new(4, 4, 4), change, 2, &[Some(2)]);
}

/// A table of 32 buckets of which half have moved: what is in either half stays, becomes something
/// else and goes, and new numbers come, before the rest moves.
fn amid_a_move() -> Filled {
    let mut filled = Filled::new(32, 1, 32);
    filled.insert();
    assert_eq!(filled.table.buckets(), 32 + 64);
    filled
}

#[test]
fn a_number_of_a_table_that_has_half_moved() {
    let change = |filled: &mut Filled| {
        filled.remove(9);
        assert_eq!(filled.table.buckets(), 64);
    };
    for (peer, found) in [(8, &[Some(8)]), (20, &[Some(20)])] {
        looked_up_amid_a_move(amid_a_move, change, peer, found);
    }
}

#[test]
fn a_session_that_comes_when_half_has_moved() {
    for (peer, found) in [
        (8, &[Some(8), Some(80), None]),
        (20, &[Some(20), Some(200), None]),
    ] {
        let change = if peer == 8 {
            |filled: &mut Filled| replace_and_remove(filled, 8)
        } else {
            |filled: &mut Filled| replace_and_remove(filled, 20)
        };
        looked_up_amid_a_move(amid_a_move, change, peer, found);
    }
}

fn replace_and_remove(filled: &mut Filled, peer: u64) {
    let session = filled.replace(peer);
    filled
        .table
        .remove_session(filled.index(peer), &session)
        .unwrap();
    assert_eq!(found(&filled.table, filled.index(peer)), None);
}

/// Numbers come from two sides when half has moved.
#[test]
fn numbers_that_come_when_half_has_moved() {
    model::check(2, || {
        let filled = amid_a_move();
        let table = filled.table.clone();
        let other = thread::spawn(move || table.insert_handshake(named(100)).unwrap());
        let mine = filled.table.insert_session(named(200)).unwrap();
        let theirs = other.join().unwrap();
        all_are_found(&filled, mine, theirs);
        assert_eq!(filled.table.buckets(), 64);
    });
}

/// Two that both find the table too small have it grow once.
#[test]
fn two_find_a_table_too_small() {
    model::check(2, || {
        let filled = Filled::new(32, 1, 32);
        let table = filled.table.clone();
        let other = thread::spawn(move || table.insert_handshake(named(100)).unwrap());
        let mine = filled.table.insert_session(named(200)).unwrap();
        let theirs = other.join().unwrap();
        all_are_found(&filled, mine, theirs);
        filled.table.fit();
        assert_eq!(filled.table.buckets(), 64);
        all_are_found(&filled, mine, theirs);
    });
}

fn all_are_found(filled: &Filled, mine: Index, theirs: Index) {
    assert_eq!(found(&filled.table, mine), Some(200));
    assert_eq!(found(&filled.table, theirs), Some(100));
    for (index, peer) in &filled.handshakes {
        assert_eq!(found(&filled.table, *index), Some(peer.0));
    }
}

fn ip(text: &str) -> AllowedIp {
    let (address, cidr) = text.split_once('/').unwrap();
    AllowedIp::new(address.parse().unwrap(), cidr.parse().unwrap()).unwrap()
}

fn give(ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>, prefix: &str, owner: u64) {
    let mut reserve = Reserve::new();
    reserve.add(&ip(prefix)).unwrap();
    ips.insert(ledger, ip(prefix), &named(owner), &mut reserve)
        .unwrap();
}

fn owner_of(ips: &AllowedIps<Named>, address: &str) -> Option<u64> {
    let address: Ipv4Addr = address.parse().unwrap();
    let guard = read_lock();
    let owner = ips.lookup_v4((&guard).into(), address.to_bits())?;
    // It may have lost its last reference, but is there.
    drop(owner.try_get());
    Some(owner.id())
}

/// Changes a table of prefixes while another thread looks for the owner of an address.
fn routed(
    prefixes: &'static [(&'static str, u64)],
    change: fn(&AllowedIps<Named>, &mut Ledger<Named>),
    address: &'static str,
    allowed: &'static [Option<u64>],
) {
    model::check(2, move || {
        let ips = Arc::new(AllowedIps::new());
        let mut ledger = Ledger::new();
        for (prefix, owner) in prefixes {
            give(&ips, &mut ledger, prefix, *owner);
        }
        let reader = thread::spawn({
            let ips = ips.clone();
            move || {
                let found = owner_of(&ips, address);
                assert!(allowed.contains(&found), "{found:?}");
            }
        });
        change(&ips, &mut ledger);
        reader.join().unwrap();
    });
}

#[test]
fn a_longer_prefix_comes() {
    let insert = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        give(ips, ledger, "10.1.0.0/16", 2);
    };
    routed(
        &[("10.0.0.0/8", 1)],
        insert,
        "10.1.2.3",
        &[Some(1), Some(2)],
    );
}

#[test]
fn a_prefix_comes_that_parts_from_another() {
    let insert = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        give(ips, ledger, "10.2.0.0/16", 2);
    };
    routed(&[("10.1.0.0/16", 1)], insert, "10.1.2.3", &[Some(1)]);
}

#[test]
fn a_prefix_comes_above_another() {
    let insert = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        give(ips, ledger, "10.0.0.0/8", 2);
    };
    routed(&[("10.1.0.0/16", 1)], insert, "10.1.2.3", &[Some(1)]);
}

#[test]
fn a_prefix_changes_hands() {
    let insert = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        give(ips, ledger, "10.1.0.0/16", 2);
    };
    routed(
        &[("10.1.0.0/16", 1)],
        insert,
        "10.1.2.3",
        &[Some(1), Some(2)],
    );
}

#[test]
fn a_neighbour_goes_and_the_glue_with_it() {
    let remove = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        ips.remove(ledger, ip("10.2.0.0/16"), 2);
    };
    let prefixes = &[("10.1.0.0/16", 1), ("10.2.0.0/16", 2)];
    routed(prefixes, remove, "10.1.2.3", &[Some(1)]);
}

#[test]
fn an_owner_in_the_middle_goes() {
    let remove = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| ips.remove_owner(ledger, 2);
    let prefixes = &[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.2.0/24", 3)];
    routed(prefixes, remove, "10.1.2.3", &[Some(3)]);
    let prefixes = &[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.1.2.0/24", 3)];
    routed(prefixes, remove, "10.1.3.3", &[Some(2), Some(1)]);
}

/// Four in one branch, which is all that a small one has room for.
const FULL: &[(&str, u64)] = &[
    ("10.0.0.0/11", 1),
    ("10.32.0.0/11", 2),
    ("10.64.0.0/11", 3),
    ("10.96.0.0/11", 4),
];

#[test]
fn a_prefix_comes_to_a_full_branch() {
    let insert = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        give(ips, ledger, "10.128.0.0/11", 5);
    };
    routed(FULL, insert, "10.97.2.3", &[Some(4)]);
    routed(FULL, insert, "10.129.2.3", &[None, Some(5)]);
}

#[test]
fn a_prefix_comes_where_another_was() {
    let change = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        ips.remove(ledger, ip("10.64.0.0/11"), 3);
        give(ips, ledger, "10.128.0.0/11", 5);
    };
    routed(FULL, change, "10.97.2.3", &[Some(4)]);
    routed(FULL, change, "10.65.2.3", &[Some(3), None]);
    routed(FULL, change, "10.129.2.3", &[None, Some(5)]);
}

#[test]
fn a_shorter_prefix_comes_where_a_longer_was() {
    let change = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        ips.remove(ledger, ip("10.64.0.0/11"), 2);
        give(ips, ledger, "10.0.0.0/8", 4);
    };
    let prefixes = &[("10.64.0.0/10", 1), ("10.64.0.0/11", 2), ("10.0.0.0/11", 3)];
    routed(prefixes, change, "10.65.2.3", &[Some(2), Some(1)]);
    routed(prefixes, change, "10.97.2.3", &[Some(1)]);
    routed(prefixes, change, "10.129.2.3", &[None, Some(4)]);
    let change = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| {
        ips.remove(ledger, ip("10.0.0.0/10"), 1);
        give(ips, ledger, "10.0.0.0/8", 4);
    };
    let prefixes = &[("10.0.0.0/10", 1), ("10.0.0.0/9", 2), ("10.128.0.0/11", 3)];
    routed(prefixes, change, "10.1.2.3", &[Some(1), Some(2)]);
}

#[test]
fn everything_goes() {
    let clear = |ips: &AllowedIps<Named>, ledger: &mut Ledger<Named>| ips.clear(ledger);
    let prefixes = &[("10.0.0.0/8", 1), ("10.1.0.0/16", 2), ("10.2.0.0/16", 3)];
    routed(prefixes, clear, "10.1.2.3", &[Some(2), Some(1), None]);
}
