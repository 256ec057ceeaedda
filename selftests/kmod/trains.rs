// SPDX-License-Identifier: GPL-2.0

//! `kapi::net::skbuff::train`: packets that stand for several, as they are made, cut, and opened.

use kernel::{
    alloc::flags::*,
    prelude::*, //
};

use crate::{
    checks::{
        check,
        Dice,
        Outcome, //
    },
    kapi::net::skbuff::{
        Owner,
        SkBuff,
        Train, //
    },
    made::{
        self,
        Made,
        Shape,
        Socket,
        ACCECN,
        ECN,
        FIXED_ID, //
    },
    segments::{
        super_packet,
        Room,
        Template, //
    },
};

/// Begins a message, if there is room for it.
macro_rules! begin {
    ($train:expr, $len:expr, $expected:expr) => {{
        let len = $len;
        if $train.has_room(len, $expected) {
            $train.message(len)
        } else {
            None
        }
    }};
}

const TAG: u32 = 16;
const KEY: [u8; 32] = [0xa5; 32];
const NO_MEMORY: &str = "out of memory";

/// The bytes of a text in which no two places look alike.
fn text(len: u32) -> Result<KVVec<u8>, &'static str> {
    let mut text = KVVec::with_capacity(len as usize, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    for at in 0..len {
        let byte = (at * 13 + (at >> 8)) as u8;
        text.push(byte, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    }
    Ok(text)
}

fn zeroed<T: Copy + Default>(len: usize) -> Result<KVVec<T>, &'static str> {
    KVVec::from_elem(T::default(), len, GFP_KERNEL).map_err(|_| NO_MEMORY)
}

fn empty() -> Result<Train, &'static str> {
    Train::new(64).map_err(|_| NO_MEMORY)
}

/// The packet of a train that is made of what nobody sent.
fn finished(train: Train) -> Result<SkBuff, &'static str> {
    let mut from = SkBuff::new(0, 0).map_err(|_| NO_MEMORY)?;
    train.finish(Owner::Of(&mut from)).ok_or("no train")
}

/// Appends a message that is nothing but some text, encrypted; returns whether there was room.
fn add(train: &mut Train, text: &[u8], nonce: u64) -> Result<bool, &'static str> {
    let len = text.len() as u32 + TAG;
    let Some(mut message) = begin!(train, len, 16 * len) else {
        return Ok(false);
    };
    message.append(text).map_err(|_| "no room for the text")?;
    message.seal(0, nonce, &KEY).map_err(|_| "not sealed")?;
    Ok(true)
}

fn bytes_of(skb: &SkBuff) -> Result<KVVec<u8>, &'static str> {
    let mut bytes = zeroed(skb.len() as usize)?;
    for (at, byte) in (0..).zip(bytes.iter_mut()) {
        [*byte] = skb.bytes_at(at).ok_or("a byte is missing")?;
    }
    Ok(bytes)
}

/// Whether part of a packet opens to this.
fn opens_to(skb: &SkBuff, at: u32, nonce: u64, text: &[u8]) -> bool {
    skb.open_part(at, text.len() as u32, nonce, &KEY)
        .is_ok_and(|part| part.linear() == text && part.len() as usize == text.len())
}

/// Messages of any length, as many as there may be, are found again where they were put.
pub(crate) fn round_trips() -> Outcome {
    let text = text(60_000)?;
    for (len, count) in [
        (0, 9),
        (1, 70),
        (100, 64),
        (1452, 44),
        (9000, 7),
        (32_753, 1),
        (60_000, 1),
    ] {
        for shorter in [0, 1, 60] {
            let last = text
                .get(..len)
                .and_then(|text| text.get(shorter..))
                .unwrap_or(&[]);
            let mut train = empty()?;
            for nonce in 1..count {
                check!(add(&mut train, &text[..len], nonce)?);
            }
            check!(add(&mut train, last, count)? && u64::from(train.count()) == count);
            let skb = finished(train)?;
            let size = len as u32 + TAG;
            check!(skb.linear().is_empty() && skb.is_gso() == (count > 1));
            check!(skb.len() == (count as u32 - 1) * size + last.len() as u32 + TAG);
            check!(skb.train().map(|row| row.count()) == (count > 1).then_some(count as u32));
            for nonce in 1..count {
                check!(opens_to(
                    &skb,
                    (nonce as u32 - 1) * size,
                    nonce,
                    &text[..len]
                ));
            }
            check!(opens_to(&skb, (count as u32 - 1) * size, count, last));
        }
    }
    Ok(())
}

