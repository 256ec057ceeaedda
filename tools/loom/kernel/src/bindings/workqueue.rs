// SPDX-License-Identifier: GPL-2.0

//! A workqueue is a thread that runs one item after the other.
//!
//! As in `kernel/workqueue.c`, an item is pending from being queued until just before it is run, and
//! then it may be queued again. One that is queued while it runs is run once more, never twice at
//! once.

use std::{
    collections::VecDeque,
    ffi::{c_char, c_int},
    sync::Arc, //
};

use loom::{
    sync::atomic::{AtomicBool, Ordering},
    sync::{Condvar, Mutex},
    thread::{self, JoinHandle}, //
};

pub const wq_flags_WQ_PERCPU: u32 = 1 << 8;
pub const wq_flags_WQ_UNBOUND: u32 = 1 << 1;
pub const wq_flags_WQ_FREEZABLE: u32 = 1 << 2;
pub const wq_flags_WQ_MEM_RECLAIM: u32 = 1 << 3;
pub const wq_flags_WQ_CPU_INTENSIVE: u32 = 1 << 5;
pub const wq_misc_consts_WORK_CPU_UNBOUND: u32 = 64;

pub type work_func = unsafe extern "C" fn(*mut work_struct);

pub struct work_struct {
    is_pending: AtomicBool,
    func: work_func,
}

impl work_struct {
    pub fn new(func: work_func) -> Self {
        Self {
            is_pending: AtomicBool::new(false),
            func,
        }
    }
}

pub struct workqueue_struct {
    pool: Arc<Pool>,
    thread: Option<JoinHandle<()>>,
}

struct Pool {
    list: Mutex<List>,
    more: Condvar,
    idle: Condvar,
}

struct List {
    items: VecDeque<Item>,
    is_busy: bool,
    is_ending: bool,
}

#[derive(Clone, Copy)]
struct Item(*mut work_struct);

// SAFETY: Work is passed from thread to thread.
unsafe impl Send for Item {}

pub unsafe fn alloc_workqueue(
    _format: *const c_char,
    _name: *const c_char,
    _flags: u32,
) -> *mut workqueue_struct {
    let pool = Arc::new(Pool {
        list: Mutex::new(List {
            items: VecDeque::new(),
            is_busy: false,
            is_ending: false,
        }),
        more: Condvar::new(),
        idle: Condvar::new(),
    });
    let thread = Some(thread::spawn({
        let pool = pool.clone();
        move || pool.serve()
    }));
    Box::into_raw(Box::new(workqueue_struct { pool, thread }))
}

pub unsafe fn queue_work_on(
    _cpu: c_int,
    queue: *mut workqueue_struct,
    work: *mut work_struct,
) -> bool {
    // SAFETY: By the caller's promise.
    let (pool, item) = unsafe { (&(*queue).pool, &*work) };
    if item.is_pending.swap(true, Ordering::AcqRel) {
        return false;
    }
    pool.list.lock().unwrap().items.push_back(Item(work));
    pool.more.notify_one();
    true
}

pub unsafe fn __flush_workqueue(queue: *mut workqueue_struct) {
    crate::task::might_sleep();
    // SAFETY: By the caller's promise.
    let pool = unsafe { &(*queue).pool };
    let mut list = pool.list.lock().unwrap();
    while list.is_busy || !list.items.is_empty() {
        list = pool.idle.wait(list).unwrap();
    }
}

pub unsafe fn destroy_workqueue(queue: *mut workqueue_struct) {
    // SAFETY: By the caller's promise.
    let mut queue = unsafe { Box::from_raw(queue) };
    queue.pool.list.lock().unwrap().is_ending = true;
    queue.pool.more.notify_one();
    if let Some(thread) = queue.thread.take() {
        thread.join().unwrap();
    }
}

impl Pool {
    fn serve(&self) {
        while let Some(Item(work)) = self.next() {
            // SAFETY: Who queued it keeps it until it runs.
            let func = unsafe {
                (*work).is_pending.swap(false, Ordering::AcqRel);
                (*work).func
            };
            // SAFETY: As above.
            unsafe { func(work) };
            let mut list = self.list.lock().unwrap();
            list.is_busy = false;
            self.idle.notify_all();
        }
    }

    fn next(&self) -> Option<Item> {
        let mut list = self.list.lock().unwrap();
        loop {
            if let Some(item) = list.items.pop_front() {
                list.is_busy = true;
                return Some(item);
            }
            if list.is_ending {
                return None;
            }
            list = self.more.wait(list).unwrap();
        }
    }
}
