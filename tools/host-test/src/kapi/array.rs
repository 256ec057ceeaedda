// SPDX-License-Identifier: GPL-2.0

//! Arrays whose length is chosen when they are made.

use std::{
    mem,
    ops::{Deref, DerefMut},
};

use kernel::{
    alloc::{attempt, Flags},
    prelude::*,
};

/// An array on the heap.
pub(crate) struct Array<T>(Vec<T>);

impl<T> Array<T> {
    /// Makes so many elements, one after the other; the first error is the array's.
    pub(crate) fn try_repeat_with(len: usize, make: impl FnMut() -> Result<T>) -> Result<Self> {
        Self::try_repeat_with_flags(len, GFP_KERNEL, make)
    }

    /// The same, with memory that is asked for in another way.
    pub(crate) fn try_repeat_with_flags(
        len: usize,
        _flags: Flags,
        mut make: impl FnMut() -> Result<T>,
    ) -> Result<Self> {
        attempt()?;
        (0..len).map(|_| make()).collect::<Result<_>>().map(Self)
    }

    /// Copies elements.
    pub(crate) fn copy_of(elements: &[T]) -> Result<Self>
    where
        T: Copy,
    {
        attempt()?;
        Ok(Self(elements.to_vec()))
    }

    /// Forgets all elements, without dropping them; the array is empty then.
    pub(crate) fn forget(&mut self) {
        self.0.drain(..).for_each(mem::forget);
    }
}

impl<T> Deref for Array<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for Array<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