/// None is longer than the first, none follows a shorter one, and all have to fit into a datagram.
pub(crate) fn what_fits() -> Outcome {
    let text = text(65_535)?;
    let mut train = empty()?;
    check!(train.count() == 0 && !train.has_room(Train::MAX_LEN + 1, 0));
    check!(add(&mut train, &text[..100], 1)? && !add(&mut train, &text[..101], 2)?);
    check!(add(&mut train, &text[..100], 2)? && add(&mut train, &text[..99], 3)?);
    check!(!add(&mut train, &text[..99], 4)? && !train.has_room(1, 0) && train.count() == 3);
    check!(finished(train)?.len() == 3 * 116 - 1);
    check!(finished(empty()?).is_err());

    let mut full = empty()?;
    let half = (Train::MAX_LEN / 2 - TAG) as usize;
    check!(add(&mut full, &text[..half], 1)? && add(&mut full, &text[..half], 2)?);
    check!(Train::MAX_LEN % 2 == 1 && !full.has_room(2, 0) && full.has_room(1, 0));

    // Room that nobody gets to use does not count, however it is left.
    let mut train = empty()?;
    check!(train.has_room(5000, 60_000) && train.has_room(9000, 0) && train.has_room(50, 0));
    check!(add(&mut train, &text[..34], 7)? && train.has_room(50, 60_000));
    drop(begin!(train, 50, 0).ok_or("no room")?);
    let skb = finished(train)?;
    check!(skb.len() == 50 && !skb.is_gso() && opens_to(&skb, 0, 7, &text[..34]));

    // A train has so many fragments and no more: then there is no room, and what there is stays.
    let mut train = empty()?;
    let mut count = 0;
    loop {
        let mut message = match begin!(train, 3000, 0) {
            Some(message) => message,
            None => break,
        };
        message.append(&text[..2984]).map_err(|_| "no room")?;
        message.seal(0, count, &KEY).map_err(|_| "not sealed")?;
        count += 1;
    }
    check!(count >= 16 && u64::from(train.count()) == count);
    let skb = finished(train)?;
    check!((0..count).all(|nonce| opens_to(&skb, nonce as u32 * 3000, nonce, &text[..2984])));
    Ok(())
}

/// Nothing goes beyond what a message was to be, nor is one that is not full sealed.
pub(crate) fn bounds() -> Outcome {
    let mut train = empty()?;
    let source = made::train(
        &[9; 40],
        0,
        &Shape {
            head: 10,
            frags: 1,
            list: 1,
        },
    )?;
    let mut message = begin!(train, 64, 0).ok_or("no room")?;
    check!(message.append(&[1; 65]) == Err(EMSGSIZE) && message.append_zeros(65) == Err(EMSGSIZE));
    check!(message.append(&[1; 8]).is_ok() && message.patch(0, &[2; 9]) == Err(EMSGSIZE));
    check!(
        message.patch(9, &[]) == Err(EMSGSIZE) && message.patch(usize::MAX as u32, &[2]).is_err()
    );
    check!(message.patch(4, &[2; 4]).is_ok() && message.patch(8, &[]).is_ok());
    check!(message.append_from(&source, 0, 41).is_err());
    check!(message.seal(0, 1, &KEY).is_err());
    check!(train.count() == 0);

    let mut message = begin!(train, 48, 0).ok_or("no room")?;
    check!(
        message.append_from(&source, 1, 39).is_ok() && message.append_zeros(10) == Err(EMSGSIZE)
    );
    check!(message.append(&[]).is_ok() && message.append_zeros(9).is_ok());
    // There is no room left for the tag.
    check!(message.seal(0, 1, &KEY).is_err());

    for extra in [15, 17] {
        let mut message = begin!(train, 20 + extra, 0).ok_or("no room")?;
        check!(message.append(&[3; 20]).is_ok() && message.seal(0, 1, &KEY) == Err(EMSGSIZE));
        let message = begin!(train, 40 + extra, 0).ok_or("no room")?;
        check!(message.seal_from(&source, 1, &KEY) == Err(EMSGSIZE));
    }
    check!(train.count() == 0);
    let mut message = begin!(train, 20 + TAG, 0).ok_or("no room")?;
    check!(message.append(&[3; 20]).is_ok() && message.seal(21, 1, &KEY) == Err(EMSGSIZE));

    for head in [0, 10, 40] {
        let source = made::train(
            &[9; 40],
            0,
            &Shape {
                head,
                frags: 1,
                list: 1,
            },
        )?;
        let mut message = begin!(train, 44 + TAG, 0).ok_or("no room")?;
        check!(
            message.append(&[5; 4]).is_ok()
                && message.seal_from(&source, head.into(), &KEY).is_ok()
        );
    }
    let skb = finished(train)?;
    for (index, head) in [(0, 0), (1, 10), (2, 40)] {
        check!(skb.bytes_at(index * 60) == Some([5; 4]));
        check!(opens_to(&skb, index * 60 + 4, head, &[9; 40]));
    }
    Ok(())
}

