// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The numbers of the protocol, under the names the paper gives them.

use core::time::Duration;

/// Bytes in a private, public or shared Curve25519 value, a symmetric key and a hash (5.4).
pub const KEY_LEN: usize = 32;
/// Bytes of the Poly1305 tag behind every ciphertext (5.4).
pub const TAG_LEN: usize = 16;
/// Bytes of a TAI64N timestamp: 8 of seconds and 4 of nanoseconds (5.1).
pub const TIMESTAMP_LEN: usize = 12;
/// Bytes of a cookie, and of mac1 and mac2 (5.4.4).
pub const COOKIE_LEN: usize = 16;
/// Bytes of the XChaCha20-Poly1305 nonce in a cookie reply (5.4.7).
pub const COOKIE_NONCE_LEN: usize = 24;
/// A data packet is padded to a multiple of this (5.4.6).
pub const PADDING_MULTIPLE: usize = 16;

/// Bytes of a handshake initiation (5.4.2).
pub const INITIATION_LEN: usize = 148;
/// Bytes of a handshake response (5.4.3).
pub const RESPONSE_LEN: usize = 92;
/// Bytes of a cookie reply (5.4.7).
pub const COOKIE_REPLY_LEN: usize = 64;
/// Bytes in front of the ciphertext of a data message (5.4.6).
pub const DATA_HEADER_LEN: usize = 16;
/// Bytes of the shortest data message, which is a keepalive: header and tag (5.4.6).
pub const KEEPALIVE_LEN: usize = 32;

/// The name of the handshake, hashed to start the chaining key (5.4).
pub const CONSTRUCTION: &[u8; 37] = b"Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
/// The prologue of the handshake (5.4).
pub const IDENTIFIER: &[u8; 34] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";
/// Label of the key of mac1 (5.4).
pub const LABEL_MAC1: &[u8; 8] = b"mac1----";
/// Label of the key of a cookie reply (5.4).
pub const LABEL_COOKIE: &[u8; 8] = b"cookie--";

/// A session that has sent more messages than this wants a successor (6.1).
pub const REKEY_AFTER_MESSAGES: u64 = 1 << 60;
/// No counter from here on is sent or accepted: 2^64 - 1 less the replay window and one (6.1).
pub const REJECT_AFTER_MESSAGES: u64 = u64::MAX - REPLAY_WINDOW - 1;
/// The initiator of a session this old wants a successor (6.1).
pub const REKEY_AFTER_TIME: Duration = Duration::from_secs(120);
/// A session this old neither sends nor receives (6.1).
pub const REJECT_AFTER_TIME: Duration = Duration::from_secs(180);
/// Least time between two initiations to one peer, and before one is repeated (6.1).
pub const REKEY_TIMEOUT: Duration = Duration::from_secs(5);
/// Longest time over which an unanswered initiation is repeated (6.1).
pub const REKEY_ATTEMPT_TIME: Duration = Duration::from_secs(90);
/// Silence after which a received packet is acknowledged by a keepalive (6.1).
pub const KEEPALIVE_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence after which a sent packet counts as lost and the session as broken (6.5).
pub const NEW_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(15);
/// Age at which the initiator renews a session because it still receives on it (6.2).
pub const REKEY_AFTER_TIME_RECEIVING: Duration = Duration::from_secs(165);
/// Age since the last session at which all secrets of a peer are erased (6.3).
pub const ZERO_KEYS_AFTER_TIME: Duration = Duration::from_secs(3 * 180);
/// Retries after which no further initiation is sent by itself (6.4).
pub const MAX_HANDSHAKE_ATTEMPTS: u16 = 18;
/// A third of a second in nanoseconds: jitter is below this (6.1).
pub const JITTER_LIMIT_NANOS: u32 = 1_000_000_000 / 3;

/// Least time between two accepted initiations of one peer: 50 per second (5.1).
pub const INITIATION_SPACING: Duration = Duration::from_millis(20);
/// Nanoseconds in a timestamp are rounded down to a multiple of this power of two (5.1).
pub const TIMESTAMP_GRANULARITY: u32 = 1 << 24;

/// Life of the secret behind cookies (5.3).
pub const COOKIE_SECRET_MAX_AGE: Duration = Duration::from_secs(120);
/// How long a received cookie is used: its life less a margin for the way here (5.3).
pub const COOKIE_USE_TIME: Duration = Duration::from_secs(115);

/// Bits of the replay bitmap.
pub const REPLAY_BITS: u64 = 8192;
/// Counters behind the highest that are still accepted: the bitmap less one word in flux.
pub const REPLAY_WINDOW: u64 = REPLAY_BITS - 64;

/// Handshake messages let through per second and source while under load (5.3).
pub const RATE_PACKETS_PER_SECOND: u32 = 20;
/// Handshake messages a silent source may send at once while under load (5.3).
pub const RATE_BURST: u32 = 5;
/// Handshake messages per second that a source may send before it is asked for a cookie, load or no
/// load: as many as sixty thousand peers behind one address need for a new session every two
/// minutes.
pub const ALLOWANCE_PER_SECOND: u32 = 512;
/// How many of them at once: more than make a load, so that it is the load that decides of bursts.
pub const ALLOWANCE_BURST: u32 = 1024;

/// Most peers of one device.
pub const MAX_PEERS_PER_DEVICE: usize = 1 << 20;
/// Packets staged per peer while there is no session.
pub const MAX_STAGED_PACKETS: usize = 128;
/// Handshake messages waiting for a worker before new ones are dropped.
pub const MAX_QUEUED_HANDSHAKES: usize = 4096;
/// Handshake messages waiting at which a device is under load.
pub const UNDER_LOAD_QUEUE_LEN: usize = 512;
/// How long a device stays under load after the last such moment.
pub const UNDER_LOAD_HOLD: Duration = Duration::from_secs(1);
/// DS byte of initiations and responses: AF41.
pub const HANDSHAKE_DS: u8 = 0x88;
/// Bytes a tunnel adds to a packet, at most: IPv6, UDP, header and tag.
pub const MAX_OVERHEAD: usize = 40 + 8 + DATA_HEADER_LEN + TAG_LEN;

const _: () = assert!(REJECT_AFTER_MESSAGES == 18_446_744_073_709_543_486);
const _: () = assert!(MAX_OVERHEAD == 80);
