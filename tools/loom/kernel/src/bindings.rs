// SPDX-License-Identifier: GPL-2.0

//! The C functions that `kapi` calls, as models of what they do in `lib/refcount.c`,
//! `kernel/workqueue.c`, `kernel/rcu` and `net/core/dev.c`.

#![allow(
    non_camel_case_types,
    non_snake_case,
    non_upper_case_globals,
    clippy::missing_safety_doc,
    missing_docs,
    reason = "they are those of C"
)]

mod napi;
#[path = "../../../host-test/kernel/src/bindings/rbtree.rs"]
mod rbtree;
mod workqueue;

use std::ffi::c_int;

use loom::sync::atomic::{AtomicUsize, Ordering};

use crate::{cpu, memory, sync::rcu};

pub use napi::*;
pub use rbtree::*;
pub use workqueue::*;

pub struct refcount_t(AtomicUsize);

pub unsafe fn REFCOUNT_INIT(count: c_int) -> refcount_t {
    refcount_t(AtomicUsize::new(usize::try_from(count).unwrap()))
}

unsafe fn count<'a>(refcount: *mut refcount_t) -> &'a AtomicUsize {
    memory::used(refcount);
    // SAFETY: Memory stays, and is alive, as just checked.
    unsafe { &(*refcount).0 }
}

#[track_caller]
pub unsafe fn refcount_inc(refcount: *mut refcount_t) {
    // SAFETY: By the caller's promise.
    let before = unsafe { count(refcount) }.fetch_add(1, Ordering::Relaxed);
    assert!(before != 0, "refcount_t: addition on 0; use-after-free");
}

#[track_caller]
pub unsafe fn refcount_inc_not_zero(refcount: *mut refcount_t) -> bool {
    // SAFETY: By the caller's promise.
    let count = unsafe { count(refcount) };
    let add = |count| (count != 0).then(|| count + 1);
    count
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, add)
        .is_ok()
}

#[track_caller]
pub unsafe fn refcount_dec_and_test(refcount: *mut refcount_t) -> bool {
    // SAFETY: By the caller's promise.
    let before = unsafe { count(refcount) }.fetch_sub(1, Ordering::Release);
    assert!(before != 0, "refcount_t: underflow; use-after-free");
    if before == 1 {
        loom::sync::atomic::fence(Ordering::Acquire);
    }
    before == 1
}

pub struct callback_head(#[allow(dead_code, reason = "it takes room")] [usize; 2]);

struct Head(*mut callback_head);

pub unsafe fn call_rcu_hurry(
    head: *mut callback_head,
    func: Option<unsafe extern "C" fn(*mut callback_head)>,
) {
    let (head, func) = (Head(head), func.unwrap());
    rcu::call(move || {
        let Head(head) = { head };
        // SAFETY: By the caller's promise.
        unsafe { func(head) }
    });
}

pub unsafe fn kfree_rcu(head: *mut callback_head) {
    let head = Head(head);
    rcu::call(move || {
        let Head(object) = { head };
        // SAFETY: By the caller's promise.
        unsafe { kfree(object) };
    });
}

pub unsafe fn kfree(object: *mut callback_head) {
    memory::dropping(object);
    memory::dropped(object);
}

pub unsafe fn synchronize_net() {
    rcu::synchronize();
}

pub unsafe fn local_bh_disable() {
    rcu::enter();
}

pub unsafe fn local_bh_enable() {
    rcu::leave();
}

pub unsafe fn num_online() -> u32 {
    cpu::nr_cpu_ids()
}

pub unsafe fn smp_processor_id() -> u32 {
    0
}

pub unsafe fn next_online_cpu(cpu: u32) -> u32 {
    (cpu + 1) % cpu::nr_cpu_ids()
}

pub unsafe fn cpu_possible(cpu: u32) -> bool {
    cpu < cpu::nr_cpu_ids()
}

pub unsafe fn cpu_online(cpu: u32) -> bool {
    cpu < cpu::nr_cpu_ids()
}

pub unsafe fn cond_resched() {
    crate::task::might_sleep();
}