/// A message gets as much memory as it takes, in one piece, also if that is more than a page has.
pub(crate) fn room() -> Outcome {
    // What is in use keeps the page from being begun anew.
    let mut kept = empty()?;
    check!(add(&mut kept, &[1; 100], 1)?);
    for len in [1, 4096, 32_768, 32_769, 40_000, 65_535] {
        for expected in [0, 1, 65_535] {
            check!(made::room(len, expected) >= len);
        }
    }
    check!(made::room(0, 100) == 0 && made::room(65_536, 0) == 0 && made::room(1, 65_536) == 0);
    check!(made::unused_room());
    check!(opens_to(&finished(kept)?, 0, 1, &[1; 100]));
    Ok(())
}

pub(crate) const SHAPES: [Shape; 8] = [
    Shape {
        head: u32::MAX,
        frags: 0,
        list: 0,
    },
    Shape {
        head: 0,
        frags: 1,
        list: 0,
    },
    Shape {
        head: 0,
        frags: 3,
        list: 0,
    },
    Shape {
        head: 50,
        frags: 2,
        list: 0,
    },
    Shape {
        head: 0,
        frags: 17,
        list: 0,
    },
    Shape {
        head: 0,
        frags: 0,
        list: 4,
    },
    Shape {
        head: 75,
        frags: 0,
        list: 3,
    },
    Shape {
        head: 20,
        frags: 2,
        list: 2,
    },
];

/// Messages of this length, the last one shorter, and where each of them is.
fn sealed(text: &[u8], count: u32, last: usize) -> Result<KVVec<u8>, &'static str> {
    let mut train = empty()?;
    for nonce in 1..count {
        check_added(&mut train, text, nonce.into())?;
    }
    check_added(&mut train, &text[..last], count.into())?;
    bytes_of(&finished(train)?)
}

fn check_added(train: &mut Train, text: &[u8], nonce: u64) -> Outcome {
    check!(add(train, text, nonce)?);
    Ok(())
}

/// A message is opened in one piece, in one fragment, in a list, or across any of them.
pub(crate) fn shapes() -> Outcome {
    let text = text(1400)?;
    for (len, count, last) in [(0, 9, 0), (1, 20, 0), (59, 12, 59), (1400, 9, 700)] {
        let bytes = sealed(&text[..len], count, last)?;
        let size = len as u32 + TAG;
        for shape in &SHAPES {
            let skb = made::train(&bytes, size, shape)?;
            let row = skb.train().ok_or("no train")?;
            check!(row.count() == count);
            for (nonce, (at, found)) in (1..).zip(row.iter()) {
                let text = text.get(..(found - TAG) as usize).ok_or("too long")?;
                check!(opens_to(&skb, at, nonce, text));
            }
            // Opening leaves the train as it was.
            check!(bytes_of(&skb)?[..] == bytes[..]);
        }
    }
    Ok(())
}

