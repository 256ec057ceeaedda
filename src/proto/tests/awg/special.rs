// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The language of special packets.

use wireguard_proto::awg::special::{Special, SpecialError};
use wireguard_proto::awg::{MAX_SPECIAL_LEN, MAX_SPECIAL_TAGS, MAX_SPECIAL_TEXT};

use super::common::Random;

/// The packet, made at second 0x01020304, with the number 0xfffefdfc.
fn written(text: &str, seed: u64) -> Vec<u8> {
    let mut random = Random(seed);
    let special = Special::parse(text.as_bytes()).unwrap();
    let mut out = vec![0xee; MAX_SPECIAL_LEN];
    let fill = |bytes: &mut [u8]| bytes.fill_with(|| random.next() as u8);
    let len = special.write(&mut out, fill, 0x0102_0304, 0xfffe_fdfc);
    assert_eq!(len, special.len(), "{text}");
    assert_eq!(special.is_empty(), len == 0);
    assert!(out[len..].iter().all(|byte| *byte == 0xee), "{text}");
    out.truncate(len);
    out
}

#[test]
fn bytes_are_written_as_they_are() {
    for (text, packet) in [
        ("<b 0x00>", &[0][..]),
        ("<b 0xdeadBEEF>", &[0xde, 0xad, 0xbe, 0xef]),
        ("<b c0ffee>", &[0xc0, 0xff, 0xee]),
        (
            "<b  0x0123456789abcdefABCDEF >",
            &[
                1, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0xab, 0xcd, 0xef,
            ],
        ),
        ("< b 0x01>", &[1]),
        ("<b\t0x01>", &[1]),
    ] {
        assert_eq!(written(text, 1), packet, "{text}");
    }
}

#[test]
fn times_and_counters_have_their_most_significant_byte_first() {
    assert_eq!(written("<t>", 1), [1, 2, 3, 4]);
    assert_eq!(written("<c>", 1), [0xff, 0xfe, 0xfd, 0xfc]);
    assert_eq!(written("<t ><c >", 1).len(), 8);
    // Go says nothing to that.
    assert_eq!(written("<t 7><c x>", 1).len(), 8);
}

#[test]
fn random_bytes_are_fresh_in_each_packet() {
    let (one, other) = (written("<r 40>", 1), written("<r 40>", 2));
    assert_eq!((one.len(), other.len()), (40, 40));
    assert_ne!(one, other);
    assert!(one.iter().any(|byte| !byte.is_ascii()));
}

