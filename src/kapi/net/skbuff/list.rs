// SPDX-License-Identifier: GPL-2.0

//! Lists of packets, linked through the packets themselves.

use core::{
    mem::{self, ManuallyDrop},
    ptr::{self, NonNull}, //
};

use super::SkBuff;
use crate::bindings;

/// A list of packets, first in, first out.
///
/// # Invariants
///
/// `head` starts a chain of `len` packets, linked by `next` and ending with null, that this value
/// owns, each of them fit for a [`SkBuff`] but for the chain; `tail` is the last of them, and dangles
/// while the list is empty.
pub(crate) struct PacketList {
    head: *mut bindings::sk_buff,
    tail: *mut bindings::sk_buff,
    len: usize,
}

// SAFETY: Packets may be passed from one context to another.
unsafe impl Send for PacketList {}
// SAFETY: Through `&self` the packets are only read.
unsafe impl Sync for PacketList {}

/// The packet after `skb` on the chain that it is on.
///
/// # Safety
///
/// `skb` must be valid.
#[inline]
unsafe fn next_of(skb: *mut bindings::sk_buff) -> *mut *mut bindings::sk_buff {
    // SAFETY: By the caller's promise; every member of the union starts with pointers.
    unsafe { &raw mut (*skb).__bindgen_anon_1.__bindgen_anon_1.next }
}

/// The packet before `skb`, if it is on a list of that kind.
///
/// # Safety
///
/// `skb` must be valid.
#[inline]
unsafe fn prev_of(skb: *mut bindings::sk_buff) -> *mut *mut bindings::sk_buff {
    // SAFETY: As for `next_of`.
    unsafe { &raw mut (*skb).__bindgen_anon_1.__bindgen_anon_1.prev }
}

/// Looks at the packets on a chain in turn.
///
/// # Safety
///
/// `skb` must be null or start a chain of packets, linked by `next` and ending with null, that stays as it
/// is meanwhile, each of them fit for a [`SkBuff`] but for the chain.
#[inline]
pub(super) unsafe fn for_each_on(mut skb: *mut bindings::sk_buff, mut f: impl FnMut(&SkBuff)) {
    while !skb.is_null() {
        // SAFETY: By the caller's promise; the packet is only lent, and not dropped.
        let packet = ManuallyDrop::new(unsafe { SkBuff::from_raw(skb) });
        f(&packet);
        // SAFETY: By the caller's promise.
        skb = unsafe { *next_of(skb) };
    }
}

impl PacketList {
    /// Creates an empty list.
    #[inline]
    pub(crate) const fn new() -> Self {
        Self {
            head: ptr::null_mut(),
            tail: ptr::null_mut(),
            len: 0,
        }
    }

    /// Takes over a chain of packets from C.
    ///
    /// # Safety
    ///
    /// `head` must start a chain of packets, linked by `next` and ending with null, that the caller
    /// owns and gives up, and each of which is fit for a [`SkBuff`] but for the chain.
    pub(super) unsafe fn from_chain(head: NonNull<bindings::sk_buff>) -> Self {
        let mut list = Self::new();
        let mut skb = head.as_ptr();
        while !skb.is_null() {
            // SAFETY: By the caller's promise.
            let next = unsafe { *next_of(skb) };
            // SAFETY: By the caller's promise; the packet is taken off the chain right here.
            list.push_raw(unsafe { NonNull::new_unchecked(skb) });
            skb = next;
        }
        list
    }

    /// Takes a list back that was given away as a chain.
    ///
    /// # Safety
    ///
    /// `head` must come from [`Self::into_chain`], not have been taken back yet, and its packets be linked
    /// as they were then.
    #[inline]
    pub(super) unsafe fn from_own_chain(head: NonNull<bindings::sk_buff>) -> Self {
        let (head, mut tail, mut len) = (head.as_ptr(), head.as_ptr(), 1usize);
        loop {
            // SAFETY: By the caller's promise.
            let next = unsafe { *next_of(tail) };
            if next.is_null() {
                // INVARIANT: The list is what it was, since that has been asked of the packets anew.
                return Self { head, tail, len };
            }
            tail = next;
            len = len.wrapping_add(1);
        }
    }

