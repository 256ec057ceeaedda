// SPDX-License-Identifier: GPL-2.0

//! Data messages as a guise has them: put on by `tx::dress`, and taken off by `rx::uncover`, wherever the
//! bytes of a packet lie.

use kernel::{
    alloc::flags::*,
    prelude::*, //
};

use crate::{
    checks::{
        check,
        Outcome, //
    },
    crypto::Key,
    dress::{
        Dress,
        Guised,
        Plain, //
    },
    guise::{
        Guise,
        Settings, //
    },
    kapi::net::skbuff::{
        Owner,
        SkBuff,
        Train, //
    },
    made::{
        self,
        Shape, //
    },
    pool::Pool,
    proto::{
        awg::Span,
        messages::{
            Counter,
            DataHeader,
            Index, //
        }, //
    },
    trains::SHAPES,
    uncover::{
        header_at,
        is_keepalive,
        uncover, //
    },
    HEADROOM,
};

const TAG: u32 = 16;
const HEADER: u32 = 16;
const KEY: [u8; 32] = [0x3c; 32];
const RECEIVER: Index = Index(0x0403_0201);
const NO_MEMORY: &str = "out of memory";

/// Lengths of S4, and what masks headers.
const WORN: [(u16, Option<u8>); 9] = [
    (0, None),
    (1, None),
    (12, None),
    (12, Some(1)),
    (13, Some(2)),
    (64, Some(3)),
    (250, None),
    (1304, Some(4)),
    (1304, None),
];

fn guise(prefix: u16, key: Option<u8>, padding: Span<u16>) -> Result<Guise, &'static str> {
    let [initiation, response, reply, _] = Settings::default().headers;
    let data = Span::<u32>::new(5, u32::MAX);
    let settings = Settings {
        // A key wants all of them.
        prefixes: [12, 12, 12, prefix],
        headers: [initiation, response, reply, data],
        protection_key: key.map(|byte| Key::fill_with(|bytes| bytes.fill(byte))),
        content_padding: padding,
        ..Settings::default()
    };
    Guise::new(0, settings, &[None; 5]).map_err(|_| "no guise")
}

fn text(len: usize) -> Result<KVVec<u8>, &'static str> {
    let mut text = KVVec::with_capacity(len, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    for at in 0..len {
        // What begins like IP.
        let byte = (0x45 + at * 11 + (at >> 8)) as u8;
        text.push(byte, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    }
    Ok(text)
}

fn packet(headroom: u32, text: &[u8], spare: u32) -> Result<SkBuff, &'static str> {
    let mut skb = SkBuff::new(headroom, text.len() as u32 + spare).map_err(|_| NO_MEMORY)?;
    skb.put_bytes(text).map_err(|_| "there is no room")?;
    Ok(skb)
}

fn bytes_of(skb: &SkBuff) -> Result<KVVec<u8>, &'static str> {
    let mut bytes = KVVec::with_capacity(skb.len() as usize, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    for at in 0..skb.len() {
        let [byte] = skb.bytes_at(at).ok_or("a byte is missing")?;
        bytes.push(byte, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
    }
    Ok(bytes)
}

/// What is written in place is all that is there, and what others have stays as it was.
pub(crate) fn in_place() -> Outcome {
    let mut skb = packet(20, b"text", 8)?;
    check!(skb
        .push_with(20, |bytes| check_zero_and_fill(bytes, 7))
        .is_ok());
    check!(skb.linear()[..20] == [7; 20] && skb.linear()[20..] == *b"text");
    check!(skb.push_with(4096, |bytes| bytes.fill(1)) == Err(ENOBUFS) && skb.len() == 24);
    check!(skb
        .put_with(8, |bytes| check_zero_and_fill(bytes, 9))
        .is_ok());
    check!(skb.linear()[24..] == [9; 8]);
    check!(skb.put_with(4096, |bytes| bytes.fill(1)) == Err(ENOBUFS) && skb.len() == 32);

    let mut other = made::clone(&skb)?;
    check!(other.overwrite(b"others").is_ok() && other.len() == 32);
    check!(other.linear()[..6] == *b"others" && other.linear()[6..] == skb.linear()[6..]);
    check!(skb.linear()[..20] == [7; 20]);
    check!(skb.overwrite(&[1; 33]) == Err(ENOMEM) && skb.linear()[..20] == [7; 20]);
    drop(other);
    let place = skb.linear().as_ptr();
    check!(skb.overwrite(&[1; 32]).is_ok() && skb.linear() == [1; 32]);
    // Nobody else has it: there was no need for another place.
    check!(skb.linear().as_ptr() == place);
    // What is not in the linear part comes there.
    let shape = Shape {
        head: 3,
        frags: 2,
        list: 1,
    };
    let mut skb = made::train(&[5; 30], 0, &shape)?;
    check!(skb.overwrite(&[6; 16]).is_ok() && skb.linear().len() >= 16);
    check!(bytes_of(&skb)?[..16] == [6; 16] && bytes_of(&skb)?[16..] == [5; 14]);
    Ok(())
}

/// Fills bytes, with nothing but zeroes if they were others before.
fn check_zero_and_fill(bytes: &mut [u8], with: u8) {
    let was_clear = bytes.iter().all(|byte| *byte == 0);
    bytes.fill(if was_clear { with } else { 0 });
}

/// A message made of a packet where it is, with so much room in front and behind.
fn seal<D: Dress>(
    dress: &mut D,
    text: &[u8],
    headroom: u32,
    spare: u32,
) -> Result<SkBuff, &'static str> {
    let mut skb = packet(headroom, text, spare)?;
    let padding = dress.padding(text.len(), 1420) as u32;
    skb.extend_for_seal(dress.headroom(), padding)
        .map_err(|_| NO_MEMORY)?;
    check_push(dress, &mut skb)?;
    skb.seal(dress.head_len(), 9, &KEY)
        .map_err(|_| "not sealed")?;
    Ok(skb)
}

