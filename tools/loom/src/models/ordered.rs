// SPDX-License-Identifier: GPL-2.0

//! The ordered queue: what is completed in any order comes out once, in order, from one drainer at a
//! time, and nothing stays behind.

use std::sync::Arc;

use kernel::model;
use loom::{cell::UnsafeCell, thread};

use super::made;
use crate::{
    kapi::net::skbuff::{Batch, PacketList},
    queue::ordered::{Link, Linked, Ordered},
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
}

// SAFETY: loom checks that there is one drainer at a time.
unsafe impl Sync for Peer {}

impl Peer {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            order: made(Ordered::new()),
            out: UnsafeCell::new(Vec::new()),
        })
    }

    fn batch(&self, label: usize) -> Batch<Header> {
        let link = Link::new(self.order.issue(8).unwrap());
        let label = UnsafeCell::new(label);
        Batch::new(PacketList::of(1), Header { link, label }).unwrap()
    }

    fn complete(&self, batch: Batch<Header>) {
        for batch in self.order.complete(batch).into_iter().flatten() {
            // SAFETY: As above.
            let label = batch.label.with(|label| unsafe { *label });
            // SAFETY: As above.
            self.out.with_mut(|out| unsafe { (*out).push(label) });
        }
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
        // SAFETY: As above.
        peer.out
            .with(|out| unsafe { assert_eq!(*out, [0, 1, 2, 3]) });
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
