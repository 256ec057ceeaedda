// SPDX-License-Identifier: GPL-2.0

//! Packets.
//!
//! An [`SkBuff`] is one packet that this code owns alone. A [`PacketList`] is a list of them, and a
//! [`Batch`] a list with a header of the driver's own, which is kept inside the first packet.
//!
//! The control block of a packet is the owner's: a [`PacketList`] keeps nothing there, and a
//! [`Batch`] its header behind the packet's own [`Control`].
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

mod batch;
mod crypt;
mod discard;
mod list;
mod train;

pub(crate) use self::{
    batch::Batch,
    discard::{unnamed, CoreReason},
    list::PacketList,
    train::{pieces, Message, Owner, Row, Sum, SuperPacket, Train}, //
};

use core::{
    mem::ManuallyDrop,
    ptr::NonNull,
    slice, //
};

use kernel::{
    error::from_err_ptr,
    prelude::*, //
};

use crate::{
    bindings,
    kapi::net::device::NetDevice, //
};

/// Protocols that an IP tunnel carries.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum IpProtocol {
    /// `ETH_P_IP`.
    V4,
    /// `ETH_P_IPV6`.
    V6,
}

impl IpProtocol {
    fn from_ethertype(ethertype: u16) -> Option<Self> {
        match u32::from(ethertype) {
            bindings::ETH_P_IP => Some(Self::V4),
            bindings::ETH_P_IPV6 => Some(Self::V6),
            _ => None,
        }
    }

    fn ethertype(self) -> u16 {
        match self {
            Self::V4 => bindings::ETH_P_IP as u16,
            Self::V6 => bindings::ETH_P_IPV6 as u16,
        }
    }
}

/// What flow a packet belongs to, and when it is to leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flow {
    /// As [`SkBuff::hash_flow`] has hashed it; zero if it has not.
    hash: u32,
    /// In nanoseconds, by the clock that the sender has chosen; zero if at once.
    time: u64,
}

impl Flow {
    /// As [`SkBuff::hash_flow`] has hashed it; zero if it has not.
    pub(crate) fn hash(self) -> u32 {
        self.hash
    }
}

/// What the owner notes about a packet, in eight bytes of its control block.
///
/// Any contents are valid: a packet from elsewhere carries garbage until it is set.
pub(crate) type Control = [u32; 2];

/// A packet.
///
/// It ends by being [consumed](Self::consume), [discarded](Self::discard) for a reason, or passed on. One
/// that just goes out of scope is freed too, and counted by [`unnamed`].
///
/// Reading is through `&self`; whatever may move the packet's data takes `&mut self`, so that no
/// slice of it is left behind.
///
/// # Invariants
///
/// - The pointer is to a packet that this value owns and nobody else refers to: it is on no list, and
///   its reference count is one. Its data may be shared with clones of it.
/// - The packet refers to no device: a packet does not count its references to those, so it could
///   outlive one. What needs a device is told which.
pub(crate) struct SkBuff(NonNull<bindings::sk_buff>);

// SAFETY: A packet may be passed from one context to another.
unsafe impl Send for SkBuff {}
// SAFETY: Through `&self` a packet is only read.
unsafe impl Sync for SkBuff {}

impl SkBuff {
    /// Allocates an empty packet with room for `size` bytes behind `headroom` bytes.
    pub(crate) fn new(headroom: u32, size: u32) -> Result<Self> {
        // SAFETY: No requirements.
        let skb = unsafe { bindings::skb_alloc(headroom, size) };
        // INVARIANT: A new packet is ours.
        Ok(Self(NonNull::new(skb).ok_or(ENOMEM)?))
    }

    /// Takes a packet over from C.
    ///
    /// # Safety
    ///
    /// `skb` must be a valid packet that the caller owns and gives up, that nobody else has a
    /// reference to, that refers to no device, and that is on no list.
    #[inline]
    pub(in crate::kapi) unsafe fn from_raw(skb: *mut bindings::sk_buff) -> Self {
        // INVARIANT: By the caller's promise.
        // SAFETY: As above, so it isn't null.
        Self(unsafe { NonNull::new_unchecked(skb) })
    }

