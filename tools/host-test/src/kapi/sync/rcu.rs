// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi::sync::rcu`: the same interface, with grace periods made by hand.
//!
//! What is given up waits in its thread until [`grace_period`] frees one generation of it. That
//! makes visible what the kernel hides: how many grace periods it takes until all is freed.

use std::{
    any::Any,
    cell::{Cell, RefCell},
    marker::PhantomData,
    ops::Deref,
    ptr::{self, NonNull},
    sync::atomic::{AtomicUsize, Ordering},
};

use kernel::{
    alloc::{self, Flags},
    bindings,
    prelude::*,
    sync::rcu,
};

use super::atomic::AtomicPtr;

#[derive(Clone, Copy)]
pub(crate) struct Rcu<'a>(PhantomData<&'a rcu::Guard>);

impl<'a> From<&'a rcu::Guard> for Rcu<'a> {
    fn from(_guard: &'a rcu::Guard) -> Self {
        Self(PhantomData)
    }
}

thread_local! {
    static ALIVE: Cell<usize> = const { Cell::new(0) };
    static GIVEN_UP: RefCell<Vec<Box<dyn Any>>> = const { RefCell::new(Vec::new()) };
}

/// Waits for readers and frees what this thread had given up. Returns how many objects that were.
pub(crate) fn grace_period() -> usize {
    rcu::synchronize();
    let generation = GIVEN_UP.take();
    generation.len()
}

/// How many objects this thread has made and not freed, if others have none of them.
pub(crate) fn alive() -> usize {
    let (given_away, _) = alloc::given_away();
    ALIVE.get().wrapping_add(given_away)
}

/// How many generations it takes until nothing is left to be freed.
pub(crate) fn drain() -> usize {
    let mut generations = 0;
    while grace_period() != 0 {
        generations += 1;
    }
    generations
}

/// Frees memory after a grace period.
///
/// # Safety
///
/// It must have come out of a `KBox`, and begin with `head`.
pub(super) unsafe fn free(head: *mut bindings::callback_head) {
    struct Memory(*mut bindings::callback_head);
    impl Drop for Memory {
        fn drop(&mut self) {
            // SAFETY: By the promise of who made it.
            unsafe { alloc::kfree(self.0.cast()) };
        }
    }
    let memory = Box::new(Memory(head));
    let _ = GIVEN_UP.try_with(move |waiting| waiting.borrow_mut().push(memory));
}

struct Inner<T> {
    count: AtomicUsize,
    data: T,
}

impl<T> Drop for Inner<T> {
    fn drop(&mut self) {
        // It may have been made by another thread.
        ALIVE.set(ALIVE.get().wrapping_sub(1));
    }
}

pub(crate) struct RcuArc<T: 'static> {
    ptr: NonNull<Inner<T>>,
}

// SAFETY: As for `std::sync::Arc`.
unsafe impl<T: Send + Sync> Send for RcuArc<T> {}
// SAFETY: As for `std::sync::Arc`.
unsafe impl<T: Send + Sync> Sync for RcuArc<T> {}

impl<T: Send + Sync> RcuArc<T> {
    pub(crate) fn new(data: T, flags: Flags) -> Result<Self> {
        Ok(RcuReservation::new(flags)?.fill(data))
    }

    pub(crate) fn borrow(&self) -> RcuRef<'_, T> {
        RcuRef {
            ptr: self.ptr,
            lives: PhantomData,
        }
    }

    pub(crate) fn ptr_eq(&self, other: &Self) -> bool {
        self.ptr == other.ptr
    }

    /// How many references there are.
    pub(crate) fn references(&self) -> usize {
        // SAFETY: The count that `self` owns keeps the object.
        unsafe { (*self.ptr.as_ptr()).count.load(Ordering::Relaxed) }
    }
}

pub(crate) struct RcuReservation<T: 'static>(PhantomData<T>);

impl<T: Send + Sync> RcuReservation<T> {
    pub(crate) fn new(_flags: Flags) -> Result<Self> {
        alloc::attempt()?;
        Ok(Self(PhantomData))
    }

    pub(crate) fn fill(self, data: T) -> RcuArc<T> {
        ALIVE.set(ALIVE.get().wrapping_add(1));
        let inner = Box::new(Inner {
            count: AtomicUsize::new(1),
            data,
        });
        RcuArc {
            ptr: NonNull::from(Box::leak(inner)),
        }
    }
}

impl<T> Deref for RcuArc<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The count that `self` owns keeps the object.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

