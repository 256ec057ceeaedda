// SPDX-License-Identifier: GPL-2.0

//! Cryptography that is as cheap as can be and has the algebra of the real one.
//!
//! Both sides of a Diffie-Hellman arrive at the same secret, a ciphertext opens under its own key,
//! nonce and data only, and the least change of an input changes everything. That nobody can
//! compute backwards is what it lacks, and a fuzzer does not try to. A handshake takes microseconds
//! instead of a millisecond, so a hundred times as many are tried.
//!
//! What seals watches over nonces on the way: it panics when one is used with the same key again.

use std::cell::RefCell;
use std::collections::HashSet;

use wireguard_proto::crypto::{AeadError, Blake2s, Crypto, DegenerateSharedSecret};

pub(crate) enum Cheap {}

thread_local! {
    /// Keys and nonces that something was sealed under.
    static SEALED: RefCell<HashSet<([u8; 32], [u8; 24])>> = RefCell::default();
}

/// Begins a run: what was sealed before does not count.
pub(crate) fn forget_nonces() {
    SEALED.with_borrow_mut(HashSet::clear);
}

/// Two lanes that take eight bytes at a time.
pub(crate) struct Hasher<const N: usize> {
    lanes: [u64; 2],
    /// Bytes that wait until they are eight, and how many they are of all.
    waiting: u64,
    len: u64,
}

impl<const N: usize> Hasher<N> {
    fn mix(&mut self, word: u64) {
        let [a, b] = &mut self.lanes;
        *a = (*a ^ word)
            .wrapping_mul(0xff51_afd7_ed55_8ccd)
            .rotate_left(31);
        *b = (b.rotate_left(23) ^ word ^ 0x55).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn push(&mut self, byte: u8) {
        self.waiting = (self.waiting << 8) | u64::from(byte);
        self.len += 1;
        if self.len % 8 == 0 {
            self.mix(self.waiting);
        }
    }
}

impl<const N: usize> Blake2s<N> for Hasher<N> {
    fn unkeyed() -> Self {
        Self {
            lanes: [0xcbf2_9ce4_8422_2325, N as u64],
            waiting: 0,
            len: 0,
        }
    }

    fn keyed<const K: usize>(key: &[u8; K]) -> Self {
        let mut state = Self::unkeyed();
        state.update(key);
        state.update(&[K as u8]);
        state
    }

    fn update(&mut self, data: &[u8]) {
        if self.len % 8 != 0 {
            return data.iter().for_each(|byte| self.push(*byte));
        }
        let words = data.chunks_exact(8);
        let rest = words.remainder();
        for word in words {
            self.mix(u64::from_be_bytes(word.try_into().unwrap_or_default()));
        }
        self.len += (data.len() - rest.len()) as u64;
        rest.iter().for_each(|byte| self.push(*byte));
    }

    fn finalize(mut self, out: &mut [u8; N]) {
        let len = self.len;
        self.mix((self.waiting << 8) | (len % 8));
        self.mix(len);
        let [a, b] = self.lanes;
        for (n, chunk) in (1..).zip(out.chunks_mut(8)) {
            let word = scatter(scatter(a ^ n).wrapping_add(b));
            chunk.copy_from_slice(&word.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// The end of SplitMix64.
fn scatter(x: u64) -> u64 {
    let x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

fn digest<const N: usize>(parts: &[&[u8]]) -> [u8; N] {
    let mut state = Hasher::<N>::unkeyed();
    parts.iter().for_each(|part| state.update(part));
    let mut out = [0; N];
    state.finalize(&mut out);
    out
}

/// A Mersenne prime, in whose group exponents commute.
const PRIME: u64 = (1 << 61) - 1;
const GENERATOR: u64 = 37;

fn power(base: u64, secret: &[u8; 32]) -> u64 {
    let mut clamped = *secret;
    clamped[0] &= 248;
    clamped[31] = (clamped[31] & 127) | 64;
    let mut exponent = u64::from_le_bytes(digest(&[&clamped])) >> 16;
    let (mut result, mut square) = (1, base % PRIME);
    while exponent != 0 {
        if exponent & 1 == 1 {
            result = multiply(result, square);
        }
        square = multiply(square, square);
        exponent >>= 1;
    }
    result
}

fn multiply(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    let sum = (product as u64 & PRIME) + (product >> 61) as u64;
    if sum >= PRIME {
        sum - PRIME
    } else {
        sum
    }
}

fn store(out: &mut [u8; 32], element: u64) -> Result<(), DegenerateSharedSecret> {
    *out = [0; 32];
    out[..8].copy_from_slice(&element.to_le_bytes());
    (element > 1).then_some(()).ok_or(DegenerateSharedSecret)
}

fn note_nonce(key: &[u8; 32], nonce: [u8; 24]) {
    let is_new = SEALED.with_borrow_mut(|sealed| sealed.insert((*key, nonce)));
    assert!(is_new, "a nonce was used twice under one key");
}

fn short(nonce: u64) -> [u8; 24] {
    let mut long = [0xff; 24];
    long[..8].copy_from_slice(&nonce.to_le_bytes());
    long
}

fn scramble(dst: &mut [u8], src: &[u8], nonce: &[u8; 24], key: &[u8; 32]) {
    let start = u64::from_le_bytes(digest(&[b"stream", key, nonce]));
    for (n, (dst, src)) in dst.chunks_mut(8).zip(src.chunks(8)).enumerate() {
        let word = scatter(start.wrapping_add(n as u64)).to_le_bytes();
        for ((dst, src), word) in dst.iter_mut().zip(src).zip(word) {
            *dst = src ^ word;
        }
    }
}

fn seal(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: [u8; 24],
    key: &[u8; 32],
) -> Result<(), AeadError> {
    let (text, tag) = dst.split_at_mut_checked(src.len()).ok_or(AeadError)?;
    let tag: &mut [u8; 16] = tag.try_into().map_err(|_| AeadError)?;
    note_nonce(key, nonce);
    scramble(text, src, &nonce, key);
    *tag = digest(&[key, &nonce, ad, text]);
    Ok(())
}

fn open(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: [u8; 24],
    key: &[u8; 32],
) -> Result<(), AeadError> {
    let (text, tag) = src.split_at_checked(dst.len()).ok_or(AeadError)?;
    if *tag != digest::<16>(&[key, &nonce, ad, text]) {
        return Err(AeadError);
    }
    scramble(dst, text, &nonce, key);
    Ok(())
}

impl Crypto for Cheap {
    type Hash = Hasher<32>;
    type Mac = Hasher<16>;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        let point = u64::from_le_bytes(*point.first_chunk().ok_or(DegenerateSharedSecret)?);
        store(out, power(point, secret))
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        store(out, power(GENERATOR, secret))
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        seal(dst, src, ad, short(nonce), key)
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        open(dst, src, ad, short(nonce), key)
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        seal(dst, src, ad, *nonce, key)
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        open(dst, src, ad, *nonce, key)
    }

    fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) {
        let start = u64::from_le_bytes(digest(&[b"mask", key, nonce]));
        for (n, text) in (0..).zip(text.chunks_mut(8)) {
            let word = scatter(start.wrapping_add(n)).to_le_bytes();
            text.iter_mut()
                .zip(word)
                .for_each(|(text, word)| *text ^= word);
        }
    }

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        a == b
    }

    fn wipe(bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
