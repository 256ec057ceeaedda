// SPDX-License-Identifier: GPL-2.0

//! Any text for a special packet: whether it is taken, and what is written by it, as a second reader
//! of the language has it.

use wireguard_proto::awg::{Special, MAX_SPECIAL_LEN, MAX_SPECIAL_TAGS, MAX_SPECIAL_TEXT};

use crate::common::Random;
use crate::input::Input;

const TIME: u32 = 0x1122_3344;
const COUNTER: u32 = 0xa0b0_c0d0;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let (times, seed) = (1 + input.below(8), input.u32());
    let text = input.rest().repeat(times);
    let expected = read(&text);
    let special = match (Special::parse(&text), &expected) {
        (Ok(special), Some(_)) => special,
        (Err(_), None) => return,
        (parsed, _) => panic!("{parsed:?}, but {expected:?}"),
    };
    let pieces = expected.unwrap();
    let len = pieces.iter().map(Piece::len).sum();
    assert_eq!((special.len(), special.is_empty()), (len, len == 0));

    let mut random = Random(seed.into());
    let mut drawn = 0;
    let mut out = [0x7f; MAX_SPECIAL_LEN + 1];
    let fill = |bytes: &mut [u8]| {
        drawn += bytes.len();
        bytes.fill_with(|| random.next() as u8);
    };
    assert_eq!(special.write(&mut out, fill, TIME, COUNTER), len);
    let (packet, rest) = out.split_at(len);
    assert!(rest.iter().all(|byte| *byte == 0x7f), "more is written");
    assert!(drawn <= 4 * (len + 16 * MAX_SPECIAL_TAGS), "more is drawn");
    check(packet, &pieces);

    // A place that is too small is left alone.
    if let Some(short) = len.checked_sub(1) {
        let mut out = vec![9; short];
        assert_eq!(special.write(&mut out, |_| (), TIME, COUNTER), 0);
        assert_eq!(out, vec![9; short]);
    }
}

#[derive(Debug)]
enum Piece {
    Exactly(Vec<u8>),
    Any(usize),
    Letters(usize),
    Digits(usize),
}

impl Piece {
    fn len(&self) -> usize {
        match self {
            Self::Exactly(bytes) => bytes.len(),
            Self::Any(len) | Self::Letters(len) | Self::Digits(len) => *len,
        }
    }
}

/// What is to be written, if the text is to be taken.
fn read(text: &[u8]) -> Option<Vec<Piece>> {
    if text.len() > MAX_SPECIAL_TEXT {
        return None;
    }
    let mut pieces = Vec::new();
    let mut inside = None::<Vec<u8>>;
    for byte in text {
        match (&mut inside, byte) {
            (None, b'<') => inside = Some(Vec::new()),
            (None, _) => {}
            (Some(tag), b'>') => {
                pieces.push(piece(tag)?);
                inside = None;
            }
            (Some(tag), _) => tag.push(*byte),
        }
    }
    let len: u128 = pieces.iter().map(|piece| piece.len() as u128).sum();
    let fits = len <= MAX_SPECIAL_LEN as u128 && pieces.len() <= MAX_SPECIAL_TAGS;
    (fits && inside.is_none()).then_some(pieces)
}

fn piece(tag: &[u8]) -> Option<Piece> {
    let mut words = tag
        .split(u8::is_ascii_whitespace)
        .filter(|word| !word.is_empty());
    let name = words.next()?;
    let words: Vec<_> = words.collect();
    match name {
        b"t" => return Some(Piece::Exactly(TIME.to_be_bytes().into())),
        b"c" => return Some(Piece::Exactly(COUNTER.to_be_bytes().into())),
        _ => {}
    }
    let [word] = words[..] else {
        return None;
    };
    let word = std::str::from_utf8(word).ok()?;
    if name == b"b" {
        let digits = word.strip_prefix("0x").unwrap_or(word);
        let is_hex = digits.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !is_hex || digits.is_empty() || digits.len() % 2 == 1 {
            return None;
        }
        let bytes = (0..digits.len()).step_by(2);
        let bytes = bytes.map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap());
        return Some(Piece::Exactly(bytes.collect()));
    }
    // What has too many digits for this is too long as well.
    if !word.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    let digits = word.trim_start_matches('0');
    let len = match digits.len() {
        0 => 0,
        1..10 => digits.parse().unwrap(),
        _ => return None,
    };
    match name {
        b"r" => Some(Piece::Any(len)),
        b"rc" => Some(Piece::Letters(len)),
        b"rd" => Some(Piece::Digits(len)),
        _ => None,
    }
}

fn check(mut packet: &[u8], pieces: &[Piece]) {
    for piece in pieces {
        let (bytes, rest) = packet.split_at(piece.len());
        match piece {
            Piece::Exactly(expected) => assert_eq!(bytes, expected),
            Piece::Any(_) => {}
            Piece::Letters(_) => assert!(bytes.iter().all(u8::is_ascii_alphabetic)),
            Piece::Digits(_) => assert!(bytes.iter().all(u8::is_ascii_digit)),
        }
        packet = rest;
    }
}
