// SPDX-License-Identifier: GPL-2.0

//! Branches.

use core::{
    array,
    marker::PhantomData,
    mem::{offset_of, MaybeUninit},
    ptr::{self, NonNull}, //
};

use kernel::{
    alloc::Flags,
    prelude::*,
    types::Opaque, //
};

use super::{
    LeafRef,
    Node,
    Slot, //
};
use crate::{
    bindings,
    kapi::sync::{
        atomic::{AtomicPtr, AtomicU32, AtomicU64, Ordering},
        rcu, //
    }, //
};

/// How many slots branches have. With them they fill what the allocator has in stock: 64, 96 and 192
/// bytes.
const SMALL: usize = 4;
const MEDIUM: usize = 8;
const LARGE: usize = 15;

/// Stands for the slot of a place that has none.
const NONE: u64 = 15;

/// Which slot each of the sixteen places has: four bits for each.
#[derive(Clone, Copy)]
struct Map(u64);

impl Map {
    const EMPTY: Self = Self(u64::MAX);

    #[inline]
    fn slot(self, place: u8) -> Option<usize> {
        let slot = self.0.wrapping_shr(shift(place)) & NONE;
        (slot != NONE).then_some(slot as usize)
    }

    fn with(self, place: u8, slot: usize) -> Self {
        let Self(others) = self.without(place);
        let others = others & !NONE.wrapping_shl(shift(place));
        Self(others | (slot as u64 & NONE).wrapping_shl(shift(place)))
    }

    fn without(self, place: u8) -> Self {
        Self(self.0 | NONE.wrapping_shl(shift(place)))
    }

    /// The places that have slots, as the lowest of the four bits of each.
    fn places(self) -> u64 {
        const LOWEST: u64 = 0x1111_1111_1111_1111;
        let Self(bits) = self;
        !(bits & (bits >> 1) & (bits >> 2) & (bits >> 3)) & LOWEST
    }

    /// The slots in use, as bits.
    fn slots(self) -> u32 {
        let mut places = self.places();
        let mut slots = 0;
        while places != 0 {
            let slot = self.0.wrapping_shr(places.trailing_zeros()) & NONE;
            slots |= 1u32.wrapping_shl(slot as u32);
            places &= places.wrapping_sub(1);
        }
        slots
    }

    /// The slot in use, if there is but one.
    fn only(self) -> Option<usize> {
        let places = self.places();
        let slot = self.0.wrapping_shr(places.trailing_zeros()) & NONE;
        places.is_power_of_two().then_some(slot as usize)
    }
}

#[inline]
fn shift(place: u8) -> u32 {
    u32::from(place & 15).wrapping_mul(4)
}

/// What each branch in memory begins with; its slots follow.
///
/// # Invariants
///
/// The slots that `map` names are less than `capacity`, and different from each other.
#[repr(C)]
pub(super) struct Header {
    head: Opaque<bindings::callback_head>,
    map: AtomicU64,
    /// How many slots have been taken when the tree is cleared.
    progress: AtomicU32,
    level: u8,
    capacity: u8,
}

/// A branch in memory.
#[repr(C)]
struct Inner<const N: usize> {
    header: Header,
    slots: [Slot; N],
}

impl<const N: usize> Inner<N> {
    fn new(level: u8) -> Self {
        // INVARIANT: No slots are named.
        Self {
            header: Header {
                head: Opaque::uninit(),
                map: AtomicU64::new(Map::EMPTY.0),
                progress: AtomicU32::new(0),
                level,
                capacity: N as u8,
            },
            slots: array::from_fn(|_| AtomicPtr::new(ptr::null_mut())),
        }
    }
}

type Room<const N: usize> = KBox<MaybeUninit<Inner<N>>>;

/// Memory for the one branch that a leaf more may take.
pub(crate) struct BranchRoom {
    small: Option<Room<SMALL>>,
    medium: Option<Room<MEDIUM>>,
    large: Option<Room<LARGE>>,
}

impl BranchRoom {
    /// Allocates it.
    pub(crate) fn new(flags: Flags) -> Result<Self> {
        Ok(Self {
            small: Some(KBox::new_uninit(flags)?),
            medium: Some(KBox::new_uninit(flags)?),
            large: Some(KBox::new_uninit(flags)?),
        })
    }

