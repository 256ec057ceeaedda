// SPDX-License-Identifier: GPL-2.0

//! Any settings: they are refused if and only if there is a reason, and what is drawn by those that
//! are taken is in range.

use std::time::Duration;

use wireguard_proto::awg::pace::{Dice, Period};
use wireguard_proto::awg::settings::HeaderPair;
use wireguard_proto::awg::{Pace, Profile, Refusal, Setting, Span};
use wireguard_proto::crypto::Secret;
use wireguard_proto::handshake::Role;
use wireguard_proto::messages::MessageType;
use wireguard_proto::time::BootTime;
use wireguard_proto::transport::{may_receive, may_send, rekey_due_after_send, Lifetime};

use crate::cheap::Cheap;
use crate::input::Input;

type Settings = wireguard_proto::awg::Settings<Cheap>;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let settings = settings(&mut input);
    let copy = settings.duplicate();
    match (settings.check(), Profile::new(copy)) {
        (Ok(()), Ok(profile)) => {
            assert!(REFUSALS.iter().all(|refusal| !applies(*refusal, &settings)));
            check_draws(&settings, &profile, &mut input);
        }
        (Err(refusal), Err(again)) => {
            assert_eq!(refusal, again);
            assert!(applies(refusal, &settings), "{refusal:?}");
            assert!(refusal.text().to_bytes().len() < 80);
        }
        _ => panic!("two opinions"),
    }
}

/// Mostly near what is of interest.
fn number(input: &mut Input<'_>) -> u16 {
    match input.u8() % 8 {
        0 => input.u16(),
        1 => 1300 + u16::from(input.u8() % 8),
        2 => 1449 + u16::from(input.u8() % 8),
        3 => 10 + u16::from(input.u8() % 4),
        _ => u16::from(input.u8()),
    }
}

fn span(input: &mut Input<'_>) -> Span<u16> {
    let (a, b) = (number(input), number(input));
    if input.u8() % 16 == 0 {
        Span::new(a, b)
    } else {
        Span::new(a.min(b), a.max(b))
    }
}

fn header(input: &mut Input<'_>) -> Span<u32> {
    let (lo, width) = (input.u32() >> (input.u8() % 32), input.u32());
    match input.u8() % 8 {
        0 => Span::new(lo, width),
        wide => Span::new(lo, lo.saturating_add(width >> (4 * wide))),
    }
}

fn settings(input: &mut Input<'_>) -> Settings {
    Settings {
        junk_count: number(input) & if input.flag() { 0x7f } else { 0xffff },
        junk_len: span(input),
        prefixes: [(); 4].map(|()| number(input)),
        headers: if input.flag() {
            Settings::default().headers
        } else {
            [(); 4].map(|()| header(input))
        },
        protection_key: input
            .flag()
            .then(|| Secret::from_bytes([input.u8() & 1; 32])),
        content_padding: span(input),
        rekey_after_time: span(input),
        rekey_timeout: span(input),
        reject_after_time: span(input),
        keepalive_timeout: span(input),
        max_handshake_attempts: span(input),
        random_trailers: input.flag(),
        disable_cookies: input.flag(),
    }
}

const REFUSALS: &[Refusal] = &[
    Refusal::TooMuchJunk,
    Refusal::JunkTooLong,
    Refusal::Inverted(Setting::Jmin),
    Refusal::Inverted(Setting::H1),
    Refusal::Inverted(Setting::H2),
    Refusal::Inverted(Setting::H3),
    Refusal::Inverted(Setting::H4),
    Refusal::Inverted(Setting::ContentPaddingAddition),
    Refusal::Inverted(Setting::RekeyAfterTime),
    Refusal::Inverted(Setting::RekeyTimeout),
    Refusal::Inverted(Setting::RejectAfterTime),
    Refusal::Inverted(Setting::KeepaliveTimeout),
    Refusal::Inverted(Setting::MaxHandshakeAttempts),
    Refusal::PrefixTooLong(MessageType::Initiation),
    Refusal::PrefixTooLong(MessageType::Response),
    Refusal::PrefixTooLong(MessageType::CookieReply),
    Refusal::PrefixTooLong(MessageType::Data),
    Refusal::PrefixTooShort(MessageType::Initiation),
    Refusal::PrefixTooShort(MessageType::Response),
    Refusal::PrefixTooShort(MessageType::CookieReply),
    Refusal::PrefixTooShort(MessageType::Data),
    Refusal::HeadersOverlap(HeaderPair::H1H2),
    Refusal::HeadersOverlap(HeaderPair::H1H3),
    Refusal::HeadersOverlap(HeaderPair::H1H4),
    Refusal::HeadersOverlap(HeaderPair::H2H3),
    Refusal::HeadersOverlap(HeaderPair::H2H4),
    Refusal::HeadersOverlap(HeaderPair::H3H4),
    Refusal::EndsUnrenewed,
];

