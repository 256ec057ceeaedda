// SPDX-License-Identifier: GPL-2.0

//! Allocations, which may be told to fail.

use std::cell::Cell;
use std::ops::{BitOr, Deref, DerefMut};

/// Memory ran out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AllocError;

/// How to allocate.
#[derive(Clone, Copy, Debug)]
pub struct Flags;

impl BitOr for Flags {
    type Output = Self;

    fn bitor(self, _other: Self) -> Self {
        self
    }
}

/// The flags.
pub mod flags {
    use super::Flags;

    /// May sleep.
    pub const GFP_KERNEL: Flags = Flags;
    /// May not sleep.
    pub const GFP_ATOMIC: Flags = Flags;
    /// Nobody needs to be told of a failure.
    pub const __GFP_NOWARN: Flags = Flags;
}

thread_local! {
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lets this thread's next `left` allocations succeed and all further ones fail; `None` ends that.
pub fn fail_after(left: Option<usize>) {
    LEFT.set(left);
}

/// Counts an allocation.
pub fn attempt() -> Result<(), AllocError> {
    match LEFT.get() {
        None => Ok(()),
        Some(0) => Err(AllocError),
        Some(left) => {
            LEFT.set(Some(left - 1));
            Ok(())
        }
    }
}

/// A box that may not be to be had.
#[derive(Debug)]
pub struct KBox<T>(Box<T>);

impl<T> KBox<T> {
    /// Allocates.
    pub fn new(value: T, _flags: Flags) -> Result<Self, AllocError> {
        attempt()?;
        Ok(Self(Box::new(value)))
    }

    /// Takes the value out.
    pub fn into_inner(this: Self) -> T {
        *this.0
    }
}

impl<T> Deref for KBox<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> DerefMut for KBox<T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.0
    }
}

/// A vector whose growth may fail.
#[derive(Debug)]
pub struct KVec<T>(Vec<T>);

/// The same in other memory.
pub type KVVec<T> = KVec<T>;

impl<T> KVec<T> {
    /// An empty vector.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// A vector with room for `capacity` elements.
    pub fn with_capacity(capacity: usize, _flags: Flags) -> Result<Self, AllocError> {
        attempt()?;
        Ok(Self(Vec::with_capacity(capacity)))
    }

    /// Appends an element.
    pub fn push(&mut self, value: T, _flags: Flags) -> Result<(), AllocError> {
        if self.0.len() == self.0.capacity() {
            attempt()?;
        }
        self.0.push(value);
        Ok(())
    }

    /// Appends an element if there is room.
    pub fn push_within_capacity(&mut self, value: T) -> Result<(), T> {
        if self.0.len() == self.0.capacity() {
            return Err(value);
        }
        self.0.push(value);
        Ok(())
    }

    /// Keeps the elements that `keep` wants.
    pub fn retain(&mut self, keep: impl FnMut(&mut T) -> bool) {
        self.0.retain_mut(keep);
    }
}

impl<T> Default for KVec<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Deref for KVec<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T> DerefMut for KVec<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

impl<T> IntoIterator for KVec<T> {
    type Item = T;
    type IntoIter = std::vec::IntoIter<T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl<'a, T> IntoIterator for &'a KVec<T> {
    type Item = &'a T;
    type IntoIter = std::slice::Iter<'a, T>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.iter()
    }
}
