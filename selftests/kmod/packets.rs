// SPDX-License-Identifier: GPL-2.0

//! `kapi::net::skbuff`: what wrappers do to the geometry of packets, and who owns them.

use core::sync::atomic::{
    AtomicUsize,
    Ordering, //
};
use kernel::prelude::*;

use crate::{
    checks::{
        check,
        Dice,
        Outcome, //
    },
    kapi::net::skbuff::{
        Batch,
        PacketList,
        SkBuff, //
    }, //
};

const TAG: u32 = 16;
const HEADER: u32 = 16;
const KEY: [u8; 32] = [0x5a; 32];
const NO_MEMORY: &str = "out of memory";

/// A packet with `text` in it, `headroom` bytes of room in front, and `spare` bytes behind.
fn packet(headroom: u32, text: &[u8], spare: u32) -> Result<SkBuff, &'static str> {
    let size = text.len() as u32 + spare;
    let mut skb = SkBuff::new(headroom, size).map_err(|_| NO_MEMORY)?;
    skb.put_bytes(text).map_err(|_| "there is no room")?;
    Ok(skb)
}

/// A packet as it comes in: its network header is in front of `text`.
fn received(text: &[u8]) -> Result<SkBuff, &'static str> {
    const OUTER: usize = 28;
    let mut skb = packet(0, &[0x45; OUTER], text.len() as u32)?;
    skb.put_bytes(text).map_err(|_| "there is no room")?;
    skb.pull(OUTER as u32).map_err(|_| "there is nothing")?;
    Ok(skb)
}

/// A packet whose control block says which it is.
fn numbered(number: u32) -> Result<SkBuff, &'static str> {
    let mut skb = packet(0, &number.to_be_bytes(), 0)?;
    skb.set_control([number, !number]);
    Ok(skb)
}

fn number_of(skb: &SkBuff) -> u32 {
    skb.control()[0]
}

/// Bytes go on and off at both ends only where there is room and they are.
pub(crate) fn ends() -> Outcome {
    let mut skb = packet(32, b"0123456789", 6)?;
    check!(skb.len() == 10 && !skb.is_empty() && skb.linear() == b"0123456789");
    check!(skb.put_bytes(b"abcdef").is_ok() && skb.linear() == b"0123456789abcdef");
    check!(skb.push_bytes(&[7; 32]).is_ok() && skb.len() == 48 && skb.linear()[..32] == [7; 32]);
    check!(skb.pull(32).is_ok() && skb.linear() == b"0123456789abcdef");
    check!(skb.pull(17) == Err(EINVAL) && skb.len() == 16);
    check!(skb.trim(4).is_ok() && skb.linear() == b"0123");
    check!(skb.trim(4).is_ok() && skb.len() == 4);
    check!(skb.pull_to_linear(4) && !skb.pull_to_linear(5));
    check!(skb.pull(4).is_ok() && skb.is_empty());
    Ok(())
}

/// What there is no room for is refused and changes nothing, in front and behind.
pub(crate) fn no_room() -> Outcome {
    let mut skb = packet(8, b"text", 0)?;
    let huge = [0; 4096];
    check!(skb.push_bytes(&huge) == Err(ENOBUFS) && skb.linear() == b"text");
    check!(skb.put_bytes(&huge) == Err(ENOBUFS) && skb.linear() == b"text");
    Ok(())
}

/// A packet keeps its notes; one that says nothing of IP is of no IP protocol.
pub(crate) fn notes() -> Outcome {
    let mut skb = packet(0, &[0x45; 20], 0)?;
    check!(skb.ip_protocol().is_none() && !skb.is_gso() && skb.route_mtu().is_none());
    check!(skb.leave_route() == 0 && skb.ds() == 0);
    skb.set_control([0xdead_beef, 0x0123_4567]);
    skb.trim(10).map_err(|_| "cannot trim")?;
    check!(skb.control() == [0xdead_beef, 0x0123_4567]);
    Ok(())
}

/// Lists keep order and number through pushes, pops and appends.
pub(crate) fn lists() -> Outcome {
    let mut dice = Dice::new(3);
    let mut list = PacketList::new();
    let (mut first, mut next) = (0, 0);
    for _ in 0..2000 {
        match dice.below(8) {
            0..=2 => {
                check!(list.pop().map(|skb| number_of(&skb)) == (first < next).then_some(first));
                first = next.min(first + 1);
            }
            3 => {
                let mut other = PacketList::new();
                for _ in 0..dice.below(3) {
                    other.push(numbered(next)?);
                    next += 1;
                }
                list.append(other);
            }
            4 => list = list.take(),
            _ => {
                list.push(numbered(next)?);
                next += 1;
            }
        }
        check!(list.len() == (next - first) as usize && list.is_empty() == (first == next));
        check!(list.first_map(number_of) == (first < next).then_some(first));
    }
    let mut expected = first;
    let mut in_order = true;
    list.for_each_mut(|skb| skb.set_control([number_of(skb), 1]));
    list.for_each(|skb| {
        in_order &= skb.control() == [expected, 1];
        expected += 1;
    });
    check!(in_order && expected == next);
    Ok(())
}

