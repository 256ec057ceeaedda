// SPDX-License-Identifier: GPL-2.0

//! What lock-free readers borrow: it is whole when they see it, and there until they leave.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    sync::Arc, //
};

use kernel::{
    model,
    prelude::*,
    sync::rcu::read_lock, //
};
use loom::{cell::UnsafeCell, thread};

use crate::kapi::sync::{
    bh,
    once_box::OnceBox,
    rcu::{Rcu, RcuArc, RcuCell},
    rcu_slot::RcuSlot, //
};

struct Object {
    label: UnsafeCell<usize>,
    dropped: Arc<AtomicUsize>,
}

// SAFETY: loom checks every access.
unsafe impl Sync for Object {}

impl Object {
    fn new(label: usize, dropped: &Arc<AtomicUsize>) -> Self {
        let this = Self {
            label: UnsafeCell::new(0),
            dropped: dropped.clone(),
        };
        // SAFETY: As above.
        this.label.with_mut(|place| unsafe { *place = label });
        this
    }

    fn label(&self) -> usize {
        // SAFETY: As above.
        self.label.with(|label| unsafe { *label })
    }
}

impl Drop for Object {
    fn drop(&mut self) {
        self.label.with_mut(|_| ());
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }
}

fn counted(label: usize, dropped: &Arc<AtomicUsize>) -> RcuArc<Object> {
    RcuArc::new(Object::new(label, dropped), GFP_KERNEL).unwrap()
}

struct Shared {
    cell: RcuCell<Object>,
    dropped: Arc<AtomicUsize>,
}

impl Shared {
    fn new() -> Arc<Self> {
        let dropped = Arc::default();
        let cell = RcuCell::new(Some(counted(1, &dropped)));
        Arc::new(Self { cell, dropped })
    }

    fn dropped(&self) -> usize {
        self.dropped.load(Ordering::Relaxed)
    }
}

#[test]
fn a_reference_is_got_or_the_last_was_dropped() {
    model::check(3, || {
        let shared = Shared::new();
        let reader = thread::spawn({
            let shared = shared.clone();
            move || {
                let got = shared.cell.get();
                got.inspect(|object| assert_eq!((object.label(), shared.dropped()), (1, 0)))
            }
        });
        drop(shared.cell.replace(None));
        let got = reader.join().unwrap();
        let clone = got.clone();
        drop(got);
        assert!(clone.is_none() || shared.dropped() == 0);
        drop(clone);
        assert_eq!(shared.dropped(), 1);
    });
}

#[test]
fn readers_see_the_old_or_the_new_and_it_stays() {
    model::check(3, || {
        let shared = Shared::new();
        let readers = [(), ()].map(|()| {
            let shared = shared.clone();
            thread::spawn(move || {
                let guard = read_lock();
                let rcu = Rcu::from(&guard);
                let first = shared.cell.load(rcu).unwrap();
                let second = shared.cell.load(rcu).unwrap();
                assert!(first.label() <= second.label());
            })
        });
        drop(shared.cell.replace(Some(counted(2, &shared.dropped))));
        readers.map(|reader| reader.join().unwrap());
        assert_eq!(shared.dropped(), 1);
        drop(shared.cell.replace(None));
        assert_eq!(shared.dropped(), 2);
    });
}

/// Of two that take it away, one gets it.
#[test]
fn taken_once() {
    model::check(3, || {
        let shared = Shared::new();
        let other = thread::spawn({
            let shared = shared.clone();
            move || shared.cell.replace(None).is_some()
        });
        let mine = shared.cell.replace(None).is_some();
        assert_ne!(mine, other.join().unwrap());
        assert_eq!(shared.dropped(), 1);
    });
}

#[test]
fn who_empties_a_slot_waits_for_its_readers() {
    model::check(3, || {
        let dropped = Arc::default();
        let slot = Arc::new(RcuSlot::new());
        let first = KBox::new(Object::new(1, &dropped), GFP_KERNEL).unwrap();
        drop(slot.replace(Some(first)));
        let reader = thread::spawn({
            let slot = slot.clone();
            move || {
                let bh = bh::disable();
                slot.load(bh.token().rcu()).map(Object::label)
            }
        });
        let old = slot.replace(None).reclaim().unwrap();
        // SAFETY: loom checks that no reader is left.
        old.label.with_mut(|label| unsafe { *label = 9 });
        drop(old);
        assert_ne!(reader.join().unwrap(), Some(9));
    });
}

/// What is made when it is first needed is the same for all, and whole, and goes once.
#[test]
fn made_once() {
    model::check(3, || {
        let dropped = Arc::default();
        let place = Arc::new(OnceBox::new());
        let make = |label, dropped: &Arc<AtomicUsize>| {
            KBox::new(Object::new(label, dropped), GFP_KERNEL).ok()
        };
        let others = [1, 2].map(|label| {
            let (place, dropped) = (place.clone(), Arc::clone(&dropped));
            thread::spawn(move || {
                let found = place.get_or_make(|| make(label, &dropped));
                found.map(Object::label)
            })
        });
        let seen = place.get().map(Object::label);
        let [first, second] = others.map(|other| other.join().unwrap());
        assert!(first.is_some() && first == second);
        assert!(seen.is_none() || seen == first);
        assert_eq!(place.get().map(Object::label), first);
        let lost = dropped.load(Ordering::Relaxed);
        drop(place);
        assert_eq!(dropped.load(Ordering::Relaxed), lost + 1);
    });
}