impl<T> Clone for RcuArc<T> {
    fn clone(&self) -> Self {
        // SAFETY: The count that `self` owns keeps the object.
        unsafe { (*self.ptr.as_ptr()).count.fetch_add(1, Ordering::Relaxed) };
        Self { ptr: self.ptr }
    }
}

impl<T> Drop for RcuArc<T> {
    fn drop(&mut self) {
        // SAFETY: The count that `self` owns keeps the object.
        if unsafe { (*self.ptr.as_ptr()).count.fetch_sub(1, Ordering::AcqRel) } == 1 {
            // SAFETY: The object came from a box, and nobody else can get a reference now.
            let inner = unsafe { Box::from_raw(self.ptr.as_ptr()) };
            // At the end of the thread it is freed at once, with the closure.
            let _ = GIVEN_UP.try_with(move |waiting| waiting.borrow_mut().push(inner));
        }
    }
}

pub(crate) struct RcuRef<'a, T: 'static> {
    ptr: NonNull<Inner<T>>,
    lives: PhantomData<&'a T>,
}

impl<T> Clone for RcuRef<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for RcuRef<'_, T> {}

impl<'a, T: Send + Sync> RcuRef<'a, T> {
    pub(crate) fn try_get(self) -> Option<RcuArc<T>> {
        // SAFETY: The object lives for `'a` at least.
        let count = unsafe { &(*self.ptr.as_ptr()).count };
        count
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| {
                (n != 0).then_some(n + 1)
            })
            .ok()?;
        Some(RcuArc { ptr: self.ptr })
    }

    pub(crate) fn get(self) -> &'a T {
        // SAFETY: The object lives for `'a` at least.
        unsafe { &(*self.ptr.as_ptr()).data }
    }

    pub(crate) fn is(self, other: &RcuArc<T>) -> bool {
        self.ptr == other.ptr
    }
}

impl<T> Deref for RcuRef<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The object lives for `'a` at least.
        unsafe { &(*self.ptr.as_ptr()).data }
    }
}

pub(super) struct RcuLink<T: 'static>(NonNull<Inner<T>>);

impl<T> RcuLink<T> {
    pub(super) fn new(target: RcuArc<T>) -> Self {
        let ptr = target.ptr;
        std::mem::forget(target);
        Self(ptr)
    }

    /// # Safety
    ///
    /// As in the module.
    pub(super) unsafe fn borrow<'a>(&self) -> RcuRef<'a, T> {
        RcuRef {
            ptr: self.0,
            lives: PhantomData,
        }
    }

    /// # Safety
    ///
    /// To be called once.
    pub(super) unsafe fn let_go(&self) -> RcuArc<T> {
        RcuArc { ptr: self.0 }
    }
}

pub(crate) struct RcuCell<T: 'static> {
    ptr: AtomicPtr<Inner<T>>,
    owns: PhantomData<RcuArc<T>>,
}

impl<T: Send + Sync> RcuCell<T> {
    pub(crate) fn new(value: Option<RcuArc<T>>) -> Self {
        Self {
            ptr: AtomicPtr::new(into_ptr(value)),
            owns: PhantomData,
        }
    }

    pub(crate) fn load<'a>(&self, _rcu: Rcu<'a>) -> Option<RcuRef<'a, T>> {
        Some(RcuRef {
            ptr: NonNull::new(self.ptr.load(Ordering::Acquire))?,
            lives: PhantomData,
        })
    }

    pub(crate) fn get(&self) -> Option<RcuArc<T>> {
        let guard = rcu::read_lock();
        self.load(Rcu::from(&guard))?.try_get()
    }

    pub(crate) fn is_none(&self) -> bool {
        self.ptr.load(Ordering::Relaxed).is_null()
    }

    pub(crate) fn replace(&self, value: Option<RcuArc<T>>) -> Option<RcuArc<T>> {
        let old = self.ptr.swap(into_ptr(value), Ordering::AcqRel);
        NonNull::new(old).map(|ptr| RcuArc { ptr })
    }
}

impl<T> Drop for RcuCell<T> {
    fn drop(&mut self) {
        if let Some(ptr) = NonNull::new(*self.ptr.get_mut()) {
            drop(RcuArc { ptr });
        }
    }
}

fn into_ptr<T>(value: Option<RcuArc<T>>) -> *mut Inner<T> {
    let ptr = value
        .as_ref()
        .map_or(ptr::null_mut(), |arc| arc.ptr.as_ptr());
    std::mem::forget(value);
    ptr
}