#[test]
fn letters_and_digits_all_come_equally_often() {
    for (tag, alphabet) in [
        ("rc", "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
        ("rd", "0123456789"),
    ] {
        let mut counts = [0_usize; 256];
        for seed in 0..100 {
            for byte in written(&format!("<{tag} 1397>"), seed) {
                counts[usize::from(byte)] += 1;
            }
        }
        let mean = 139_700 / alphabet.len();
        for (byte, count) in (0..=u8::MAX).zip(counts) {
            if alphabet.as_bytes().contains(&byte) {
                let near = mean * 9 / 10..mean * 11 / 10;
                assert!(near.contains(&count), "{count} times {byte}");
            } else {
                assert_eq!(count, 0, "{byte}");
            }
        }
    }
}

#[test]
fn tags_follow_each_other_and_other_text_is_left_out() {
    let packet = written("x<b 0xc0>, then <rc 3> > <rd 2><t><r 5><c>.", 3);
    assert_eq!(packet.len(), 1 + 3 + 2 + 4 + 5 + 4);
    assert_eq!(packet[0], 0xc0);
    assert!(packet[1..4].iter().all(u8::is_ascii_alphabetic));
    assert!(packet[4..6].iter().all(u8::is_ascii_digit));
    assert_eq!(packet[6..10], [1, 2, 3, 4]);
    assert_eq!(packet[15..], [0xff, 0xfe, 0xfd, 0xfc]);
}

#[test]
fn what_has_no_bytes_is_no_packet() {
    for text in ["", "nothing", "a > b", "<r 0>", "<rc 00><rd 0>"] {
        assert_eq!(written(text, 1), [], "{text}");
    }
}

const REFUSED: &[(&str, SpecialError)] = &[
    ("<", SpecialError::Unclosed),
    ("<b 0x00", SpecialError::Unclosed),
    ("<r 5><t", SpecialError::Unclosed),
    ("<r 5> <", SpecialError::Unclosed),
    ("<>", SpecialError::UnknownTag),
    ("< >", SpecialError::UnknownTag),
    ("<x>", SpecialError::UnknownTag),
    ("<R 5>", SpecialError::UnknownTag),
    ("<r5>", SpecialError::UnknownTag),
    ("<rx 5>", SpecialError::UnknownTag),
    ("<tt>", SpecialError::UnknownTag),
    ("<wt 100>", SpecialError::UnknownTag),
    ("<d>", SpecialError::UnknownTag),
    ("<ds>", SpecialError::UnknownTag),
    ("<dz 2>", SpecialError::UnknownTag),
    ("<<r 5>", SpecialError::UnknownTag),
    ("<b>", SpecialError::BadBytes),
    ("<b >", SpecialError::BadBytes),
    ("<b 0x>", SpecialError::BadBytes),
    ("<b 0x0>", SpecialError::BadBytes),
    ("<b 0xabc>", SpecialError::BadBytes),
    ("<b 0xgg>", SpecialError::BadBytes),
    ("<b 0X00>", SpecialError::BadBytes),
    ("<b 0x00 00>", SpecialError::BadBytes),
    ("<b 0x0\u{e9}>", SpecialError::BadBytes),
    ("<b <r 5>", SpecialError::BadBytes),
    ("<r>", SpecialError::BadNumber),
    ("<r >", SpecialError::BadNumber),
    ("<r x>", SpecialError::BadNumber),
    ("<r 0x10>", SpecialError::BadNumber),
    ("<r -1>", SpecialError::BadNumber),
    ("<rc 1.5>", SpecialError::BadNumber),
    ("<rd 1 2>", SpecialError::BadNumber),
    ("<r 1401>", SpecialError::LongPacket),
    ("<r 65536>", SpecialError::LongPacket),
    ("<r 4294967297>", SpecialError::LongPacket),
    ("<rc 18446744073709551617>", SpecialError::LongPacket),
    (
        "<rd 99999999999999999999999999999999999999>",
        SpecialError::LongPacket,
    ),
    ("<r 700><rc 700><b 0x00>", SpecialError::LongPacket),
    ("<r 1397><t>", SpecialError::LongPacket),
];

#[test]
fn each_mistake_is_told_apart() {
    for (text, error) in REFUSED {
        assert_eq!(
            Special::parse(text.as_bytes()).unwrap_err(),
            *error,
            "{text}"
        );
        assert!(error.text().to_str().unwrap().len() < 70);
    }
}

#[test]
fn bounds_are_kept() {
    let parse = |text: &str| Special::parse(text.as_bytes()).map(|special| special.len());
    let tags = |count| "<t>".repeat(count);
    assert_eq!(parse(&tags(MAX_SPECIAL_TAGS)), Ok(4 * 64));
    assert_eq!(
        parse(&tags(MAX_SPECIAL_TAGS + 1)),
        Err(SpecialError::ManyTags)
    );
    assert_eq!(parse("<r 1400>"), Ok(1400));
    assert_eq!(parse("<r 1396><t>"), Ok(1400));
    let padded = |len| format!("{:len$}", "<r 5>");
    assert_eq!(parse(&padded(MAX_SPECIAL_TEXT)), Ok(5));
    assert_eq!(
        parse(&padded(MAX_SPECIAL_TEXT + 1)),
        Err(SpecialError::LongText)
    );
    // The longest packet fits the longest text.
    assert_eq!(
        parse(&format!("<b 0x{}>", "5a".repeat(MAX_SPECIAL_LEN))),
        Ok(1400)
    );
}

#[test]
fn a_place_that_is_too_small_gets_nothing() {
    let special = Special::parse(b"<b 0x0102><r 3>").unwrap();
    let mut out = [9; 4];
    let fill = |bytes: &mut [u8]| bytes.fill(1);
    assert_eq!(special.write(&mut out, fill, 0, 0), 0);
    assert_eq!(out, [9; 4]);
}

#[test]
fn no_text_is_too_strange() {
    let mut random = Random(5);
    let mut taken = 0;
    for _ in 0..200_000 {
        let alphabet = b"<<<>>>bbrcdt  0x1234af\0\xff";
        let len = random.below(24) as usize;
        let text: Vec<u8> = (0..len)
            .map(|_| alphabet[random.below(alphabet.len() as u64) as usize])
            .collect();
        if let Ok(special) = Special::parse(&text) {
            let mut out = [0; MAX_SPECIAL_LEN];
            let len = special.write(&mut out, |bytes| bytes.fill(1), 1, 2);
            assert_eq!(len, special.len());
            taken += usize::from(len > 0);
        }
    }
    assert!(taken > 100, "{taken}");
}
