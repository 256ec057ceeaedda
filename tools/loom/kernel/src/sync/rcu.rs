// SPDX-License-Identifier: GPL-2.0

//! Read-side critical sections and grace periods.
//!
//! A callback waits for the critical sections that had begun before it was given up, and for no
//! others, and then runs as soon as it can: at the end of the last of them, or at once. Where bottom
//! halves are disabled that is put off until they are enabled.
//!
//! What the kernel guarantees between critical sections and grace periods, and nothing else, is made
//! to happen before:
//! - what comes before [`call`] comes before every critical section that it does not wait for;
//! - every critical section that it waits for, or that ended before, comes before the callback.

use std::{
    cell::RefCell,
    collections::{BTreeSet, HashMap},
    marker::PhantomData, //
};

use loom::{
    sync::atomic::{AtomicUsize, Ordering},
    thread::{self, ThreadId}, //
};

struct Model {
    /// Read by those who enter, written by those who give something up.
    begun: &'static AtomicUsize,
    /// Written by those who leave, read by callbacks.
    left: &'static AtomicUsize,
    contexts: HashMap<ThreadId, Context>,
    readers: BTreeSet<u64>,
    next_reader: u64,
    callbacks: Vec<Callback>,
}

/// What a thread is in.
#[derive(Default)]
struct Context {
    sections: usize,
    reader: u64,
    locks: usize,
    is_in_callback: bool,
}

struct Callback {
    waits_for: BTreeSet<u64>,
    run: Box<dyn FnOnce()>,
}

thread_local! {
    static MODEL: RefCell<Option<Model>> = const { RefCell::new(None) };
}

fn with<R>(work: impl FnOnce(&mut Model, &mut Context) -> R) -> R {
    let me = thread::current().id();
    MODEL.with_borrow_mut(|model| {
        let model = model.as_mut().expect("there is no model of RCU here");
        let mut context = model.contexts.remove(&me).unwrap_or_default();
        let result = work(model, &mut context);
        model.contexts.insert(me, context);
        result
    })
}

/// Begins an execution.
pub fn begin() {
    let leak = |value| -> &'static _ { Box::leak(Box::new(value)) };
    MODEL.set(Some(Model {
        begun: leak(AtomicUsize::new(0)),
        left: leak(AtomicUsize::new(0)),
        contexts: HashMap::new(),
        readers: BTreeSet::new(),
        next_reader: 0,
        callbacks: Vec::new(),
    }));
}

/// A critical section.
pub struct Guard(PhantomData<*mut ()>);

/// Enters a critical section.
pub fn read_lock() -> Guard {
    enter();
    Guard(PhantomData)
}

impl Drop for Guard {
    fn drop(&mut self) {
        leave();
    }
}

pub(crate) fn enter() {
    let outermost = with(|model, context| {
        context.sections += 1;
        (context.sections == 1).then_some(model.begun)
    });
    let Some(begun) = outermost else { return };
    begun.fetch_add(0, Ordering::Acquire);
    with(|model, context| {
        context.reader = model.next_reader;
        model.next_reader += 1;
        model.readers.insert(context.reader);
    });
}

pub(crate) fn leave() {
    let outermost = with(|model, context| {
        context.sections -= 1;
        (context.sections == 0).then_some(model.left)
    });
    let Some(left) = outermost else { return };
    left.fetch_add(1, Ordering::Release);
    with(|model, context| {
        let reader = context.reader;
        model.readers.remove(&reader);
        for callback in &mut model.callbacks {
            callback.waits_for.remove(&reader);
        }
    });
    run_callbacks();
}

/// Whether this thread may not sleep.
pub fn is_atomic() -> bool {
    with(|_, context| context.sections + context.locks != 0)
}

pub(crate) fn callbacks_off() {
    with(|_, context| context.locks += 1);
}

pub(crate) fn callbacks_on() {
    with(|_, context| context.locks -= 1);
    run_callbacks();
}

/// Has something done after a grace period.
pub fn call(run: impl FnOnce() + 'static) {
    with(|model, _| model.begun).fetch_add(1, Ordering::Release);
    with(|model, _| {
        model.callbacks.push(Callback {
            waits_for: model.readers.clone(),
            run: Box::new(run),
        });
    });
    run_callbacks();
}

fn run_callbacks() {
    while let Some((run, begun, left)) = with(next_callback) {
        begun.fetch_add(0, Ordering::Acquire);
        left.fetch_add(0, Ordering::Acquire);
        run();
        with(|_, context| context.is_in_callback = false);
    }
}

type Ready = (
    Box<dyn FnOnce()>,
    &'static AtomicUsize,
    &'static AtomicUsize,
);

/// A callback whose grace period is over, if this thread may run one.
fn next_callback(model: &mut Model, context: &mut Context) -> Option<Ready> {
    if context.sections + context.locks != 0 || context.is_in_callback {
        return None;
    }
    let mut callbacks = model.callbacks.iter();
    let index = callbacks.position(|callback| callback.waits_for.is_empty())?;
    context.is_in_callback = true;
    let run = model.callbacks.remove(index).run;
    Some((run, model.begun, model.left))
}

/// Waits for a grace period.
pub fn synchronize() {
    crate::task::might_sleep();
    let (begun, left) = with(|model, _| (model.begun, model.left));
    begun.fetch_add(1, Ordering::Release);
    let readers = with(|model, _| model.readers.clone());
    while with(|model, _| model.readers.iter().any(|reader| readers.contains(reader))) {
        thread::yield_now();
    }
    left.fetch_add(0, Ordering::Acquire);
}

/// Waits until all that was given up before has been done.
pub fn rcu_barrier() {
    crate::task::might_sleep();
    run_callbacks();
    while with(|model, _| {
        let is_running = model
            .contexts
            .values()
            .any(|context| context.is_in_callback);
        is_running || !model.callbacks.is_empty()
    }) {
        thread::yield_now();
        run_callbacks();
    }
    let left = with(|model, _| model.left);
    left.fetch_add(0, Ordering::Acquire);
}
