// SPDX-License-Identifier: GPL-2.0

use std::{
    collections::VecDeque,
    sync::{
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
        Arc as HostArc,
        Mutex, //
    },
    thread,
};

use kernel::{prelude::*, sync::Arc};

use crate::{
    checks::Dice,
    kapi::net::{
        napi::{NapiPoll, Poll},
        skbuff::{Batch, PacketList}, //
    },
    queue::inbox::{Claim, Deliver, Inbox},
};

struct Header {
    /// Memory of its own: it must be freed once, by who has the batch.
    label: Box<u64>,
    /// Whether it has been worked on.
    is_ready: bool,
    delivered: HostArc<Mutex<Vec<u64>>>,
}

/// Batches with such labels come to nothing when they are worked on.
fn is_void(label: u64) -> bool {
    label % 7 == 3
}

impl Deliver for Header {
    fn work(mut batch: Batch<Self>) -> Option<Batch<Self>> {
        assert!(!batch.is_ready, "worked on twice");
        batch.is_ready = true;
        (!is_void(*batch.label)).then_some(batch)
    }

    fn deliver(batch: Batch<Self>, poll: &mut Poll<'_>) {
        assert!(batch.is_ready, "not worked on");
        poll.consume(1);
        batch.delivered.lock().unwrap().push(*batch.label);
    }
}

fn inbox(capacity: usize) -> Arc<Inbox<Header>> {
    let inbox = Inbox::new(capacity)
        .unwrap()
        .make()
        .unwrap_or_else(|never| match never {});
    Arc::new(inbox, GFP_KERNEL).unwrap()
}

fn batch(label: u64, delivered: &HostArc<Mutex<Vec<u64>>>) -> Batch<Header> {
    let header = Header {
        label: Box::new(label),
        is_ready: false,
        delivered: delivered.clone(),
    };
    Batch::new(PacketList(1), header).unwrap()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Waiting,
    Taken,
    Done,
}

/// What an inbox is, said as simply as can be.
struct Model {
    capacity: usize,
    batches: VecDeque<(u64, State)>,
    delivered: Vec<u64>,
}

impl Model {
    fn push(&mut self, label: u64) -> Option<usize> {
        if self.batches.len() == self.capacity {
            return None;
        }
        self.batches.push_back((label, State::Waiting));
        Some(self.waiting())
    }

    fn waiting(&self) -> usize {
        self.batches
            .iter()
            .filter(|(_, state)| *state == State::Waiting)
            .count()
    }

    fn claim(&mut self) -> Option<u64> {
        let (label, state) = self
            .batches
            .iter_mut()
            .find(|(_, state)| *state == State::Waiting)?;
        *state = State::Taken;
        Some(*label)
    }

    fn finish(&mut self, label: u64) -> bool {
        let place = self
            .batches
            .iter()
            .position(|(other, _)| *other == label)
            .unwrap();
        self.batches[place].1 = State::Done;
        place == 0
    }

    fn poll(&mut self, mut budget: usize) {
        while budget > 0
            && self
                .batches
                .front()
                .is_some_and(|first| first.1 != State::Taken)
        {
            let (label, _) = self.batches.pop_front().unwrap();
            if !is_void(label) {
                self.delivered.push(label);
                budget -= 1;
            }
        }
    }
}

#[test]
fn against_a_naive_model() {
    let steps = if cfg!(miri) { 300 } else { 100_000 };
    for (seed, room, capacity) in [(31, 1, 1), (32, 3, 4), (33, 8, 8), (34, 50, 64)] {
        let mut dice = Dice::new(seed);
        let inbox = inbox(room);
        let delivered = HostArc::default();
        let mut model = Model {
            capacity,
            batches: VecDeque::new(),
            delivered: Vec::new(),
        };
        let mut claimed: Vec<(Claim, Batch<Header>)> = Vec::new();
        for label in 0..steps {
            match dice.below(7) {
                0..=2 => assert_eq!(inbox.push(batch(label, &delivered)).ok(), model.push(label)),
                3 => {
                    let (mine, theirs) = (inbox.claim(), model.claim());
                    assert_eq!(mine.as_ref().map(|(_, batch)| *batch.label), theirs);
                    claimed.extend(mine);
                }
                4 if !claimed.is_empty() => {
                    let any = dice.below(claimed.len() as u64) as usize;
                    let (claim, batch) = claimed.swap_remove(any);
                    let label = *batch.label;
                    let is_first = inbox.finish(claim, Header::work(batch));
                    assert_eq!(is_first, model.finish(label));
                }
                _ => {
                    let budget = dice.below(4) as u32;
                    inbox.poll(&mut Poll::new(budget));
                    model.poll(budget as usize);
                }
            }
            assert_eq!(inbox.waiting(), model.waiting());
        }
        assert_eq!(*delivered.lock().unwrap(), model.delivered);
        assert!(model.delivered.len() > steps as usize / 100);
    }
}

