// SPDX-License-Identifier: GPL-2.0

//! The parallel queue: a job that is in a ring has a work item that will look at it.

use std::sync::{
    atomic::{AtomicUsize, Ordering},
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
}

struct Task {
    /// Who does a job must come after who asked for it.
    asked: UnsafeCell<bool>,
    tally: Arc<Tally>,
}

impl Job for Task {
    fn run(self) {
        // SAFETY: loom checks that nobody writes meanwhile.
        assert!(self.asked.with(|asked| unsafe { *asked }));
        self.tally.done.fetch_add(1, Ordering::Relaxed);
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
        let Some(entrance) = self.jobs.enter() else {
            return false;
        };
        let asked = UnsafeCell::new(false);
        // SAFETY: It is still ours.
        asked.with_mut(|asked| unsafe { *asked = true });
        let tally = self.tally.clone();
        entrance.submit(&self.queue, Task { asked, tally });
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

/// A job is done or dropped, and a ring that was purged still wakes its worker.
#[test]
fn purged_while_jobs_come() {
    model::check(3, || {
        let device = Device::new(2);
        let other = thread::spawn({
            let device = device.clone();
            move || {
                device.jobs.purge();
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
