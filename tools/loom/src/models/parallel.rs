// SPDX-License-Identifier: GPL-2.0

//! The parallel queue: a job that is in a ring has a work item that will look at it.

use std::sync::{
    atomic::{AtomicBool, AtomicUsize, Ordering},
    Arc, //
};

use kernel::model;
use loom::{cell::UnsafeCell, thread};

use crate::{
    kapi::workqueue::{flags, Workqueue},
    queue::parallel::{Job, Parallel},
};

/// What has become of the jobs: counted beside the model, since it must not order anything.
#[derive(Default)]
struct Tally {
    done: AtomicUsize,
    dropped: AtomicUsize,
    /// Whether one has come to wait, and how many parts of others were done before it.
    waits: AtomicBool,
    overtaken: AtomicUsize,
}

struct Task {
    /// Who does a job must come after who asked for it.
    asked: UnsafeCell<bool>,
    /// What is to be done after it.
    parts: usize,
    tally: Arc<Tally>,
}

impl Job for Task {
    fn run(self) -> Option<Self> {
        // SAFETY: loom checks that nobody writes meanwhile.
        assert!(self.asked.with(|asked| unsafe { *asked }));
        if let Some(parts) = self.parts.checked_sub(1) {
            let waits = self.tally.waits.load(Ordering::Relaxed)
                && self.tally.done.load(Ordering::Relaxed) == 0;
            self.tally
                .overtaken
                .fetch_add(waits.into(), Ordering::Relaxed);
            let asked = UnsafeCell::new(true);
            let tally = self.tally.clone();
            return Some(Self {
                asked,
                parts,
                tally,
            });
        }
        self.tally.done.fetch_add(1, Ordering::Relaxed);
        None
    }
}

impl Drop for Task {
    fn drop(&mut self) {
        self.tally.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

struct Device {
    jobs: Parallel<Task>,
    queue: Workqueue,
    tally: Arc<Tally>,
}

impl Device {
    fn new(capacity: usize) -> Arc<Self> {
        Arc::new(Self {
            jobs: Parallel::new(capacity).unwrap(),
            queue: Workqueue::new(c"wg", c"model", flags::PERCPU).unwrap(),
            tally: Arc::default(),
        })
    }

    /// Has a job done, if there is room for it.
    fn submit(&self) -> bool {
        self.submit_parts(0, 0)
    }

    /// Has a job about so many bytes done that has so many parts more.
    fn submit_parts(&self, parts: usize, bytes: u64) -> bool {
        let Some(entrance) = self.jobs.enter(bytes) else {
            return false;
        };
        let asked = UnsafeCell::new(false);
        // SAFETY: It is still ours.
        asked.with_mut(|asked| unsafe { *asked = true });
        let tally = self.tally.clone();
        let task = Task {
            asked,
            parts,
            tally,
        };
        entrance.submit(&self.queue, task);
        true
    }

    fn done(&self) -> usize {
        self.tally.done.load(Ordering::Relaxed)
    }

    /// After all that was queued has been done, nothing is left.
    fn assert_done(&self, submitted: usize) {
        self.queue.flush();
        assert_eq!(self.done(), submitted, "a job is left that nobody looks at");
    }
}

#[test]
fn no_wake_up_is_lost() {
    model::check(3, || {
        let device = Device::new(4);
        let other = thread::spawn({
            let device = device.clone();
            move || assert!(device.submit())
        });
        assert!(device.submit() && device.submit());
        other.join().unwrap();
        device.assert_done(3);
    });
}

#[test]
fn each_cpu_is_woken() {
    kernel::cpu::set_count(2);
    model::check(2, || {
        let device = Device::new(4);
        let other = thread::spawn({
            let device = device.clone();
            move || assert!(device.submit() && device.submit())
        });
        assert!(device.submit());
        other.join().unwrap();
        device.assert_done(3);
    });
}

/// What is left of a job is done, whether there is room for it among the others or not; but no more than
/// one part of it before somebody who waits.
#[test]
fn all_have_their_turns() {
    model::check(3, || {
        let device = Device::new(1);
        let other = thread::spawn({
            let device = device.clone();
            move || {
                let submitted = device.submit();
                device.tally.waits.fetch_or(submitted, Ordering::Relaxed);
                usize::from(submitted)
            }
        });
        let mine = usize::from(device.submit_parts(4, 0));
        device.assert_done(mine + other.join().unwrap());
        assert!(
            device.tally.overtaken.load(Ordering::Relaxed) <= 1,
            "it waits for all parts"
        );
    });
}

/// What is refused was never in, and what is not refused is done.
#[test]
fn a_ring_is_bounded() {
    model::check(3, || {
        let device = Device::new(1);
        let other = thread::spawn({
            let device = device.clone();
            move || usize::from(device.submit())
        });
        let mine = usize::from(device.submit()) + usize::from(device.submit());
        device.assert_done(mine + other.join().unwrap());
    });
}

/// What waits is bounded in bytes too, and a ring that has been emptied has room again.
#[test]
fn a_ring_is_bounded_in_bytes() {
    const ALL: u64 = 1 << 30;
    static LEAST: AtomicUsize = AtomicUsize::new(usize::MAX);
    model::check(3, || {
        let device = Device::new(4);
        let first = [(); 3].map(|()| usize::from(device.submit_parts(0, ALL)));
        let first = first.into_iter().sum();
        LEAST.fetch_min(first, Ordering::Relaxed);
        device.assert_done(first);
        assert!(device.submit_parts(0, ALL), "an empty ring is full");
        device.assert_done(first + 1);
    });
    assert_eq!(LEAST.load(Ordering::Relaxed), 1, "all at once are taken");
}

/// A job is done or dropped, and a ring that was purged still wakes its worker.
#[test]
fn purged_while_jobs_come() {
    model::check(3, || {
        let device = Device::new(2);
        let other = thread::spawn({
            let device = device.clone();
            move || {
                device.jobs.purge(drop);
                assert!(device.submit());
            }
        });
        assert!(device.submit());
        other.join().unwrap();
        device.queue.flush();
        let dropped = device.tally.dropped.load(Ordering::Relaxed);
        assert_eq!(dropped, 2, "a job is left that nobody looks at");
        assert!(device.done() >= 1);
    });
}
