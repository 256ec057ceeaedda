// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The symmetric half of Noise_IKpsk2 (5.4): HMAC and HKDF over BLAKE2s, chaining key and hash.

use super::constants::KEY_LEN;
use super::crypto::{AeadError, Blake2s, Crypto, DegenerateSharedSecret, Secret};
use super::messages::PublicKey;

/// A secret of key size: symmetric key, chaining key, hash or private key.
pub type Key<C> = Secret<C, KEY_LEN>;

const BLOCK_LEN: usize = 64;
const INNER_PAD: u8 = 0x36;
const OUTER_PAD: u8 = 0x5c;

/// HASH(construction), the chaining key every handshake starts with.
pub const INITIAL_CHAINING_KEY: [u8; KEY_LEN] = [
    0x60, 0xe2, 0x6d, 0xae, 0xf3, 0x27, 0xef, 0xc0, 0x2e, 0xc3, 0x35, 0xe2, 0xa0, 0x25, 0xd2, 0xd0,
    0x16, 0xeb, 0x42, 0x06, 0xf8, 0x72, 0x77, 0xf5, 0x2d, 0x38, 0xd1, 0x98, 0x8b, 0x78, 0xcd, 0x36,
];

/// HASH(chaining key, identifier), the hash every handshake starts with.
pub const INITIAL_HASH: [u8; KEY_LEN] = [
    0x22, 0x11, 0xb3, 0x61, 0x08, 0x1a, 0xc5, 0x66, 0x69, 0x12, 0x43, 0xdb, 0x45, 0x8a, 0xd5, 0x32,
    0x2d, 0x9c, 0x6c, 0x66, 0x22, 0x93, 0xe8, 0xb7, 0x0e, 0xe1, 0x9c, 0x65, 0xba, 0x07, 0x9e, 0xf3,
];

/// HASH of `parts`, one after the other.
pub fn hash<C: Crypto>(out: &mut [u8; KEY_LEN], parts: &[&[u8]]) {
    let mut state = C::Hash::unkeyed();
    for part in parts {
        state.update(part);
    }
    state.finalize(out);
}

/// HMAC-BLAKE2s of `parts`, one after the other.
#[must_use]
pub fn hmac<C: Crypto>(key: &[u8; KEY_LEN], parts: &[&[u8]]) -> Key<C> {
    let mut inner = Key::<C>::zeroed();
    hash_padded::<C>(inner.as_mut_bytes(), key, INNER_PAD, parts);
    let mut outer = Key::<C>::zeroed();
    hash_padded::<C>(outer.as_mut_bytes(), key, OUTER_PAD, &[inner.as_bytes()]);
    outer
}

/// One of the two passes of HMAC: the key, filled up with `pad` to a block, then `parts`.
fn hash_padded<C: Crypto>(out: &mut [u8; KEY_LEN], key: &[u8; KEY_LEN], pad: u8, parts: &[&[u8]]) {
    let mut block = Secret::<C, BLOCK_LEN>::from_bytes([pad; BLOCK_LEN]);
    for (padded, key) in block.as_mut_bytes().iter_mut().zip(key) {
        *padded ^= key;
    }
    let mut state = C::Hash::unkeyed();
    state.update(block.as_bytes());
    for part in parts {
        state.update(part);
    }
    state.finalize(out);
}

/// KDF1: one key from a chaining key and input.
#[must_use]
pub fn kdf1<C: Crypto>(chaining_key: &Key<C>, input: &[u8]) -> Key<C> {
    let extract = hmac::<C>(chaining_key.as_bytes(), &[input]);
    hmac::<C>(extract.as_bytes(), &[&[1]])
}

/// KDF2: two keys.
#[must_use]
pub fn kdf2<C: Crypto>(chaining_key: &Key<C>, input: &[u8]) -> (Key<C>, Key<C>) {
    let extract = hmac::<C>(chaining_key.as_bytes(), &[input]);
    let first = hmac::<C>(extract.as_bytes(), &[&[1]]);
    let second = hmac::<C>(extract.as_bytes(), &[first.as_bytes(), &[2]]);
    (first, second)
}

/// KDF3: three keys.
#[must_use]
pub fn kdf3<C: Crypto>(chaining_key: &Key<C>, input: &[u8]) -> (Key<C>, Key<C>, Key<C>) {
    let extract = hmac::<C>(chaining_key.as_bytes(), &[input]);
    let first = hmac::<C>(extract.as_bytes(), &[&[1]]);
    let second = hmac::<C>(extract.as_bytes(), &[first.as_bytes(), &[2]]);
    let third = hmac::<C>(extract.as_bytes(), &[second.as_bytes(), &[3]]);
    (first, second, third)
}