/// What is not authentic is not opened, nor what is not all there.
pub(crate) fn forgeries() -> Outcome {
    let text = text(300)?;
    let mut bytes = sealed(&text, 3, 300)?;
    let size = 316;
    bytes[size + 315] ^= 1;
    bytes[2 * size] ^= 0x80;
    for shape in &SHAPES {
        let skb = made::train(&bytes, size as u32, shape)?;
        check!(opens_to(&skb, 0, 1, &text));
        let refused = |at, len, nonce, key| skb.open_part(at, len, nonce, key).err();
        for (at, nonce) in [(size as u32, 2), (2 * size as u32, 3), (0, 2), (1, 1)] {
            check!(refused(at, 300, nonce, &KEY) == Some(EBADMSG));
        }
        check!(refused(0, 300, 1, &[0; 32]) == Some(EBADMSG));
        check!(refused(0, 299, 1, &KEY) == Some(EBADMSG));
        check!(refused(skb.len() - TAG + 1, 0, 1, &KEY) == Some(EBADMSG));
        check!(refused(u32::MAX, 0, 1, &KEY) == Some(EBADMSG));
        check!(refused(0, u32::MAX - 8, 1, &KEY) == Some(EBADMSG));
        check!(refused(0, skb.len(), 1, &KEY) == Some(EBADMSG));
        check!(skb.bytes_at::<4>(skb.len() - 3).is_none() && skb.bytes_at::<1>(u32::MAX).is_none());
        check!(skb.bytes_at::<4>(skb.len() - 4).is_some());
    }
    Ok(())
}

/// What is decrypted is what was found to be authentic, whoever writes to the pages meanwhile.
pub(crate) fn written_pages() -> Outcome {
    check!(made::written_pages() >= 0);
    Ok(())
}

/// A list of packets that cannot be cut leaves a packet that can still be looked at, and freed.
pub(crate) fn lists() -> Outcome {
    for head_in_fragment in [false, true] {
        check!(made::cut_list(head_in_fragment, false) == 4);
        check!(made::cut_list(head_in_fragment, true) == 0);
    }
    Ok(())
}

/// A part of a train is a datagram of its own: the headers in front, the payload in one piece.
pub(crate) fn parts() -> Outcome {
    let text = text(1000)?;
    for shape in &SHAPES {
        let skb = made::train(&text, 300, shape)?;
        for (at, len) in skb.train().ok_or("no train")?.iter() {
            let part = skb.part(at, len).ok_or("no part")?;
            check!(part.linear() == &text[at as usize..][..len as usize] && part.len() == len);
            check!(part.train().is_none() && !part.is_gso());
            let headers = part_headers(&part)?;
            check!(headers[0] == 0x45 && headers[20..24] == [0, 1, 0, 2]);
            check!(headers[24..26] == ((len + 8) as u16).to_be_bytes());
        }
        check!(skb.part(900, 101).is_none() && skb.part(0, 65_536).is_none());
        check!(skb.part(1000, 0).is_some_and(|part| part.is_empty()));
    }
    // Without a network header in front there is nothing to put there.
    let mut bare = SkBuff::new(0, 100).map_err(|_| NO_MEMORY)?;
    check!(bare.put_bytes(&[0; 100]).is_ok() && bare.part(0, 10).is_none());
    Ok(())
}

/// The headers in front of a datagram, which is all that pushing leaves alone.
fn part_headers(part: &SkBuff) -> Result<[u8; 28], &'static str> {
    made::before(part).ok_or("no headers in front")
}

/// A row is cut as long as there are bytes: the last datagram may be short.
pub(crate) fn rows() -> Outcome {
    let text = text(1000)?;
    for (size, count, last) in [
        (1, 1000, 1),
        (300, 4, 100),
        (500, 2, 500),
        (999, 2, 1),
        (1000, 1, 1000),
        (5000, 1, 1000),
    ] {
        let skb = made::train(&text, size, &SHAPES[3])?;
        let row = skb.train().ok_or("no train")?;
        check!(row.count() == count && row.iter().count() == count as usize);
        check!(row.iter().last() == Some((1000 - last, last)));
        check!(row.iter().map(|(_, len)| len).sum::<u32>() == 1000);
    }
    let empty = made::train(&[], 100, &SHAPES[0])?;
    check!(empty
        .train()
        .is_some_and(|row| row.count() == 0 && row.iter().next().is_none()));
    check!(made::train(&text, 0, &SHAPES[0])?.train().is_none());
    let mut tunnelled = made::train(&text, 100, &SHAPES[0])?;
    check!(made::spoil(&mut tunnelled, 0) && tunnelled.train().is_none());
    Ok(())
}