/// A poller, as NAPI has one: it is polled after it was scheduled, by one thread at a time.
struct Poller {
    inbox: Arc<Inbox<Header>>,
    is_scheduled: AtomicBool,
}

impl Poller {
    fn schedule(&self) {
        self.is_scheduled.store(true, Ordering::SeqCst);
    }

    /// Polls if that was asked for.
    fn poll(&self) {
        if !self.is_scheduled.swap(false, Ordering::SeqCst) {
            return thread::yield_now();
        }
        let mut poll = Poll::new(2);
        self.inbox.poll(&mut poll);
        if poll.remaining() == 0 {
            self.schedule();
        }
    }

    /// Works on a batch as a helper, if there is one to be had.
    fn help(&self) {
        let Some((claim, batch)) = self.inbox.claim() else {
            return thread::yield_now();
        };
        if self.inbox.finish(claim, Header::work(batch)) {
            self.schedule();
        }
    }
}

/// Everything comes out once, in the order of arrival, whoever works on it; and nothing is left when
/// the poller has been polled whenever it was scheduled, and no more than that.
#[test]
fn in_order_from_many_threads() {
    let pushes = if cfg!(miri) { 50 } else { 5000 };
    let poller = Poller {
        inbox: inbox(8),
        is_scheduled: AtomicBool::new(false),
    };
    let delivered = HostArc::default();
    // The labels that were taken in, in that order.
    let arrived = Mutex::new(Vec::new());
    let next = AtomicU64::new(0);
    let pushing = AtomicUsize::new(2);
    let push = || {
        for _ in 0..pushes {
            let mut arrived = arrived.lock().unwrap();
            let label = next.fetch_add(1, Ordering::Relaxed);
            if poller.inbox.push(batch(label, &delivered)).is_ok() {
                arrived.push(label);
                drop(arrived);
                poller.schedule();
            } else {
                drop(arrived);
                thread::yield_now();
            }
        }
        pushing.fetch_sub(1, Ordering::SeqCst);
    };
    let is_over = || pushing.load(Ordering::SeqCst) == 0;
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(push);
        }
        for _ in 0..2 {
            scope.spawn(|| {
                while !is_over() {
                    poller.help();
                }
            });
        }
        scope.spawn(|| {
            while !is_over() {
                poller.poll();
            }
        });
    });
    // Nobody pushes or helps any more: what is to be polled for was scheduled.
    while poller.is_scheduled.load(Ordering::SeqCst) {
        poller.poll();
    }
    let expected: Vec<_> = arrived.into_inner().unwrap();
    let expected: Vec<_> = expected
        .into_iter()
        .filter(|label| !is_void(*label))
        .collect();
    assert_eq!(*delivered.lock().unwrap(), expected);
    assert_eq!(poller.inbox.waiting(), 0);
}

/// The end of a device: what a helper works on stays, with what is behind it, until it is done.
#[test]
fn emptied() {
    let delivered = HostArc::default();
    let inbox = inbox(4);
    for label in 0..2 {
        assert!(inbox.push(batch(label, &delivered)).is_ok());
    }
    let (claim, first) = inbox.claim().unwrap();
    let mut cleared = Vec::new();
    inbox.clear(|batch| cleared.push(*batch.label));
    assert_eq!(inbox.waiting(), 1);
    assert!(inbox.finish(claim, Header::work(first)));
    inbox.clear(|batch| cleared.push(*batch.label));
    assert_eq!(cleared, [0, 1]);
    assert!(inbox.push(batch(2, &delivered)).is_ok());
    inbox.poll(&mut Poll::new(64));
    assert_eq!(*delivered.lock().unwrap(), [2]);
    // What is left in an inbox goes with it.
    assert!(inbox.push(batch(4, &delivered)).is_ok());
    let _ = inbox
        .claim()
        .map(|(claim, batch)| inbox.finish(claim, Some(batch)));
    assert!(inbox.push(batch(5, &delivered)).is_ok());
    drop(inbox);
    assert_eq!(HostArc::strong_count(&delivered), 1);
}