/// The chaining key and the hash of a handshake on its way.
pub(super) struct SymmetricState<C: Crypto> {
    chaining_key: Key<C>,
    hash: Key<C>,
}

impl<C: Crypto> SymmetricState<C> {
    /// The start: both sides know the responder's static key.
    pub(super) fn new(responder: &PublicKey) -> Self {
        let mut state = Self {
            chaining_key: Key::from_bytes(INITIAL_CHAINING_KEY),
            hash: Key::from_bytes(INITIAL_HASH),
        };
        state.mix_hash(&responder.0);
        state
    }

    pub(super) fn duplicate(&self) -> Self {
        Self {
            chaining_key: self.chaining_key.duplicate(),
            hash: self.hash.duplicate(),
        }
    }

    fn mix_hash(&mut self, data: &[u8]) {
        let mut state = C::Hash::unkeyed();
        state.update(self.hash.as_bytes());
        state.update(data);
        state.finalize(self.hash.as_mut_bytes());
    }

    /// An ephemeral key goes into the hash, and, because there is a preshared key, the chaining key.
    pub(super) fn mix_ephemeral(&mut self, ephemeral: &PublicKey) {
        self.mix_hash(&ephemeral.0);
        self.chaining_key = kdf1(&self.chaining_key, &ephemeral.0);
    }

    /// A Diffie-Hellman result goes into the chaining key; returns the key for what is next.
    pub(super) fn mix_dh(
        &mut self,
        secret: &Key<C>,
        public: &PublicKey,
    ) -> Result<Key<C>, DegenerateSharedSecret> {
        let shared = dh(secret, public)?;
        Ok(self.mix_shared(&shared))
    }

    /// Like [`mix_dh`](Self::mix_dh) where nothing is encrypted before the next key.
    pub(super) fn mix_dh_chaining(
        &mut self,
        secret: &Key<C>,
        public: &PublicKey,
    ) -> Result<(), DegenerateSharedSecret> {
        let shared = dh(secret, public)?;
        self.chaining_key = kdf1(&self.chaining_key, shared.as_bytes());
        Ok(())
    }

    /// Like [`mix_dh`](Self::mix_dh) with a result computed earlier.
    pub(super) fn mix_shared(&mut self, shared: &Key<C>) -> Key<C> {
        let (chaining_key, key) = kdf2(&self.chaining_key, shared.as_bytes());
        self.chaining_key = chaining_key;
        key
    }

    /// The preshared key goes into both; returns the key for what is next.
    pub(super) fn mix_preshared(&mut self, preshared_key: &Key<C>) -> Key<C> {
        let (chaining_key, mixed, key) = kdf3(&self.chaining_key, preshared_key.as_bytes());
        self.chaining_key = chaining_key;
        self.mix_hash(mixed.as_bytes());
        key
    }

    /// Encrypts `src` into `dst`, 16 longer, and binds the ciphertext into the hash.
    pub(super) fn encrypt_and_hash(
        &mut self,
        dst: &mut [u8],
        src: &[u8],
        key: &Key<C>,
    ) -> Result<(), AeadError> {
        C::chacha20poly1305_seal(dst, src, self.hash.as_bytes(), 0, key.as_bytes())?;
        self.mix_hash(dst);
        Ok(())
    }

    /// Decrypts `src` into `dst`, 16 shorter, and binds the ciphertext into the hash.
    pub(super) fn decrypt_and_hash(
        &mut self,
        dst: &mut [u8],
        src: &[u8],
        key: &Key<C>,
    ) -> Result<(), AeadError> {
        C::chacha20poly1305_open(dst, src, self.hash.as_bytes(), 0, key.as_bytes())?;
        self.mix_hash(src);
        Ok(())
    }

    /// The end: what the session keys are made from. The hash is wiped.
    pub(super) fn into_chaining_key(self) -> Key<C> {
        self.chaining_key
    }
}

/// A Diffie-Hellman result, never zero.
pub(super) fn dh<C: Crypto>(
    secret: &Key<C>,
    public: &PublicKey,
) -> Result<Key<C>, DegenerateSharedSecret> {
    let mut shared = Key::zeroed();
    C::curve25519(shared.as_mut_bytes(), secret.as_bytes(), &public.0)?;
    Ok(shared)
}

/// The public key of `secret`.
pub(super) fn public_key<C: Crypto>(secret: &Key<C>) -> Result<PublicKey, DegenerateSharedSecret> {
    let mut public = [0; KEY_LEN];
    C::curve25519_public(&mut public, secret.as_bytes())?;
    Ok(PublicKey(public))
}
