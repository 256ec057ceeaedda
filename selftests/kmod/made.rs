// SPDX-License-Identifier: GPL-2.0

//! Packets made to order by `made.c`, for what the driver's own code has no way to make.

#![allow(unsafe_code, reason = "what C makes for the checks")]

use core::{
    mem,
    ptr::NonNull, //
};
use kernel::ffi;

use crate::{
    bindings::sk_buff,
    kapi::net::skbuff::SkBuff, //
};

const NO_MEMORY: &str = "out of memory";

pub(crate) const ECN: u32 = 1;
pub(crate) const FIXED_ID: u32 = 2;
pub(crate) const ACCECN: u32 = 4;

/// `struct wg_made_packet`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
pub(crate) struct Made {
    pub(crate) payload: u32,
    pub(crate) segment: u32,
    pub(crate) options: u32,
    pub(crate) extensions: u32,
    pub(crate) frags: u32,
    pub(crate) kind: u32,
    pub(crate) seq: u32,
    pub(crate) id: u16,
    pub(crate) flags: u8,
    pub(crate) is_v6: bool,
    pub(crate) is_tcp: bool,
}

/// `struct wg_made_shape`.
#[repr(C)]
#[derive(Clone, Copy)]
pub(crate) struct Shape {
    pub(crate) head: u32,
    pub(crate) frags: u32,
    pub(crate) list: u32,
}

#[repr(C)]
struct RawSocket {
    _opaque: [u8; 0],
}

extern "C" {
    fn wg_made_super_packet(made: *const Made) -> *mut sk_buff;
    fn wg_made_spoil(skb: *mut sk_buff, how: u32) -> bool;
    fn wg_made_segments(
        skb: *const sk_buff,
        to: *mut u8,
        room: u32,
        lens: *mut u32,
        count: u32,
    ) -> ffi::c_int;
    fn wg_made_train(payload: *const u8, len: u32, size: u32, shape: *const Shape) -> *mut sk_buff;
    fn wg_made_before(skb: *const sk_buff, to: *mut u8, len: u32) -> bool;
    fn wg_made_clone(skb: *mut sk_buff) -> *mut sk_buff;
    fn wg_made_headroom(skb: *const sk_buff) -> u32;
    fn wg_made_room(len: u32, expected: u32) -> u32;
    fn wg_made_unused_room() -> bool;
    fn wg_made_socket() -> *mut RawSocket;
    fn wg_made_socket_free(socket: *mut RawSocket);
    fn wg_made_charged(socket: *const RawSocket) -> u32;
    fn wg_made_own(skb: *mut sk_buff, socket: *mut RawSocket);
    fn wg_made_own_by_packet(skb: *mut sk_buff);
    fn wg_made_owners_left() -> ffi::c_int;
    fn wg_trouble_cut_list(head_in_fragment: bool, fails: bool) -> ffi::c_int;
    fn wg_trouble_written_pages() -> ffi::c_int;
}

fn take(skb: *mut sk_buff) -> Result<SkBuff, &'static str> {
    let skb = NonNull::new(skb).ok_or(NO_MEMORY)?;
    // SAFETY: An `SkBuff` is nothing but this pointer; the packet is new, so nobody else has it.
    Ok(unsafe { mem::transmute::<NonNull<sk_buff>, SkBuff>(skb) })
}

fn raw(skb: &SkBuff) -> *mut sk_buff {
    // SAFETY: As above.
    unsafe { mem::transmute_copy(skb) }
}

/// A packet that stands for several.
pub(crate) fn super_packet(made: &Made) -> Result<SkBuff, &'static str> {
    // SAFETY: The order is valid.
    take(unsafe { wg_made_super_packet(made) })
}

/// Makes a packet of TCP in IPv4 one that must not be cut; `false` if there are no more ways to.
pub(crate) fn spoil(skb: &mut SkBuff, how: u32) -> bool {
    // SAFETY: The packet is ours.
    unsafe { wg_made_spoil(raw(skb), how) }
}