/// A socket waits for the train instead of the packet, and is charged for no more and no less.
pub(crate) fn owners() -> Outcome {
    let socket = Socket::new()?;
    let idle = socket.charged();
    for count in [1, 40] {
        let mut owned = made::train(&[0; 500], 0, &SHAPES[0])?;
        socket.own(&mut owned);
        let charged = socket.charged();
        check!(charged > idle);
        let mut train = empty()?;
        for nonce in 0..count {
            check!(add(&mut train, &[1; 1000], nonce)?);
        }
        let skb = train.finish(Owner::Of(&mut owned)).ok_or("no train")?;
        check!(socket.charged() == charged);
        drop(owned);
        check!(socket.charged() == charged);
        drop(skb);
        check!(socket.charged() == idle);
    }
    // Trains that a packet is cut into share what it was charged for, however small it was.
    for size in [0, 1, 500, 60_000] {
        let mut owned = made::train(&zeroed(size)?, 0, &SHAPES[0])?;
        socket.own(&mut owned);
        let charged = socket.charged();
        let mut first = empty()?;
        let mut last = empty()?;
        check!(add(&mut first, &[1; 1000], 0)? && add(&mut last, &[1; 1000], 0)?);
        let first = first.finish(Owner::Too(&mut owned)).ok_or("no train")?;
        let last = last.finish(Owner::Of(&mut owned)).ok_or("no train")?;
        drop(owned);
        check!(socket.charged() == charged);
        drop(first);
        check!(idle < socket.charged() && socket.charged() < charged);
        drop(last);
        check!(socket.charged() == idle);
    }
    // Those who sent several wait for all of them.
    let mut one = made::train(&[0; 500], 0, &SHAPES[0])?;
    socket.own(&mut one);
    let charged = socket.charged() - idle;
    let mut two = made::train(&[0; 500], 0, &SHAPES[0])?;
    socket.own(&mut two);
    two.join_owner(&mut one);
    drop(one);
    check!(socket.charged() == idle + 2 * charged);
    let other = Socket::new()?;
    let mut three = made::train(&[0; 500], 0, &SHAPES[0])?;
    other.own(&mut three);
    let mut nobodys = made::train(&[0; 500], 0, &SHAPES[0])?;
    three.join_owner(&mut two);
    nobodys.join_owner(&mut two);
    three.join_owner(&mut nobodys);
    check!(other.charged() == idle + charged && socket.charged() == idle + 2 * charged);
    drop(two);
    check!(other.charged() == idle + charged && socket.charged() == idle);
    drop(three);
    check!(other.charged() == idle);
    // A destructor that looks for more in its packet stays there.
    let mut owned = made::train(&[0; 500], 0, &SHAPES[0])?;
    made::own_by_packet(&mut owned);
    let mut train = empty()?;
    check!(add(&mut train, &[1; 1000], 1)?);
    let skb = train.finish(Owner::Of(&mut owned)).ok_or("no train")?;
    let mut another = made::train(&[0; 500], 0, &SHAPES[0])?;
    another.join_owner(&mut owned);
    check!(made::owners_left() == 1);
    drop(owned);
    check!(made::owners_left() == 0);
    drop((skb, another));
    check!(made::owners_left() == 0);
    Ok(())
}

/// Cuts a packet as the driver does, into trains whose messages are the segments.
fn cut_into_trains(skb: &SkBuff, mut each: impl FnMut(&[u8]) -> Outcome) -> Outcome {
    let packet = super_packet(skb).ok_or("not to be cut")?;
    let payload = skb.len() - packet.headers;
    let mut room = Room::new();
    let mut template =
        Template::new(packet, skb.linear(), skb.len(), &mut room).ok_or("no template")?;
    for segment in template.segments(payload) {
        let mut train = empty()?;
        let len = packet.headers + segment.len + TAG;
        let mut message = begin!(train, len, 0).ok_or(NO_MEMORY)?;
        check!(message.append_zeros(packet.headers).is_ok());
        let start = packet.headers + segment.start;
        let sum = message
            .append_from(skb, start, segment.len)
            .map_err(|_| "no payload")?;
        let headers = template.headers(&segment, sum).ok_or("no headers")?;
        check!(message.patch(0, headers).is_ok());
        check!(message.seal(0, segment.index.into(), &KEY).is_ok());
        let sealed = finished(train)?;
        let opened = sealed.open_part(0, len - TAG, segment.index.into(), &KEY);
        each(opened.map_err(|_| "not opened")?.linear())?;
    }
    Ok(())
}

