// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Special packets, I1 to I5: what precedes an initiation, in a language of tags.
//!
//! | tag | bytes |
//! | --- | --- |
//! | `<b 0xHEX>` | these; `0x` may be left out |
//! | `<r N>` | N random bytes |
//! | `<rc N>` | N random letters |
//! | `<rd N>` | N random digits |
//! | `<t>` | the time, in seconds since 1970: four bytes, the most significant first |
//! | `<c>` | a counter that each special packet has one more of, likewise |
//!
//! What stands outside of tags is left out, and so is what follows `t` and `c`.

use core::ffi::CStr;

use super::{MAX_SPECIAL_LEN, MAX_SPECIAL_TAGS, MAX_SPECIAL_TEXT};

/// What a special packet is made by, checked.
///
/// It is a view of the text: each packet is written from it anew.
#[derive(Clone, Copy, Debug)]
pub struct Special<'a> {
    text: &'a [u8],
    len: usize,
}

/// Why a text is not taken.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SpecialError {
    /// It has more than [`MAX_SPECIAL_TEXT`] characters.
    LongText,
    /// It has more than [`MAX_SPECIAL_TAGS`] tags.
    ManyTags,
    /// The packet would have more than [`MAX_SPECIAL_LEN`] bytes.
    LongPacket,
    /// A tag has no end.
    Unclosed,
    /// There is no such tag.
    UnknownTag,
    /// What `b` has to have is an even number of hexadecimal digits, and at least two.
    BadBytes,
    /// What `r`, `rc` and `rd` have to have is a number.
    BadNumber,
}

impl SpecialError {
    /// What to tell the user, after the name of the setting.
    #[must_use]
    pub const fn text(self) -> &'static CStr {
        match self {
            Self::LongText => c"must not have more than 3000 characters",
            Self::ManyTags => c"must not have more than 64 tags",
            Self::LongPacket => c"must not make a packet of more than 1400 bytes",
            Self::Unclosed => c"has a tag without '>'",
            Self::UnknownTag => c"has a tag other than b, r, rc, rd, t and c",
            Self::BadBytes => c"has a tag b without an even number of hex digits",
            Self::BadNumber => c"has a tag r, rc or rd without a number of bytes",
        }
    }
}

/// What one tag stands for.
#[derive(Clone, Copy)]
enum Tag<'a> {
    /// Hexadecimal digits, an even number.
    Bytes(&'a [u8]),
    Random(usize),
    Letters(usize),
    Digits(usize),
    Time,
    Counter,
}

const LETTERS: &[u8; 52] = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
const DIGITS: &[u8; 10] = b"0123456789";

impl<'a> Special<'a> {
    /// Checks a text.
    pub fn parse(text: &'a [u8]) -> Result<Self, SpecialError> {
        if text.len() > MAX_SPECIAL_TEXT {
            return Err(SpecialError::LongText);
        }
        let mut special = Self { text, len: 0 };
        let mut tags = 0_usize;
        let mut rest = text;
        while let Some((tag, behind)) = next_tag(rest) {
            special.len = special.len.saturating_add(tag?.len());
            tags = tags.saturating_add(1);
            if tags > MAX_SPECIAL_TAGS {
                return Err(SpecialError::ManyTags);
            }
            if special.len > MAX_SPECIAL_LEN {
                return Err(SpecialError::LongPacket);
            }
            rest = behind;
        }
        Ok(special)
    }

    /// Bytes of the packet. With none there is no packet.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is no packet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes a packet into the front of `out`, and returns its length; zero if `out` is too short.
    ///
    /// `random` fills what it is given with fresh random bytes.
    pub fn write(
        &self,
        out: &mut [u8],
        mut random: impl FnMut(&mut [u8]),
        unix_secs: u32,
        counter: u32,
    ) -> usize {
        let Some(mut out) = out.get_mut(..self.len) else {
            return 0;
        };
        let mut rest = self.text;
        while let Some((Ok(tag), behind)) = next_tag(rest) {
            let Some((place, further)) = out.split_at_mut_checked(tag.len()) else {
                break;
            };
            tag.write(place, &mut random, unix_secs, counter);
            (out, rest) = (further, behind);
        }
        self.len
    }
}