fn check_push<D: Dress>(dress: &mut D, skb: &mut SkBuff) -> Outcome {
    let pushed = dress.push_head(skb, RECEIVER, Counter(9));
    pushed.map_err(|_| "no room for the head")
}

/// Whether that is the header that was put on.
fn is_ours(header: &DataHeader, counter: u64) -> bool {
    header.receiver() == RECEIVER && header.counter() == Counter(counter)
}

/// Takes off what a guise has put on a packet, as the driver does, and decrypts it.
fn undress(guise: &Guise, skb: &mut SkBuff) -> Outcome {
    let profile = guise.profile();
    let (len, head) = (skb.len(), profile.needed_head() as u32);
    check!(skb.pull_to_linear(head.min(len)));
    let header = profile.data_header(skb.linear(), len as usize);
    let header = header.ok_or("no data message")?;
    check!(is_ours(&header, 9));
    // In pieces it is the same.
    let again = header_at(profile, skb, 0, len).ok_or("no data message")?;
    check!(again.to_bytes() == header.to_bytes());
    check!(uncover(skb, profile.overhead() as u32, header).is_ok());
    check!(skb.linear().first_chunk() == Some(&header.to_bytes()));
    check!(skb.open(HEADER, 9, &KEY).is_ok() && skb.pull(HEADER).is_ok());
    Ok(())
}

/// A packet of any length is dressed and undressed, however it lies in memory when it comes, and whoever
/// else has it. Where there is room it is not copied.
pub(crate) fn alone() -> Outcome {
    for (prefix, key) in WORN {
        for padding in [Span::<u16>::single(0), Span::<u16>::new(10, 200)] {
            let guise = guise(prefix, key, padding)?;
            for len in [0, 1, 20, 100, 1400, 1420] {
                one_alone(&guise, &text(len)?)?;
            }
        }
    }
    Ok(())
}

fn one_alone(guise: &Guise, text: &[u8]) -> Outcome {
    let mut dress = Guised::new(guise, 1);
    check!(dress.head_len() == guise.profile().overhead() as u32 + HEADER);
    for (headroom, spare) in [(0, 0), (dress.headroom(), 240), (HEADROOM, 32)] {
        let skb = seal(&mut dress, text, headroom, spare)?;
        let around = dress.head_len() + TAG;
        check!(skb.len() >= text.len() as u32 + around && skb.len() <= 1420 + around);
        // What IPv6 and UDP want is there, and all that was asked for beyond.
        check!(made::headroom(&skb) >= HEADROOM - HEADER);
        for shape in &SHAPES {
            let mut came = made::train(&bytes_of(&skb)?, 0, shape)?;
            undress(guise, &mut came)?;
            let found = bytes_of(&came)?;
            check!(found.get(..text.len()) == Some(text));
            check!(found[text.len()..].iter().all(|byte| *byte == 0));
            check!(is_keepalive(&came) == (text.is_empty() && !found.is_empty()));
        }
        let came = made::train(&bytes_of(&skb)?, 0, &SHAPES[3])?;
        let before = bytes_of(&came)?;
        let mut other = made::clone(&came)?;
        undress(guise, &mut other)?;
        check!(
            bytes_of(&came)?[..] == before[..] && bytes_of(&other)?.get(..text.len()) == Some(text)
        );
    }
    Ok(())
}

