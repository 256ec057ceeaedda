// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `crypto`. What it computes does not matter here, its lengths do: it checks
//! them as the contract of [`Crypto`] says.

use crate::proto::crypto::{AeadError, Blake2s, Crypto, DegenerateSharedSecret};

pub(crate) type Key = crate::proto::noise::Key<KernelCrypto>;

pub(crate) struct KernelCrypto;

pub(crate) struct NoHash;

impl<const N: usize> Blake2s<N> for NoHash {
    fn unkeyed() -> Self {
        Self
    }

    fn keyed<const K: usize>(_key: &[u8; K]) -> Self {
        Self
    }

    fn update(&mut self, _data: &[u8]) {}

    fn finalize(self, _out: &mut [u8; N]) {}
}

/// Fails unless `longer` has room for a tag more than `shorter`.
fn check(longer: &[u8], shorter: &[u8]) -> Result<(), AeadError> {
    match longer.len().checked_sub(shorter.len()) {
        Some(16) => Ok(()),
        _ => Err(AeadError),
    }
}

impl Crypto for KernelCrypto {
    type Hash = NoHash;
    type Mac = NoHash;

    fn curve25519(
        _out: &mut [u8; 32],
        _secret: &[u8; 32],
        _point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        Ok(())
    }

    fn curve25519_public(
        _out: &mut [u8; 32],
        _secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        Ok(())
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: u64,
        _key: &[u8; 32],
    ) -> Result<(), AeadError> {
        check(dst, src)
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: u64,
        _key: &[u8; 32],
    ) -> Result<(), AeadError> {
        check(src, dst)
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: &[u8; 24],
        _key: &[u8; 32],
    ) -> Result<(), AeadError> {
        check(dst, src)
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        _ad: &[u8],
        _nonce: &[u8; 24],
        _key: &[u8; 32],
    ) -> Result<(), AeadError> {
        check(src, dst)
    }

    fn chacha20(_key: &[u8; 32], _nonce: &[u8; 12], _text: &mut [u8]) {}

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        a == b
    }

    fn wipe(_bytes: &mut [u8]) {}
}
