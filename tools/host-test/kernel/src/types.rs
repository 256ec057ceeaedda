// SPDX-License-Identifier: GPL-2.0

//! Types.

use std::{cell::UnsafeCell, mem::MaybeUninit};

/// What belongs to C.
#[repr(transparent)]
pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

impl<T> Opaque<T> {
    /// Something that C has not set up yet.
    pub const fn uninit() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// A pointer for C.
    pub const fn get(&self) -> *mut T {
        UnsafeCell::get(&self.0).cast::<T>()
    }

    /// Takes a pointer from C for one to this.
    pub const fn cast_from(this: *const T) -> *const Self {
        this.cast()
    }
}
