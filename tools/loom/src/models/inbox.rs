// SPDX-License-Identifier: GPL-2.0

//! An inbox, its poller, and who helps it: no batch stays in an inbox whose poller is idle and that
//! nobody works on, and the order of arrival stays.

use std::sync::{
    self,
    atomic::{AtomicUsize, Ordering},
    Mutex,
    Weak, //
};

use kernel::{
    bindings::start_polling,
    model,
    prelude::*,
    sync::Arc, //
};
use loom::{cell::UnsafeCell, thread};

use crate::{
    kapi::{
        array::Array,
        net::{
            device::NetDevice,
            napi::{Napi, NapiRoom, NapiSet, Poll},
            skbuff::{Batch, PacketList}, //
        },
        sync::bh,
        workqueue::{flags, Workqueue}, //
    },
    queue::{
        assist::{Assist, Assistants, Inboxes},
        inbox::{Deliver, Inbox}, //
    },
};

struct Header {
    /// Who reads it must come after who wrote it.
    label: UnsafeCell<usize>,
    /// Whether it was worked on.
    is_ready: UnsafeCell<bool>,
    device: Weak<Device>,
    tally: sync::Arc<Tally>,
}

impl Deliver for Header {
    fn work(batch: Batch<Self>) -> Option<Batch<Self>> {
        // SAFETY: loom checks that nobody else has it.
        let before = batch
            .is_ready
            .with_mut(|ready| unsafe { ready.replace(true) });
        assert!(!before, "worked on twice");
        Some(batch)
    }

    fn deliver(batch: Batch<Self>, poll: &mut Poll<'_>) {
        let (header, packets) = batch.into_parts();
        assert!(poll.remaining() > 0, "a poll exceeds its budget");
        poll.consume(packets.len() as u32);
        // SAFETY: loom checks that nobody writes meanwhile.
        let is_ready = header.is_ready.with(|ready| unsafe { *ready });
        assert!(is_ready, "delivered before it was worked on");
        // SAFETY: As above.
        let label = header.label.with(|label| unsafe { *label });
        header.tally.delivered.lock().unwrap().push(label);
    }
}

impl Assist for Header {
    fn assist(batch: Batch<Self>, finish: impl FnOnce(Option<Batch<Self>>) -> bool) {
        let device = batch.device.upgrade().unwrap();
        device.tally.helped.fetch_add(1, Ordering::Relaxed);
        if finish(Self::work(batch)) {
            device.poller().schedule(bh::disable().token());
        }
    }
}

/// What has become of batches, noted beside the model.
#[derive(Default)]
struct Tally {
    delivered: Mutex<Vec<usize>>,
    helped: AtomicUsize,
}

struct Device {
    pollers: NapiSet<Arc<Inbox<Header>>>,
    inboxes: Inboxes<Header>,
    tally: sync::Arc<Tally>,
}

impl Device {
    fn new() -> sync::Arc<Self> {
        let new = || Arc::pin_init(Inbox::new(4)?, GFP_KERNEL);
        let inboxes = Array::try_repeat_with(1, new).unwrap();
        sync::Arc::new(Self {
            pollers: NapiRoom::new(1)
                .unwrap()
                .fill(&NetDevice::default(), inboxes.iter().cloned()),
            inboxes: Arc::new(inboxes, GFP_KERNEL).unwrap(),
            tally: sync::Arc::default(),
        })
    }

    fn poller(&self) -> &Napi<Arc<Inbox<Header>>> {
        self.pollers.get(0).unwrap()
    }

    fn inbox(&self) -> &Inbox<Header> {
        self.poller().content()
    }

    /// What is done with a batch that has been received.
    fn receive(self: &sync::Arc<Self>, label: usize) {
        let header = Header {
            label: UnsafeCell::new(label),
            is_ready: UnsafeCell::new(false),
            device: sync::Arc::downgrade(self),
            tally: self.tally.clone(),
        };
        let batch = Batch::new(PacketList::of(1), header).unwrap();
        assert!(self.inbox().push(batch).is_ok());
        self.poller().schedule(bh::disable().token());
    }

    /// Helps with one batch, if there is one to be had.
    fn help(&self) {
        if let Some((claim, batch)) = self.inbox().claim() {
            Header::assist(batch, |batch| self.inbox().finish(claim, batch));
        }
    }
}

