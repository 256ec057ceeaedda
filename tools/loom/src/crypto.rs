// SPDX-License-Identifier: GPL-2.0

//! Cryptography that keeps no secret: both sides of a handshake agree, and that is all.

use crate::proto::crypto::{
    AeadError,
    Blake2s,
    Crypto,
    DegenerateSharedSecret, //
};

pub(crate) type Key = crate::proto::noise::Key<KernelCrypto>;

pub(crate) struct KernelCrypto;

/// A sum of what is hashed.
pub(crate) struct Sum(u64);

impl<const N: usize> Blake2s<N> for Sum {
    fn unkeyed() -> Self {
        Self(1)
    }

    fn keyed<const K: usize>(key: &[u8; K]) -> Self {
        let mut sum = Self(2);
        <Self as Blake2s<N>>::update(&mut sum, key);
        sum
    }

    fn update(&mut self, data: &[u8]) {
        for byte in data {
            self.0 = self.0.wrapping_mul(31).wrapping_add(u64::from(*byte));
        }
    }

    fn finalize(self, out: &mut [u8; N]) {
        for (place, byte) in out.iter_mut().zip(self.0.to_le_bytes().into_iter().cycle()) {
            *place = byte;
        }
    }
}

/// A public key is its secret, and a shared secret the sum of both.
impl Crypto for KernelCrypto {
    type Hash = Sum;
    type Mac = Sum;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        for (place, (a, b)) in out.iter_mut().zip(secret.iter().zip(point)) {
            *place = a.wrapping_add(*b);
        }
        Ok(())
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        *out = *secret;
        Ok(())
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        let (text, tag) = dst.split_at_mut(src.len());
        text.copy_from_slice(src);
        tag.copy_from_slice(&key[..16]);
        Ok(())
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        let (text, tag) = src.split_at(dst.len());
        dst.copy_from_slice(text);
        (tag == &key[..16]).then_some(()).ok_or(AeadError)
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        _nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        Self::chacha20poly1305_seal(dst, src, ad, 0, key)
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        _nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        Self::chacha20poly1305_open(dst, src, ad, 0, key)
    }

    fn chacha20(key: &[u8; 32], _nonce: &[u8; 12], text: &mut [u8]) {
        for (byte, key) in text.iter_mut().zip(key.iter().cycle()) {
            *byte ^= key;
        }
    }

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        a == b
    }

    fn wipe(bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