    /// Gives the list away as a chain; [`Self::from_own_chain`] is the counterpart.
    #[inline]
    pub(super) fn into_chain(mut self) -> Option<NonNull<bindings::sk_buff>> {
        let head = mem::replace(&mut self.head, ptr::null_mut());
        self.len = 0;
        NonNull::new(head)
    }

    /// The number of packets.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Whether the list is empty.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.head.is_null()
    }

    /// Appends a packet.
    #[inline]
    pub(crate) fn push(&mut self, skb: SkBuff) {
        // SAFETY: The pointer of a packet is never null.
        self.push_raw(unsafe { NonNull::new_unchecked(skb.into_raw()) });
    }

    #[inline]
    fn push_raw(&mut self, skb: NonNull<bindings::sk_buff>) {
        let skb = skb.as_ptr();
        // SAFETY: The packet is valid and ours.
        unsafe {
            *next_of(skb) = ptr::null_mut();
            *prev_of(skb) = ptr::null_mut();
        }
        if self.head.is_null() {
            self.head = skb;
        } else {
            // SAFETY: By the type invariants, `tail` is valid and ours while the list isn't empty.
            unsafe { *next_of(self.tail) = skb };
        }
        // INVARIANT: The packet is the last now, and one more. There is no memory for as many as would
        // make the count wrap.
        self.tail = skb;
        self.len = self.len.wrapping_add(1);
    }

    /// Puts a packet in front of all others.
    pub(crate) fn push_front(&mut self, skb: SkBuff) {
        let mut list = Self::new();
        list.push(skb);
        list.append(self.take());
        *self = list;
    }

    /// Takes the first packet off.
    #[inline]
    pub(crate) fn pop(&mut self) -> Option<SkBuff> {
        let skb = NonNull::new(self.head)?.as_ptr();
        // SAFETY: By the type invariants.
        unsafe {
            self.head = *next_of(skb);
            *next_of(skb) = ptr::null_mut();
        }
        self.len = self.len.wrapping_sub(1);
        // SAFETY: By the type invariants, the packet is ours, and it is off the list.
        Some(unsafe { SkBuff::from_raw(skb) })
    }

    /// Frees packets that nobody has said anything about.
    #[cold]
    #[inline(never)]
    fn free_all(&mut self) {
        while self.pop().is_some() {}
    }

    /// Appends all packets of another list.
    #[inline]
    pub(crate) fn append(&mut self, mut other: Self) {
        if other.is_empty() {
            return;
        }
        if self.is_empty() {
            mem::swap(self, &mut other);
            return;
        }
        // SAFETY: By the type invariants of both lists.
        unsafe { *next_of(self.tail) = other.head };
        self.tail = other.tail;
        self.len = self.len.wrapping_add(other.len);
        // INVARIANT: The packets have changed hands.
        other.head = ptr::null_mut();
        other.len = 0;
    }

    /// Takes the list, leaving an empty one.
    #[inline]
    pub(crate) fn take(&mut self) -> Self {
        mem::take(self)
    }

    /// Looks at the first packet, if there is one.
    #[inline]
    pub(crate) fn first_map<R>(&self, f: impl FnOnce(&SkBuff) -> R) -> Option<R> {
        let skb = NonNull::new(self.head)?;
        // SAFETY: By the type invariants; the packet is only lent, and not dropped.
        Some(f(&ManuallyDrop::new(unsafe {
            SkBuff::from_raw(skb.as_ptr())
        })))
    }

    /// Looks at the packets in turn.
    #[inline]
    pub(crate) fn for_each(&self, f: impl FnMut(&SkBuff)) {
        // SAFETY: By the type invariants; they stay as they are while the list is borrowed.
        unsafe { for_each_on(self.head, f) };
    }

    /// Does something to the packets in turn.
    #[inline]
    pub(crate) fn for_each_mut(&mut self, mut f: impl FnMut(&mut SkBuff)) {
        // Every packet is taken off and put back, since `f` may put another in its place.
        let mut rest = self.take();
        while let Some(mut skb) = rest.pop() {
            f(&mut skb);
            self.push(skb);
        }
    }
}

impl Default for PacketList {
    #[inline]
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for PacketList {
    #[inline]
    fn drop(&mut self) {
        if !self.head.is_null() {
            self.free_all();
        }
    }
}
