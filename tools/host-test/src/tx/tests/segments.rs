// SPDX-License-Identifier: GPL-2.0

//! Segments against what the RFCs say of packets, computed bit by bit the slow way.

use crate::{
    checks::Dice,
    kapi::net::skbuff::{SkBuff, Sum, SuperPacket},
    tx::segments::{super_packet, Room, Template}, //
};

const TCP: u8 = 6;
const UDP: u8 = 17;

const FIN: u8 = 0x01;
const PSH: u8 = 0x08;
const CWR: u8 = 0x80;

/// A packet that stands for several, as the stack hands it over.
struct Whole {
    packet: SuperPacket,
    bytes: Vec<u8>,
}

/// The sum of RFC 1071, in the byte order of the network, folded.
fn sum(parts: &[&[u8]]) -> u16 {
    let all = parts.concat();
    let mut total = 0u64;
    for (at, byte) in all.iter().enumerate() {
        total += u64::from(*byte) << (if at % 2 == 0 { 8 } else { 0 });
    }
    while total > 0xffff {
        total = (total >> 16) + (total & 0xffff);
    }
    total as u16
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    (u32::from(u16_at(bytes, at)) << 16) | u32::from(u16_at(bytes, at + 2))
}

fn put(bytes: &mut [u8], at: usize, value: u16) {
    bytes[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn random(dice: &mut Dice, len: usize) -> Vec<u8> {
    (0..len).map(|_| dice.u64() as u8).collect()
}

fn one_in(dice: &mut Dice, chances: u64) -> bool {
    dice.below(chances) == 0
}

/// The addresses of a packet, as both pseudo headers have them.
fn addresses(packet: &SuperPacket, bytes: &[u8]) -> Vec<u8> {
    if packet.is_v6 {
        &bytes[8..40]
    } else {
        &bytes[12..20]
    }
    .to_vec()
}

fn protocol(packet: &SuperPacket) -> u8 {
    if packet.is_tcp {
        TCP
    } else {
        UDP
    }
}

/// The sum of the pseudo header for so many bytes of transport header and payload.
fn pseudo(packet: &SuperPacket, bytes: &[u8], len: u32) -> u16 {
    let rest = [len.to_be_bytes(), [0, 0, 0, protocol(packet)]].concat();
    sum(&[&addresses(packet, bytes), &rest])
}

/// Any packet whose segments have up to `most` bytes of payload each.
fn any_packet(dice: &mut Dice, most: u64) -> Whole {
    let (is_v6, is_tcp) = (one_in(dice, 2), one_in(dice, 2));
    // Options of IPv4 come in fours, extensions of IPv6 in eights, and of each there may be none.
    let between = 4 * dice.below(4) as u32 * if is_v6 { 2 } else { 1 };
    let transport = if is_v6 { 40 } else { 20 } + between;
    let inner = if is_tcp {
        20 + 4 * dice.below(11) as u32
    } else {
        8
    };
    let packet = SuperPacket {
        transport,
        headers: transport + inner,
        segment: 1 + dice.below(most) as u32,
        is_v6,
        is_tcp,
        has_fixed_id: one_in(dice, 2),
        keeps_cwr: one_in(dice, 2),
    };
    let most = 65535 - u64::from(packet.headers);
    let payload = 1 + dice.below(most.min(20 * u64::from(packet.segment))) as usize;
    let mut bytes = random(dice, packet.headers as usize + payload);
    let datagram = inner + payload as u32;
    let at = transport as usize;
    if is_v6 {
        bytes[0] = 0x60;
        put(&mut bytes, 4, (between + datagram) as u16);
    } else {
        bytes[0] = 0x40 | (transport / 4) as u8;
        bytes[9] = protocol(&packet);
        put(&mut bytes, 2, (transport + datagram) as u16);
    }
    let to_be_completed = pseudo(&packet, &bytes, datagram);
    if is_tcp {
        bytes[at + 12] = ((inner / 4) as u8 * 16) | (bytes[at + 12] & 0x0f);
        put(&mut bytes, at + 16, to_be_completed);
    } else {
        put(&mut bytes, at + 4, datagram as u16);
        put(&mut bytes, at + 6, to_be_completed);
    }
    Whole { packet, bytes }
}

/// The sum of a payload, as the kernel's functions return it: in the machine's order, and not folded
/// in any particular way.
fn payload_sum(dice: &mut Dice, payload: &[u8]) -> Sum {
    let folded = u32::from(u16::from_ne_bytes(sum(&[payload]).to_be_bytes()));
    // The same in one's complement, often near the end of what there is room for.
    let most = (u32::MAX - folded) / 0xffff;
    let times = if one_in(dice, 2) {
        most
    } else {
        dice.below(u64::from(most) + 1) as u32
    };
    Sum(folded + 0xffff * times)
}

impl Whole {
    fn payload(&self) -> &[u8] {
        &self.bytes[self.packet.headers as usize..]
    }

    /// Its segments, with a payload each.
    fn cut(&self, dice: &mut Dice) -> Vec<Vec<u8>> {
        let total = self.bytes.len() as u32;
        let mut room = Room::new();
        let mut template = Template::new(self.packet, &self.bytes, total, &mut room).unwrap();
        let segments = template.segments(self.payload().len() as u32);
        segments
            .map(|segment| {
                let from = segment.start as usize;
                let payload = &self.payload()[from..from + segment.len as usize];
                let sum = payload_sum(dice, payload);
                let headers = template.headers(&segment, sum).unwrap();
                [headers, payload].concat()
            })
            .collect()
    }

    fn check(&self, dice: &mut Dice) {
        let segments = self.cut(dice);
        let payloads: Vec<_> = self
            .payload()
            .chunks(self.packet.segment as usize)
            .collect();
        assert_eq!(segments.len(), payloads.len());
        for (index, (segment, payload)) in segments.iter().zip(&payloads).enumerate() {
            assert_eq!(&segment[self.packet.headers as usize..], *payload);
            self.check_ip(segment, index);
            if self.packet.is_tcp {
                self.check_tcp(segment, index, index + 1 == payloads.len());
            } else {
                self.check_udp(segment);
            }
            self.check_rest(segment);
        }
    }

    fn check_ip(&self, segment: &[u8], index: usize) {
        if self.packet.is_v6 {
            assert_eq!(usize::from(u16_at(segment, 4)), segment.len() - 40);
            return;
        }
        assert_eq!(usize::from(u16_at(segment, 2)), segment.len());
        let ahead = if self.packet.has_fixed_id {
            0
        } else {
            index as u16
        };
        assert_eq!(
            u16_at(segment, 4),
            u16_at(&self.bytes, 4).wrapping_add(ahead)
        );
        assert_eq!(sum(&[&segment[..self.packet.transport as usize]]), 0xffff);
    }

    /// The checksum over all that it covers.
    fn check_checksum(&self, segment: &[u8]) {
        let datagram = &segment[self.packet.transport as usize..];
        let pseudo = pseudo(&self.packet, segment, datagram.len() as u32);
        assert_eq!(sum(&[&pseudo.to_be_bytes(), datagram]), 0xffff);
    }

    fn check_tcp(&self, segment: &[u8], index: usize, is_last: bool) {
        let at = self.packet.transport as usize;
        let before = index as u32 * self.packet.segment;
        let seq = u32_at(&self.bytes, at + 4).wrapping_add(before);
        assert_eq!(u32_at(segment, at + 4), seq);
        let mut cleared = 0;
        if !is_last {
            cleared |= FIN | PSH;
        }
        if index > 0 && !self.packet.keeps_cwr {
            cleared |= CWR;
        }
        assert_eq!(segment[at + 13], self.bytes[at + 13] & !cleared);
        self.check_checksum(segment);
    }

    fn check_udp(&self, segment: &[u8]) {
        let at = self.packet.transport as usize;
        assert_eq!(usize::from(u16_at(segment, at + 4)), segment.len() - at);
        assert_ne!(
            u16_at(segment, at + 6),
            0,
            "that says that there is no checksum"
        );
        self.check_checksum(segment);
    }

    /// What does not differ from segment to segment is as it was.
    fn check_rest(&self, segment: &[u8]) {
        let at = self.packet.transport as usize;
        let mut differs = if self.packet.is_v6 {
            vec![4, 5]
        } else {
            vec![2, 3, 4, 5, 10, 11]
        };
        if self.packet.is_tcp {
            differs.extend([4, 5, 6, 7, 13, 16, 17].map(|field| at + field));
        } else {
            differs.extend([4, 5, 6, 7].map(|field| at + field));
        }
        for place in (0..self.packet.headers as usize).filter(|place| !differs.contains(place)) {
            assert_eq!(segment[place], self.bytes[place], "byte {place}");
        }
    }
}

#[test]
fn segments_of_any_packet() {
    let packets = if cfg!(miri) { 50 } else { 20_000 };
    let mut dice = Dice::new(21);
    for number in 0..packets {
        let most = [3, 100, 1460, 65535][number % 4];
        any_packet(&mut dice, most).check(&mut dice);
    }
}

/// Numbers that wrap around.
#[test]
fn the_last_numbers() {
    let mut dice = Dice::new(22);
    for _ in 0..200 {
        let mut whole = any_packet(&mut dice, 100);
        if whole.packet.is_tcp {
            let at = whole.packet.transport as usize;
            whole.bytes[at + 4..at + 8].fill(0xff);
        }
        if !whole.packet.is_v6 {
            put(&mut whole.bytes, 4, 0xffff);
        }
        whole.check(&mut dice);
    }
}

/// A packet of IPv6 and TCP may be longer than its own length says.
#[test]
fn more_than_a_length_can_say() {
    let mut dice = Dice::new(23);
    let mut seen = 0;
    while seen < 20 {
        let mut whole = any_packet(&mut dice, 1460);
        if !whole.packet.is_tcp {
            continue;
        }
        seen += 1;
        let at = whole.packet.transport as usize;
        whole.packet.segment = 1000 + dice.below(460) as u32;
        whole.bytes.truncate(whole.packet.headers as usize);
        let len = 100_000 + dice.below(400_000) as usize;
        whole.bytes.extend(random(&mut dice, len));
        put(&mut whole.bytes, if whole.packet.is_v6 { 4 } else { 2 }, 0);
        let len = (whole.bytes.len() - at) as u32;
        let to_be_completed = pseudo(&whole.packet, &whole.bytes, len);
        put(&mut whole.bytes, at + 16, to_be_completed);
        whole.check(&mut dice);
    }
}

/// A checksum that comes out as zero is sent as its other zero: by UDP, for which zero is none.
#[test]
fn a_sum_that_comes_out_as_zero() {
    let mut dice = Dice::new(24);
    let mut seen = 0;
    while seen < 20 {
        let mut whole = any_packet(&mut dice, 100);
        let (packet, at) = (whole.packet, whole.packet.headers as usize);
        if packet.is_tcp || whole.payload().len() < 2 || packet.segment < 2 {
            continue;
        }
        seen += 1;
        // The checksum of the first segment is what its first two bytes lack.
        put(&mut whole.bytes, at, 0);
        let first = whole.cut(&mut dice).swap_remove(0);
        let lacking = u16_at(&first, packet.transport as usize + 6);
        put(&mut whole.bytes, at, lacking);
        let first = whole.cut(&mut dice).swap_remove(0);
        assert_eq!(u16_at(&first, packet.transport as usize + 6), 0xffff);
        whole.check(&mut dice);
    }
}

#[test]
fn what_does_not_hold_its_headers_is_refused() {
    let mut dice = Dice::new(25);
    for _ in 0..200 {
        let Whole { packet, bytes } = any_packet(&mut dice, 100);
        let linear = &bytes[..dice.below(packet.headers.into()) as usize];
        assert!(Template::new(packet, linear, bytes.len() as u32, &mut Room::new()).is_none());
        let transport = packet.transport;
        for headers in [transport, transport + dice.below(8) as u32] {
            let short = SuperPacket { headers, ..packet };
            // Whether it is taken or not, nothing goes wrong.
            let _ = Template::new(short, &bytes, headers, &mut Room::new());
        }
        let headers = 161 + dice.below(100) as u32;
        let long = SuperPacket { headers, ..packet };
        assert!(Template::new(long, &[0; 1000], 1000, &mut Room::new()).is_none());
    }
}

/// What is taken to be cut here can be.
#[test]
fn headers_too_long_are_left_to_the_stack() {
    let mut dice = Dice::new(27);
    let Whole { packet, .. } = any_packet(&mut dice, 100);
    for headers in 100..200 {
        let long = SuperPacket { headers, ..packet };
        let is_taken = super_packet(&SkBuff(Some(long))).is_some();
        assert_eq!(is_taken, headers <= 160);
        let mut room = Room::new();
        let template = Template::new(long, &[0; 200], 1000, &mut room);
        assert_eq!(template.is_some(), is_taken);
    }
    assert!(super_packet(&SkBuff(None)).is_none());
}

#[test]
fn a_segment_too_long_for_its_length_is_refused() {
    let mut dice = Dice::new(26);
    for _ in 0..200 {
        let Whole { mut packet, bytes } = any_packet(&mut dice, 100);
        let most = 65535 - packet.headers + if packet.is_v6 { 40 } else { 0 };
        for (segment, fits) in [(most, true), (most + 1, false)] {
            packet.segment = segment;
            let mut room = Room::new();
            let mut template =
                Template::new(packet, &bytes, packet.headers + segment, &mut room).unwrap();
            let only = template.segments(segment).next().unwrap();
            assert_eq!(only.len, segment);
            assert_eq!(template.headers(&only, Sum(0)).is_some(), fits);
        }
    }
}
