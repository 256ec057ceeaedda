// SPDX-License-Identifier: GPL-2.0

//! Boxes, whose contents are watched.

use std::{
    mem::{self, MaybeUninit},
    ops::{Deref, DerefMut},
    pin::Pin,
    ptr::NonNull, //
};

use crate::{
    alloc::{attempt, AllocError, Flags},
    init::PinInit,
    memory, //
};

/// An owned object.
pub struct KBox<T>(NonNull<T>);

// SAFETY: As for `Box`.
unsafe impl<T: Send> Send for KBox<T> {}
// SAFETY: As for `Box`.
unsafe impl<T: Sync> Sync for KBox<T> {}

impl<T> KBox<T> {
    /// Allocates an object.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        attempt()?;
        let ptr = Box::into_raw(Box::new(value));
        memory::allocated(ptr);
        Ok(Self(NonNull::new(ptr).unwrap()))
    }

    /// Allocates room for an object.
    pub fn new_uninit(flags: Flags) -> Result<KBox<MaybeUninit<T>>, AllocError> {
        KBox::new(MaybeUninit::uninit(), flags)
    }

    /// Allocates an object.
    pub fn try_pin_init<E>(init: impl PinInit<T, E>, flags: Flags) -> Result<Pin<Self>, E>
    where
        E: From<AllocError>,
    {
        let this = Self::new(init.make()?, flags)?;
        // SAFETY: Nothing moves out of it.
        Ok(unsafe { Pin::new_unchecked(this) })
    }

    /// Takes the object out, and frees its memory.
    pub fn into_inner(this: Self) -> T {
        let ptr = Self::into_raw(this);
        memory::dropping(ptr);
        // SAFETY: The object is ours; what is left of it in its memory is not used again.
        let value = unsafe { ptr.read() };
        memory::dropped(ptr);
        value
    }

    /// Gives the object away.
    pub fn into_raw(this: Self) -> *mut T {
        let ptr = this.0.as_ptr();
        mem::forget(this);
        ptr
    }

    /// Takes an object back.
    ///
    /// # Safety
    ///
    /// It must have been given away by [`Self::into_raw`].
    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        Self(NonNull::new(ptr).unwrap())
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Puts an object where there is room.
    pub fn write(this: Self, value: T) -> KBox<T> {
        let ptr = KBox::into_raw(this).cast::<T>();
        // SAFETY: The room is ours.
        unsafe { ptr.write(value) };
        // SAFETY: It was given away above.
        unsafe { KBox::from_raw(ptr) }
    }

    /// Makes an object where there is room.
    pub fn write_pin_init<E>(self, init: impl PinInit<T, E>) -> Result<Pin<KBox<T>>, E> {
        let ptr = KBox::into_raw(self).cast::<T>();
        // SAFETY: The room is ours.
        unsafe { ptr.write(init.make()?) };
        // SAFETY: It was given away above; nothing moves out of it.
        Ok(unsafe { Pin::new_unchecked(KBox::from_raw(ptr)) })
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: The object is ours.
        unsafe { self.0.as_ref() }
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: The object is ours.
        unsafe { self.0.as_mut() }
    }
}

impl<T> Drop for KBox<T> {
    fn drop(&mut self) {
        let ptr = self.0.as_ptr();
        memory::dropping(ptr);
        // SAFETY: The object is ours; its memory is released later.
        unsafe { ptr.drop_in_place() };
        memory::dropped(ptr);
    }
}
