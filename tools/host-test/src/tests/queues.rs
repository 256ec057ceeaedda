// SPDX-License-Identifier: GPL-2.0

use std::{
    collections::VecDeque,
    sync::{
        atomic::{AtomicU64, Ordering},
        Mutex, //
    },
    thread,
};

use kernel::prelude::*;

use crate::{
    checks::Dice,
    kapi::net::skbuff::{Batch, PacketList},
    queue::{
        backlog::Backlog,
        fifo::Fifo,
        ordered::{Link, Linked, Number, Ordered}, //
    },
};

struct Header {
    link: Link<Header>,
    /// Memory of its own: it must be freed once, by who has the batch.
    label: Box<u64>,
}

impl Linked for Header {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

fn batch(number: Number, label: u64) -> Batch<Header> {
    let header = Header {
        link: Link::new(number),
        label: Box::new(label),
    };
    Batch::new(PacketList(1), header).unwrap()
}

fn ordered() -> Ordered<Header> {
    Ordered::new().make().unwrap_or_else(|never| match never {})
}

#[test]
fn first_in_first_out() {
    let steps = if cfg!(miri) { 200 } else { 20_000 };
    let mut dice = Dice::new(5);
    let order = ordered();
    let mut fifo = Fifo::new();
    let mut model = VecDeque::new();
    for label in 0..steps {
        if dice.below(2) == 0 {
            fifo.push(batch(order.issue(u64::MAX).unwrap(), label));
            model.push_back(label);
        } else {
            assert_eq!(fifo.pop().map(|batch| *batch.label), model.pop_front());
        }
    }
}

/// Several threads complete what was numbered, each the other way round, and whoever drains finds
/// the next in order.
#[test]
fn in_order_from_many_threads() {
    let rounds = if cfg!(miri) { 20 } else { 2000 };
    let order = ordered();
    let issued = Mutex::new(0);
    let passed = AtomicU64::new(0);
    let issue = || {
        let mut next = issued.lock().unwrap();
        let number = order.issue(64)?;
        *next += 1;
        Some(batch(number, *next - 1))
    };
    let complete = |batch| {
        for batch in order.complete(batch).into_iter().flatten() {
            // There is one drainer at a time, so nobody else changes this.
            let expected = passed.load(Ordering::Relaxed);
            assert_eq!(*batch.label, expected);
            passed.store(expected + 1, Ordering::Relaxed);
        }
    };
    let work = || {
        for _ in 0..rounds {
            let mut mine: Vec<_> = (0..3).filter_map(|_| issue()).collect();
            while let Some(batch) = mine.pop() {
                complete(batch);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    assert_eq!(passed.into_inner(), issued.into_inner().unwrap());
}

#[test]
fn what_is_left_in_a_queue_goes_with_it() {
    let order = ordered();
    let first = order.issue(4).unwrap();
    for label in 1..4 {
        let number = order.issue(4).unwrap();
        assert!(order.complete(batch(number, label)).is_none());
    }
    assert!(order.issue(4).is_none());
    drop((order, first));
}

#[test]
fn a_backlog_has_a_limit() {
    let backlog = Backlog::new();
    let kept = backlog.enter(2).unwrap();
    let other = backlog.enter(2).unwrap();
    assert!(backlog.enter(2).is_none());
    kept.keep();
    drop(other);
    assert_eq!(backlog.len(), 1);
    backlog.leave(1);
    assert_eq!(backlog.len(), 0);
}
