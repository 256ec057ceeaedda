// SPDX-License-Identifier: GPL-2.0

use std::{
    cell::Cell,
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use kernel::{alloc::fail_after, prelude::*, sync::rcu::read_lock};

use crate::{
    chains::{Chains, Entry},
    checks::Dice,
    kapi::sync::rcu::{self, Rcu, RcuArc},
};

struct Peer(u32);
struct Session(u32);
type Table = Chains<Peer, Session>;

fn peer(n: u32) -> RcuArc<Peer> {
    RcuArc::new(Peer(n), GFP_KERNEL).unwrap()
}

fn session(n: u32) -> RcuArc<Session> {
    RcuArc::new(Session(n), GFP_KERNEL).unwrap()
}

fn insert(table: &Table, index: u32, entry: Entry<Peer, Session>) -> bool {
    table.insert(Table::prepare(index, entry).unwrap())
}

fn replace(table: &Table, index: u32, with: RcuArc<Session>) -> Result {
    let node = Table::prepare(index, Entry::Session(with)).unwrap();
    table.replace(node, |entry| matches!(entry, Entry::Handshake(_)))
}

/// A handshake as its peer's number, a session as minus its own.
fn found(table: &Table, index: u32) -> Option<i64> {
    let guard = read_lock();
    Some(match table.lookup(Rcu::from(&guard), index)? {
        Entry::Handshake(peer) => i64::from(peer.0),
        Entry::Session(session) => -i64::from(session.0),
    })
}

#[test]
fn numbers_are_unique_and_stay() {
    let table = Table::new(2).unwrap();
    for index in [0, 2, 4, 1, u32::MAX] {
        assert!(insert(&table, index, Entry::Handshake(peer(index))));
        assert!(!insert(&table, index, Entry::Handshake(peer(99))));
    }
    assert_eq!(replace(&table, 2, session(7)), Ok(()));
    assert_eq!(replace(&table, 2, session(8)), Err(ENOENT));
    assert_eq!(replace(&table, 6, session(8)), Err(ENOENT));
    assert_eq!(
        [0, 2, 4, 1, 6].map(|index| found(&table, index)),
        [Some(0), Some(-7), Some(4), Some(1), None]
    );
    assert_eq!(table.remove(4, |_| false), Err(ENOENT));
    assert_eq!(table.remove(0, |_| true), Ok(()));
    assert_eq!(table.remove(0, |_| true), Err(ENOENT));
    assert_eq!(
        [0, 2, 4].map(|index| found(&table, index)),
        [None, Some(-7), Some(4)]
    );
}

#[test]
fn model() {
    let steps = if cfg!(miri) { 300 } else { 50_000 };
    let mut dice = Dice::new(3);
    let table = Table::new(4).unwrap();
    let mut model = HashMap::new();
    for step in 0..steps {
        let index = dice.below(40) as u32;
        match dice.below(300) {
            0 => {
                table.clear();
                model.clear();
            }
            1..=100 => {
                let is_new = insert(&table, index, Entry::Handshake(peer(step)));
                assert_eq!(is_new, !model.contains_key(&index));
                model.entry(index).or_insert(i64::from(step));
            }
            101..=200 => {
                let is_handshake = model.get(&index).is_some_and(|n| *n > 0);
                let result = replace(&table, index, session(step));
                assert_eq!(result.is_ok(), is_handshake);
                if is_handshake {
                    model.insert(index, -i64::from(step));
                }
            }
            _ => {
                let result = table.remove(index, |_| true);
                assert_eq!(result.is_ok(), model.remove(&index).is_some());
            }
        }
        for index in 0..40 {
            assert_eq!(found(&table, index), model.get(&index).copied());
        }
    }
}

#[test]
fn without_memory_there_is_no_table_and_no_entry() {
    fail_after(Some(0));
    assert!(Table::new(4).is_err());
    fail_after(None);
    let entry = Entry::Handshake(peer(1));
    fail_after(Some(0));
    assert!(Table::prepare(1, entry).is_err());
    fail_after(None);
}

#[test]
fn clearing_takes_one_grace_period_for_the_table() {
    rcu::drain();
    let table = Table::new(2).unwrap();
    let owner = peer(1);
    for index in 0..500 {
        assert!(insert(&table, index, Entry::Handshake(owner.clone())));
    }
    table.clear();
    assert_eq!(rcu::grace_period(), 500);
    assert_eq!(rcu::grace_period(), 0);
    drop((table, owner));
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

/// Between any two steps of a writer, readers find what was there before or what is there after.
#[test]
fn every_step_is_consistent() {
    let table = Table::new(1).unwrap();
    for index in 1..=5 {
        insert(&table, index, Entry::Handshake(peer(index)));
    }
    let steps = Cell::new(0);
    let stays = |changing: u32| {
        let (table, steps) = (&table, &steps);
        move || {
            steps.set(steps.get() + 1);
            for index in (1..=5).filter(|index| *index != changing) {
                assert_eq!(found(table, index), Some(i64::from(index)));
            }
        }
    };
    // Always with others behind it in the chain, which this turns round.
    for index in (1..=5).rev() {
        rcu::observed(&stays(index), || {
            table.remove(index, |_| true).unwrap();
            insert(&table, index, Entry::Handshake(peer(index)));
        });
    }
    for index in 1..=5 {
        let either = || {
            stays(index)();
            assert!(found(&table, index).is_some());
        };
        rcu::observed(&either, || replace(&table, index, session(9)).unwrap());
        rcu::observed(&stays(index), || {
            table.remove(index, |_| true).unwrap();
            insert(&table, index, Entry::Handshake(peer(index)));
        });
    }
    assert!(steps.get() >= 5 * 8);
}

/// A number that stays is found at all times: while others come and go around it, and while it
/// passes from a handshake to a session.
#[test]
fn readers_never_miss_what_stays() {
    let rounds = if cfg!(miri) { 12 } else { 3000 };
    let table = Table::new(1).unwrap();
    insert(&table, 1, Entry::Handshake(peer(5)));
    insert(&table, 2, Entry::Handshake(peer(6)));
    insert(&table, 3, Entry::Session(session(7)));
    let lookups = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    let read = || {
        while !done.load(Ordering::Relaxed) {
            assert_eq!(found(&table, 3), Some(-7));
            assert!(matches!(found(&table, 2), Some(6 | -8)));
            lookups.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for round in 4.. {
            table.remove(1, |_| true).unwrap();
            if round == rounds / 2 {
                replace(&table, 2, session(8)).unwrap();
            }
            insert(&table, round, Entry::Handshake(peer(1)));
            insert(&table, 1, Entry::Handshake(peer(5)));
            table.remove(round, |_| true).unwrap();
            rcu::grace_period();
            let is_enough = round > rounds && lookups.load(Ordering::Relaxed) > rounds;
            if is_enough || readers.iter().any(|reader| reader.is_finished()) {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
