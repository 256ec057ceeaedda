// SPDX-License-Identifier: GPL-2.0

//! From the ordered queue through an inbox to a poll: no batch stays in an inbox whose poller is
//! idle, and the order stays.

use std::sync::{self, Mutex};

use kernel::{
    bindings::start_polling,
    model,
    prelude::*,
    sync::Arc, //
};
use loom::{cell::UnsafeCell, thread};

use super::made;
use crate::{
    kapi::{
        net::{
            device::NetDevice,
            napi::{NapiRoom, NapiSet, Poll},
            skbuff::{Batch, PacketList}, //
        },
        sync::bh,
    },
    queue::{
        inbox::{self, Deliver, Inbox},
        ordered::{Link, Linked, Ordered}, //
    },
};

struct Header {
    link: Link<Header>,
    /// Who reads it must come after who wrote it.
    label: UnsafeCell<usize>,
    /// What has been delivered, noted beside the model.
    delivered: Arc<Mutex<Vec<usize>>>,
}

impl Linked for Header {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

impl Deliver for Header {
    fn deliver(batch: Batch<Self>, poll: &mut Poll<'_>) {
        let (header, packets) = batch.into_parts();
        poll.consume(packets.len() as u32);
        // SAFETY: loom checks that nobody writes meanwhile.
        let label = header.label.with(|label| unsafe { *label });
        header.delivered.lock().unwrap().push(label);
    }
}

struct Device {
    order: Ordered<Header>,
    pollers: NapiSet<Arc<Inbox<Header>>>,
    delivered: Arc<Mutex<Vec<usize>>>,
}

impl Device {
    fn new() -> sync::Arc<Self> {
        let inbox = Arc::pin_init(Inbox::new(), GFP_KERNEL).unwrap();
        sync::Arc::new(Self {
            order: made(Ordered::new()),
            pollers: NapiRoom::new(1)
                .unwrap()
                .fill(&NetDevice::default(), [inbox]),
            delivered: Arc::new(Mutex::default(), GFP_KERNEL).unwrap(),
        })
    }

    fn batch(&self, label: usize) -> Batch<Header> {
        let header = Header {
            link: Link::new(self.order.issue(8).unwrap()),
            label: UnsafeCell::new(label),
            delivered: self.delivered.clone(),
        };
        Batch::new(PacketList::of(1), header).unwrap()
    }

    /// What a worker does with a batch that it has decrypted.
    fn complete(&self, batch: Batch<Header>) {
        let Some(drainer) = self.order.complete(batch) else {
            return;
        };
        let poller = self.pollers.get(0).unwrap();
        inbox::hand_over(poller, drainer, bh::disable().token());
    }

    fn delivered(&self) -> Vec<usize> {
        self.delivered.lock().unwrap().clone()
    }
}

/// Two workers hand over what they have, to be polled in the order of its numbers.
fn handed_over(first: &'static [usize], second: &'static [usize]) {
    let count = first.len() + second.len();
    model::check(2, move || {
        let poller = start_polling();
        let device = Device::new();
        let mut batches: Vec<_> = (0..count).map(|label| Some(device.batch(label))).collect();
        let mut take = |labels: &[usize]| -> Vec<_> {
            labels
                .iter()
                .map(|label| batches[*label].take().unwrap())
                .collect()
        };
        let (mine, theirs) = (take(first), take(second));
        let other = thread::spawn({
            let device = device.clone();
            move || theirs.into_iter().for_each(|batch| device.complete(batch))
        });
        mine.into_iter().for_each(|batch| device.complete(batch));
        other.join().unwrap();
        poller.stop();
        let all: Vec<_> = (0..count).collect();
        assert_eq!(
            device.delivered(),
            all,
            "a batch is left that nobody polls for"
        );
    });
}

#[test]
fn no_wake_up_is_lost() {
    handed_over(&[0], &[1]);
}

#[test]
fn the_order_stays() {
    handed_over(&[1], &[0, 2]);
}

/// With three batches, a poll of two uses up its budget, and is polled again.
#[test]
fn a_budget_is_used_up() {
    handed_over(&[2, 1], &[0]);
}

/// The end of a device: its inboxes are emptied while a poll may be under way, and then there is nothing.
#[test]
fn emptied_at_the_end() {
    model::check(2, || {
        let poller = start_polling();
        let device = Device::new();
        let other = thread::spawn({
            let batch = device.batch(0);
            let device = device.clone();
            move || device.complete(batch)
        });
        device.complete(device.batch(1));
        device.pollers.get(0).unwrap().content().clear();
        other.join().unwrap();
        device.pollers.get(0).unwrap().content().clear();
        let delivered = device.delivered.clone();
        drop(sync::Arc::into_inner(device));
        let before = delivered.lock().unwrap().len();
        poller.stop();
        assert_eq!(
            delivered.lock().unwrap().len(),
            before,
            "polled after the end"
        );
    });
}
