// SPDX-License-Identifier: GPL-2.0

//! Allocations, which may be told to fail.

use std::alloc::{dealloc, Layout};
use std::cell::Cell;
use std::collections::HashMap;
use std::mem::MaybeUninit;
use std::ops::{BitOr, Deref, DerefMut};
use std::sync::{LazyLock, Mutex};

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
    static GIVEN_AWAY: Cell<(usize, usize)> = const { Cell::new((0, 0)) };
    static LEFT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// Lets this thread's next `left` allocations succeed and all further ones fail; `None` ends that.
pub fn fail_after(left: Option<usize>) {
    LEFT.set(left);
}

/// What this thread has given away of its boxes and not taken back: how many, and how many bytes the
/// kernel's allocator would take for them.
pub fn given_away() -> (usize, usize) {
    GIVEN_AWAY.get()
}

/// Boxes that were given away, by any thread, and how large they are.
static OBJECTS: LazyLock<Mutex<HashMap<usize, Layout>>> = LazyLock::new(Mutex::default);

fn give_away(at: usize, layout: Layout) {
    OBJECTS.lock().unwrap().insert(at, layout);
    let (count, bytes) = GIVEN_AWAY.get();
    GIVEN_AWAY.set((count + 1, bytes + rounded_up(layout.size())));
}

fn take_back(at: usize) -> Layout {
    let layout = OBJECTS.lock().unwrap().remove(&at);
    let layout = layout.expect("it was given away, and is not taken back twice");
    // What comes from another thread was never counted here.
    let (count, bytes) = GIVEN_AWAY.get();
    let bytes = bytes.saturating_sub(rounded_up(layout.size()));
    GIVEN_AWAY.set((count.saturating_sub(1), bytes));
    layout
}

/// Frees the memory of an object, of any type, without dropping it.
///
/// # Safety
///
/// It must have been given away by [`KBox::into_raw`].
pub unsafe fn kfree(object: *mut u8) {
    let layout = take_back(object.addr());
    // SAFETY: By the caller's promise it came out of a `Box` of something with that layout.
    unsafe { dealloc(object, layout) };
}

/// What the kernel's allocator has in stock, in bytes. Above that, it has powers of two.
fn rounded_up(size: usize) -> usize {
    const STOCK: [usize; 7] = [8, 16, 32, 64, 96, 128, 192];
    let fitting = STOCK.into_iter().find(|stock| size <= *stock);
    fitting.unwrap_or(size.next_power_of_two())
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

impl<T> KBox<T> {
    /// Allocates room for an object.
    pub fn new_uninit(_flags: Flags) -> Result<KBox<MaybeUninit<T>>, AllocError> {
        attempt()?;
        Ok(KBox(Box::new_uninit()))
    }

    /// Gives the object away.
    pub fn into_raw(this: Self) -> *mut T {
        let object = Box::into_raw(this.0);
        give_away(object.addr(), Layout::new::<T>());
        object
    }

    /// Takes an object back.
    ///
    /// # Safety
    ///
    /// It must have been given away by [`Self::into_raw`].
    pub unsafe fn from_raw(ptr: *mut T) -> Self {
        take_back(ptr.addr());
        // SAFETY: By the caller's promise.
        Self(unsafe { Box::from_raw(ptr) })
    }
}

impl<T> KBox<MaybeUninit<T>> {
    /// Puts an object where there is room.
    pub fn write(this: Self, value: T) -> KBox<T> {
        let mut room = this.0;
        room.write(value);
        // SAFETY: Just written.
        KBox(unsafe { room.assume_init() })
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
