// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Which settings are taken.

use std::collections::HashSet;
use std::time::Duration;

use wireguard_proto::awg::pace::{Pace, Period};
use wireguard_proto::awg::settings::{HeaderPair, Refusal, Setting};
use wireguard_proto::awg::Span;
use wireguard_proto::messages::MessageType::{CookieReply, Data, Initiation, Response};

use super::common::key;
use super::{settings, Profile, Settings};

type Change = fn(&mut Settings);

const REFUSED: &[(Change, Refusal)] = &[
    (|s| s.junk_count = 129, Refusal::TooMuchJunk),
    (|s| s.junk_count = u16::MAX, Refusal::TooMuchJunk),
    (|s| s.junk_len = Span::new(0, 1453), Refusal::JunkTooLong),
    (
        |s| s.junk_len = Span::new(40, u16::MAX),
        Refusal::JunkTooLong,
    ),
    (
        |s| s.junk_len = Span::new(70, 69),
        Refusal::Inverted(Setting::Jmin),
    ),
    (
        |s| s.junk_len = Span::new(1, 0),
        Refusal::Inverted(Setting::Jmin),
    ),
    (
        |s| s.prefixes = [1305, 0, 0, 0],
        Refusal::PrefixTooLong(Initiation),
    ),
    (
        |s| s.prefixes = [0, 1305, 0, 0],
        Refusal::PrefixTooLong(Response),
    ),
    (
        |s| s.prefixes = [0, 0, 1305, 0],
        Refusal::PrefixTooLong(CookieReply),
    ),
    (
        |s| s.prefixes = [0, 0, 0, u16::MAX],
        Refusal::PrefixTooLong(Data),
    ),
    (
        |s| protect(s, [11, 12, 12, 12]),
        Refusal::PrefixTooShort(Initiation),
    ),
    (
        |s| protect(s, [12, 11, 12, 12]),
        Refusal::PrefixTooShort(Response),
    ),
    (
        |s| protect(s, [12, 12, 11, 12]),
        Refusal::PrefixTooShort(CookieReply),
    ),
    (
        |s| protect(s, [12, 12, 12, 11]),
        Refusal::PrefixTooShort(Data),
    ),
    (|s| protect(s, [0; 4]), Refusal::PrefixTooShort(Initiation)),
    (
        |s| protect(s, [40, 40, 0, 40]),
        Refusal::PrefixTooShort(CookieReply),
    ),
    (
        |s| s.headers[0] = Span::new(9, 8),
        Refusal::Inverted(Setting::H1),
    ),
    (
        |s| s.headers[1] = Span::new(9, 8),
        Refusal::Inverted(Setting::H2),
    ),
    (
        |s| s.headers[2] = Span::new(9, 8),
        Refusal::Inverted(Setting::H3),
    ),
    (
        |s| s.headers[3] = Span::new(u32::MAX, 0),
        Refusal::Inverted(Setting::H4),
    ),
    (
        |s| s.headers[0] = Span::single(2),
        Refusal::HeadersOverlap(HeaderPair::H1H2),
    ),
    (
        |s| s.headers[0] = Span::single(3),
        Refusal::HeadersOverlap(HeaderPair::H1H3),
    ),
    (
        |s| s.headers[0] = Span::single(4),
        Refusal::HeadersOverlap(HeaderPair::H1H4),
    ),
    (
        |s| s.headers[1] = Span::single(3),
        Refusal::HeadersOverlap(HeaderPair::H2H3),
    ),
    (
        |s| s.headers[3] = Span::single(2),
        Refusal::HeadersOverlap(HeaderPair::H2H4),
    ),
    (
        |s| s.headers[3] = Span::single(3),
        Refusal::HeadersOverlap(HeaderPair::H3H4),
    ),
    (
        |s| s.headers[2] = Span::new(3, 4),
        Refusal::HeadersOverlap(HeaderPair::H3H4),
    ),
    (
        |s| s.headers[3] = Span::new(0, u32::MAX),
        Refusal::HeadersOverlap(HeaderPair::H1H4),
    ),
    (
        |s| s.headers = [wide(0), wide(1), wide(2), wide(1)],
        Refusal::HeadersOverlap(HeaderPair::H2H4),
    ),
    (
        |s| s.content_padding = Span::new(2, 1),
        Refusal::Inverted(Setting::ContentPaddingAddition),
    ),
    (
        |s| s.rekey_after_time = Span::new(121, 120),
        Refusal::Inverted(Setting::RekeyAfterTime),
    ),
    (
        |s| s.rekey_timeout = Span::new(5, 0),
        Refusal::Inverted(Setting::RekeyTimeout),
    ),
    (
        |s| s.reject_after_time = Span::new(181, 180),
        Refusal::Inverted(Setting::RejectAfterTime),
    ),
    (
        |s| s.keepalive_timeout = Span::new(u16::MAX, 9),
        Refusal::Inverted(Setting::KeepaliveTimeout),
    ),
    (
        |s| s.max_handshake_attempts = Span::new(2, 1),
        Refusal::Inverted(Setting::MaxHandshakeAttempts),
    ),
    // Either of both by default, and equal ends of ranges.
    (
        |s| s.reject_after_time = Span::single(120),
        Refusal::EndsUnrenewed,
    ),
    (
        |s| s.reject_after_time = Span::new(1, 200),
        Refusal::EndsUnrenewed,
    ),
    (
        |s| s.rekey_after_time = Span::new(1, 180),
        Refusal::EndsUnrenewed,
    ),
    (
        |s| (s.rekey_after_time, s.reject_after_time) = (Span::new(10, 20), Span::new(20, 30)),
        Refusal::EndsUnrenewed,
    ),
    (
        |s| (s.rekey_after_time, s.reject_after_time) = (Span::new(0, 1), Span::new(0, 9)),
        Refusal::EndsUnrenewed,
    ),
];

