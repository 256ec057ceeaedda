// SPDX-License-Identifier: GPL-2.0

use std::{
    cell::Cell,
    collections::HashMap,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
};

use kernel::{alloc::fail_after, prelude::*, sync::rcu::read_lock};

use crate::{
    checks::Dice,
    index_table::{Entry, IndexTable},
    kapi::{
        random,
        sync::{
            atomic,
            rcu::{self, Rcu, RcuArc},
        },
    },
    proto::messages::Index,
};

struct Peer(u32);
struct Session(u32);
type Table = IndexTable<Peer, Session>;

fn peer(n: u32) -> RcuArc<Peer> {
    RcuArc::new(Peer(n), GFP_KERNEL).unwrap()
}

fn session(n: u32) -> RcuArc<Session> {
    RcuArc::new(Session(n), GFP_KERNEL).unwrap()
}

/// An empty table of so many buckets or more.
fn table(least: usize) -> Table {
    Table::new(least).make().unwrap()
}

/// Begins a handshake of that number; returns whether it was free.
fn insert(table: &Table, index: u32, peer: RcuArc<Peer>) -> bool {
    random::choose(index);
    let given = table.insert_handshake(peer.clone()).unwrap();
    let is_free = given == Index(index);
    if !is_free {
        table.remove_handshake(given, &peer).unwrap();
    }
    is_free
}

fn entry(table: &Table, index: u32) -> Option<Entry<Peer, Session>> {
    let guard = read_lock();
    table.lookup(Rcu::from(&guard), Index(index)).cloned()
}

/// Turns a handshake into a session, whoever it is with.
fn replace(table: &Table, index: u32, with: RcuArc<Session>) -> Result {
    match entry(table, index) {
        Some(Entry::Handshake(peer)) => table.replace(Index(index), &peer, with),
        _ => table.replace(Index(index), &peer(0), with),
    }
}

/// Removes a number, whatever it stands for.
fn remove(table: &Table, index: u32) -> Result {
    match entry(table, index) {
        Some(Entry::Handshake(peer)) => table.remove_handshake(Index(index), &peer),
        Some(Entry::Session(session)) => table.remove_session(Index(index), &session),
        None => table.remove_handshake(Index(index), &peer(0)),
    }
}

/// A handshake as its peer's number, a session as minus its own.
fn found(table: &Table, index: u32) -> Option<i64> {
    Some(match entry(table, index)? {
        Entry::Handshake(peer) => i64::from(peer.0),
        Entry::Session(session) => -i64::from(session.0),
    })
}

#[test]
fn numbers_are_unique_and_stay() {
    let table = table(16);
    for index in [0, 2, 4, 1, u32::MAX] {
        assert!(insert(&table, index, peer(index)));
        assert!(!insert(&table, index, peer(99)));
    }
    assert_eq!(replace(&table, 2, session(7)), Ok(()));
    assert_eq!(replace(&table, 2, session(8)), Err(ENOENT));
    assert_eq!(replace(&table, 6, session(8)), Err(ENOENT));
    assert_eq!(
        [0, 2, 4, 1, 6].map(|index| found(&table, index)),
        [Some(0), Some(-7), Some(4), Some(1), None]
    );
    assert_eq!(table.remove_handshake(Index(4), &peer(4)), Err(ENOENT));
    assert_eq!(table.remove_session(Index(2), &session(7)), Err(ENOENT));
    assert_eq!(remove(&table, 0), Ok(()));
    assert_eq!(remove(&table, 0), Err(ENOENT));
    assert_eq!(
        [0, 2, 4].map(|index| found(&table, index)),
        [None, Some(-7), Some(4)]
    );
}

/// What is in a table, as `found` tells it.
type Model = HashMap<u32, i64>;

fn is_as_in(model: &Model, table: &Table) -> bool {
    model
        .iter()
        .all(|(index, what)| found(table, *index) == Some(*what))
}

/// Does something random to a table and the model; what gets more likely the more of it is wanted.
fn step(dice: &mut Dice, table: &Table, model: &mut Model, step: u32, insertions: u64) {
    let index = dice.below(6000) as u32;
    match dice.below(300) {
        dice if dice < insertions => {
            let is_new = insert(table, index, peer(step));
            assert_eq!(is_new, !model.contains_key(&index));
            model.entry(index).or_insert(i64::from(step));
        }
        dice if dice < insertions + 50 => {
            let is_handshake = model.get(&index).is_some_and(|n| *n > 0);
            let result = replace(table, index, session(step));
            assert_eq!(result.is_ok(), is_handshake);
            if is_handshake {
                model.insert(index, -i64::from(step));
            }
        }
        _ => {
            let result = remove(table, index);
            assert_eq!(result.is_ok(), model.remove(&index).is_some());
        }
    }
    assert_eq!(found(table, index), model.get(&index).copied());
}

