// SPDX-License-Identifier: GPL-2.0

//! The headers of the segments that a packet of TCP or UDP stands for.
//!
//! They are those of the packet, but for lengths, sequence numbers, flags and checksums: RFC 9293,
//! RFC 768, RFC 791, RFC 8200; and RFC 3168 for what becomes of CWR.

use crate::kapi::net::skbuff::{
    pieces,
    SkBuff,
    Sum,
    SuperPacket, //
};

/// The longest headers that are replicated: IPv6 with some extensions, and TCP with options.
const MAX_HEADERS: usize = 160;

/// Where fields are in the headers, in bytes.
mod field {
    pub(super) const V4_TOTAL_LEN: usize = 2;
    pub(super) const V4_ID: usize = 4;
    pub(super) const V4_CHECKSUM: usize = 10;
    pub(super) const V6_PAYLOAD_LEN: usize = 4;
    pub(super) const V6_END: usize = 40;
    pub(super) const TCP_SEQ: usize = 4;
    pub(super) const TCP_FLAGS: usize = 13;
    pub(super) const TCP_CHECKSUM: usize = 16;
    pub(super) const UDP_LEN: usize = 4;
    pub(super) const UDP_CHECKSUM: usize = 6;
}

/// Flags that only the last segment may have: FIN and PSH.
const LAST_ONLY: u8 = 0x01 | 0x08;

/// The flag that only the first segment may have, but for accurate ECN.
const CWR: u8 = 0x80;

/// What is to be known of a packet to cut it here; not if it is to be left to the stack.
pub(super) fn super_packet(skb: &SkBuff) -> Option<SuperPacket> {
    skb.super_packet()
        .filter(|packet| packet.headers as usize <= MAX_HEADERS)
}

/// Where the headers of a template are: it is moved, and they are not small.
pub(super) struct Room([u8; MAX_HEADERS]);

impl Room {
    /// Without headers.
    #[inline]
    pub(super) fn new() -> Self {
        Self([0; MAX_HEADERS])
    }
}

/// The headers that those of all segments are made from.
pub(super) struct Template<'a> {
    headers: &'a mut [u8],
    packet: SuperPacket,
    id: u16,
    seq: u32,
    flags: u8,
    /// The sum of the IPv4 header without what changes.
    ip: Sum,
    /// The sum of the pseudo header and the transport header without what changes.
    transport: Sum,
}

/// One of the segments.
pub(super) struct Segment {
    /// Its number.
    pub(super) index: u32,
    /// Where its payload begins in the packet's, in bytes.
    pub(super) start: u32,
    /// The length of its payload.
    pub(super) len: u32,
    /// How many follow it.
    pub(super) left: u32,
}

impl<'a> Template<'a> {
    /// The template of a packet of `total` bytes with these headers, which anything may follow.
    ///
    /// `None` if they are too long, or do not reach as far as they should.
    pub(super) fn new(
        packet: SuperPacket,
        linear: &[u8],
        total: u32,
        Room(room): &'a mut Room,
    ) -> Option<Self> {
        let len = packet.headers as usize;
        let headers = room.get_mut(..len)?;
        headers.copy_from_slice(linear.get(..len)?);
        let mut this = Self {
            headers,
            packet,
            id: 0,
            seq: 0,
            flags: 0,
            ip: Sum::default(),
            transport: Sum::default(),
        };
        if packet.is_v6 {
            this.take::<2>(field::V6_PAYLOAD_LEN)?;
        } else {
            this.id = u16::from_be_bytes(this.take(field::V4_ID)?);
            this.take::<2>(field::V4_TOTAL_LEN)?;
            this.take::<2>(field::V4_CHECKSUM)?;
            this.ip = Sum::of(this.headers.get(..this.at(0))?);
        }
        // The stack has left the sum of the pseudo header there, with the length of all.
        let (pseudo, whole) = if packet.is_tcp {
            this.seq = u32::from_be_bytes(this.take(this.at(field::TCP_SEQ))?);
            [this.flags] = this.take(this.at(field::TCP_FLAGS))?;
            let pseudo: [u8; 2] = this.take(this.at(field::TCP_CHECKSUM))?;
            (pseudo, total.checked_sub(packet.transport)?)
        } else {
            let whole = u16::from_be_bytes(this.take(this.at(field::UDP_LEN))?);
            let pseudo = this.take(this.at(field::UDP_CHECKSUM))?;
            (pseudo, whole.into())
        };
        this.transport = Sum::of(this.headers.get(this.at(0)..len)?)
            .and(pseudo)
            .and_not(whole.to_be_bytes());
        Some(this)
    }

    /// The segments of a packet with so many bytes of payload.
    pub(super) fn segments(&self, payload: u32) -> impl Iterator<Item = Segment> {
        let step = self.packet.segment;
        let count = pieces(payload, step);
        (0..count).map(move |index| {
            let start = index.wrapping_mul(step);
            Segment {
                index,
                start,
                len: payload.wrapping_sub(start).min(step),
                left: count.wrapping_sub(index).wrapping_sub(1),
            }
        })
    }

