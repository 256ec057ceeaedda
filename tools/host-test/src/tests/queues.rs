// SPDX-License-Identifier: GPL-2.0

use std::{
    iter,
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
        ordered::{Drainer, Duty, Link, Linked, Number, Ordered}, //
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
        let Some((first, drainer)) = order.complete(batch) else {
            return;
        };
        for batch in iter::once(first).chain(drainer) {
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

/// The same with drainers that pass on a few and are then put off, to be resumed by any thread.
#[test]
fn in_order_from_drainers_that_are_put_off() {
    const FEW: usize = 3;
    let rounds = if cfg!(miri) { 20 } else { 2000 };
    let order = ordered();
    let issued = Mutex::new(0);
    let passed = AtomicU64::new(0);
    let put_off = Mutex::new(None::<Duty>);
    let drain = |mut first: Option<Batch<Header>>, mut drainer: Drainer<'_, Header>| {
        for _ in 0..FEW {
            let Some(batch) = first.take().or_else(|| drainer.next()) else {
                return;
            };
            // There is one drainer at a time, so nobody else changes this.
            let expected = passed.load(Ordering::Relaxed);
            assert_eq!(*batch.label, expected);
            passed.store(expected + 1, Ordering::Relaxed);
        }
        let before = put_off.lock().unwrap().replace(drainer.put_off());
        assert!(before.is_none(), "there are two drainers");
    };
    let resume = || {
        let duty = put_off.lock().unwrap().take();
        duty.map(|duty| drain(None, order.resume(duty))).is_some()
    };
    let work = || {
        for round in 0..rounds {
            let mut mine = Vec::new();
            for _ in 0..4 {
                let mut next = issued.lock().unwrap();
                if let Some(number) = order.issue(64) {
                    mine.push(batch(number, *next));
                    *next += 1;
                }
            }
            while let Some(batch) = mine.pop() {
                if let Some((first, drainer)) = order.complete(batch) {
                    drain(Some(first), drainer);
                }
            }
            // Meanwhile others complete what follows.
            if round % 4 == 0 {
                resume();
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(work);
        }
    });
    while resume() {}
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

#[test]
fn room_for_many_is_taken_and_given_back_at_once() {
    let backlog = Backlog::new();
    backlog.enter_all(3, 4).unwrap().keep();
    assert!(backlog.enter_all(2, 3).is_none());
    // The limit is looked at before.
    let place = backlog.enter_all(7, 4).unwrap();
    assert_eq!(backlog.len(), 10);
    assert!(backlog.enter_all(1, 4).is_none());
    assert_eq!(backlog.len(), 10);
    drop(place);
    backlog.leave(3);
    assert_eq!(backlog.len(), 0);
}