/// Copies what the stack cuts a packet into to `to`, and the lengths to `lens`. Returns how many.
pub(crate) fn segments(
    skb: &SkBuff,
    to: &mut [u8],
    lens: &mut [u32],
) -> Result<usize, &'static str> {
    let (room, count) = (to.len() as u32, lens.len() as u32);
    // SAFETY: The packet is ours, and there is as much room as is said.
    let made =
        unsafe { wg_made_segments(raw(skb), to.as_mut_ptr(), room, lens.as_mut_ptr(), count) };
    usize::try_from(made).map_err(|_| "the stack cannot cut it")
}

/// A received train of datagrams of `size` bytes.
pub(crate) fn train(payload: &[u8], size: u32, shape: &Shape) -> Result<SkBuff, &'static str> {
    // SAFETY: The bytes are there.
    take(unsafe { wg_made_train(payload.as_ptr(), payload.len() as u32, size, shape) })
}

/// What is right in front of a packet's data.
pub(crate) fn before<const N: usize>(skb: &SkBuff) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    // SAFETY: The packet is ours, and there is as much room as is said.
    unsafe { wg_made_before(raw(skb), bytes.as_mut_ptr(), N as u32) }.then_some(bytes)
}

/// Another packet with the same data.
pub(crate) fn clone(skb: &SkBuff) -> Result<SkBuff, &'static str> {
    // SAFETY: The packet is ours.
    take(unsafe { wg_made_clone(raw(skb)) })
}

/// How much room is in front of a packet's data.
pub(crate) fn headroom(skb: &SkBuff) -> u32 {
    // SAFETY: The packet is ours.
    unsafe { wg_made_headroom(raw(skb)) }
}

/// How much room a train really gets for a message.
pub(crate) fn room(len: u32, expected: u32) -> u32 {
    // SAFETY: No requirements.
    unsafe { wg_made_room(len, expected) }
}

/// Whether room that no message came to be in is gone in the end.
pub(crate) fn unused_room() -> bool {
    // SAFETY: No requirements.
    unsafe { wg_made_unused_room() }
}

/// A socket that packets can be charged to.
pub(crate) struct Socket(NonNull<RawSocket>);

impl Socket {
    pub(crate) fn new() -> Result<Self, &'static str> {
        // SAFETY: No requirements.
        NonNull::new(unsafe { wg_made_socket() })
            .map(Self)
            .ok_or("no socket")
    }

    /// What it is charged for.
    pub(crate) fn charged(&self) -> u32 {
        // SAFETY: The socket is ours.
        unsafe { wg_made_charged(self.0.as_ptr()) }
    }

    pub(crate) fn own(&self, skb: &mut SkBuff) {
        // SAFETY: Both are ours.
        unsafe { wg_made_own(raw(skb), self.0.as_ptr()) }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // SAFETY: The socket is ours, and whatever is charged to it keeps what it needs of it.
        unsafe { wg_made_socket_free(self.0.as_ptr()) }
    }
}

/// Gives a packet a destructor that looks for more in the packet.
pub(crate) fn own_by_packet(skb: &mut SkBuff) {
    // SAFETY: The packet is ours.
    unsafe { wg_made_own_by_packet(raw(skb)) }
}

/// How many such packets their destructor has not been called for.
pub(crate) fn owners_left() -> i32 {
    // SAFETY: No requirements.
    unsafe { wg_made_owners_left() }
}

/// Cuts a list of four packets, which goes wrong halfway if it `fails`; returns how many come of it, or
/// a negative number if what is left of the list isn't a whole packet.
pub(crate) fn cut_list(head_in_fragment: bool, fails: bool) -> i32 {
    // SAFETY: No requirements.
    unsafe { wg_trouble_cut_list(head_in_fragment, fails) }
}

/// Opens a message in pages that somebody writes to; returns how often it came out, or a negative
/// number if it did but not as it had been sealed.
pub(crate) fn written_pages() -> i32 {
    // SAFETY: No requirements.
    unsafe { wg_trouble_written_pages() }
}