    /// Takes a packet over from C that others may hold references to, by a clone if so, and without
    /// its device.
    ///
    /// `None` if there is no memory for that; then the packet is dropped.
    ///
    /// # Safety
    ///
    /// As for [`Self::from_raw`], but for the other references and the device.
    #[inline]
    pub(in crate::kapi) unsafe fn take_over(skb: *mut bindings::sk_buff) -> Option<Self> {
        // SAFETY: By the caller's promise; the reference is given up and what is returned is ours.
        // INVARIANT: What is returned has one reference, and no device.
        NonNull::new(unsafe { bindings::skb_take_over(skb) }).map(Self)
    }

    /// Passes the packet on to C.
    #[inline]
    pub(in crate::kapi) fn into_raw(self) -> *mut bindings::sk_buff {
        ManuallyDrop::new(self).0.as_ptr()
    }

    /// The packet as C knows it.
    #[inline]
    pub(in crate::kapi) fn as_ptr(&self) -> *mut bindings::sk_buff {
        self.0.as_ptr()
    }

    #[inline]
    fn raw(&self) -> &bindings::sk_buff {
        // SAFETY: By the type invariants.
        unsafe { self.0.as_ref() }
    }

    /// The packet's length in bytes, with what is not in the linear part.
    #[inline]
    pub(crate) fn len(&self) -> u32 {
        self.raw().len
    }

    /// Whether there is nothing in the packet.
    #[inline]
    pub(crate) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The linear part of the packet's data.
    #[inline]
    pub(crate) fn linear(&self) -> &[u8] {
        let raw = self.raw();
        // SAFETY: The linear part is valid, initialised, and only read while the packet is borrowed.
        unsafe { slice::from_raw_parts(raw.data, raw.len.wrapping_sub(raw.data_len) as usize) }
    }

    /// The protocol of the packet, if it is IP and its network header says the same.
    ///
    /// The network header's fixed part is in the linear part then.
    #[inline]
    pub(crate) fn ip_protocol(&self) -> Option<IpProtocol> {
        // SAFETY: By the type invariants.
        IpProtocol::from_ethertype(unsafe { bindings::skb_ip_protocol(self.as_ptr()) })
    }

    /// What of the linear part begins with the network header.
    #[inline]
    pub(crate) fn network_header(&self) -> &[u8] {
        let raw = self.raw();
        let place = self.as_ptr().cast::<u8>();
        // SAFETY: By the type invariants, the packet is valid; this is where it has that number.
        let from_head = unsafe {
            place
                .add(bindings::WG_CONST_SKB_NETWORK_HEADER)
                .cast::<u16>()
                .read()
        };
        let header = raw.head.addr().wrapping_add(from_head.into());
        // One in front of the data is too far behind them.
        let offset = header.wrapping_sub(raw.data.addr());
        self.linear().get(offset..).unwrap_or(&[])
    }

