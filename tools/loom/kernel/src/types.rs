// SPDX-License-Identifier: GPL-2.0

//! Types.

use std::{
    cell::UnsafeCell,
    convert::Infallible,
    marker::PhantomData,
    mem::MaybeUninit, //
};

use crate::init::{from_fn, PinInit};

/// Makes what it is in neither `Send` nor `Sync`.
pub type NotThreadSafe = PhantomData<*mut ()>;

/// A `NotThreadSafe`.
#[allow(non_upper_case_globals, reason = "it plays a unit struct")]
pub const NotThreadSafe: NotThreadSafe = PhantomData;

/// What belongs to C.
#[repr(transparent)]
pub struct Opaque<T>(UnsafeCell<MaybeUninit<T>>);

impl<T> Opaque<T> {
    /// Something of C.
    pub const fn new(value: T) -> Self {
        Self(UnsafeCell::new(MaybeUninit::new(value)))
    }

    /// Something that C has not set up yet.
    pub const fn uninit() -> Self {
        Self(UnsafeCell::new(MaybeUninit::uninit()))
    }

    /// Has C set something up.
    pub fn ffi_init(init: impl FnOnce(*mut T)) -> impl PinInit<Self, Infallible> {
        from_fn(|| {
            let this = Self::uninit();
            init(this.get());
            Ok(this)
        })
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