    /// The headers of one segment, by the sum of its payload.
    pub(super) fn headers(&mut self, segment: &Segment, payload: Sum) -> Option<&[u8]> {
        let transport = self.packet.headers.wrapping_sub(self.packet.transport);
        let datagram = segment.len.wrapping_add(transport);
        if self.packet.is_v6 {
            let extensions = self.packet.transport.checked_sub(field::V6_END as u32)?;
            let len = be16(datagram.wrapping_add(extensions))?;
            self.put(field::V6_PAYLOAD_LEN, len)?;
        } else {
            let len = be16(datagram.wrapping_add(self.packet.transport))?;
            let id = self.id_of(segment).to_be_bytes();
            let checksum = self.ip.and(len).and(id).checksum();
            self.put(field::V4_TOTAL_LEN, len)?;
            self.put(field::V4_ID, id)?;
            self.put(field::V4_CHECKSUM, checksum)?;
        }
        let sum = self.transport.add(payload).and(be16(datagram)?);
        if self.packet.is_tcp {
            let seq = self.seq.wrapping_add(segment.start).to_be_bytes();
            let flags = self.flags_of(segment);
            self.put(self.at(field::TCP_SEQ), seq)?;
            self.put(self.at(field::TCP_FLAGS), [flags])?;
            let checksum = sum.and(seq).and([0, flags]).checksum();
            self.put(self.at(field::TCP_CHECKSUM), checksum)?;
        } else {
            let len = be16(datagram)?;
            self.put(self.at(field::UDP_LEN), len)?;
            let checksum = match sum.and(len).checksum() {
                // That would say that there is none.
                [0, 0] => [0xff; 2],
                checksum => checksum,
            };
            self.put(self.at(field::UDP_CHECKSUM), checksum)?;
        }
        Some(self.headers)
    }

    fn id_of(&self, segment: &Segment) -> u16 {
        if self.packet.has_fixed_id {
            self.id
        } else {
            self.id.wrapping_add(segment.index as u16)
        }
    }

    fn flags_of(&self, segment: &Segment) -> u8 {
        let mut flags = self.flags;
        if segment.left > 0 {
            flags &= !LAST_ONLY;
        }
        if segment.index > 0 && !self.packet.keeps_cwr {
            flags &= !CWR;
        }
        flags
    }

    /// Where a field of the transport header is.
    #[inline]
    fn at(&self, field: usize) -> usize {
        (self.packet.transport as usize).wrapping_add(field)
    }

    /// Takes a field out, leaving zeroes.
    fn take<const N: usize>(&mut self, at: usize) -> Option<[u8; N]> {
        let field = self.headers.get_mut(at..)?.first_chunk_mut()?;
        Some(core::mem::replace(field, [0; N]))
    }

    #[inline]
    fn put<const N: usize>(&mut self, at: usize, bytes: [u8; N]) -> Option<()> {
        *self.headers.get_mut(at..)?.first_chunk_mut()? = bytes;
        Some(())
    }
}

#[inline]
fn be16(len: u32) -> Option<[u8; 2]> {
    u16::try_from(len).ok().map(u16::to_be_bytes)
}

/// One's complement arithmetic (RFC 1071). It does not matter in which byte order, as long as that is
/// the same for all.
impl Sum {
    /// The sum of data from an even place on.
    #[inline]
    fn of(data: &[u8]) -> Self {
        let words = data.chunks_exact(2);
        let last = match words.remainder() {
            [last] => u16::from_ne_bytes([*last, 0]),
            _ => 0,
        };
        words.fold(Self(last.into()), |sum, word| match word {
            [a, b] => sum.add(Self(u16::from_ne_bytes([*a, *b]).into())),
            _ => sum,
        })
    }

    #[inline]
    fn add(self, other: Self) -> Self {
        let (sum, carry) = self.0.overflowing_add(other.0);
        // After a carry, the sum is below its greatest value.
        Self(sum.wrapping_add(carry.into()))
    }

    /// With some more data, of an even length, and from an even place on.
    #[inline]
    fn and<const N: usize>(self, data: [u8; N]) -> Self {
        const { assert!(N % 2 == 0) };
        self.add(Self::of(&data))
    }

    /// Without some data that are in it.
    #[inline]
    fn and_not(self, data: [u8; 4]) -> Self {
        self.and(data.map(|byte| !byte))
    }

    /// What to write into a header.
    #[inline]
    fn checksum(self) -> [u8; 2] {
        let once = (self.0 >> 16).wrapping_add(self.0 & 0xffff);
        let twice = (once >> 16).wrapping_add(once & 0xffff);
        (!(twice as u16)).to_ne_bytes()
    }
}
