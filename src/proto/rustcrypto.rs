// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! [`Crypto`] for user space, from curve25519-dalek and the RustCrypto crates.

use blake2::digest::typenum::{U16, U32};
use blake2::digest::{FixedOutput, Update};
use blake2::Blake2sMac;
use chacha20::cipher::{KeyIvInit, StreamCipher};
use chacha20::ChaCha20;
use chacha20poly1305::aead::inout::InOutBuf;
use chacha20poly1305::aead::{AeadInOut, KeyInit, Nonce, Tag};
use chacha20poly1305::{ChaCha20Poly1305, XChaCha20Poly1305};
use curve25519_dalek::MontgomeryPoint;
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use super::crypto::{AeadError, Blake2s, Crypto, DegenerateSharedSecret};

/// The implementation; a type without values.
pub enum RustCrypto {}

/// BLAKE2s with 32 or 16 bytes of output.
pub struct Hasher<const N: usize>(<Self as OutLen>::State)
where
    Self: OutLen;

/// Output lengths as the `blake2` crate spells them.
pub trait OutLen {
    /// The state of that length.
    type State;
}

impl OutLen for Hasher<32> {
    type State = Blake2sMac<U32>;
}

impl OutLen for Hasher<16> {
    type State = Blake2sMac<U16>;
}

macro_rules! impl_blake2s {
    ($len:literal) => {
        impl Blake2s<$len> for Hasher<$len> {
            fn unkeyed() -> Self {
                Self(
                    Blake2sMac::new_with_salt_and_personal(None, &[], &[])
                        .expect("neither key nor salt nor personalisation is too long"),
                )
            }

            fn keyed<const K: usize>(key: &[u8; K]) -> Self {
                const { assert!(K >= 1 && K <= 32) };
                Self(Blake2sMac::new_from_slice(key).expect("key length was checked"))
            }

            fn update(&mut self, data: &[u8]) {
                self.0.update(data);
            }

            fn finalize(self, out: &mut [u8; $len]) {
                self.0.finalize_into(out.into());
            }
        }
    };
}

impl_blake2s!(32);
impl_blake2s!(16);

impl Crypto for RustCrypto {
    type Hash = Hasher<32>;
    type Mac = Hasher<16>;

    fn curve25519(
        out: &mut [u8; 32],
        secret: &[u8; 32],
        point: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        store_point(out, MontgomeryPoint(*point).mul_clamped(*secret))
    }

    fn curve25519_public(
        out: &mut [u8; 32],
        secret: &[u8; 32],
    ) -> Result<(), DegenerateSharedSecret> {
        store_point(out, MontgomeryPoint::mul_base_clamped(*secret))
    }

    fn chacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        let cipher = ChaCha20Poly1305::new(key.into());
        seal(&cipher, dst, src, ad, &long_nonce(nonce).into())
    }

    fn chacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: u64,
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        let cipher = ChaCha20Poly1305::new(key.into());
        open(&cipher, dst, src, ad, &long_nonce(nonce).into())
    }

    fn xchacha20poly1305_seal(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        seal(
            &XChaCha20Poly1305::new(key.into()),
            dst,
            src,
            ad,
            nonce.into(),
        )
    }

    fn xchacha20poly1305_open(
        dst: &mut [u8],
        src: &[u8],
        ad: &[u8],
        nonce: &[u8; 24],
        key: &[u8; 32],
    ) -> Result<(), AeadError> {
        open(
            &XChaCha20Poly1305::new(key.into()),
            dst,
            src,
            ad,
            nonce.into(),
        )
    }

    fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) {
        ChaCha20::new(key.into(), nonce.into()).apply_keystream(text);
    }

    fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
        a.ct_eq(b).into()
    }

    fn wipe(bytes: &mut [u8]) {
        bytes.zeroize();
    }
}

fn store_point(out: &mut [u8; 32], point: MontgomeryPoint) -> Result<(), DegenerateSharedSecret> {
    *out = point.to_bytes();
    if bool::from(out.ct_eq(&[0; 32])) {
        return Err(DegenerateSharedSecret);
    }
    Ok(())
}

fn long_nonce(nonce: u64) -> [u8; 12] {
    super::transport::nonce(super::messages::Counter(nonce))
}

fn seal<A: AeadInOut>(
    cipher: &A,
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: &Nonce<A>,
) -> Result<(), AeadError> {
    let (text, tag) = dst.split_at_mut_checked(src.len()).ok_or(AeadError)?;
    let text = InOutBuf::new(src, text).map_err(|_| AeadError)?;
    let computed = cipher
        .encrypt_inout_detached(nonce, ad, text)
        .map_err(|_| AeadError)?;
    if tag.len() != computed.len() {
        return Err(AeadError);
    }
    tag.copy_from_slice(&computed);
    Ok(())
}

fn open<A: AeadInOut>(
    cipher: &A,
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: &Nonce<A>,
) -> Result<(), AeadError> {
    let (text, tag) = src.split_at_checked(dst.len()).ok_or(AeadError)?;
    let tag = <&Tag<A>>::try_from(tag).map_err(|_| AeadError)?;
    let text = InOutBuf::new(text, dst).map_err(|_| AeadError)?;
    cipher
        .decrypt_inout_detached(nonce, ad, text, tag)
        .map_err(|_| AeadError)
}