/// Fills up and empties itself some times.
#[test]
fn model() {
    let rounds = if cfg!(miri) { 30 } else { 30_000 };
    const LEAST: usize = 8;
    rcu::drain();
    let mut dice = Dice::new(3);
    let table = table(LEAST);
    let mut model = Model::new();
    let mut most_buckets = 0;
    for number in 1..=6 * rounds {
        let insertions = [200, 60, 10][(number / rounds % 3) as usize];
        step(&mut dice, &table, &mut model, number, insertions);
        if dice.below(10) == 0 {
            table.fit();
        }
        let (buckets, entries) = (table.buckets(), model.len());
        assert!(buckets + buckets / 8 >= entries, "{entries} in {buckets}");
        assert!(buckets <= 30 * (entries + LEAST), "{entries} in {buckets}");
        most_buckets = most_buckets.max(buckets);
        if number % 1000 == 0 {
            assert!(is_as_in(&model, &table));
            assert!((0..6000).all(|index| found(&table, index) == model.get(&index).copied()));
            rcu::drain();
        }
    }
    assert!(cfg!(miri) || most_buckets >= 4096);
    for index in model.into_keys() {
        remove(&table, index).unwrap();
        table.fit();
    }
    assert_eq!(table.buckets(), LEAST);
    drop(table);
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

#[test]
fn without_memory_there_is_no_table_and_no_number() {
    for allocations in 0..2 {
        fail_after(Some(allocations));
        assert!(Table::new(4).make().is_err());
    }
    fail_after(None);
    let table = table(4);
    let peer = peer(1);
    fail_after(Some(0));
    assert!(table.insert_handshake(peer).is_err());
    fail_after(None);
}

/// A table that cannot grow has long chains, and asks again when that has cost more than asking.
#[test]
fn without_memory_a_table_stays_as_it_is() {
    let table = table(4);
    let peers: Vec<_> = (0..100).map(peer).collect();
    let insert_one = |index: u32, allocations| {
        random::choose(index);
        fail_after(Some(allocations));
        let result = table.insert_handshake(peers[index as usize].clone());
        fail_after(None);
        assert!(result == Ok(Index(index)));
    };
    // There is memory for the number, and for none or half of the table.
    (0..40).for_each(|index| insert_one(index, 1));
    assert_eq!(table.buckets(), 4);
    (40..80).for_each(|index| insert_one(index, 2));
    assert_eq!(table.buckets(), 4);
    (80..90).for_each(|index| insert_one(index, 3));
    assert_eq!(table.buckets(), 128);
    assert!((0..90).all(|index| found(&table, index) == Some(i64::from(index))));
    // To remove something takes no memory, and to give some back may have to wait for some.
    fail_after(Some(0));
    for index in 0..90 {
        table
            .remove_handshake(Index(index), &peers[index as usize])
            .unwrap();
        table.fit();
    }
    assert_eq!(table.buckets(), 128);
    fail_after(None);
    (0..128).for_each(|_| table.fit());
    assert_eq!(table.buckets(), 4);
}

#[test]
fn clearing_takes_one_grace_period_for_the_table() {
    rcu::drain();
    let table = table(512);
    let owner = peer(1);
    for index in 0..500 {
        // Two chains.
        assert!(insert(&table, index << 8, owner.clone()));
    }
    table.clear();
    assert_eq!(rcu::grace_period(), 500);
    assert_eq!(rcu::grace_period(), 0);
    drop((table, owner));
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

/// A table is cleared, or dropped, while entries move from one array to the other.
#[test]
fn amid_a_move_everything_goes() {
    for is_cleared in [true, false] {
        rcu::drain();
        let table = table(64);
        let mut index = 0;
        while table.buckets() == 64 {
            insert(&table, index, peer(index));
            index += 1;
        }
        assert_eq!(table.buckets(), 64 + 128, "both are there");
        if is_cleared {
            table.clear();
            assert!((0..index).all(|index| found(&table, index).is_none()));
            assert!(insert(&table, 5, peer(5)));
            assert_eq!(found(&table, 5), Some(5));
        }
        drop(table);
        rcu::drain();
        assert_eq!(rcu::alive(), 0);
    }
}

/// All are in one chain of a table of 16 buckets.
const STRIDE: u32 = 16;

/// Between any two steps of a writer, readers find what was there before or what is there after.
#[test]
fn every_step_is_consistent() {
    let table = table(STRIDE as usize);
    let indexes = [1, 2, 3, 4, 5].map(|n| n * STRIDE);
    for index in indexes {
        insert(&table, index, peer(index));
    }
    let steps = Cell::new(0);
    let stays = |changing: u32| {
        let (table, steps) = (&table, &steps);
        move || {
            steps.set(steps.get() + 1);
            for index in indexes.into_iter().filter(|index| *index != changing) {
                assert_eq!(found(table, index), Some(i64::from(index)));
            }
        }
    };
    // Always with others behind it in the chain, which this turns round.
    for index in indexes.into_iter().rev() {
        atomic::observed(&stays(index), || {
            remove(&table, index).unwrap();
            insert(&table, index, peer(index));
        });
    }
    for index in indexes {
        let either = || {
            stays(index)();
            assert!(found(&table, index).is_some());
        };
        atomic::observed(&either, || replace(&table, index, session(9)).unwrap());
        atomic::observed(&stays(index), || {
            remove(&table, index).unwrap();
            insert(&table, index, peer(index));
        });
    }
    assert!(steps.get() >= 5 * 8);
}

/// Between any two steps of a table that grows and shrinks, all that stays is found.
#[test]
fn every_step_of_a_move_is_consistent() {
    const COUNT: u32 = if cfg!(miri) { 20 } else { 300 };
    let table = table(1);
    let steps = Cell::new(0);
    let stay = |from: u32, to: u32| {
        let (table, steps) = (&table, &steps);
        move || {
            steps.set(steps.get() + 1);
            assert!((from..to).all(|index| found(table, index) == Some(i64::from(index))));
        }
    };
    for index in 0..COUNT {
        atomic::observed(&stay(0, index), || {
            insert(&table, index, peer(index));
        });
    }
    let large = table.buckets();
    for index in 0..COUNT - 1 {
        atomic::observed(&stay(index + 1, COUNT), || {
            remove(&table, index).unwrap();
            table.fit();
        });
    }
    assert!(
        large >= COUNT as usize && table.buckets() <= 32,
        "{}",
        table.buckets()
    );
    assert!(steps.get() > 4 * COUNT);
}

/// A number that stays is found at all times: while others come and go around it, and while it
/// passes from a handshake to a session.
#[test]
fn readers_never_miss_what_stays() {
    let rounds = if cfg!(miri) { 12 } else { 3000 };
    let table = table(STRIDE as usize);
    insert(&table, STRIDE, peer(5));
    insert(&table, 2 * STRIDE, peer(6));
    random::choose(3 * STRIDE);
    table.insert_session(session(7)).unwrap();
    read_meanwhile(
        rounds,
        || {
            assert_eq!(found(&table, 3 * STRIDE), Some(-7));
            assert!(matches!(found(&table, 2 * STRIDE), Some(6 | -8)));
        },
        |round| {
            remove(&table, STRIDE).unwrap();
            if round == rounds / 2 {
                replace(&table, 2 * STRIDE, session(8)).unwrap();
            }
            let other = (4 + round) * STRIDE;
            insert(&table, other, peer(1));
            insert(&table, STRIDE, peer(5));
            remove(&table, other).unwrap();
        },
    );
}

/// The same while the table grows to some hundred times its size, and back.
#[test]
fn readers_never_miss_what_moves() {
    const STAY: u32 = 20;
    let (rounds, come) = if cfg!(miri) { (2, 40) } else { (60, 3000) };
    let table = table(1);
    for index in 0..STAY {
        insert(&table, index, peer(index));
    }
    read_meanwhile(
        rounds,
        || assert!((0..STAY).all(|index| found(&table, index) == Some(i64::from(index)))),
        |_| {
            (STAY..come).for_each(|index| assert!(insert(&table, index, peer(index))));
            assert!(table.buckets() >= come as usize);
            for index in STAY..come {
                remove(&table, index).unwrap();
                table.fit();
            }
            assert!(table.buckets() <= 16 * STAY as usize);
        },
    );
}

/// Has two threads read for as long as a third one writes, so often and more, and as often as that
/// themselves.
fn read_meanwhile(rounds: u32, read: impl Fn() + Sync, mut write: impl FnMut(u32)) {
    let reads = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    let read = || {
        while !done.load(Ordering::Relaxed) {
            read();
            reads.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for round in 0.. {
            write(round);
            rcu::grace_period();
            let is_enough = round > rounds && reads.load(Ordering::Relaxed) > rounds;
            if is_enough || readers.iter().any(|reader| reader.is_finished()) {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}
