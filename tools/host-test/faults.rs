// SPDX-License-Identifier: GPL-2.0

//! Faults made on purpose, for `tools/test-sanitized` to see that they are noticed.

use std::{env, hint::black_box};

fn main() {
    match env::args().nth(1).as_deref() {
        Some("none") => {}
        Some("free") => use_after_free(),
        Some("bounds") => out_of_bounds(),
        other => panic!("no such fault: {other:?}"),
    }
}

fn use_after_free() {
    let object = Box::into_raw(Box::new(1u64));
    // SAFETY: This is the fault.
    unsafe {
        drop(Box::from_raw(object));
        black_box(*object);
    }
}

fn out_of_bounds() {
    let bytes = black_box(vec![1u8; 8]);
    // SAFETY: This is the fault.
    black_box(unsafe { *bytes.as_ptr().add(8) });
}
