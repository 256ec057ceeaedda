// SPDX-License-Identifier: GPL-2.0

//! What is text, as the standard library sees it.

use crate::utf8::split_first;

fn decode(mut text: &[u8]) -> Option<String> {
    let mut found = String::new();
    while !text.is_empty() {
        let (first, rest) = split_first(text)?;
        found.push(first);
        text = rest;
    }
    Some(found)
}

fn check(text: &[u8]) {
    let wanted = std::str::from_utf8(text).ok().map(String::from);
    assert_eq!(decode(text), wanted, "{text:02x?}");
}

#[test]
fn all_that_begins_with_any_two_bytes() {
    for first in 0..=255 {
        for second in 0..=255 {
            check(&[first]);
            check(&[first, second]);
            for more in [0x00, 0x7f, 0x80, 0xbf, 0xc0, 0xff] {
                check(&[first, second, more]);
                check(&[first, second, more, 0x80]);
                check(&[first, second, 0xbf, more]);
            }
        }
    }
}

#[test]
fn every_character() {
    for c in '\0'..=char::MAX {
        let mut bytes = [0; 4];
        let text = c.encode_utf8(&mut bytes);
        assert_eq!(split_first(text.as_bytes()), Some((c, &[][..])));
    }
}