/// What there is to be done at once with a device, and then its batches come out: all of them, in
/// their order.
fn delivered(batches: usize, work: impl Fn(&sync::Arc<Device>) + Send + Sync + 'static) -> usize {
    let helped = sync::Arc::new(AtomicUsize::new(0));
    let all_helped = helped.clone();
    model::check(2, move || {
        let poller = start_polling();
        let device = Device::new();
        work(&device);
        poller.stop();
        let all: Vec<_> = (0..batches).collect();
        assert_eq!(
            *device.tally.delivered.lock().unwrap(),
            all,
            "a batch is left that nobody polls for, or out of order"
        );
        let helped = device.tally.helped.load(Ordering::Relaxed);
        all_helped.fetch_add(helped, Ordering::Relaxed);
    });
    helped.load(Ordering::Relaxed)
}

/// Runs `work` beside what the caller does.
fn beside(device: &sync::Arc<Device>, work: fn(&sync::Arc<Device>)) -> thread::JoinHandle<()> {
    let device = device.clone();
    thread::spawn(move || work(&device))
}

#[test]
fn no_wake_up_is_lost() {
    let helped = delivered(2, |device| {
        // A batch that comes while that before it is polled for.
        device.receive(0);
        device.receive(1);
    });
    assert_eq!(helped, 0);
}

/// A poller goes idle for what a helper has, and is woken when that is done.
#[test]
fn a_helper_takes_the_only_one() {
    let helped = delivered(1, |device| {
        let helper = beside(device, |device| device.help());
        device.receive(0);
        helper.join().unwrap();
    });
    assert!(helped > 0, "nobody ever helps");
}

/// What a helper has may be the next one or one behind it.
#[test]
fn a_helper_takes_any() {
    delivered(2, |device| {
        device.receive(0);
        let helper = beside(device, |device| device.help());
        device.receive(1);
        helper.join().unwrap();
    });
}

/// Helpers end in any order.
#[test]
fn two_helpers() {
    delivered(2, |device| {
        device.receive(0);
        device.receive(1);
        let helper = beside(device, |device| device.help());
        device.help();
        helper.join().unwrap();
    });
}

/// With three batches, a poll of two uses up its budget, and is polled again.
#[test]
fn a_budget_is_used_up() {
    delivered(3, |device| {
        let helper = beside(device, |device| device.help());
        (0..3).for_each(|label| device.receive(label));
        helper.join().unwrap();
    });
}

/// Two receive at once: neither overlooks that the poller is to be scheduled.
#[test]
fn received_by_two() {
    model::check(2, || {
        let poller = start_polling();
        let device = Device::new();
        let other = beside(&device, |device| device.receive(1));
        device.receive(0);
        other.join().unwrap();
        poller.stop();
        let mut delivered = device.tally.delivered.lock().unwrap().clone();
        delivered.sort_unstable();
        assert_eq!(delivered, [0, 1], "a batch is left that nobody polls for");
    });
}

/// An assistant is called, and works on what it finds.
#[test]
fn an_assistant_is_called() {
    kernel::cpu::set_count(2);
    let helped = delivered(2, |device| {
        let queue = Workqueue::new(c"wg", c"model", flags::PERCPU).unwrap();
        let assistants = Assistants::new(&device.inboxes).unwrap();
        device.receive(0);
        device.receive(1);
        // As if there were many.
        assistants.consider(4, &queue, bh::disable().token());
        queue.flush();
    });
    assert!(helped > 0, "nobody ever helps");
}

/// The end of a device: its inboxes are emptied while a poll may be under way and a helper at work,
/// and once they are again when that is over, there is nothing.
#[test]
fn emptied_at_the_end() {
    model::check(2, || {
        let poller = start_polling();
        let device = Device::new();
        let other = beside(&device, |device| {
            device.receive(0);
            device.help();
        });
        device.receive(1);
        device.inbox().clear(drop);
        other.join().unwrap();
        device.inbox().clear(drop);
        let tally = device.tally.clone();
        drop(sync::Arc::into_inner(device).unwrap());
        assert_eq!(sync::Arc::strong_count(&tally), 1, "a batch is left");
        let before = tally.delivered.lock().unwrap().len();
        poller.stop();
        let after = tally.delivered.lock().unwrap().len();
        assert_eq!(after, before, "polled after the end");
    });
}
