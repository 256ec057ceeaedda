// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! AmneziaWG, as settings that change what messages look like.
//!
//! Handshakes, keys and data are those of WireGuard. What may change is the number that says what kind
//! a message is (H1 to H4), what stands before it (S1 to S4) and behind it (trailers), whether its
//! plain parts are masked (the header protection key), how long data are (content padding), what
//! is sent ahead of an initiation (Jc, I1 to I5), and when timers run out. Without settings all is
//! WireGuard, to the byte.
//!
//! [`Settings`](settings::Settings) are what a user says, [`Profile`](profile::Profile) is what passed
//! all checks and is used, [`Special`](special::Special) reads and writes I1 to I5, and
//! [`Pace`](pace::Pace) has the ranges of timers.
//!
//! # What a datagram is
//!
//! Its length does not tell, and the number that says what kind it is may be any of billions, so other
//! messages have it by chance. Who receives asks what cannot be a coincidence, with
//! [`data_header`](profile::Profile::data_header) and [`undress`](profile::Profile::undress):
//!
//! 1. If it may be data, and the receiver index is one of a session that lives, it is that.
//! 2. If it may be an initiation, or else a response, and mac1 is right, it is that.
//! 3. If it may be a cookie reply, and the receiver index is one of ours, it is that.
//! 4. Else it is noise: junk and special packets end here.

pub mod pace;
pub mod profile;
pub mod settings;
mod span;
pub mod special;

#[allow(unused_imports, reason = "this is a library, too")]
pub use {
    pace::{Dice, Pace},
    profile::Profile,
    settings::{Refusal, Setting, Settings},
    span::Span,
    special::{Special, SpecialError},
};

use super::constants::INITIATION_LEN;

/// Kinds of messages. S1 to S4 and H1 to H4 are in the order of
/// [`MessageType`](super::messages::MessageType).
pub const KINDS: usize = 4;
/// Bytes of a datagram that Ethernet carries whole, over IPv6 too.
pub const MAX_DATAGRAM_LEN: usize = 1500 - 40 - 8;
/// Bytes before a message, at most: with them the longest message of a handshake is not fragmented.
pub const MAX_PREFIX: u16 = (MAX_DATAGRAM_LEN - INITIATION_LEN) as u16;
/// Bytes before a message under header protection, at least: they are the nonce.
pub const MIN_PROTECTED_PREFIX: u16 = 12;
/// Bytes of a data message that are masked by header protection: its header.
pub const PROTECTED_DATA_LEN: usize = super::constants::DATA_HEADER_LEN;
/// Packets of junk before an initiation, at most.
pub const MAX_JUNK: u16 = 128;
/// Bytes of one of them, at most: it is not fragmented.
pub const MAX_JUNK_LEN: u16 = MAX_DATAGRAM_LEN as u16;
/// Special packets before an initiation, at most: I1 to I5.
pub const SPECIALS: usize = 5;
/// Bytes of one of them, at most.
pub const MAX_SPECIAL_LEN: usize = 1400;
/// Characters that say what one of them holds, at most. One message of a dump has room for them.
pub const MAX_SPECIAL_TEXT: usize = 3000;
/// Tags in them, at most.
pub const MAX_SPECIAL_TAGS: usize = 64;
/// How long a handshake message may become by its trailer while no data have been seen that are longer.
pub const INITIAL_TRAILER_WINDOW: usize = 500;

const _: () = assert!(MAX_PREFIX == 1304 && MAX_JUNK_LEN == 1452);
