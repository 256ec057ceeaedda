// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The cryptography that is asked from outside, and the box its secrets live in.

use core::marker::PhantomData;

/// A Diffie-Hellman result was zero: the other side's point has a low order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct DegenerateSharedSecret;

/// An AEAD operation failed: forged or damaged input, or buffers whose lengths do not match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AeadError;

/// BLAKE2s with `N` bytes of output, as a value that can be fed piece by piece.
pub trait Blake2s<const N: usize>: Sized {
    /// Starts a plain hash.
    fn unkeyed() -> Self;

    /// Starts a keyed hash. `K` is between 1 and 32; an implementation may refuse others at compile
    /// time.
    fn keyed<const K: usize>(key: &[u8; K]) -> Self;

    /// Appends `data` to what is hashed.
    fn update(&mut self, data: &[u8]);

    /// Writes the digest. The state is wiped.
    fn finalize(self, out: &mut [u8; N]);
}

/// The primitives of the protocol. An implementation is a type without values: everything is
/// dispatched statically.
pub trait Crypto: 'static {
    /// BLAKE2s-256.
    type Hash: Blake2s<32>;
    /// BLAKE2s-128.
    type Mac: Blake2s<16>;

    /// Multiplies `point` by `secret`, which is clamped on the way. On error `out` is unspecified.
    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret>;

    /// The public key of `secret`, which is clamped on the way.
    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret>;

    /// Encrypts `src` into `dst`, which is 16 longer, under the nonce of four zero bytes and the
    /// little-endian `nonce`.
    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError>;

    /// Checks and decrypts `src` into `dst`, which is 16 shorter. On error `dst` is unspecified.
    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError>;

    /// Like [`chacha20poly1305_seal`](Self::chacha20poly1305_seal) with an extended nonce.
    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError>;

    /// Like [`chacha20poly1305_open`](Self::chacha20poly1305_open) with an extended nonce.
    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError>;

    /// XORs `text` with the stream of ChaCha20 (RFC 8439, 2.4) from block 0 on. At most 256 GiB.
    fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]);

    /// The same for the first bytes of that stream, and the last ones of its first block, which nobody can tell from random ones
    /// who does not have the key.
    fn chacha20_ends(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8; 16]) -> [u8; 12] {
        let mut block = [0; 64];
        Self::chacha20(key, nonce, &mut block);
        for (byte, mask) in text.iter_mut().zip(&block) {
            *byte ^= mask;
        }
        let last = block.last_chunk().copied().unwrap_or_default();
        Self::wipe(&mut block);
        last
    }

    /// Whether two slices are equal, in a time that depends on their lengths only.
    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool;

    /// Overwrites `bytes` with zeros in a way the compiler keeps.
    fn wipe(bytes: &mut [u8]);
}

/// Secret bytes: wiped when dropped, never copied, compared or printed by accident.
///
/// ```
/// use wireguard_proto::{crypto::Secret, rustcrypto::RustCrypto};
/// let secret = Secret::<RustCrypto, 32>::zeroed();
/// assert!(secret.ct_eq(&secret.duplicate()));
/// ```
///
/// It cannot be printed,
///
/// ```compile_fail,E0277
/// # use wireguard_proto::{crypto::Secret, rustcrypto::RustCrypto};
/// # let secret = Secret::<RustCrypto, 32>::zeroed();
/// println!("{secret:?}");
/// ```
///
/// ```compile_fail,E0277
/// # use wireguard_proto::{crypto::Secret, rustcrypto::RustCrypto};
/// # let secret = Secret::<RustCrypto, 32>::zeroed();
/// println!("{secret}");
/// ```
///
/// nor cloned in passing,
///
/// ```compile_fail,E0599
/// # use wireguard_proto::{crypto::Secret, rustcrypto::RustCrypto};
/// # let secret = Secret::<RustCrypto, 32>::zeroed();
/// let copy = secret.clone();
/// ```
///
/// nor compared in a time that tells something.
///
/// ```compile_fail,E0369
/// # use wireguard_proto::{crypto::Secret, rustcrypto::RustCrypto};
/// # let secret = Secret::<RustCrypto, 32>::zeroed();
/// assert!(secret == secret);
/// ```
pub struct Secret<C: Crypto, const N: usize> {
    bytes: [u8; N],
    crypto: PhantomData<fn() -> C>,
}

impl<C: Crypto, const N: usize> Secret<C, N> {
    /// All zeros, for instance the preshared key of a peer that has none.
    #[must_use]
    pub const fn zeroed() -> Self {
        Self::from_bytes([0; N])
    }

    /// Takes bytes over. The caller's own copy, if it keeps one, is not wiped.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; N]) -> Self {
        Self {
            bytes,
            crypto: PhantomData,
        }
    }

    /// Has `fill` write the bytes in place, so that no copy is left behind.
    #[must_use]
    pub fn fill_with(fill: impl FnOnce(&mut [u8; N])) -> Self {
        let mut secret = Self::zeroed();
        fill(&mut secret.bytes);
        secret
    }

    /// The bytes, for a moment.
    #[inline]
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; N] {
        &self.bytes
    }

    /// The bytes, to be written.
    #[inline]
    pub fn as_mut_bytes(&mut self) -> &mut [u8; N] {
        &mut self.bytes
    }

    /// A second copy. Spelled out because it is one more place to wipe.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self::fill_with(|bytes| *bytes = self.bytes)
    }

    /// Whether both hold the same bytes, in constant time.
    #[must_use]
    pub fn ct_eq(&self, other: &Self) -> bool {
        C::constant_time_eq(&self.bytes, &other.bytes)
    }

    /// Whether all bytes are zero, in constant time.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        C::constant_time_eq(&self.bytes, &[0; N])
    }
}

impl<C: Crypto, const N: usize> Drop for Secret<C, N> {
    fn drop(&mut self) {
        C::wipe(&mut self.bytes);
    }
}
