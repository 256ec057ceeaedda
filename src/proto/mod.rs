// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The WireGuard protocol, sans-IO.
//!
//! Nothing in here allocates, locks, sleeps, logs, reads a clock or draws randomness. Bytes, the
//! time, wall time and random bytes come in as arguments, cryptography through the trait
//! [`crypto::Crypto`], and every outcome goes out as a value. What a value means on the wire or in
//! a table of peers is the business of whoever embeds this.
//!
//! Section numbers in the documentation are those of the paper "WireGuard: Next Generation Kernel
//! Network Tunnel".
//!
//! # Map
//!
//! | module | what |
//! | --- | --- |
//! | [`constants`] | every number of the protocol |
//! | [`time`], [`tai64n`] | the three clocks, and the timestamp in an initiation |
//! | [`crypto`] | the primitives asked from outside, and [`crypto::Secret`] |
//! | [`messages`] | the four messages, checked once when parsed |
//! | [`noise`] | HKDF and the symmetric state of Noise_IKpsk2 |
//! | [`identity`] | who we are, and who a peer is |
//! | [`handshake`] | one peer's handshake slot and the steps of both roles |
//! | [`cookie`] | mac1, mac2 and cookie replies |
//! | [`transport`] | data messages, padding, and when a session is too old |
//! | [`replay`] | the window of counters already seen |
//! | [`timers`] | the five timers of a peer as deadlines |
//! | [`token_bucket`] | rate limit per source while under load |
//! | [`awg`] | AmneziaWG: settings that change what messages look like, and how long timers take |
//! | [`prefix`] | arithmetic of allowed IPs |
//! | `selftest` | known answers for an implementation of [`crypto::Crypto`]; a feature |
//!
//! # Rules
//!
//! - The initiator and the responder each bring an ephemeral private key and a local index; both
//!   are spent by the call that takes them.
//! - Anything secret lives in a [`crypto::Secret`], which wipes itself and cannot be copied,
//!   compared or printed by accident.
//! - No function here can panic, whatever bytes a stranger sends.
#![forbid(unsafe_code)]
#![allow(
    unreachable_pub,
    reason = "`pub` is the API of the cargo crate; in the kernel module the mount is private"
)]
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::indexing_slicing,
        clippy::arithmetic_side_effects
    )
)]

pub mod awg;
pub mod constants;
pub mod cookie;
pub mod crypto;
mod error;
pub mod handshake;
pub mod identity;
pub mod messages;
pub mod noise;
pub mod prefix;
pub mod replay;
#[cfg(feature = "selftest")]
pub mod selftest;
pub mod tai64n;
pub mod time;
pub mod timers;
pub mod token_bucket;
pub mod transport;
