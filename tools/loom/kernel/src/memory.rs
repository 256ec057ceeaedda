// SPDX-License-Identifier: GPL-2.0

//! What is allocated, and who has a right to it.
//!
//! Memory that is freed stays where it is until the next execution of a model begins, so that every
//! use of it can be seen. An object's end must come after all uses of it, not just later by chance:
//! loom's cell that stands for it complains otherwise.

use std::{
    alloc::{dealloc, Layout},
    cell::RefCell,
    collections::BTreeMap,
    ptr, //
};

use loom::cell::UnsafeCell;

struct Object {
    len: usize,
    what: &'static str,
    uses: UnsafeCell<()>,
    is_alive: bool,
    layout: Layout,
}

thread_local! {
    static OBJECTS: RefCell<BTreeMap<usize, Object>> = const { RefCell::new(BTreeMap::new()) };
}

/// Forgets the execution before.
pub fn begin() {
    for (at, object) in OBJECTS.take() {
        if !object.is_alive && object.layout.size() != 0 {
            // SAFETY: It came out of a box, and what was in it has been dropped.
            unsafe { dealloc(ptr::with_exposed_provenance_mut(at), object.layout) };
        }
    }
}

/// Complains if something has not been freed.
pub fn end() {
    OBJECTS.with_borrow(|objects| {
        let alive = objects.values().filter(|object| object.is_alive);
        let names: Vec<_> = alive.map(|object| object.what).collect();
        assert!(names.is_empty(), "never freed: {names:?}");
    });
}

/// Notes an object that came out of a box.
pub fn allocated<T>(at: *mut T) {
    let object = Object {
        len: size_of::<T>().max(1),
        what: std::any::type_name::<T>(),
        uses: UnsafeCell::new(()),
        is_alive: true,
        layout: Layout::new::<T>(),
    };
    OBJECTS.with_borrow_mut(|objects| objects.insert(at.expose_provenance(), object));
}

/// Notes a use of the object that `at` is in, if it is one.
pub fn used<T>(at: *const T) {
    OBJECTS.with_borrow(|objects| {
        let below = objects.range(..=at.addr()).next_back();
        let Some((start, object)) = below.filter(|(start, object)| at.addr() - *start < object.len)
        else {
            return;
        };
        let what = object.what;
        assert!(
            object.is_alive,
            "use of a freed {what} at +{}",
            at.addr() - start
        );
        object.uses.with(|_| ());
    });
}

/// Notes that nobody may use an object any more but who drops it.
pub fn dropping<T>(at: *mut T) {
    OBJECTS.with_borrow(|objects| {
        let object = &objects[&at.addr()];
        assert!(object.is_alive, "a {} is freed twice", object.what);
        object.uses.with_mut(|_| ());
    });
}

/// Notes that an object has been dropped.
pub fn dropped<T>(at: *mut T) {
    OBJECTS.with_borrow_mut(|objects| {
        if let Some(object) = objects.get_mut(&at.addr()) {
            object.is_alive = false;
        }
    });
}
