// SPDX-License-Identifier: GPL-2.0

//! Makes requests out of a fuzzer's bytes, most of which are nearly right.

use crate::input::Input;

/// What an attribute holds.
#[derive(Clone, Copy)]
enum Content {
    Bytes(usize),
    /// A small number of so many bytes.
    Number(usize),
    /// That number of two bytes, or one that is hardly another.
    Near(u16),
    Name,
    Sockaddr,
    Address,
    Family,
    /// A range of 16-bit numbers: both ends, or one number where that may be.
    Span16 {
        or_number: bool,
    },
    /// A range of 32-bit numbers as one of three encodings has it, near a number.
    Span32(u32),
    /// What a special packet is made by.
    Special,
    /// What a peer may be called, or nearly.
    Label,
    /// An address near those that are not listened on.
    Edge,
    /// Addresses to listen on, or nearly.
    Listened,
    /// One byte, hardly more than nine.
    Digit,
    /// Flags, mostly none.
    Flag,
    /// Looks with a number, or nearly.
    Profiles,
    /// DSCP for one packet or all, or nearly.
    Points,
    List(&'static [Content]),
}

use Content::{
    Address, Bytes, Digit, Edge, Family, Flag, Label, List, Listened, Name, Near, Number, Points,
    Profiles, Sockaddr, Span16, Span32, Special,
};

/// By the attributes' types, from 1 on.
const DEVICE: &[Content] = &[
    Number(4),
    Name,
    Bytes(32),
    Bytes(32),
    Number(4),
    Bytes(2),
    Bytes(4),
    List(PEER),
];

/// The same for AmneziaWG.
const AMNEZIAWG: &[Content] = &[
    Number(4),
    Name,
    Bytes(32),
    Bytes(32),
    Number(4),
    Bytes(2),
    Bytes(4),
    List(AMNEZIAWG_PEER),
    Number(2),
    Number(2),
    Number(2),
    Number(2),
    Number(2),
    Span32(0),
    Span32(100),
    Span32(200),
    Span32(300),
    Number(4),
    Number(2),
    Number(2),
    Special,
    Special,
    Special,
    Special,
    Special,
    Bytes(32),
    Span16 { or_number: false },
    Span16 { or_number: false },
    Span16 { or_number: false },
    Span16 { or_number: false },
    Span16 { or_number: false },
    Span16 { or_number: false },
    Number(1),
    Number(1),
];

const PEER: &[Content] = &[
    Bytes(32),
    Bytes(32),
    Number(4),
    Sockaddr,
    Bytes(2),
    Bytes(16),
    Bytes(8),
    Bytes(8),
    List(ALLOWED_IP),
    Number(4),
];

const AMNEZIAWG_PEER: &[Content] = &[
    Bytes(32),
    Bytes(32),
    Number(4),
    Sockaddr,
    Span16 { or_number: true },
    Bytes(16),
    Bytes(8),
    Bytes(8),
    List(ALLOWED_IP),
    Number(4),
    Bytes(0),
];

/// Of a profile, in front of what it shares with a device.
const PROFILE: &[(u16, Content)] = &[(1, Digit), (2, Flag)];

/// Attributes of this driver's own that a device is given.
const OF_DEVICE: &[(u16, Content)] = &[
    (131, Number(2)),
    (131, Near(5000)),
    (133, Profiles),
    (133, Profiles),
    (137, Number(4)),
    (138, Digit),
    (139, Bytes(4)),
    (140, Listened),
    (141, Points),
    (142, Digit),
];

/// The same of a peer.
const OF_PEER: &[(u16, Content)] = &[
    (129, Digit),
    (129, Digit),
    (131, Label),
    (131, Label),
    (133, Digit),
    (139, Bytes(4)),
    (140, Bytes(4)),
];

/// Those that only answers, events or other requests have, as they are there, and what comes behind all.
const OF_OTHERS: &[(u16, Content)] = &[
    (128, Bytes(32)),
    (128, Bytes(12)),
    (129, Bytes(8)),
    (130, Bytes(0)),
    (130, List(&[])),
    (132, Number(4)),
    (134, Digit),
    (134, List(&[])),
    (135, Number(4)),
    (135, Bytes(8)),
    (136, Number(4)),
    (136, Bytes(8)),
    (137, Sockaddr),
    (138, Number(4)),
    (141, Number(4)),
    (143, Number(4)),
];

/// The first and the last addresses that are not listened on, and those next to them.
const EDGES: &[&[u8]] = &[
    &[0; 4],
    &[0, 0, 0, 1],
    &[127, 0, 0, 1],
    &[223, 255, 255, 255],
    &[224, 0, 0, 0],
    &[239, 255, 255, 255],
    &[240, 0, 0, 0],
    &[255, 255, 255, 254],
    &[255; 4],
    &[0; 16],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    // Of IPv4 in three ways, of which the first is not to be.
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 192, 0, 2, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, 192, 0, 2, 1],
    &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 192, 0, 2, 1],
    &[254, 128, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    &[254, 255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
    &[255, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
];

const ALLOWED_IP: &[Content] = &[Family, Address, Number(1), Number(4)];

const NESTED: u16 = 1 << 15;
const NET_BYTEORDER: u16 = 1 << 14;

pub(crate) fn make(input: &mut Input<'_>) -> Vec<u8> {
    if input.flag() {
        return input.rest().to_vec();
    }
    let mut bytes = Vec::new();
    put_attrs(&mut bytes, input, DEVICE);
    bytes
}

pub(crate) fn make_amneziawg(input: &mut Input<'_>) -> Vec<u8> {
    let mut bytes = Vec::new();
    put_attrs(&mut bytes, input, AMNEZIAWG);
    bytes
}

/// Attributes, most of them in the order of their types; lists are in the end more often than not.
fn put_attrs(bytes: &mut Vec<u8>, input: &mut Input<'_>, contents: &[Content]) {
    // A bit for each type that is there.
    let mut there = u64::from(input.u16());
    if there >> 15 == 1 {
        there = u64::MAX;
    }
    if contents.len() > 16 {
        there &= (u64::from(input.u32()) << 8) | 0xff;
    }
    for (ty, content) in (1..).zip(contents) {
        if (there >> (ty - 1)) & 1 == 1 {
            put_attr(bytes, input, ty, *content);
        }
    }
    for _ in 0..input.below(16).saturating_sub(10) {
        let ty = input.u16();
        if ty >= 0x4000 {
            // Most are where they belong.
            let is_device = [DEVICE.len(), AMNEZIAWG.len()].contains(&contents.len());
            let own = match (ty % 32, is_device) {
                (0, _) => OF_OTHERS,
                (1, true) | (2.., false) => OF_PEER,
                (1, false) | (2.., true) => OF_DEVICE,
            };
            let (ty, content) = own[usize::from(ty / 32) % own.len()];
            put_attr(bytes, input, ty, content);
            continue;
        }
        let ty = ty % (contents.len() as u16).max(10).saturating_add(2);
        let content = contents.get(usize::from(ty).wrapping_sub(1));
        put_attr(bytes, input, ty, content.copied().unwrap_or(Number(4)));
    }
}

fn put_attr(bytes: &mut Vec<u8>, input: &mut Input<'_>, ty: u16, content: Content) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    put_content(bytes, input, content);
    let nested = match content {
        List(_) | Listened | Profiles => NESTED,
        _ => 0,
    };
    let quirk = input.u8();
    let kind = match quirk {
        0..240 => ty | nested,
        240 | 241 => ty | NESTED,
        242 => ty,
        _ => ty | nested | NET_BYTEORDER,
    };
    match quirk {
        244..247 => bytes.push(0),
        247..250 => drop(bytes.pop().filter(|_| bytes.len() >= start + 4)),
        _ => {}
    }
    bytes.resize(bytes.len().max(start + 4), 0);
    let len = (bytes.len() - start) as u16;
    let len = match quirk {
        250 | 251 => len.wrapping_add_signed(i16::from(input.u8() as i8)),
        _ => len,
    };
    bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    bytes[start + 2..start + 4].copy_from_slice(&kind.to_ne_bytes());
    if quirk != 252 {
        bytes.resize(bytes.len().next_multiple_of(4), 0);
    }
}

fn put_content(bytes: &mut Vec<u8>, input: &mut Input<'_>, content: Content) {
    match content {
        Bytes(len) => bytes.extend(filled(input, len)),
        Number(len) => {
            let number = u32::from(input.u8()).to_ne_bytes();
            bytes.extend(&number[..len]);
        }
        Near(number) => {
            let number = number
                .wrapping_sub(2)
                .wrapping_add(u16::from(input.u8() % 5));
            bytes.extend(number.to_ne_bytes());
        }
        Edge => bytes.extend(EDGES[input.below(EDGES.len())]),
        Name => bytes.extend(input.array::<18>().iter().take(input.below(19))),
        Span16 { or_number } => {
            let lo = input.u16();
            if or_number && input.flag() {
                return bytes.extend(lo.to_ne_bytes());
            }
            let hi = lo.wrapping_add(input.u8().into());
            bytes.extend(((u32::from(hi) << 16) | u32::from(lo)).to_ne_bytes());
        }
        Span32(near) => put_span32(bytes, input, near),
        Special => put_special(bytes, input),
        Label => put_label(bytes, input),
        Listened => {
            for _ in 0..input.below(4) {
                let content = [Address, Bytes(16), Special, Edge, Edge, Edge][input.below(6)];
                put_attr(bytes, input, 0, content);
            }
        }
        Digit => bytes.push(match input.u8() {
            byte @ 0xf0.. => byte,
            byte => byte % 10,
        }),
        Flag => {
            let flags = match input.u8() {
                0..192 => 0,
                192..240 => 1,
                240..244 => 2,
                244..248 => 1 << 31,
                other => other.into(),
            };
            bytes.extend(u32::to_ne_bytes(flags));
        }
        Profiles => {
            for _ in 0..input.below(4) {
                put_element(bytes, input, 0, put_profile);
            }
        }
        Points => {
            let len = [0, 1, 64, 64, 63, 2, 65][input.below(7)];
            let end = [64, 64, 65, 255][input.below(4)];
            bytes.extend(filled(input, len).map(|point| point % end));
        }
        Family => bytes.extend([2u16, 10, 0, 513][input.below(4)].to_ne_bytes()),
        Address => {
            let len = [4, 16, 5, 0][input.below(4)];
            bytes.extend(filled(input, len));
        }
        Sockaddr => {
            let (family, len) = [(2u16, 16), (10, 28), (2, 28), (7, 17)][input.below(4)];
            bytes.extend(family.to_ne_bytes());
            bytes.extend(filled(input, len - 2));
        }
        List(element) => {
            for _ in 0..input.below(4) {
                let ty = u16::from(input.u8() % 4);
                put_element(bytes, input, ty, |bytes, input| {
                    put_attrs(bytes, input, element)
                });
            }
        }
    }
}

fn put_element(
    bytes: &mut Vec<u8>,
    input: &mut Input<'_>,
    ty: u16,
    put: impl FnOnce(&mut Vec<u8>, &mut Input<'_>),
) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    put(bytes, input);
    let quirk = input.u8();
    let flag = if quirk == 0xff { 0 } else { NESTED };
    let len = (bytes.len() - start) as u16;
    bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
    bytes[start + 2..start + 4].copy_from_slice(&(ty | flag).to_ne_bytes());
}

/// A number, seldom flags, and a few of a device's settings.
fn put_profile(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    let there = input.u8();
    for (bit, &(ty, content)) in (0..).zip(PROFILE) {
        if (there >> bit) & 3 != 0 {
            put_attr(bytes, input, ty, content);
        }
    }
    for _ in 0..input.below(5) {
        // What a device has before and behind them has nothing to do here.
        let ty = [9, 9, 9, 1, 12][input.below(5)] + input.u8() % 26;
        let content = AMNEZIAWG.get(usize::from(ty) - 1);
        put_attr(
            bytes,
            input,
            ty.into(),
            content.copied().unwrap_or(Number(1)),
        );
    }
}

fn put_span32(bytes: &mut Vec<u8>, input: &mut Input<'_>, near: u32) {
    let lo = match input.below(8) {
        0 => input.u32(),
        _ => near.wrapping_add(input.u8().into()),
    };
    let hi = lo.wrapping_add(input.u8().into());
    match input.below(6) {
        0 => bytes.extend(lo.to_ne_bytes()),
        1 => bytes.extend(((u64::from(hi) << 32) | u64::from(lo)).to_ne_bytes()),
        2 => bytes.extend(format!("{lo}\0").bytes()),
        3 => bytes.extend(format!("{lo}-{hi}\0").bytes()),
        4 => {
            // Nearly text.
            let marks = b"0123456789-\0 x";
            let len = input.below(24);
            bytes.extend(
                input
                    .array::<24>()
                    .iter()
                    .take(len)
                    .map(|n| marks[usize::from(*n) % marks.len()]),
            );
        }
        _ => bytes.extend(input.array::<24>().iter().take(input.below(25))),
    }
}

fn put_special(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    const WORDS: [&str; 16] = [
        "<r ", "<rc ", "<rd ", "<b 0x", "<b ", "<t>", "<c>", ">", "5>", "700>", "c0de>", "0", "<",
        " ", "x", "f",
    ];
    for _ in 0..input.below(20) {
        bytes.extend(WORDS[input.below(WORDS.len())].bytes());
    }
    // The NUL is seldom left out, and seldom followed by something.
    match input.u8() {
        0 => {}
        1 => bytes.extend(b"\0<r 5>\0"),
        2 => bytes.extend([b'.'; 3001].iter().chain(b"\0")),
        _ => bytes.push(0),
    }
}

fn put_label(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    const PARTS: [&[u8]; 12] = [
        b"far end",
        "ü".as_bytes(),
        "東京".as_bytes(),
        "🚀".as_bytes(),
        b"\x1b",
        b"\x7f",
        b"\xc2\x80",
        b"\xe2\x82",
        b"\xff",
        b"\xed\xa0\x80",
        b"\0",
        &[b'x'; 57],
    ];
    for _ in 0..input.below(5) {
        match PARTS.get(input.below(PARTS.len() + 8)) {
            Some(part) => bytes.extend_from_slice(part),
            None => put_char(bytes, input),
        }
    }
    // The NUL is seldom left out.
    if input.u8() != 0 {
        bytes.push(0);
    }
}

/// The first and the last characters that labels must not have, and those next to them.
fn put_char(bytes: &mut Vec<u8>, input: &mut Input<'_>) {
    const EDGES: &str =
        "~\u{80}\u{9f}\u{a0}\u{61b}\u{61c}\u{61d}\u{200d}\u{200e}\u{200f}\u{2010}\u{2029}\
        \u{202a}\u{202e}\u{202f}\u{2065}\u{2066}\u{2069}\u{206a}";
    let c = EDGES.chars().nth(input.below(19)).expect("there are 19");
    bytes.extend(c.to_string().bytes());
}

/// Bytes that differ, by two of the input.
fn filled(input: &mut Input<'_>, len: usize) -> impl Iterator<Item = u8> {
    let [start, step] = input.array();
    (0..len).map(move |n| start.wrapping_add(step.wrapping_mul(n as u8)))
}