fn protect(settings: &mut Settings, prefixes: [u16; 4]) {
    settings.protection_key = Some(key(7));
    settings.prefixes = prefixes;
}

/// A quarter of all numbers.
const fn wide(nth: u32) -> Span<u32> {
    let lo = nth << 30;
    Span {
        lo,
        hi: lo + ((1 << 30) - 1),
    }
}

#[test]
fn each_mistake_is_told_apart() {
    for (number, (change, refusal)) in REFUSED.iter().enumerate() {
        let settings = settings(change);
        assert_eq!(settings.check(), Err(*refusal), "{number}");
        assert!(Profile::new(settings).is_err(), "{number}");
    }
    assert!(REFUSED.len() >= 35);
}

#[test]
fn each_refusal_names_its_setting_and_is_short() {
    let refusals: HashSet<_> = REFUSED.iter().map(|(_, refusal)| *refusal).collect();
    assert_eq!(refusals.len(), 3 + 4 + 4 + 4 + 6 + 6 + 1);
    let mut texts = HashSet::new();
    for refusal in refusals {
        let text = refusal.text().to_str().unwrap();
        let name = format!("{:?}", refusal.setting());
        assert!(text.contains(&name), "{text} does not name {name}");
        assert!(text.len() < 80, "{text}");
        assert!(texts.insert(text), "{text} is told twice");
    }
}

const TAKEN: &[Change] = &[
    |_| (),
    // At the bounds.
    |s| (s.junk_count, s.junk_len) = (128, Span::new(0, 1452)),
    |s| s.prefixes = [1304; 4],
    |s| protect(s, [12; 4]),
    |s| s.headers = [wide(0), wide(1), wide(2), wide(3)],
    |s| s.content_padding = Span::new(0, u16::MAX),
    |s| s.max_handshake_attempts = Span::new(0, u16::MAX),
    // Jc without a length, which sends nothing; all at one length.
    |s| s.junk_count = 5,
    |s| (s.junk_count, s.junk_len) = (3, Span::single(64)),
    // Zero is no key.
    |s| s.protection_key = Some(key(0)),
    // An initiation and a response of one length, and all messages behind one prefix.
    |s| s.prefixes = [0, 56, 84, 0],
    |s| (s.prefixes, s.random_trailers) = ([20; 4], true),
    // WireGuard's numbers in another order, neighbours, and those at both ends.
    |s| s.headers = [4, 3, 2, 1].map(Span::single),
    |s| s.headers = [10, 11, 12, 13].map(Span::single),
    |s| s.headers = [0, u32::MAX, 7, 8].map(Span::single),
    // What the wizard of an application makes for 3.1.
    |s| {
        protect(s, [42, 108, 13, 12]);
        (s.junk_count, s.junk_len) = (5, Span::new(10, 50));
        s.content_padding = Span::new(10, 100);
        s.rekey_after_time = Span::new(100, 120);
        s.rekey_timeout = Span::new(3, 7);
        s.reject_after_time = Span::new(150, 180);
        s.keepalive_timeout = Span::new(5, 15);
        s.max_handshake_attempts = Span::new(15, 20);
        (s.random_trailers, s.disable_cookies) = (true, true);
    },
    // Times that are of little use, but work.
    |s| (s.rekey_after_time, s.reject_after_time) = (Span::single(1), Span::single(2)),
    |s| (s.rekey_after_time, s.reject_after_time) = (Span::new(10, 20), Span::new(21, 30)),
    |s| s.reject_after_time = Span::single(121),
    |s| s.rekey_after_time = Span::new(0, 179),
    |s| s.rekey_timeout = Span::new(0, 1),
];