    /// Whether the packet stands for several that were, or are to be, segmented.
    #[inline]
    pub(crate) fn is_gso(&self) -> bool {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_is_gso(self.as_ptr()) }
    }

    /// Cuts a packet that stands for several, and that `dev` was to transmit, into them, checksums
    /// and all.
    ///
    /// Gives the packet back together with the error if that fails.
    pub(crate) fn segment(self, dev: &NetDevice) -> Result<PacketList, (Self, Error)> {
        // SAFETY: By the type invariants; the packet stays ours. The segments are new, or one of
        // them is the packet with a reference of its own.
        let segments = unsafe { bindings::skb_gso_segment(self.as_ptr(), dev.as_ptr(), 0) };
        match from_err_ptr(segments).map(NonNull::new) {
            Ok(Some(first)) => {
                // SAFETY: By the type invariants; its data lives on in the segments.
                unsafe { bindings::skb_consume(self.into_raw()) };
                // SAFETY: The segments are linked by `next` and end with null.
                Ok(unsafe { PacketList::from_chain(first) })
            }
            Ok(None) => Err((self, EINVAL)),
            Err(error) => Err((self, error)),
        }
    }

    /// The MTU of the route that the packet came by, if it is known.
    #[inline]
    pub(crate) fn route_mtu(&self) -> Option<u32> {
        // SAFETY: By the type invariants.
        match unsafe { bindings::skb_route_mtu(self.as_ptr()) } {
            0 => None,
            mtu => Some(mtu),
        }
    }

    /// Notes for the route that the packet came by, on its way out by `dev`, how long packets may be: who
    /// sends the next one here knows.
    pub(crate) fn update_route_mtu(&mut self, dev: &NetDevice, mtu: u32) {
        // SAFETY: By the type invariants; it does not keep the device. One that is seen running keeps its
        // namespace while bottom halves are disabled, as they are where packets are on their way out.
        unsafe { bindings::skb_update_route_mtu(self.as_ptr(), dev.as_ptr(), mtu) };
    }

    /// Whether the packet, or each of those that it stands for, is no longer than `mtu`; also if there is no
    /// telling.
    pub(crate) fn fits(&self, mtu: u32) -> bool {
        // SAFETY: By the type invariants; it is only read.
        unsafe { bindings::skb_fits(self.as_ptr(), mtu) }
    }

    /// Hashes the flow that the packet belongs to, while it can still be dissected, if `dev`, which it
    /// is to be transmitted by, is up. What is made of the packet keeps that.
    #[inline]
    pub(crate) fn hash_flow(&mut self, dev: &NetDevice) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_hash_flow(self.as_ptr(), dev.as_ptr()) };
    }

    /// What flow the packet belongs to, and when it is to leave.
    #[inline]
    pub(crate) fn flow(&self) -> Flow {
        let mut time = 0;
        // SAFETY: By the type invariants; the time can be written.
        let hash = unsafe { bindings::skb_flow(self.as_ptr(), &mut time) };
        Flow { hash, time }
    }

    /// Whether the packet is of a socket that goes by what its route is said to take, or has ICMP say, in the
    /// network namespace of `dev`.
    pub(crate) fn heeds_route_mtu(&self, dev: &NetDevice) -> bool {
        // SAFETY: By the type invariants; packets that have a socket have a reference to it.
        unsafe { bindings::skb_heeds_route_mtu(self.as_ptr(), dev.as_ptr()) }
    }

    /// Lets go of the socket that the packet came from.
    #[inline]
    pub(crate) fn orphan(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_orphan(self.as_ptr()) };
    }

    /// Forgets the route that the packet came by, and returns the DS byte for the packet that is to
    /// carry it: only ECN shows outside, if this is IP.
    #[inline]
    pub(crate) fn leave_route(&mut self) -> u8 {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_leave_route(self.as_ptr()) }
    }

    /// The DS byte in the IP header; zero if this is not IP.
    pub(crate) fn ds(&self) -> u8 {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_ds(self.as_ptr()) }
    }

    /// Passes congestion marks of the carrying packet's DS byte on to this one, if it is IP.
    #[inline]
    pub(crate) fn ecn_decapsulate(&mut self, outer: u8) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_ecn_decap(self.as_ptr(), outer) };
    }

    /// What the owner has noted about the packet.
    #[inline]
    pub(crate) fn control(&self) -> Control {
        let cb: *const Control = (&raw const self.raw().cb).cast();
        // SAFETY: The control block is larger, eight bytes aligned, and the owner's. Whatever is in
        // it is a valid value, since the C side zeroes it in every packet that it allocates.
        unsafe { cb.read() }
    }

    /// Notes something about the packet.
    #[inline]
    pub(crate) fn set_control(&mut self, control: Control) {
        // SAFETY: As for `control`, and the packet is borrowed mutably.
        unsafe {
            (&raw mut (*self.as_ptr()).cb)
                .cast::<Control>()
                .write(control)
        };
    }

    /// Makes sure that the first `len` bytes are in the linear part.
    #[inline]
    pub(crate) fn pull_to_linear(&mut self, len: u32) -> bool {
        // SAFETY: By the type invariants, and nothing borrows the data.
        unsafe { bindings::skb_may_pull(self.as_ptr(), len) }
    }

    /// Cuts the packet off behind its first `len` bytes.
    #[inline]
    pub(crate) fn trim(&mut self, len: u32) -> Result {
        // SAFETY: By the type invariants, and nothing borrows the data.
        crate::kapi::error::to_result(unsafe { bindings::skb_trim_to(self.as_ptr(), len) })
    }

    /// Removes `len` bytes in front, which must be in the linear part.
    #[inline]
    pub(crate) fn pull(&mut self, len: u32) -> Result {
        if self.linear().len() < len as usize {
            return Err(EINVAL);
        }
        // SAFETY: By the type invariants; the bytes are there.
        unsafe { bindings::skb_pull(self.as_ptr(), len) };
        Ok(())
    }

    /// Adds bytes in front, if there is headroom for them.
    #[inline]
    pub(crate) fn push_bytes(&mut self, bytes: &[u8]) -> Result {
        let len = u32::try_from(bytes.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: By the type invariants.
        if !unsafe { bindings::skb_push_checked(self.as_ptr(), len) } {
            return Err(ENOBUFS);
        }
        // SAFETY: That many bytes of the linear part are new, ours to write, and not in `bytes`.
        unsafe {
            self.raw()
                .data
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        Ok(())
    }

    /// Adds bytes behind the linear part of a packet that has no other part.
    pub(crate) fn put_bytes(&mut self, bytes: &[u8]) -> Result {
        let len = u32::try_from(bytes.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: By the type invariants.
        let tail = unsafe { bindings::skb_put_checked(self.as_ptr(), len) };
        let tail = NonNull::new(tail.cast::<u8>()).ok_or(ENOBUFS)?;
        // SAFETY: That many bytes are new, ours to write, and not in `bytes`.
        unsafe {
            tail.as_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        Ok(())
    }

    /// Adds `len` bytes in front, if there is headroom for them, and has `fill` write them, which are
    /// zero before that.
    pub(crate) fn push_with(&mut self, len: u32, fill: impl FnOnce(&mut [u8])) -> Result {
        // SAFETY: By the type invariants.
        if !unsafe { bindings::skb_push_checked(self.as_ptr(), len) } {
            return Err(ENOBUFS);
        }
        // SAFETY: That many bytes of the linear part are new, and ours to write.
        fill(unsafe { zeroed(self.raw().data, len) });
        Ok(())
    }

    /// Adds `len` bytes behind the linear part of a packet that has no other part, and has `fill`
    /// write them, which are zero before that.
    pub(crate) fn put_with(&mut self, len: u32, fill: impl FnOnce(&mut [u8])) -> Result {
        // SAFETY: By the type invariants.
        let tail = unsafe { bindings::skb_put_checked(self.as_ptr(), len) };
        let tail = NonNull::new(tail.cast::<u8>()).ok_or(ENOBUFS)?;
        // SAFETY: That many bytes are new, and ours to write.
        fill(unsafe { zeroed(tail.as_ptr(), len) });
        Ok(())
    }

    /// Writes bytes over the first ones of the packet, which others that have it as well do not see.
    ///
    /// [`ENOMEM`] if the packet is shorter, or if there is no memory.
    pub(crate) fn overwrite(&mut self, bytes: &[u8]) -> Result {
        let len = u32::try_from(bytes.len()).map_err(|_| EMSGSIZE)?;
        // SAFETY: By the type invariants, and nothing borrows the data.
        let place = unsafe { bindings::skb_writable(self.as_ptr(), len) };
        let place = NonNull::new(place).ok_or(ENOMEM)?;
        // SAFETY: That many bytes of the linear part are ours to write, and not in `bytes`.
        unsafe {
            place
                .as_ptr()
                .copy_from_nonoverlapping(bytes.as_ptr(), bytes.len())
        };
        Ok(())
    }

    /// Forgets what the packet was before it was wrapped up, but for the hash of its flow.
    #[inline]
    pub(crate) fn reset_encapsulated(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_reset(self.as_ptr(), true) };
    }

    /// Forgets what the packet was before it was unwrapped.
    #[inline]
    pub(crate) fn reset_decapsulated(&mut self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_reset(self.as_ptr(), false) };
    }

    /// Presents the packet as received, with its checksums verified.
    #[inline]
    pub(crate) fn receive_as(&mut self, protocol: IpProtocol) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_receive_as(self.as_ptr(), protocol.ethertype()) };
    }

    /// Frees the packet as one that has served its purpose, not as a drop.
    #[inline]
    pub(crate) fn consume(self) {
        // SAFETY: By the type invariants.
        unsafe { bindings::skb_consume(self.into_raw()) };
    }
}

impl Drop for SkBuff {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: By the type invariants, the packet is ours to free.
        unsafe { discard::free_unnamed(self.0) };
    }
}

/// Memory to be written, after it was filled with zeroes.
///
/// # Safety
///
/// There must be `len` bytes at `place`, which nobody else uses for `'a`.
pub(super) unsafe fn zeroed<'a>(place: *mut u8, len: u32) -> &'a mut [u8] {
    // SAFETY: By the caller's promise.
    unsafe {
        place.write_bytes(0, len as usize);
        slice::from_raw_parts_mut(place, len as usize)
    }
}
