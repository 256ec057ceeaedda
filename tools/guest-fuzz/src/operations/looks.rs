// SPDX-License-Identifier: GPL-2.0

//! What devices of the kind `amneziawg` look like, and their profiles: few sound looks, so that both ends of a tunnel often
//! have the same, and whatever else there may be or not.

use super::configuration::*;
use crate::rng::Rng;
use wire_peer::netlink::Message;

/// Both ends of a range, as settings of 16 bits have them.
fn range(lo: u32, hi: u32) -> u32 {
    (hi << 16) | lo
}

/// Those of types of messages.
fn header(message: &mut Message, ty: u16, lo: u64, hi: u64) {
    message.attr(ty, &((hi << 32) | lo).to_ne_bytes());
}

/// WireGuard's looks, others with all there is, or those that the device has.
pub fn sound(rng: &mut Rng, message: &mut Message) {
    match rng.below(4) {
        0 => plain(message),
        1 | 2 => disguise(message),
        _ => {}
    }
    if rng.percent(30) {
        message.nest(PROFILES, |profiles| {
            profiles.nest(0, |profile| {
                profile.u8(PROFILE_NUMBER, 1);
                disguise(profile);
            });
        });
    }
}

fn plain(message: &mut Message) {
    message.u16(JC, 0);
    message.attr(HEADER_PROTECTION_KEY, &[0; 32]);
    for (ty, number) in HEADERS.into_iter().zip(1..) {
        header(message, ty, number, number);
    }
    for ty in PREFIXES {
        message.u16(ty, 0);
    }
    message.text(I1, "");
    message.u32(CONTENT_PADDING, 0);
    message.u8(RANDOM_TRAILERS, 0);
    message.u8(DISABLE_COOKIES, 0);
}

fn disguise(message: &mut Message) {
    message.u16(JC, 2);
    message.u16(JMIN, 8);
    message.u16(JMAX, 80);
    for (ty, number) in HEADERS.into_iter().zip(1..) {
        header(message, ty, number * 1000, number * 1000 + 999);
    }
    for ty in PREFIXES {
        message.u16(ty, 20);
    }
    message.text(I1, "<b 0xc0ffee><r 30><t><c>");
    message.attr(HEADER_PROTECTION_KEY, &[5; 32]);
    message.u32(CONTENT_PADDING, range(0, 50));
    message.u8(RANDOM_TRAILERS, 1);
}

/// Some settings, and profiles.
pub fn any(rng: &mut Rng, message: &mut Message) {
    any_settings(rng, message);
    if rng.percent(20) {
        message.nest(PROFILES, |profiles| {
            for _ in 0..1 + rng.below(3) {
                profiles.nest(0, |profile| any_profile(rng, profile));
            }
        });
    }
}

fn any_profile(rng: &mut Rng, profile: &mut Message) {
    profile.u8(PROFILE_NUMBER, rng.pick(&[0, 1, 1, 1, 2, 7, 8]));
    if rng.percent(30) {
        profile.u32(PROFILE_FLAGS, rng.pick(&[0, REMOVE_PROFILE, 2, u32::MAX]));
    } else {
        any_settings(rng, profile);
    }
}

fn any_settings(rng: &mut Rng, message: &mut Message) {
    for ty in [JC, JMIN, JMAX] {
        if rng.percent(5) {
            message.u16(ty, rng.pick(&[0, 1, 3, 80, 1452, 65535]));
        }
    }
    for ty in PREFIXES {
        if rng.percent(10) {
            message.u16(ty, rng.pick(&[0, 11, 12, 20, 20, 1304, 1305]));
        }
    }
    for (ty, number) in HEADERS.into_iter().zip(1..) {
        if rng.percent(10) {
            let width = rng.pick(&[0, 0, 1, 999, 100_000]);
            let lo = rng.pick(&[number, number * 1000, number << 20]);
            header(message, ty, lo, lo + width);
        }
    }
    for number in 0..5 {
        if rng.percent(5) {
            let text = rng.pick(&["", "<r 9>", "<b 0x00><t><c>", "<rd 5><rc 1400>", "<x>"]);
            message.text(I1 + number, text);
        }
    }
    if rng.percent(10) {
        message.attr(
            HEADER_PROTECTION_KEY,
            &rng.pick(&[[0; 32], [0; 32], [5; 32]]),
        );
    }
    for ty in CONTENT_PADDING..=MAX_HANDSHAKE_ATTEMPTS {
        if rng.percent(5) {
            let (lo, hi) = rng.pick(&[
                (0, 0),
                (0, 0),
                (1, 1),
                (2, 9),
                (125, 170),
                (200, 300),
                (9, 8),
            ]);
            message.u32(ty, range(lo, hi));
        }
    }
    for ty in [RANDOM_TRAILERS, DISABLE_COOKIES] {
        if rng.percent(10) {
            message.u8(ty, rng.pick(&[0, 1, 1, 2]));
        }
    }
}

/// What a peer wears.
pub fn any_of_peer(rng: &mut Rng, peer: &mut Message) {
    peer.u8(PROFILE, rng.pick(&[0, 1, 1, 2, 8]));
}