#[test]
fn what_works_is_taken() {
    for (number, change) in TAKEN.iter().enumerate() {
        let settings = settings(change);
        assert_eq!(settings.check(), Ok(()), "{number}");
        assert!(Profile::new(settings).is_ok(), "{number}");
    }
}

#[test]
fn only_what_makes_no_difference_is_plain() {
    let plain: &[Change] = &[
        |_| (),
        |s| s.junk_count = 9,
        |s| s.junk_len = Span::new(10, 20),
        |s| s.protection_key = Some(key(0)),
    ];
    for change in plain {
        assert!(settings(change).is_plain());
    }
    let different: &[Change] = &[
        |s| (s.junk_count, s.junk_len) = (1, Span::new(0, 1)),
        |s| s.prefixes[0] = 1,
        |s| s.prefixes[3] = 1,
        |s| s.headers[0] = Span::single(5),
        |s| s.headers[3] = Span::new(4, 5),
        |s| s.protection_key = Some(key(1)),
        |s| s.content_padding = Span::new(0, 1),
        |s| s.rekey_after_time = Span::single(120),
        |s| s.rekey_timeout = Span::single(1),
        |s| s.reject_after_time = Span::single(1),
        |s| s.keepalive_timeout = Span::single(1),
        |s| s.max_handshake_attempts = Span::single(1),
        |s| s.random_trailers = true,
        |s| s.disable_cookies = true,
    ];
    for (number, change) in different.iter().enumerate() {
        assert!(!settings(change).is_plain(), "{number}");
    }
}

#[test]
fn only_the_same_is_the_same() {
    let changes: &[Change] = &[
        |_| (),
        |s| s.junk_count = 1,
        |s| s.junk_len = Span::new(0, 1),
        |s| s.junk_len = Span::single(1),
        |s| s.prefixes[0] = 1,
        |s| s.prefixes[3] = 1,
        |s| s.headers[0] = Span::single(5),
        |s| s.headers[3] = Span::new(4, 5),
        |s| s.protection_key = Some(key(1)),
        |s| s.protection_key = Some(key(2)),
        |s| s.content_padding = Span::new(0, 1),
        |s| s.rekey_after_time = Span::single(1),
        |s| s.rekey_timeout = Span::single(1),
        |s| s.reject_after_time = Span::single(190),
        |s| s.keepalive_timeout = Span::single(1),
        |s| s.max_handshake_attempts = Span::single(1),
        |s| s.random_trailers = true,
        |s| s.disable_cookies = true,
    ];
    for (one, change) in changes.iter().enumerate() {
        for (other, change_of_other) in changes.iter().enumerate() {
            let is_same = settings(change).is_same(&settings(change_of_other));
            assert_eq!(is_same, one == other, "{one} and {other}");
        }
    }
    // Zero is no key.
    assert!(settings(|s| s.protection_key = Some(key(0))).is_same(&settings(|_| ())));
}

#[test]
fn a_duplicate_has_all() {
    for change in TAKEN {
        let settings = settings(change);
        let copy = settings.duplicate();
        assert!(copy.is_same(&settings));
        let keys = (&settings.protection_key, &copy.protection_key);
        match keys {
            (Some(key), Some(copy)) => assert!(key.ct_eq(copy)),
            (key, copy) => assert!(key.is_none() && copy.is_none()),
        }
        assert_eq!(copy.headers, settings.headers);
        assert_eq!(copy.prefixes, settings.prefixes);
        assert_eq!(
            (copy.junk_count, copy.junk_len),
            (settings.junk_count, settings.junk_len)
        );
        assert_eq!(Pace::new(&copy), Pace::new(&settings));
    }
}

#[test]
fn what_is_not_set_takes_as_long_as_in_wireguard() {
    assert_eq!(Pace::new(&settings(|_| ())), Pace::WIREGUARD);
    let pace = Pace::new(&settings(|s| {
        s.rekey_after_time = Span::new(1, 2);
        s.keepalive_timeout = Span::new(0, 3);
        s.max_handshake_attempts = Span::single(4);
    }));
    assert_eq!(pace.rekey_after, Period::from_secs(Span::new(1, 2)));
    assert_eq!(pace.keepalive_timeout.pick(|| 0), Duration::from_secs(1));
    assert_eq!(pace.attempts, Span::single(4));
    assert_eq!(pace.reject_after, Pace::WIREGUARD.reject_after);
    assert_eq!(pace.rekey_timeout, Pace::WIREGUARD.rekey_timeout);
    assert_eq!(pace.new_handshake_timeout(), Duration::from_secs(8));
}