/// Counts how many headers are alive.
struct Counted<'a>(&'a AtomicUsize, u64);

impl<'a> Counted<'a> {
    fn new(alive: &'a AtomicUsize, value: u64) -> Self {
        alive.fetch_add(1, Ordering::Relaxed);
        Self(alive, value)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A batch drops its header once, and keeps it apart from the packet's own notes.
pub(crate) fn batches() -> Outcome {
    let alive = AtomicUsize::new(0);
    check!(Batch::new(PacketList::new(), Counted::new(&alive, 0)).is_none());
    check!(alive.load(Ordering::Relaxed) == 0);

    let mut list = PacketList::new();
    for number in 0..3 {
        list.push(numbered(number)?);
    }
    let mut batch = Batch::new(list, Counted::new(&alive, 7)).ok_or("no batch of three")?;
    batch.1 += 1;
    check!(batch.1 == 8 && alive.load(Ordering::Relaxed) == 1);
    let (header, packets) = batch.into_parts();
    check!(header.1 == 8 && packets.len() == 3);
    let mut notes = 0;
    packets.for_each(|skb| notes = notes * 10 + skb.control()[0] + 1);
    check!(notes == 123);
    drop(header);
    check!(alive.load(Ordering::Relaxed) == 0);

    drop(Batch::new(packets, Counted::new(&alive, 9)));
    check!(alive.load(Ordering::Relaxed) == 0);
    Ok(())
}

/// A packet of any length and any room is sealed, and opens to what it was and its padding.
pub(crate) fn sealing() -> Outcome {
    let mut text = [0; 300];
    for (byte, value) in text.iter_mut().zip((0..251u8).cycle()) {
        *byte = value;
    }
    for len in [0, 1, 15, 16, 17, 63, 64, 65, 255, 300] {
        for (headroom, spare) in [(0, 0), (HEADER, 0), (128, 32), (3, 7)] {
            round_trip(&text[..len], headroom, spare)?;
        }
    }
    Ok(())
}

fn round_trip(text: &[u8], headroom: u32, spare: u32) -> Outcome {
    let padding = (16 - text.len() as u32 % 16) % 16;
    let padded = text.len() as u32 + padding;
    let mut skb = packet(headroom, text, spare)?;
    check!(skb.extend_for_seal(64, padding).is_ok() && skb.len() == padded + TAG);
    check!(skb.push_bytes(&[4; HEADER as usize]).is_ok());
    check!(skb.seal(HEADER, 9, &KEY).is_ok());
    check!(skb.len() == HEADER + padded + TAG && skb.linear()[..HEADER as usize] == [4; 16]);
    check!(text.len() < 8 || skb.linear()[HEADER as usize..][..text.len()] != *text);

    let mut skb = received(skb.linear())?;
    check!(skb.open(HEADER, 9, &KEY).is_ok() && skb.len() == HEADER + padded);
    check!(skb.pull(HEADER).is_ok() && skb.linear()[..text.len()] == *text);
    check!(skb.linear()[text.len()..].iter().all(|byte| *byte == 0));
    Ok(())
}

/// What is forged, or too short to be sealed, is refused.
pub(crate) fn forgeries() -> Outcome {
    for (offset, nonce, first) in [(HEADER, 9, 4), (HEADER, 8, 4), (HEADER + 1, 9, 4)] {
        let mut skb = packet(64, b"sixteen bytes ok", 0)?;
        check!(skb.extend_for_seal(64, 0).is_ok());
        check!(skb.push_bytes(&[first; HEADER as usize]).is_ok());
        check!(skb.seal(HEADER, 9, &KEY).is_ok());
        let is_genuine = offset == HEADER && nonce == 9;
        // There is no network header in front, which opening has to keep.
        check!(skb.open(HEADER, 9, &KEY).is_err());
        let mut skb = received(skb.linear())?;
        check!(skb.open(offset, nonce, &KEY).is_ok() == is_genuine);
    }
    let mut short = received(&[0; 31])?;
    check!(short.open(HEADER, 0, &KEY) == Err(EINVAL) && short.len() == 31);
    check!(short.seal(HEADER, 0, &KEY) == Err(EINVAL));
    let mut empty = received(&[0; 32])?;
    check!(empty.open(HEADER, 0, &KEY) == Err(EBADMSG));
    Ok(())
}
