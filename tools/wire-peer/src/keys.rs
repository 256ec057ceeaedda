// SPDX-License-Identifier: GPL-2.0

//! Random keys and their spelling, and a cryptography that cheats.

use std::cell::Cell;
use std::fs::File;
use std::io::Read;

use wireguard_proto::crypto::{AeadError, Crypto, DegenerateSharedSecret, Secret};
use wireguard_proto::rustcrypto::RustCrypto;

/// A key of any of our cryptographies.
pub type Key<C = RustCrypto> = Secret<C, 32>;

/// Random bytes.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut file| file.read_exact(&mut bytes))
        .expect("/dev/urandom can be read");
    bytes
}

pub fn random_key<C: Crypto>() -> Key<C> {
    Key::from_bytes(random())
}

/// How `wg` writes a key.
pub fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for group in bytes.chunks(3) {
        let byte = |at: usize| u32::from(group.get(at).copied().unwrap_or_default());
        let bits = (byte(0) << 16) | (byte(1) << 8) | byte(2);
        for digit in 0..4 {
            text.push(match digit <= group.len() {
                true => char::from(DIGITS[((bits >> (18 - 6 * digit)) & 63) as usize]),
                false => '=',
            });
        }
    }
    text
}

/// The points whose product with any clamped scalar is zero.
pub const LOW_ORDER_POINTS: [[u8; 32]; 7] = {
    const P: [u8; 32] = {
        let mut p = [0xff; 32];
        p[0] = 0xed;
        p[31] = 0x7f;
        p
    };
    let mut one = [0; 32];
    one[0] = 1;
    let mut p_minus_1 = P;
    p_minus_1[0] = 0xec;
    let mut p_plus_1 = P;
    p_plus_1[0] = 0xee;
    [
        [0; 32],
        one,
        [
            0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f,
            0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16,
            0x5f, 0x49, 0xb8, 0x00,
        ],
        [
            0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83,
            0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd,
            0xd0, 0x9f, 0x11, 0x57,
        ],
        p_minus_1,
        P,
        p_plus_1,
    ]
};

/// The private key that [`LowOrder`] has no use for.
pub const CHEAT: [u8; 32] = [0xee; 32];

thread_local! {
    static POINT: Cell<[u8; 32]> = const { Cell::new([0; 32]) };
}

/// Sound but for one private key, [`CHEAT`], whose public key is a point of low order, and whose
/// shared secrets are what the other side then computes: zero. So whoever does not check for that
/// can be talked to without a key.
pub enum LowOrder {}

impl LowOrder {
    /// Chooses the public key.
    pub fn choose(point: [u8; 32]) {
        POINT.set(point);
    }
}

impl Crypto for LowOrder {
    type Hash = <RustCrypto as Crypto>::Hash;
    type Mac = <RustCrypto as Crypto>::Mac;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        if *secret == CHEAT {
            *out = [0; 32];
            return Ok(());
        }
        RustCrypto::curve25519(out, secret, point)
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        if *secret == CHEAT {
            *out = POINT.get();
            return Ok(());
        }
        RustCrypto::curve25519_public(out, secret)
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        RustCrypto::chacha20poly1305_seal(dst, src, ad, nonce, key)
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        RustCrypto::chacha20poly1305_open(dst, src, ad, nonce, key)
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        RustCrypto::xchacha20poly1305_seal(dst, src, ad, nonce, key)
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        RustCrypto::xchacha20poly1305_open(dst, src, ad, nonce, key)
    }

    fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) {
        RustCrypto::chacha20(key, nonce, text);
    }

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        RustCrypto::constant_time_eq(a, b)
    }

    fn wipe(bytes: &mut [u8]) {
        RustCrypto::wipe(bytes);
    }
}
