// SPDX-License-Identifier: GPL-2.0

//! Makes requests out of a fuzzer's bytes, most of which are nearly right.

use crate::input::Input;

/// What an attribute holds.
#[derive(Clone, Copy)]
enum Content {
    Bytes(usize),
    /// A small number of so many bytes.
    Number(usize),
    Name,
    Sockaddr,
    Address,
    Family,
    List(&'static [Content]),
}

use Content::{Address, Bytes, Family, List, Name, Number, Sockaddr};

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

/// Attributes, most of them in the order of their types; lists are in the end more often than not.
fn put_attrs(bytes: &mut Vec<u8>, input: &mut Input<'_>, contents: &[Content]) {
    // A bit for each type that is there.
    let mut there = input.u16();
    if there >> 15 == 1 {
        there = u16::MAX;
    }
    for (ty, content) in (1..).zip(contents) {
        if (there >> (ty - 1)) & 1 == 1 {
            put_attr(bytes, input, ty, *content);
        }
    }
    for _ in 0..input.below(16).saturating_sub(12) {
        let ty = input.u16() % 12;
        let content = contents.get(usize::from(ty).wrapping_sub(1));
        put_attr(bytes, input, ty, content.copied().unwrap_or(Number(4)));
    }
}

fn put_attr(bytes: &mut Vec<u8>, input: &mut Input<'_>, ty: u16, content: Content) {
    let start = bytes.len();
    bytes.extend([0; 4]);
    put_content(bytes, input, content);
    let nested = match content {
        List(_) => NESTED,
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
        Name => bytes.extend(input.array::<18>().iter().take(input.below(19))),
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
                let start = bytes.len();
                bytes.extend([0; 4]);
                put_attrs(bytes, input, element);
                let quirk = input.u8();
                let flag = if quirk == 0xff { 0 } else { NESTED };
                let len = (bytes.len() - start) as u16;
                bytes[start..start + 2].copy_from_slice(&len.to_ne_bytes());
                bytes[start + 2..start + 4].copy_from_slice(&(ty | flag).to_ne_bytes());
            }
        }
    }
}

/// Bytes that differ, by two of the input.
fn filled(input: &mut Input<'_>, len: usize) -> impl Iterator<Item = u8> {
    let [start, step] = input.array();
    (0..len).map(move |n| start.wrapping_add(step.wrapping_mul(n as u8)))
}
