// SPDX-License-Identifier: GPL-2.0

//! Packets that stand for several: those to be cut, and those to be made.
//!
//! C header: [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use core::{
    mem::ManuallyDrop,
    ops::Deref,
    ptr::{self, NonNull}, //
};

use kernel::prelude::*;

use super::{
    crypt::{Key, TAG_LEN},
    zeroed,
    SkBuff, //
};
use crate::{
    bindings,
    kapi::error::to_result, //
};

/// A packet of TCP or UDP that stands for several segments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SuperPacket {
    /// Where the transport header begins, in bytes.
    pub(crate) transport: u32,
    /// Where the payload begins, in bytes.
    pub(crate) headers: u32,
    /// The payload of each segment, in bytes, but for the last, which may be shorter. Not zero.
    pub(crate) segment: u32,
    /// Whether it is IPv6.
    pub(crate) is_v6: bool,
    /// Whether it is TCP.
    pub(crate) is_tcp: bool,
    /// Whether all segments have the same IPv4 identification.
    pub(crate) has_fixed_id: bool,
    /// Whether CWR stays in all segments, as accurate ECN wants it.
    pub(crate) keeps_cwr: bool,
}

impl SkBuff {
    /// What is to be known to cut a packet that stands for several.
    ///
    /// `None` unless it is TCP or UDP right in IP, its headers are in the linear part, which starts
    /// with them, and its checksum is yet to be completed. There is more than one segment of payload.
    pub(crate) fn super_packet(&self) -> Option<SuperPacket> {
        if !self.is_gso() {
            return None;
        }
        let mut packet = bindings::wg_helper_super_packet::default();
        // SAFETY: By the type invariants.
        let is_one = unsafe { bindings::skb_super_packet(self.as_ptr(), &mut packet) };
        is_one.then_some(SuperPacket {
            transport: packet.transport,
            headers: packet.headers,
            segment: packet.segment,
            is_v6: packet.is_v6,
            is_tcp: packet.is_tcp,
            has_fixed_id: packet.has_fixed_id,
            keeps_cwr: packet.keeps_cwr,
        })
    }
}

/// How many pieces of that size, of which the last may be shorter, make up `len`; none if the size is
/// zero.
#[inline]
pub(crate) fn pieces(len: u32, size: u32) -> u32 {
    let whole = len.checked_div(size).unwrap_or(0);
    let rest = len.checked_rem(size).unwrap_or(0);
    // If there is a rest, there are fewer whole ones than bytes.
    whole.wrapping_add(u32::from(rest > 0))
}

/// A packet whose payload is a row of datagrams, as [`SkBuff::train`] finds it: all of one length, but
/// the last may be shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Row {
    len: u32,
    size: u32,
}

impl Row {
    /// Where the datagrams are, and their lengths.
    pub(crate) fn iter(self) -> impl Iterator<Item = (u32, u32)> {
        (0..self.count()).map(move |index| {
            let start = index.wrapping_mul(self.size);
            (start, self.len.wrapping_sub(start).min(self.size))
        })
    }

    /// How many there are.
    pub(crate) fn count(self) -> u32 {
        pieces(self.len, self.size)
    }
}

impl SkBuff {
    /// The datagrams that a received packet stands for, whose payloads are its data.
    ///
    /// `None` if it is just one.
    #[inline]
    pub(crate) fn train(&self) -> Option<Row> {
        // SAFETY: By the type invariants.
        let size = unsafe { bindings::skb_train_size(self.as_ptr()) };
        (size > 0).then(|| Row {
            len: self.len(),
            size,
        })
    }

    /// The length of the datagram that the packet is, or of the longest of those that it stands for.
    pub(crate) fn datagram_len(&self) -> u32 {
        self.train().map_or(self.len(), |row| row.size)
    }