/// Messages in a train are told and opened one by one, wherever they lie.
pub(crate) fn in_trains() -> Outcome {
    let text = text(1400)?;
    for (prefix, key) in WORN {
        let guise = guise(prefix, key, Span::<u16>::single(0))?;
        let profile = guise.profile();
        for (len, count, last) in [(0, 9, 0), (64, 12, 16), (1400, 9, 700)] {
            let mut dress = Guised::new(&guise, count as usize);
            let size = dress.head_len() + len + TAG;
            let mut train = Train::new(dress.headroom()).map_err(|_| NO_MEMORY)?;
            for nonce in 1..=count {
                let len = if nonce == count { last } else { len };
                add(&mut dress, &mut train, &text[..len as usize], nonce.into())?;
            }
            let mut nobody = SkBuff::new(0, 0).map_err(|_| NO_MEMORY)?;
            let sent = train.finish(Owner::Of(&mut nobody)).ok_or("no train")?;
            check!(sent.datagram_len() == size);
            let bytes = bytes_of(&sent)?;
            for shape in &SHAPES {
                let came = made::train(&bytes, size, shape)?;
                let row = came.train().ok_or("no train")?;
                check!(row.count() == count);
                for (nonce, (start, len)) in (1u64..).zip(row.iter()) {
                    let header = header_at(profile, &came, start, len).ok_or("no header")?;
                    check!(is_ours(&header, nonce));
                    let (start, len) = (start + dress.head_len(), len - dress.head_len() - TAG);
                    let part = came.open_part(start, len, nonce, &KEY);
                    check!(part.is_ok_and(|part| part.linear() == &text[..len as usize]));
                }
                check!(bytes_of(&came)?[..] == bytes[..]);
                check!(header_at(profile, &came, came.len() - HEADER, HEADER).is_none());
                check!(header_at(profile, &came, u32::MAX, size).is_none());
            }
        }
    }
    Ok(())
}

fn add<D: Dress>(dress: &mut D, train: &mut Train, text: &[u8], nonce: u64) -> Outcome {
    let len = dress.head_len() + text.len() as u32 + TAG;
    check!(train.has_room(len, 16 * len));
    let mut message = train.message(len).ok_or("no room")?;
    check!(dress
        .append_head(&mut message, RECEIVER, Counter(nonce))
        .is_ok());
    check!(message.append(text).is_ok() && message.seal(dress.head_len(), nonce, &KEY).is_ok());
    Ok(())
}

/// What wears another guise, or none, is no message of ours, or is not authentic; nor is what is too short.
pub(crate) fn by_another() -> Outcome {
    let text = text(300)?;
    let ours = guise(64, Some(3), Span::<u16>::single(0))?;
    let theirs = [
        guise(63, Some(3), Span::<u16>::single(0))?,
        guise(64, Some(5), Span::<u16>::single(0))?,
        guise(64, None, Span::<u16>::single(0))?,
    ];
    for guise in &theirs {
        let skb = seal(&mut Guised::new(guise, 1), &text, 0, 0)?;
        let mut came = made::train(&bytes_of(&skb)?, 0, &SHAPES[1])?;
        check!(undress(&ours, &mut came).is_err());
    }
    let skb = seal(&mut Plain, &text, 0, 0)?;
    check!(skb.linear()[..4] == [4, 0, 0, 0]);
    let mut came = made::train(&bytes_of(&skb)?, 0, &SHAPES[1])?;
    check!(undress(&ours, &mut came).is_err());

    let skb = seal(&mut Guised::new(&ours, 1), &text, 0, 0)?;
    let bytes = bytes_of(&skb)?;
    for len in [0, 1, 15, 16, 63, 64, 79, 80, 95] {
        let mut came = made::train(&bytes[..len], 0, &SHAPES[1])?;
        check!(came.len() as usize == len && undress(&ours, &mut came).is_err());
    }
    Ok(())
}

/// However many random bytes were expected, and in whatever pieces they are taken: none of them come again, and about
/// half of the bits are set.
pub(crate) fn drawn() -> Outcome {
    const LEN: usize = 8192;
    const PIECE: usize = 16;
    for expected in [0, 1, 32, 33, 64, 200, 300, LEN, usize::MAX] {
        for pieces in [&[LEN][..], &[4], &[12, 4], &[1, 255, 257], &[64], &[256]] {
            let mut bytes = KVec::from_elem(0, LEN, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
            let (mut pool, mut rest) = (Pool::new(expected), &mut bytes[..]);
            for len in pieces.iter().cycle() {
                let (piece, behind) = rest.split_at_mut((*len).min(rest.len()));
                pool.fill(piece);
                rest = behind;
                if rest.is_empty() {
                    break;
                }
            }
            let ones: u32 = bytes.iter().map(|byte| byte.count_ones()).sum();
            // Six standard deviations, each of half the root of the number of bits.
            check!(ones.abs_diff(8 * LEN as u32 / 2) <= 6 * 128);
            let mut seen = KVec::with_capacity(LEN / PIECE, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
            for piece in bytes.chunks(PIECE) {
                seen.push(piece, GFP_KERNEL).map_err(|_| NO_MEMORY)?;
            }
            seen.sort_unstable();
            check!(seen.windows(2).all(|pair| pair[0] != pair[1]));
        }
    }
    let mut pool = Pool::new(1000);
    let (one, other) = (pool.u32(), pool.u32());
    check!(one != other || pool.u32() != other);
    Ok(())
}
