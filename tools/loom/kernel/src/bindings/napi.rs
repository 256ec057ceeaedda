// SPDX-License-Identifier: GPL-2.0

//! NAPI as in `net/core/dev.c`: the bits of an instance's state, changed as there by compare and
//! exchange, and a thread that polls the instances that are scheduled.

use std::{
    cell::RefCell,
    collections::VecDeque,
    ffi::c_int,
    sync::Arc, //
};

use loom::{
    sync::atomic::{AtomicUsize, Ordering},
    sync::{Condvar, Mutex},
    thread::{self, JoinHandle}, //
};

use super::{local_bh_disable, local_bh_enable};

pub struct net_device(pub usize);
pub struct sk_buff(pub usize);

pub type napi_poll = unsafe extern "C" fn(*mut napi_struct, c_int) -> c_int;

/// As many packets as one poll may deliver.
pub const NAPI_POLL_WEIGHT: c_int = 2;

const SCHED: usize = 1 << 0;
const MISSED: usize = 1 << 1;
const DISABLE: usize = 1 << 2;

/// The number of an instance.
pub struct napi_struct(usize);

struct Instance {
    state: AtomicUsize,
    poll: napi_poll,
}

/// The poll list of all CPUs, and who works on it.
struct SoftNet {
    list: Mutex<List>,
    more: Condvar,
}

struct List {
    scheduled: VecDeque<Pointer>,
    is_ending: bool,
}

#[derive(Clone, Copy)]
struct Pointer(*mut napi_struct);

// SAFETY: Instances are scheduled by any thread.
unsafe impl Send for Pointer {}

thread_local! {
    static INSTANCES: RefCell<Vec<Arc<Instance>>> = const { RefCell::new(Vec::new()) };
    static SOFTNET: RefCell<Option<Arc<SoftNet>>> = const { RefCell::new(None) };
}

/// The thread that polls.
pub struct Poller(Arc<SoftNet>, JoinHandle<()>);

/// Forgets the execution before and begins to poll.
pub fn start_polling() -> Poller {
    INSTANCES.take();
    let softnet = Arc::new(SoftNet {
        list: Mutex::new(List {
            scheduled: VecDeque::new(),
            is_ending: false,
        }),
        more: Condvar::new(),
    });
    SOFTNET.set(Some(softnet.clone()));
    let thread = thread::spawn({
        let softnet = softnet.clone();
        move || softnet.serve()
    });
    Poller(softnet, thread)
}

impl Poller {
    /// Polls what is scheduled, and ends.
    pub fn stop(self) {
        self.0.list.lock().unwrap().is_ending = true;
        self.0.more.notify_one();
        self.1.join().unwrap();
    }
}

impl SoftNet {
    fn serve(&self) {
        while let Some(Pointer(napi)) = self.next() {
            poll_once(napi);
        }
    }

    fn next(&self) -> Option<Pointer> {
        let mut list = self.list.lock().unwrap();
        loop {
            if let Some(napi) = list.scheduled.pop_front() {
                return Some(napi);
            }
            if list.is_ending {
                return None;
            }
            list = self.more.wait(list).unwrap();
        }
    }

    fn schedule(&self, napi: *mut napi_struct) {
        self.list.lock().unwrap().scheduled.push_back(Pointer(napi));
        self.more.notify_one();
    }
}

fn instance(napi: *mut napi_struct) -> Arc<Instance> {
    // SAFETY: Who scheduled it keeps it.
    let number = unsafe { (*napi).0 };
    INSTANCES.with_borrow(|instances| instances[number - 1].clone())
}

fn schedule(napi: *mut napi_struct) {
    let softnet = SOFTNET.with_borrow(Clone::clone).unwrap();
    softnet.schedule(napi);
}

/// `napi_poll()` and `__napi_poll()`.
fn poll_once(napi: *mut napi_struct) {
    let this = instance(napi);
    // SAFETY: These belong together; the instance is scheduled, so it is ours.
    let work = unsafe {
        local_bh_disable();
        let work = (this.poll)(napi, NAPI_POLL_WEIGHT);
        local_bh_enable();
        work
    };
    assert!(work <= NAPI_POLL_WEIGHT, "a poll exceeds its budget");
    if work < NAPI_POLL_WEIGHT {
        return;
    }
    if this.state.load(Ordering::Relaxed) & DISABLE != 0 {
        // SAFETY: The instance is ours.
        unsafe { napi_complete_done(napi, 0) };
        return;
    }
    schedule(napi);
}

pub unsafe fn napi_add(_dev: *mut net_device, napi: *mut napi_struct, poll: Option<napi_poll>) {
    let instance = Arc::new(Instance {
        state: AtomicUsize::new(0),
        poll: poll.unwrap(),
    });
    let number = INSTANCES.with_borrow_mut(|instances| {
        instances.push(instance);
        instances.len()
    });
    // SAFETY: By the caller's promise.
    unsafe { napi.write(napi_struct(number)) };
}

/// `napi_schedule_prep()` and `__napi_schedule()`.
pub unsafe fn napi_schedule(napi: *mut napi_struct) {
    let this = instance(napi);
    let mut old = this.state.load(Ordering::Relaxed);
    loop {
        if old & DISABLE != 0 {
            return;
        }
        let mut new = old | SCHED;
        if old & SCHED != 0 {
            new |= MISSED;
        }
        match exchange(&this, old, new) {
            Ok(()) => break,
            Err(now) => old = now,
        }
    }
    if old & SCHED == 0 {
        schedule(napi);
    }
}

pub unsafe fn napi_complete_done(napi: *mut napi_struct, _work: c_int) -> bool {
    let this = instance(napi);
    let mut old = this.state.load(Ordering::Relaxed);
    loop {
        assert!(
            old & SCHED != 0,
            "a poll of an instance that is not scheduled ends"
        );
        let mut new = old & !(SCHED | MISSED);
        if old & MISSED != 0 {
            new |= SCHED;
        }
        match exchange(&this, old, new) {
            Ok(()) => break,
            Err(now) => old = now,
        }
    }
    if old & MISSED != 0 {
        schedule(napi);
    }
    old & MISSED == 0
}

/// `try_cmpxchg()` orders nothing if it fails.
fn exchange(this: &Instance, old: usize, new: usize) -> Result<(), usize> {
    this.state
        .compare_exchange(old, new, Ordering::AcqRel, Ordering::Relaxed)
        .map(|_| ())
}

/// `napi_disable()`, and the deletion that does nothing then.
pub unsafe fn napi_remove(napi: *mut napi_struct) {
    crate::task::might_sleep();
    let this = instance(napi);
    this.state.fetch_or(DISABLE, Ordering::AcqRel);
    loop {
        let old = this.state.load(Ordering::Relaxed);
        if old & SCHED == 0 && exchange(&this, old, old | SCHED).is_ok() {
            return;
        }
        thread::yield_now();
    }
}

pub unsafe fn napi_flush(_napi: *mut napi_struct) {}

pub unsafe fn napi_gro_receive(
    _dev: *mut net_device,
    _napi: *mut napi_struct,
    _skb: *mut sk_buff,
) -> bool {
    true
}