    /// Bytes of the packet, wherever they are.
    #[inline]
    pub(crate) fn bytes_at<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        // SAFETY: By the type invariants.
        let place = unsafe { bindings::skb_bytes_in_place(self.as_ptr(), offset, N as u32) };
        if !place.is_null() {
            // SAFETY: So many bytes of the packet are there, which stay for as long as it is borrowed;
            // an array of bytes is aligned anywhere.
            return Some(unsafe { place.cast::<[u8; N]>().read() });
        }
        let mut bytes = [0; N];
        // SAFETY: By the type invariants, and there is room for that many bytes.
        unsafe { bindings::skb_copy_bytes(self.as_ptr(), offset, bytes.as_mut_ptr(), N as u32) }
            .then_some(bytes)
    }

    /// One of the datagrams that the packet stands for, as a packet of its own with their headers.
    pub(crate) fn part(&self, offset: u32, len: u32) -> Option<Self> {
        // SAFETY: By the type invariants.
        let part = unsafe { bindings::train_part(self.as_ptr(), offset, len) };
        // INVARIANT: A new packet is ours.
        NonNull::new(part).map(Self)
    }

    /// Decrypts `len` bytes and the tag behind them into a packet of their own.
    ///
    /// [`EBADMSG`] if they are not authentic, [`ENOMEM`] if there is no memory.
    #[inline]
    pub(crate) fn open_part(&self, offset: u32, len: u32, nonce: u64, key: &Key) -> Result<Self> {
        let mut part = ptr::null_mut();
        // SAFETY: By the type invariants; the key is 32 bytes.
        to_result(unsafe {
            bindings::train_open_part(self.as_ptr(), offset, len, nonce, key.as_ptr(), &mut part)
        })?;
        // INVARIANT: A new packet is ours.
        NonNull::new(part).map(Self).ok_or(ENOMEM)
    }
}

/// The checksum of some data: a sum of 16-bit words in the byte order of the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sum(pub(crate) u32);

