// SPDX-License-Identifier: GPL-2.0

//! The index table with its lock, the kernel's random numbers and real grace periods.

use core::sync::atomic::{
    AtomicUsize,
    Ordering, //
};
use kernel::{
    prelude::*,
    sync::rcu, //
};

use crate::{
    checks::{
        check,
        Outcome, //
    },
    index_table::{
        Entry,
        IndexTable, //
    },
    kapi::sync::rcu::{
        drain,
        Rcu,
        RcuArc, //
    },
    proto::messages::Index, //
};

/// How many peers and sessions there are.
static ALIVE: AtomicUsize = AtomicUsize::new(0);

struct Counted(usize);

impl Counted {
    fn new(number: usize) -> Result<RcuArc<Self>, &'static str> {
        ALIVE.fetch_add(1, Ordering::Relaxed);
        RcuArc::new(Self(number), GFP_KERNEL).map_err(|_| "out of memory")
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        ALIVE.fetch_sub(1, Ordering::Relaxed);
    }
}

struct Session(Counted);

type Table = IndexTable<Counted, Session>;

fn session(number: usize) -> Result<RcuArc<Session>, &'static str> {
    ALIVE.fetch_add(1, Ordering::Relaxed);
    RcuArc::new(Session(Counted(number)), GFP_KERNEL).map_err(|_| "out of memory")
}

/// The number of the handshake's peer, or minus that of the session.
fn found(table: &Table, index: Index) -> Option<isize> {
    let guard = rcu::read_lock();
    Some(match table.lookup(Rcu::from(&guard), index)? {
        Entry::Handshake(peer) => peer.0 as isize,
        Entry::Session(session) => -(session.0 .0 as isize),
    })
}

type Row = (Index, RcuArc<Counted>, RcuArc<Session>);

/// Handshakes that are in the table, and sessions that are not.
fn fill(table: &Table, count: usize) -> Result<KVVec<Row>, &'static str> {
    let mut rows = KVVec::new();
    for number in 1..=count {
        let peer = Counted::new(number)?;
        let index = table
            .insert_handshake(peer.clone())
            .map_err(|_| "no index")?;
        let row = (index, peer, session(number)?);
        rows.push(row, GFP_KERNEL).map_err(|_| "out of memory")?;
    }
    Ok(rows)
}

/// The fewest buckets that a table has here.
const LEAST: usize = 16;

fn table() -> Result<Pin<KBox<Table>>, &'static str> {
    KBox::pin_init(Table::new(LEAST), GFP_KERNEL).map_err(|_| "out of memory")
}

/// A table that grows to some ten thousand times its size, and becomes as small again as it was.
pub(crate) fn sizes() -> Outcome {
    const COUNT: usize = 100_000;
    const STRIDE: usize = 997;
    let table = table()?;
    let rows = fill(&table, COUNT)?;
    check!(table.buckets() >= COUNT && table.buckets() < 4 * COUNT);
    for (number, (index, peer, session)) in rows.iter().enumerate() {
        check!(found(&table, *index) == Some(peer.0 as isize));
        if number % 2 == 0 {
            check!(table.replace(*index, peer, session.clone()).is_ok());
        }
    }
    for (number, (index, peer, session)) in rows.iter().enumerate() {
        check!(if number % 2 == 0 {
            table.remove_session(*index, session).is_ok()
        } else {
            table.remove_handshake(*index, peer).is_ok()
        });
        table.fit();
        check!(found(&table, *index).is_none());
        let Some((index, peer, _)) = rows.get(number + 1 + number % STRIDE) else {
            continue;
        };
        check!(found(&table, *index).is_some_and(|found| found.unsigned_abs() == peer.0));
    }
    check!(table.buckets() == LEAST);
    drop((table, rows));
    drain();
    check!(ALIVE.load(Ordering::Relaxed) == 0);
    Ok(())
}

pub(crate) fn numbers() -> Outcome {
    const COUNT: usize = 3000;
    let table = table()?;
    let rows = fill(&table, COUNT)?;
    check!(are_unpredictable(&rows, |(index, ..)| index.0));
    let [(first, first_peer, first_session), (second, second_peer, second_session), ..] = &rows[..]
    else {
        return Err("no rows");
    };
    check!(table.replace(*first, second_peer, first_session.clone()) == Err(ENOENT));
    check!(table.remove_handshake(*first, second_peer) == Err(ENOENT));
    check!(table.remove_session(*first, first_session) == Err(ENOENT));
    for (index, peer, session) in &rows {
        check!(found(&table, *index) == Some(peer.0 as isize));
        check!(table.replace(*index, peer, session.clone()).is_ok());
        check!(found(&table, *index) == Some(-(peer.0 as isize)));
    }
    check!(table.remove_handshake(*first, first_peer) == Err(ENOENT));
    check!(table.remove_session(*first, second_session) == Err(ENOENT));
    check!(table.remove_session(*first, first_session) == Ok(()));
    check!(table.remove_session(*first, first_session) == Err(ENOENT));
    check!(found(&table, *first).is_none() && found(&table, *second) == Some(-2));
    table.clear();
    check!(rows
        .iter()
        .all(|(index, _, _)| found(&table, *index).is_none()));
    drop((table, rows));
    drain();
    check!(ALIVE.load(Ordering::Relaxed) == 0);
    Ok(())
}

/// Whether every bit of the numbers is set in about half of them, and differs from the number before
/// in about half of them: six standard deviations from that, or less.
fn are_unpredictable<T>(rows: &[T], number: impl Fn(&T) -> u32) -> bool {
    let numbers = || rows.iter().map(&number);
    let changes = || numbers().zip(numbers().skip(1)).map(|(a, b)| a ^ b);
    (0..u32::BITS).all(|bit| {
        let is_even = |ones: usize| (2 * ones).abs_diff(rows.len()).pow(2) <= 36 * rows.len();
        is_even(numbers().filter(|n| n >> bit & 1 == 1).count())
            && is_even(changes().filter(|n| n >> bit & 1 == 1).count())
    })
}