impl<'a> Tag<'a> {
    /// What is between the brackets: a name, and what there is behind a blank.
    fn parse(inside: &'a [u8]) -> Result<Self, SpecialError> {
        let inside = inside.trim_ascii();
        let is_blank = |byte: &u8| byte.is_ascii_whitespace();
        let name_len = inside.iter().position(is_blank).unwrap_or(inside.len());
        let (name, argument) = inside
            .split_at_checked(name_len)
            .ok_or(SpecialError::UnknownTag)?;
        let argument = argument.trim_ascii();
        match name {
            b"b" => bytes(argument).map(Self::Bytes),
            b"r" => number(argument).map(Self::Random),
            b"rc" => number(argument).map(Self::Letters),
            b"rd" => number(argument).map(Self::Digits),
            b"t" => Ok(Self::Time),
            b"c" => Ok(Self::Counter),
            _ => Err(SpecialError::UnknownTag),
        }
    }

    const fn len(self) -> usize {
        match self {
            Self::Bytes(digits) => digits.len() / 2,
            Self::Random(len) | Self::Letters(len) | Self::Digits(len) => len,
            Self::Time | Self::Counter => 4,
        }
    }

    /// Fills `place`, which has the tag's length.
    fn write(
        self,
        place: &mut [u8],
        random: &mut impl FnMut(&mut [u8]),
        unix_secs: u32,
        counter: u32,
    ) {
        match self {
            Self::Bytes(digits) => {
                for (byte, pair) in place.iter_mut().zip(digits.chunks_exact(2)) {
                    *byte = pair
                        .iter()
                        .filter_map(|digit| hex(*digit))
                        .fold(0, |byte, digit| (byte << 4) | digit);
                }
            }
            Self::Random(_) => random(place),
            Self::Letters(_) => draw(place, LETTERS, random),
            Self::Digits(_) => draw(place, DIGITS, random),
            Self::Time => write_u32(place, unix_secs),
            Self::Counter => write_u32(place, counter),
        }
    }
}

/// The first tag, if there is one, and what is behind it.
fn next_tag(text: &[u8]) -> Option<(Result<Tag<'_>, SpecialError>, &[u8])> {
    let (_, text) = split_once(text, b'<')?;
    Some(match split_once(text, b'>') {
        Some((inside, behind)) => (Tag::parse(inside), behind),
        None => (Err(SpecialError::Unclosed), &[]),
    })
}

/// What is before and behind the first `mark`.
fn split_once(text: &[u8], mark: u8) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|byte| *byte == mark)?;
    let (before, rest) = text.split_at_checked(at)?;
    Some((before, rest.get(1..)?))
}

fn bytes(argument: &[u8]) -> Result<&[u8], SpecialError> {
    let digits = argument.strip_prefix(b"0x").unwrap_or(argument);
    let is_even = digits.len() % 2 == 0;
    if digits.is_empty() || !is_even || digits.iter().any(|digit| hex(*digit).is_none()) {
        return Err(SpecialError::BadBytes);
    }
    Ok(digits)
}

const fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// A decimal number. One that is too great for any packet stays so.
fn number(argument: &[u8]) -> Result<usize, SpecialError> {
    if argument.is_empty() || !argument.iter().all(u8::is_ascii_digit) {
        return Err(SpecialError::BadNumber);
    }
    Ok(argument.iter().fold(0, |number: usize, digit| {
        number
            .saturating_mul(10)
            .saturating_add(usize::from(digit.wrapping_sub(b'0')))
    }))
}

/// Fills `place` with characters out of `alphabet`, all of them equally often.
fn draw(place: &mut [u8], alphabet: &[u8], random: &mut impl FnMut(&mut [u8])) {
    /// How many are drawn at once.
    const ROW: usize = 16;
    for places in place.chunks_mut(ROW) {
        // Of 32 bits for each, so that what does not divide is nothing.
        let mut drawn = [[0; 4]; ROW];
        random(drawn.as_flattened_mut());
        for (place, bits) in places.iter_mut().zip(drawn) {
            let nth = u64::from(u32::from_le_bytes(bits)).wrapping_mul(alphabet.len() as u64) >> 32;
            *place = alphabet.get(nth as usize).copied().unwrap_or(b'0');
        }
    }
}

fn write_u32(place: &mut [u8], value: u32) {
    for (place, byte) in place.iter_mut().zip(value.to_be_bytes()) {
        *place = byte;
    }
}