/// Whose sender waits until a train is gone, if it waits for that.
pub(crate) enum Owner<'a> {
    /// That of a packet which is all in trains by now: it waits for no other any more.
    Of(&'a mut SkBuff),
    /// That of a packet which others will be made of, too.
    Too(&'a mut SkBuff),
}

impl SkBuff {
    /// Lets the sender of another packet wait for this one instead, if both have the same.
    #[inline]
    pub(crate) fn join_owner(&mut self, other: &mut Self) {
        // SAFETY: By the type invariants. The sizes that owners are charged for do not change any more.
        unsafe { bindings::skb_join_owner(self.as_ptr(), other.as_ptr()) };
    }
}

/// A packet in the making. What it is made from is sent or dropped by itself: if the packet is given up,
/// nothing is lost with it.
struct Draft(ManuallyDrop<SkBuff>);

impl Draft {
    #[inline]
    fn new(skb: SkBuff) -> Self {
        Self(ManuallyDrop::new(skb))
    }

    #[inline]
    fn finish(self) -> SkBuff {
        let mut this = ManuallyDrop::new(self);
        // SAFETY: The packet is not used in its place again.
        unsafe { ManuallyDrop::take(&mut this.0) }
    }
}

impl Deref for Draft {
    type Target = SkBuff;

    #[inline]
    fn deref(&self) -> &SkBuff {
        &self.0
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // SAFETY: The packet is not used again.
        unsafe { ManuallyDrop::take(&mut self.0) }.consume();
    }
}

/// A packet in the making whose payload is a row of messages, each a datagram of its own: all of one
/// length, but the last may be shorter.
///
/// # Invariants
///
/// - `skb` has an empty linear part, and no fragments but those that the shims for trains add.
/// - `room` is memory for `room_len` bytes right behind the last fragment, and ours alone.
pub(crate) struct Train {
    skb: Draft,
    room: NonNull<u8>,
    room_len: u32,
    first: u32,
    count: u32,
    is_closed: bool,
}

impl Train {
    /// The longest train, in bytes of messages: the headers of UDP and IPv6 have to fit as well.
    pub(crate) const MAX_LEN: u32 = 65535 - 8 - 40;

    /// An empty train, with `headroom` in front.
    pub(crate) fn new(headroom: u32) -> Result<Self> {
        // INVARIANT: A new packet is empty, and there is no room.
        Ok(Self {
            skb: Draft::new(SkBuff::new(headroom, 0)?),
            room: NonNull::dangling(),
            room_len: 0,
            first: 0,
            count: 0,
            is_closed: false,
        })
    }

    /// How many messages are in it.
    #[inline]
    pub(crate) fn count(&self) -> u32 {
        self.count
    }

    /// Begins a message of `len` bytes, for which [`Self::has_room`] has said that there is room.
    #[inline]
    pub(crate) fn message(&mut self, len: u32) -> Option<Message<'_>> {
        if len > self.room_len || !self.fits(len) {
            return None;
        }
        // INVARIANT: The room is for `len` bytes, of which none counts as written.
        Some(Message {
            train: self,
            len,
            written: 0,
        })
    }

    /// Whether there is room for a message of `len` bytes, after which some `expected` more bytes will
    /// follow: it fits behind those before, the train isn't full, and there is memory.
    #[inline]
    pub(crate) fn has_room(&mut self, len: u32, expected: u32) -> bool {
        self.fits(len) && (len <= self.room_len || self.grow(len, expected))
    }

    #[inline]
    fn fits(&self, len: u32) -> bool {
        let may_follow = self.count == 0 || (len <= self.first && !self.is_closed);
        may_follow && len > 0 && self.skb.len().saturating_add(len) <= Self::MAX_LEN
    }

    // Once for all callers, who seldom need it.
    #[inline(never)]
    fn grow(&mut self, len: u32, expected: u32) -> bool {
        let expected = expected.min(Self::MAX_LEN);
        let mut room_len = 0;
        let skb = self.skb.as_ptr();
        // INVARIANT: A fragment that nothing was written to may be gone.
        self.room_len = 0;
        // SAFETY: By the type invariants.
        let room = unsafe { bindings::train_grow(skb, len, expected, &mut room_len) };
        let Some(room) = NonNull::new(room) else {
            return false;
        };
        // INVARIANT: That is the memory of the fragment that is the last now, and empty.
        self.room = room;
        self.room_len = room_len;
        len <= room_len
    }

    /// Lets the train belong to the same flow as a packet, and leave when that was to.
    #[inline]
    pub(crate) fn copy_flow(&mut self, from: &SkBuff) {
        // SAFETY: Both packets are valid, and the train's is ours.
        unsafe { bindings::train_copy_flow(self.skb.as_ptr(), from.as_ptr()) };
    }

    /// The packet, of at least one message.
    #[inline]
    pub(crate) fn finish(self, owner: Owner<'_>) -> Option<SkBuff> {
        if self.count == 0 {
            return None;
        }
        let skb = self.skb.finish();
        // SAFETY: By the type invariants; the messages are of that length. Both packets are valid and
        // ours. The size that the owner is charged for does not change any more.
        unsafe {
            bindings::train_finish(skb.as_ptr(), self.first, self.count);
            match owner {
                Owner::Of(from) => bindings::train_take_owner(skb.as_ptr(), from.as_ptr()),
                Owner::Too(from) => bindings::train_share_owner(skb.as_ptr(), from.as_ptr()),
            }
        }
        Some(skb)
    }
}

/// A message in the making, written from front to back.
///
/// # Invariants
///
/// There is room for `len` bytes in the train, and it is written up to `written`, which is at most
/// `len`.
pub(crate) struct Message<'a> {
    train: &'a mut Train,
    len: u32,
    written: u32,
}

