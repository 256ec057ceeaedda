// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Secrets are wiped wherever they end.

use std::cell::Cell;

use wireguard_proto::crypto::{AeadError, Crypto, DegenerateSharedSecret, Secret};
use wireguard_proto::handshake::Handshake;
use wireguard_proto::identity::{RemoteStatic, StaticIdentity};
use wireguard_proto::messages::Index;
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::WallTime;

thread_local! {
    static WIPED: Cell<usize> = const { Cell::new(0) };
}

/// Counts the bytes that are wiped.
enum Counting {}

impl Crypto for Counting {
    type Hash = <RustCrypto as Crypto>::Hash;
    type Mac = <RustCrypto as Crypto>::Mac;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        RustCrypto::curve25519(out, secret, point)
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
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
        bytes.fill(0);
        WIPED.set(WIPED.get() + bytes.len());
    }
}

fn wiped_by(act: impl FnOnce()) -> usize {
    let before = WIPED.get();
    act();
    WIPED.get() - before
}

fn key(byte: u8) -> Secret<Counting, 32> {
    Secret::from_bytes([byte; 32])
}

#[test]
fn a_dropped_secret_is_wiped() {
    let secret = key(1);
    assert_eq!(wiped_by(|| drop(secret)), 32);
    let (secret, copy) = (key(2), key(2).duplicate());
    assert!(secret.ct_eq(&copy) && !secret.is_zero());
    assert_eq!(wiped_by(|| drop((secret, copy))), 64);
}

#[test]
fn a_cleared_handshake_is_wiped() {
    let alice = StaticIdentity::<Counting>::from_private(key(1)).unwrap();
    let bob = StaticIdentity::<Counting>::from_private(key(2)).unwrap();
    let remote = RemoteStatic::new(*bob.public(), Some(&alice));
    let mut slot = Handshake::new();
    slot.create_initiation(&alice, &remote, key(3), Index(4), WallTime::default())
        .unwrap();
    // Chaining key, hash and ephemeral key.
    let wiped = wiped_by(|| {
        slot.clear();
    });
    assert_eq!(wiped, 96);
    // Static-static and preshared key; private key.
    assert_eq!(wiped_by(|| drop(remote)), 64);
    assert_eq!(wiped_by(|| drop(alice)), 32);
}