    /// A branch with more slots than `slots`, or else room for no more.
    pub(super) fn larger_than(&mut self, slots: usize, level: u8) -> Option<Raw> {
        if slots < SMALL {
            Some(Raw::new(self.small.take()?, level))
        } else if slots < MEDIUM {
            Some(Raw::new(self.medium.take()?, level))
        } else if slots < LARGE {
            Some(Raw::new(self.large.take()?, level))
        } else {
            None
        }
    }
}

/// A pointer to the header of an `Inner` of `capacity` slots, which came out of a `KBox` and is good
/// for all of it. Whether that is still valid is for the user to know.
#[derive(Clone, Copy)]
#[repr(transparent)]
pub(super) struct Raw(pub(super) NonNull<Header>);

impl Raw {
    fn new<const N: usize>(room: Room<N>, level: u8) -> Self {
        let inner = KBox::into_raw(KBox::write(room, Inner::<N>::new(level)));
        // SAFETY: A box is never null.
        Self(unsafe { NonNull::new_unchecked(inner) }.cast())
    }

    /// # Safety
    ///
    /// The branch must be valid for `'b`.
    #[inline]
    unsafe fn header<'b>(self) -> &'b Header {
        // SAFETY: By the caller's promise.
        unsafe { &*self.0.as_ptr() }
    }

    /// # Safety
    ///
    /// As for [`Self::header`]; `slot` must be below its capacity.
    #[inline]
    unsafe fn slot<'b>(self, slot: usize) -> &'b Slot {
        // SAFETY: By the caller's promise, this is one of the slots behind the header.
        unsafe {
            let slots = self.0.as_ptr().byte_add(offset_of!(Inner<0>, slots));
            &*slots.cast::<Slot>().add(slot)
        }
    }

    /// # Safety
    ///
    /// As for [`Self::header`].
    #[inline]
    unsafe fn map(self) -> Map {
        // SAFETY: By the caller's promise.
        Map(unsafe { self.header() }.map.load(Ordering::Acquire))
    }

    /// The level.
    ///
    /// # Safety
    ///
    /// The branch must be valid.
    pub(super) unsafe fn level(self) -> u8 {
        // SAFETY: By the caller's promise.
        unsafe { self.header() }.level
    }

    /// How many slots there are.
    ///
    /// # Safety
    ///
    /// As for [`Self::level`].
    pub(super) unsafe fn capacity(self) -> usize {
        // SAFETY: By the caller's promise.
        usize::from(unsafe { self.header() }.capacity)
    }

    /// The slot of a place.
    ///
    /// # Safety
    ///
    /// The branch must be valid for `'b`.
    #[inline]
    pub(super) unsafe fn at<'b>(self, place: u8) -> Option<&'b Slot> {
        // SAFETY: By the caller's promise, and the invariants of `Header`.
        unsafe { Some(self.slot(self.map().slot(place)?)) }
    }

    /// The slot of the only place in use, if there is but one.
    ///
    /// # Safety
    ///
    /// As for [`Self::at`].
    pub(super) unsafe fn only<'b>(self) -> Option<&'b Slot> {
        // SAFETY: As above.
        unsafe { Some(self.slot(self.map().only()?)) }
    }

    /// Puts a child at a place that is free, unless all slots are in use.
    ///
    /// # Safety
    ///
    /// The branch must be valid, and nobody else be changing it. The child passes to the branch.
    pub(super) unsafe fn put(self, place: u8, child: *mut ()) -> bool {
        // SAFETY: By the caller's promise.
        let (header, map) = unsafe { (self.header(), self.map()) };
        let slot = map.slots().trailing_ones() as usize;
        if slot >= usize::from(header.capacity) {
            return false;
        }
        // What it is comes before where it is. A reader that has the slot from a place that was here
        // before finds what it was not looking for, as it has to expect.
        // SAFETY: `slot` is below the capacity.
        unsafe { self.slot(slot) }.swap(child, Ordering::AcqRel);
        // INVARIANT: The slot was in no use.
        let map = map.with(place, slot);
        header.map.store(map.0, Ordering::Release);
        true
    }

    /// Frees a place, and returns what was there.
    ///
    /// # Safety
    ///
    /// As for [`Self::put`]; the child passes to the caller.
    pub(super) unsafe fn take(self, place: u8) -> *mut () {
        // SAFETY: By the caller's promise.
        let (header, slot) = unsafe { (self.header(), self.at(place)) };
        let Some(slot) = slot else {
            return ptr::null_mut();
        };
        // SAFETY: By the caller's promise.
        let map = unsafe { self.map() }.without(place);
        header.map.store(map.0, Ordering::Release);
        slot.swap(ptr::null_mut(), Ordering::AcqRel)
    }

