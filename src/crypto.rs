// SPDX-License-Identifier: GPL-2.0

//! The kernel's cryptography, as the protocol asks for it.

use crate::{
    kapi::crypto::{
        self,
        aead, //
    },
    proto::crypto::{
        AeadError,
        Blake2s,
        Crypto,
        DegenerateSharedSecret, //
    }, //
};

/// A key of the protocol, wiped when dropped.
pub(crate) type Key = crate::proto::noise::Key<KernelCrypto>;

/// `lib/crypto` of the kernel. Not for hard interrupt context.
pub(crate) struct KernelCrypto;

impl<const N: usize> Blake2s<N> for crypto::Blake2s<N> {
    fn unkeyed() -> Self {
        Self::new()
    }

    fn keyed<const K: usize>(key: &[u8; K]) -> Self {
        Self::new_keyed(key)
    }

    fn update(&mut self, data: &[u8]) {
        self.update(data);
    }

    fn finalize(self, out: &mut [u8; N]) {
        self.finalize(out);
    }
}

impl Crypto for KernelCrypto {
    type Hash = crypto::Blake2s<32>;
    type Mac = crypto::Blake2s<16>;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        crypto::curve25519(out, secret, point).map_err(|_| DegenerateSharedSecret)
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        crypto::curve25519_public(out, secret).map_err(|_| DegenerateSharedSecret)
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        aead::chacha20poly1305_seal(dst, src, ad, nonce, key).map_err(|_| AeadError)
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        aead::chacha20poly1305_open(dst, src, ad, nonce, key).map_err(|_| AeadError)
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        aead::xchacha20poly1305_seal(dst, src, ad, nonce, key).map_err(|_| AeadError)
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        aead::xchacha20poly1305_open(dst, src, ad, nonce, key).map_err(|_| AeadError)
    }

    fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) {
        crypto::chacha20(key, nonce, text);
    }

    fn chacha20_ends(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8; 16]) -> [u8; 12] {
        crypto::chacha20_ends(key, nonce, text)
    }

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        crypto::constant_time_eq(a, b)
    }

    fn wipe(bytes: &mut [u8]) {
        crypto::wipe(bytes);
    }
}
