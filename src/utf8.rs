// SPDX-License-Identifier: GPL-2.0

//! Text as characters.
//!
//! As [`core::str::from_utf8`], which does arithmetic that could end in a panic by what the compiler
//! knows.

/// Splits the first character off a text; [`None`] if there is none, or if it is not UTF-8.
pub(crate) fn split_first(text: &[u8]) -> Option<(char, &[u8])> {
    let (&first, rest) = text.split_first()?;
    // How many bytes follow, the bits in this one, and the least number that needs so many bytes.
    let (len, bits, least) = match first {
        0x00..=0x7f => (0, first, 0),
        0xc0..=0xdf => (1, first & 0x1f, 0x80),
        0xe0..=0xef => (2, first & 0x0f, 0x800),
        0xf0..=0xf7 => (3, first & 0x07, 0x1_0000),
        _ => return None,
    };
    let (more, rest) = rest.split_at_checked(len)?;
    let mut number = u32::from(bits);
    for &byte in more {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        number = (number << 6) | u32::from(byte & 0x3f);
    }
    let first = char::from_u32(number)?;
    (number >= least).then_some((first, rest))
}