impl Message<'_> {
    /// The place behind what is written, if there is room for `len` bytes, as those are to be.
    #[inline]
    fn take(&mut self, len: u32) -> Result<NonNull<u8>> {
        let end = self.written.checked_add(len).ok_or(EMSGSIZE)?;
        if end > self.len {
            return Err(EMSGSIZE);
        }
        // SAFETY: By the type invariants, that is within the memory or at its end.
        let place = unsafe { self.train.room.add(self.written as usize) };
        // INVARIANT: Not more than `len`, as just checked; the caller writes them.
        self.written = end;
        Ok(place)
    }

    /// Appends bytes.
    #[inline]
    pub(crate) fn append(&mut self, bytes: &[u8]) -> Result {
        let len = u32::try_from(bytes.len()).map_err(|_| EMSGSIZE)?;
        let place = self.take(len)?;
        // SAFETY: There is room, which is ours alone.
        unsafe { place.copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len()) };
        Ok(())
    }

    /// Appends `len` bytes, and has `fill` write them, which are zero before that.
    #[inline]
    pub(crate) fn append_with(&mut self, len: u32, fill: impl FnOnce(&mut [u8])) -> Result {
        let place = self.take(len)?;
        // SAFETY: There is room, which is ours alone.
        fill(unsafe { zeroed(place.as_ptr(), len) });
        Ok(())
    }

    /// Appends zeroes.
    #[inline]
    pub(crate) fn append_zeros(&mut self, len: u32) -> Result {
        let place = self.take(len)?;
        // SAFETY: There is room, which is ours alone.
        unsafe { place.write_bytes(0, len as usize) };
        Ok(())
    }

    /// Appends a part of a packet, and sums it up.
    #[inline]
    pub(crate) fn append_from(&mut self, skb: &SkBuff, offset: u32, len: u32) -> Result<Sum> {
        let place = self.take(len)?.as_ptr();
        let mut sum = 0;
        // SAFETY: The packet is valid, and there is room, which is ours alone.
        let copied =
            unsafe { bindings::skb_copy_and_sum(skb.as_ptr(), offset, place, len, &mut sum) };
        if copied {
            return Ok(Sum(sum));
        }
        // SAFETY: As above; nothing that counts as written stays as it was.
        unsafe { place.write_bytes(0, len as usize) };
        Err(EFAULT)
    }

    /// Writes bytes over some that are there already.
    #[inline]
    pub(crate) fn patch(&mut self, offset: u32, bytes: &[u8]) -> Result {
        let end = (offset as usize).checked_add(bytes.len());
        if end.is_none_or(|end| end > self.written as usize) {
            return Err(EMSGSIZE);
        }
        // SAFETY: By the type invariants and the check, all of that is written memory of ours.
        unsafe {
            self.train
                .room
                .add(offset as usize)
                .copy_from_nonoverlapping(NonNull::from(bytes).cast(), bytes.len())
        };
        Ok(())
    }

    /// Encrypts what is behind the first `offset` bytes and appends the tag, which ends the message.
    #[inline]
    pub(crate) fn seal(mut self, offset: u32, nonce: u64, key: &Key) -> Result {
        let len = self.written.checked_sub(offset).ok_or(EMSGSIZE)?;
        self.take_tag()?;
        // SAFETY: From `offset` on there are `len` bytes that are written, and room for the tag; the
        // key is 32 bytes.
        unsafe {
            let data = self.train.room.add(offset as usize).as_ptr();
            bindings::aead_seal(data, data, len, nonce, key.as_ptr());
        }
        self.commit();
        Ok(())
    }

    /// Appends all of a packet, encrypted, and the tag, which ends the message.
    // Whoever seals at all seals many.
    #[inline(always)]
    pub(crate) fn seal_from(mut self, skb: &SkBuff, nonce: u64, key: &Key) -> Result {
        let offset = self.written;
        let len = skb.len();
        let linear = skb.linear();
        if linear.len() != len as usize {
            let _ = self.append_from(skb, 0, len)?;
            return self.seal(offset, nonce, key);
        }
        let place = self.take(len)?.as_ptr();
        self.take_tag()?;
        // SAFETY: There are `len` bytes to be read, and room for them and the tag, which is ours
        // alone; the key is 32 bytes.
        unsafe { bindings::aead_seal(place, linear.as_ptr(), len, nonce, key.as_ptr()) };
        self.commit();
        Ok(())
    }

    /// Leaves the room that is left to the tag, which it has to be enough for and not too much.
    #[inline]
    fn take_tag(&mut self) -> Result {
        self.take(TAG_LEN)?;
        if self.written == self.len {
            Ok(())
        } else {
            Err(EMSGSIZE)
        }
    }

    /// Makes the message, which is written in full, part of the packet.
    #[inline]
    fn commit(self) {
        let Self { train, len, .. } = self;
        // SAFETY: By the type invariants of the train, the fragment goes on with the message.
        unsafe {
            bindings::train_commit(train.skb.as_ptr(), len);
            // INVARIANT: What follows the message is still room.
            train.room = train.room.add(len as usize);
        }
        train.room_len = train.room_len.wrapping_sub(len);
        if train.count == 0 {
            train.first = len;
        }
        train.is_closed = len < train.first;
        train.count = train.count.wrapping_add(1);
    }
}