    /// Lets another branch, without children, have all children. They stay here, too, for readers.
    ///
    /// # Safety
    ///
    /// Both must be valid, the other one nobody else's, and this one must not be used afterwards but
    /// by readers. The other one must have no less slots.
    pub(super) unsafe fn bequeath(self, other: Self) {
        // SAFETY: By the caller's promise.
        unsafe {
            for slot in 0..self.capacity() {
                let child = self.slot(slot).load(Ordering::Acquire);
                other.slot(slot).swap(child, Ordering::AcqRel);
            }
            // INVARIANT: The map is one of no more slots, of which there are no less.
            other.header().map.store(self.map().0, Ordering::Release);
        }
    }

    /// The next child, when all are given up.
    ///
    /// # Safety
    ///
    /// As for [`Self::put`]; the child passes to the caller.
    pub(super) unsafe fn next_child(self) -> Option<*mut ()> {
        // SAFETY: By the caller's promise.
        unsafe {
            let progress = &self.header().progress;
            let slot = progress.load(Ordering::Relaxed);
            progress.store(slot.wrapping_add(1), Ordering::Relaxed);
            ((slot as usize) < self.capacity())
                .then(|| self.slot(slot as usize).load(Ordering::Acquire))
        }
    }

    /// Frees the branch, but none of its children, after a grace period.
    ///
    /// # Safety
    ///
    /// The branch must be valid, and not be used afterwards but by readers that began before.
    pub(super) unsafe fn give_up(self) {
        // The head is the first field of the header, and that is the first one of a branch.
        const { assert!(offset_of!(Header, head) == 0 && offset_of!(Inner<LARGE>, header) == 0) };
        // SAFETY: By the caller's promise, and the branch came out of a box, whatever its size. Nothing in
        // it is to be dropped. The pointer is good for all of it.
        unsafe { rcu::free(self.0.as_ptr().cast()) };
    }
}

/// A branch, as readers see it at one moment.
///
/// # Invariants
///
/// The branch is not freed before `'r` ends, nor are those children of it that are found by then, nor
/// what those refer to.
/// `map` is one that it had.
pub(crate) struct Branch<'r, T: 'static, O: 'static> {
    raw: Raw,
    map: Map,
    _lives: PhantomData<LeafRef<'r, T, O>>,
}

impl<T, O> Clone for Branch<'_, T, O> {
    #[inline]
    fn clone(&self) -> Self {
        *self
    }
}

impl<T, O> Copy for Branch<'_, T, O> {}

impl<'r, T, O> Branch<'r, T, O> {
    /// # Safety
    ///
    /// Nothing of this branch that is in the tree now, or comes there, must be freed before `'r` ends, nor
    /// what it refers to.
    #[inline]
    pub(super) unsafe fn new(raw: Raw) -> Self {
        // INVARIANT: By the caller's promise.
        Self {
            raw,
            // SAFETY: As above.
            map: unsafe { raw.map() },
            _lives: PhantomData,
        }
    }

    /// The level.
    #[inline]
    pub(crate) fn level(self) -> u8 {
        // SAFETY: By the type invariants.
        unsafe { self.raw.header() }.level
    }

    /// Whether a place below `place` was in use.
    #[inline]
    pub(crate) fn has_below(self, place: u8) -> bool {
        let others = u64::MAX.wrapping_shl(shift(place));
        self.map.0 | others != u64::MAX
    }

    /// What is at a place.
    ///
    /// While the tree is being changed, this may also be something that is at another place.
    #[inline]
    pub(crate) fn at(self, place: u8) -> Option<Node<'r, T, O>> {
        let slot = self.map.slot(place)?;
        // SAFETY: By the type invariants and those of `Header`.
        let ptr = unsafe { self.raw.slot(slot) }.load(Ordering::Acquire);
        // SAFETY: By the type invariants.
        unsafe { Node::of(ptr) }
    }

    /// Any of its children.
    pub(crate) fn any(self) -> Option<Node<'r, T, O>> {
        (0..16).find_map(|place| self.at(place))
    }
}
