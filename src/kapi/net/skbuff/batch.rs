// SPDX-License-Identifier: GPL-2.0

//! Lists of packets that travel together, with a header.

use core::{
    marker::PhantomData,
    mem::{offset_of, ManuallyDrop},
    ops::{Deref, DerefMut},
    ptr::NonNull, //
};

use kernel::prelude::*;

use super::{
    list::for_each_on,
    Control,
    PacketList,
    SkBuff, //
};
use crate::bindings;

/// Where in the control block the header is: behind the packet's own notes.
const OFFSET: usize = size_of::<Control>();

/// The size of a control block.
const CB_LEN: usize = 48;

/// The room for a header.
const ROOM: usize = CB_LEN - OFFSET;

const _: fn(&bindings::sk_buff) -> &[c_char; CB_LEN] = |skb| &skb.cb;
const _: () = assert!(offset_of!(bindings::sk_buff, cb) % align_of::<u64>() == 0);
const _: () = assert!(OFFSET % align_of::<u64>() == 0);

/// One or more packets and a header, as cheap to move as a pointer.
///
/// The header is kept in the control block of the first packet, so it is small: 40 bytes.
///
/// # Invariants
///
/// The pointer starts a chain of packets, linked by `next` and ending with null, that this value
/// owns, and whose first has a valid `H` in its control block, at [`OFFSET`].
pub(crate) struct Batch<H> {
    first: NonNull<bindings::sk_buff>,
    _owns: PhantomData<H>,
}

// SAFETY: Packets may be passed from one context to another, with a header that may.
unsafe impl<H: Send> Send for Batch<H> {}
// SAFETY: Through `&self` the packets are only read, and the header is one that may be shared.
unsafe impl<H: Sync> Sync for Batch<H> {}

// The value is a pointer: moving it moves no header.
impl<H> Unpin for Batch<H> {}

impl<H> Batch<H> {
    /// Puts a header on packets; an empty list makes no batch.
    #[inline]
    pub(crate) fn new(packets: PacketList, header: H) -> Option<Self> {
        const {
            assert!(size_of::<H>() <= ROOM);
            assert!(align_of::<H>() <= align_of::<u64>());
        }
        let first = packets.into_chain()?;
        let batch = Self {
            first,
            _owns: PhantomData,
        };
        // INVARIANT: The header becomes valid here.
        // SAFETY: The place is in the control block of a packet that is ours; that block is eight
        // bytes aligned, and the header fits, as asserted above.
        unsafe { batch.header().write(header) };
        Some(batch)
    }

    /// Takes the header off again.
    #[inline]
    pub(crate) fn into_parts(self) -> (H, PacketList) {
        let this = ManuallyDrop::new(self);
        // SAFETY: By the type invariants; the header is not used in its place again.
        let header = unsafe { this.header().read() };
        // SAFETY: By the type invariants, we own the chain, which came from a list, and give it up.
        (header, unsafe { PacketList::from_own_chain(this.first) })
    }

    /// Looks at the packets in turn.
    pub(crate) fn for_each(&self, f: impl FnMut(&SkBuff)) {
        // SAFETY: By the type invariants; the chain is ours for as long as it is borrowed.
        unsafe { for_each_on(self.first.as_ptr(), f) };
    }

    #[inline]
    fn header(&self) -> *mut H {
        // SAFETY: By the type invariants, the packet is valid; `OFFSET` is within its control block.
        unsafe {
            (&raw mut (*self.first.as_ptr()).cb)
                .cast::<u8>()
                .add(OFFSET)
                .cast()
        }
    }
}

impl<H> Deref for Batch<H> {
    type Target = H;

    #[inline]
    fn deref(&self) -> &H {
        // SAFETY: By the type invariants.
        unsafe { &*self.header() }
    }
}

impl<H> DerefMut for Batch<H> {
    #[inline]
    fn deref_mut(&mut self) -> &mut H {
        // SAFETY: By the type invariants; `self` is borrowed mutably.
        unsafe { &mut *self.header() }
    }
}

impl<H> Drop for Batch<H> {
    fn drop(&mut self) {
        // SAFETY: By the type invariants; the header is not used again, and the chain is given up.
        unsafe {
            self.header().drop_in_place();
            drop(PacketList::from_chain(self.first));
        }
    }
}
