// SPDX-License-Identifier: GPL-2.0

//! The ordered queue: what is completed in any order comes out once, in order, from one drainer at a
//! time, and nothing stays behind.

use std::sync::Arc;

use kernel::model;
use loom::{
    cell::UnsafeCell,
    sync::Mutex,
    thread, //
};

use super::made;
use crate::{
    kapi::net::skbuff::{Batch, PacketList},
    queue::ordered::{Drainer, Duty, Link, Linked, Ordered},
};

pub(super) struct Header {
    link: Link<Header>,
    /// Who reads it must come after who wrote it.
    label: UnsafeCell<usize>,
}

impl Linked for Header {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

struct Peer {
    order: Ordered<Header>,
    /// What came out; only drainers touch it, without a lock.
    out: UnsafeCell<Vec<usize>>,
    /// What is put off, for whoever takes it.
    put_off: Mutex<Option<Duty>>,
}

// SAFETY: loom checks that there is one drainer at a time.
unsafe impl Sync for Peer {}

impl Peer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            order: made(Ordered::new()),
            out: UnsafeCell::new(Vec::new()),
            put_off: Mutex::new(None),
        })
    }

    fn batch(&self, label: usize) -> Batch<Header> {
        let link = Link::new(self.order.issue(8).unwrap());
        let label = UnsafeCell::new(label);
        Batch::new(PacketList::of(1), Header { link, label }).unwrap()
    }

    fn complete(&self, batch: Batch<Header>) {
        let Some((first, drainer)) = self.order.complete(batch) else {
            return;
        };
        self.pass_on(first);
        drainer.for_each(|batch| self.pass_on(batch));
    }

    fn pass_on(&self, batch: Batch<Header>) {
        // SAFETY: As above.
        let label = batch.label.with(|label| unsafe { *label });
        // SAFETY: As above.
        self.out.with_mut(|out| unsafe { (*out).push(label) });
    }

    /// Passes one on, and puts the rest off.
    fn pass_one_on(&self, first: Batch<Header>, drainer: Drainer<'_, Header>) {
        self.pass_on(first);
        let before = self.put_off.lock().unwrap().replace(drainer.put_off());
        assert!(before.is_none(), "there are two drainers");
    }

    /// Resumes what is put off, if there is something.
    fn resume(&self) -> bool {
        let duty = self.put_off.lock().unwrap().take();
        let Some(duty) = duty else {
            return false;
        };
        let mut drainer = self.order.resume(duty);
        if let Some(first) = drainer.next() {
            self.pass_one_on(first, drainer);
        }
        true
    }

    fn assert_passed_on(&self, count: usize) {
        let all: Vec<_> = (0..count).collect();
        // SAFETY: As above.
        self.out.with(|out| unsafe { assert_eq!(*out, all) });
    }
}

/// Two workers have two batches each.
fn completed(first: [usize; 2], second: [usize; 2]) {
    model::check(3, move || {
        let peer = Peer::new();
        let mut batches = [0, 1, 2, 3].map(|label| Some(peer.batch(label)));
        let mut take = |labels: [usize; 2]| labels.map(|label| batches[label].take().unwrap());
        let (mine, theirs) = (take(first), take(second));
        let other = thread::spawn({
            let peer = peer.clone();
            move || theirs.into_iter().for_each(|batch| peer.complete(batch))
        });
        mine.into_iter().for_each(|batch| peer.complete(batch));
        other.join().unwrap();
        peer.assert_passed_on(4);
    });
}

#[test]
fn in_turns() {
    completed([0, 2], [1, 3]);
}

#[test]
fn backwards() {
    completed([3, 1], [2, 0]);
}

#[test]
fn half_by_half() {
    completed([2, 3], [0, 1]);
}

/// Each drainer passes on one batch, and any thread resumes what it leaves.
#[test]
fn put_off_and_resumed() {
    model::check(3, || {
        let peer = Peer::new();
        let [first, second, third] = [0, 1, 2].map(|label| peer.batch(label));
        let work = |peer: &Peer, batch| {
            if let Some((first, drainer)) = peer.order.complete(batch) {
                peer.pass_one_on(first, drainer);
            }
            peer.resume();
        };
        let other = thread::spawn({
            let peer = peer.clone();
            move || work(&peer, second)
        });
        work(&peer, third);
        work(&peer, first);
        other.join().unwrap();
        while peer.resume() {}
        peer.assert_passed_on(3);
    });
}