/// Every segment of a packet is, to the byte, what the stack makes of it.
fn as_the_stack(made: &Made) -> Outcome {
    let skb = made::super_packet(made)?;
    let count = made.payload.div_ceil(made.segment) as usize;
    let mut bytes = zeroed::<u8>(made.payload as usize + count * 200)?;
    let mut lens = zeroed::<u32>(count)?;
    check!(made::segments(&skb, &mut bytes, &mut lens)? == count);
    let (mut at, mut index) = (0, 0);
    cut_into_trains(&skb, |segment| {
        let len = lens.get(index).copied().ok_or("one too many")? as usize;
        check!(segment == &bytes[at..][..len]);
        at += len;
        index += 1;
        Ok(())
    })?;
    check!(index == count);
    Ok(())
}

/// TCP and UDP in IPv4 and IPv6, with options, all flags, ids and sequence numbers that wrap around,
/// and payloads of any length in any number of pieces.
pub(crate) fn segments_of_all_kinds() -> Outcome {
    const FIN_PSH_ACK: u8 = 0x19;
    const CWR_ECE: u8 = 0xc0;
    let mut dice = Dice::new(19);
    for round in 0..600u32 {
        let is_tcp = dice.below(3) > 0;
        let is_v6 = dice.below(2) == 0;
        let segment = [1 + dice.below(9), 100 + dice.below(64), 1368, 1381, 8000]
            [dice.below(5) as usize] as u32;
        let extensions = [0, 0, 8, 24][dice.below(4) as usize];
        let made = Made {
            payload: (segment + 1 + dice.below(30 * u64::from(segment)) as u32).min(60_000),
            segment,
            options: if is_tcp {
                [0, 12, 40][dice.below(3) as usize]
            } else {
                0
            },
            extensions,
            frags: dice.below(5) as u32,
            kind: if is_tcp {
                [0, ECN, FIXED_ID | ECN, ACCECN][dice.below(4) as usize]
            } else {
                0
            },
            seq: [0, u32::MAX - 2000, dice.u64() as u32][dice.below(3) as usize],
            id: [0, u16::MAX - 1, dice.u64() as u16][dice.below(3) as usize],
            flags: [0x10, FIN_PSH_ACK, FIN_PSH_ACK | CWR_ECE, CWR_ECE, 0xff]
                [dice.below(5) as usize],
            is_v6,
            is_tcp,
        };
        if let Err(reason) = as_the_stack(&made) {
            pr_err!(
                "# round {round}: tcp {is_tcp} v6 {is_v6} payload {} segment {} options {} extensions {} frags {} kind {} flags {}\n",
                made.payload,
                made.segment,
                made.options,
                made.extensions,
                made.frags,
                made.kind,
                made.flags
            );
            return Err(reason);
        }
    }
    // More than 64 KiB of TCP, as administrators may allow.
    for is_v6 in [false, true] {
        let segment = 1368;
        let flags = FIN_PSH_ACK;
        as_the_stack(&Made {
            payload: 150_000,
            segment,
            frags: 9,
            flags,
            is_v6,
            is_tcp: true,
            ..Made::default()
        })?;
    }
    Ok(())
}

/// What is not TCP or UDP right in IP, or cannot be trusted, is none of ours to cut.
pub(crate) fn refusals() -> Outcome {
    let made = Made {
        payload: 5000,
        segment: 1000,
        frags: 1,
        is_tcp: true,
        ..Made::default()
    };
    let mut how = 0;
    loop {
        let mut skb = made::super_packet(&made)?;
        check!(skb
            .super_packet()
            .is_some_and(|packet| packet.headers == 40 && packet.is_tcp));
        if !made::spoil(&mut skb, how) {
            break;
        }
        if skb.super_packet().is_some() {
            pr_err!("# spoilt in way {how}\n");
            return Err("a spoilt packet is taken for one that can be cut");
        }
        how += 1;
    }
    check!(how == 18);
    // Headers that are longer than what is replicated, though nothing is wrong with them.
    let long = Made {
        extensions: 120,
        is_v6: true,
        ..made
    };
    let skb = made::super_packet(&long)?;
    check!(skb.super_packet().is_some() && super_packet(&skb).is_none());
    // There is nothing behind the headers, or not that much of them.
    let packet = skb.super_packet().ok_or("not to be cut")?;
    check!(Template::new(packet, skb.linear(), skb.len(), &mut Room::new()).is_none());
    check!(SkBuff::new(0, 10).is_ok_and(|skb| skb.super_packet().is_none()));
    Ok(())
}