/// Whether there is that reason to refuse.
fn applies(refusal: Refusal, settings: &Settings) -> bool {
    let key = settings.protection_key.as_ref();
    let is_protected = key.is_some_and(|key| key.as_bytes().iter().any(|byte| *byte != 0));
    let prefix = |kind: MessageType| settings.prefixes[kind as usize - 1];
    let shared = |a: usize, b: usize| {
        let (a, b) = (settings.headers[a - 1], settings.headers[b - 1]);
        a.lo.max(b.lo) <= a.hi.min(b.hi)
    };
    match refusal {
        Refusal::TooMuchJunk => settings.junk_count > 128,
        Refusal::JunkTooLong => settings.junk_len.hi > 1452,
        Refusal::PrefixTooLong(kind) => prefix(kind) > 1304,
        Refusal::PrefixTooShort(kind) => is_protected && prefix(kind) < 12,
        Refusal::HeadersOverlap(HeaderPair::H1H2) => shared(1, 2),
        Refusal::HeadersOverlap(HeaderPair::H1H3) => shared(1, 3),
        Refusal::HeadersOverlap(HeaderPair::H1H4) => shared(1, 4),
        Refusal::HeadersOverlap(HeaderPair::H2H3) => shared(2, 3),
        Refusal::HeadersOverlap(HeaderPair::H2H4) => shared(2, 4),
        Refusal::HeadersOverlap(HeaderPair::H3H4) => shared(3, 4),
        Refusal::EndsUnrenewed => {
            let (renewed, over) = (settings.rekey_after_time, settings.reject_after_time);
            let or = |span: Span<u16>, secs| if span.hi == 0 { secs } else { span };
            or(over, Span::single(180)).lo <= or(renewed, Span::single(120)).hi
        }
        Refusal::Inverted(setting) => {
            let (lo, hi) = range(setting, settings);
            lo > hi
        }
    }
}

fn range(setting: Setting, settings: &Settings) -> (u32, u32) {
    let short = |span: Span<u16>| (span.lo.into(), span.hi.into());
    let long = |span: Span<u32>| (span.lo, span.hi);
    match setting {
        Setting::Jmin => short(settings.junk_len),
        Setting::H1 => long(settings.headers[0]),
        Setting::H2 => long(settings.headers[1]),
        Setting::H3 => long(settings.headers[2]),
        Setting::H4 => long(settings.headers[3]),
        Setting::ContentPaddingAddition => short(settings.content_padding),
        Setting::RekeyAfterTime => short(settings.rekey_after_time),
        Setting::RekeyTimeout => short(settings.rekey_timeout),
        Setting::RejectAfterTime => short(settings.reject_after_time),
        Setting::KeepaliveTimeout => short(settings.keepalive_timeout),
        Setting::MaxHandshakeAttempts => short(settings.max_handshake_attempts),
        other => panic!("{other:?} is no range"),
    }
}

fn check_draws(settings: &Settings, profile: &Profile<Cheap>, input: &mut Input<'_>) {
    let random = input.u32();
    for (kind, span) in MessageType::ALL.into_iter().zip(settings.headers) {
        let value = profile.pick_header(kind, random);
        assert!(span.lo <= value && value <= span.hi);
    }
    let junk = profile.pick_junk_len(random);
    assert!((settings.junk_len.lo.into()..=settings.junk_len.hi.into()).contains(&junk));
    let sends_junk = settings.junk_count > 0 && settings.junk_len.hi > 0;
    assert_eq!(profile.junk_count() > 0, sends_junk);

    let pace = *profile.pace();
    let dice = (pace, || random);
    check_period(
        pace.rekey_after,
        settings.rekey_after_time,
        120,
        dice.rekey_after(),
    );
    check_period(
        pace.reject_after,
        settings.reject_after_time,
        180,
        dice.reject_after(),
    );
    check_period(
        pace.rekey_timeout,
        settings.rekey_timeout,
        5,
        dice.rekey_timeout(),
    );
    check_period(
        pace.keepalive_timeout,
        settings.keepalive_timeout,
        10,
        dice.keepalive_timeout(),
    );
    check_attempts(&pace, settings.max_handshake_attempts, random);
    check_lifetime(&dice, BootTime(input.u64() >> 1));
}

fn check_period(period: Period, secs: Span<u16>, default: u64, drawn: Duration) {
    let (lo, hi) = match (u64::from(secs.lo), u64::from(secs.hi)) {
        (0, 0) => (default, default),
        (lo, hi) => (lo.max(1), hi),
    };
    assert!(Duration::from_secs(lo) <= drawn && drawn <= Duration::from_secs(hi));
    assert_eq!(period.longest(), Duration::from_secs(hi));
}

/// As many initiations as there may be, and one more, which is how WireGuard counts.
fn check_attempts(pace: &Pace, attempts: Span<u16>, random: u32) {
    let (lo, hi) = match (attempts.lo, attempts.hi) {
        (0, 0) => (18, 18),
        range => range,
    };
    let dice = (*pace, || random);
    assert!((0..=lo).all(|count| !dice.gives_up_after(count)));
    if let Some(beyond) = hi.checked_add(1) {
        assert!(dice.gives_up_after(beyond));
    }
}

fn check_lifetime(dice: &(Pace, impl Fn() -> u32), birth: BootTime) {
    let life = Lifetime::begin(birth, dice);
    let end = birth.saturating_add(dice.reject_after());
    let before = BootTime(end.0 - 1);
    assert!(may_send(&life, before, 0) && may_receive(&life, before, 0));
    assert!(!may_send(&life, end, 0) && !may_receive(&life, end, 0));
    let due = birth.saturating_add(dice.rekey_after());
    assert!(rekey_due_after_send(Role::Initiator, &life, || due, 0));
    assert!(!rekey_due_after_send(
        Role::Initiator,
        &life,
        || BootTime(due.0 - 1),
        0
    ));
    assert!(!rekey_due_after_send(Role::Responder, &life, || due, 0));
}
