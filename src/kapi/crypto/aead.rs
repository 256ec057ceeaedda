// SPDX-License-Identifier: GPL-2.0

//! ChaCha20-Poly1305 and XChaCha20-Poly1305.
//!
//! C header: [`include/crypto/chacha20poly1305.h`](srctree/include/crypto/chacha20poly1305.h)

use crate::bindings;
use kernel::prelude::*;

/// Bytes that sealing adds: the Poly1305 tag.
pub(crate) const TAG_SIZE: usize = 16;

/// How much longer the sealed form of a text is must agree between the two slices.
fn check_lengths(text: usize, sealed: usize) -> Result {
    if text.checked_add(TAG_SIZE) == Some(sealed) {
        Ok(())
    } else {
        Err(EINVAL)
    }
}

/// Encrypts `src` into `dst`, which is [`TAG_SIZE`] longer.
///
/// The nonce of the cipher is four zero bytes and the little-endian `nonce`. Returns `EINVAL` if
/// the lengths do not agree.
pub(crate) fn chacha20poly1305_seal(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: u64,
    key: &[u8; 32],
) -> Result {
    check_lengths(src.len(), dst.len())?;
    // SAFETY: All slices are valid for their own lengths, and `dst` is `TAG_SIZE` longer than `src`.
    unsafe {
        bindings::chacha20poly1305_encrypt(
            dst.as_mut_ptr(),
            src.as_ptr(),
            src.len(),
            ad.as_ptr(),
            ad.len(),
            nonce,
            key.as_ptr(),
        )
    };
    Ok(())
}

/// Checks and decrypts `src` into `dst`, which is [`TAG_SIZE`] shorter.
///
/// Returns `EBADMSG` if `src` is not authentic, in which case `dst` is left alone, and `EINVAL` if
/// the lengths do not agree.
pub(crate) fn chacha20poly1305_open(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: u64,
    key: &[u8; 32],
) -> Result {
    check_lengths(dst.len(), src.len())?;
    // SAFETY: All slices are valid for their own lengths, and `src` is `TAG_SIZE` longer than `dst`.
    let authentic = unsafe {
        bindings::chacha20poly1305_decrypt(
            dst.as_mut_ptr(),
            src.as_ptr(),
            src.len(),
            ad.as_ptr(),
            ad.len(),
            nonce,
            key.as_ptr(),
        )
    };
    authentic.then_some(()).ok_or(EBADMSG)
}

/// Encrypts all of `buf` but its last [`TAG_SIZE`] bytes in place, and puts the tag there.
///
/// Returns `EINVAL` if `buf` has no room for a tag.
pub(crate) fn chacha20poly1305_seal_in_place(
    buf: &mut [u8],
    ad: &[u8],
    nonce: u64,
    key: &[u8; 32],
) -> Result {
    let text = buf.len().checked_sub(TAG_SIZE).ok_or(EINVAL)?;
    let buf = buf.as_mut_ptr();
    // SAFETY: `buf` is valid for `text + TAG_SIZE` bytes, the cipher works from front to back and
    // so may write where it reads; `ad` is valid for its own length.
    unsafe {
        bindings::chacha20poly1305_encrypt(
            buf,
            buf,
            text,
            ad.as_ptr(),
            ad.len(),
            nonce,
            key.as_ptr(),
        )
    };
    Ok(())
}

/// Checks `buf`, whose last [`TAG_SIZE`] bytes are the tag, and decrypts the rest in place.
///
/// Returns `EBADMSG` if `buf` is not authentic; it is then left alone.
pub(crate) fn chacha20poly1305_open_in_place(
    buf: &mut [u8],
    ad: &[u8],
    nonce: u64,
    key: &[u8; 32],
) -> Result {
    let sealed = buf.len();
    let buf = buf.as_mut_ptr();
    // SAFETY: `buf` is valid for `sealed` bytes, which are authenticated before the first one is
    // written; `ad` is valid for its own length. A `buf` shorter than a tag is refused.
    let authentic = unsafe {
        bindings::chacha20poly1305_decrypt(
            buf,
            buf,
            sealed,
            ad.as_ptr(),
            ad.len(),
            nonce,
            key.as_ptr(),
        )
    };
    authentic.then_some(()).ok_or(EBADMSG)
}

/// Like [`chacha20poly1305_seal`] with an extended nonce.
pub(crate) fn xchacha20poly1305_seal(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: &[u8; 24],
    key: &[u8; 32],
) -> Result {
    check_lengths(src.len(), dst.len())?;
    // SAFETY: All slices are valid for their own lengths, and `dst` is `TAG_SIZE` longer than `src`.
    unsafe {
        bindings::xchacha20poly1305_encrypt(
            dst.as_mut_ptr(),
            src.as_ptr(),
            src.len(),
            ad.as_ptr(),
            ad.len(),
            nonce.as_ptr(),
            key.as_ptr(),
        )
    };
    Ok(())
}

/// Like [`chacha20poly1305_open`] with an extended nonce.
pub(crate) fn xchacha20poly1305_open(
    dst: &mut [u8],
    src: &[u8],
    ad: &[u8],
    nonce: &[u8; 24],
    key: &[u8; 32],
) -> Result {
    check_lengths(dst.len(), src.len())?;
    // SAFETY: All slices are valid for their own lengths, and `src` is `TAG_SIZE` longer than `dst`.
    let authentic = unsafe {
        bindings::xchacha20poly1305_decrypt(
            dst.as_mut_ptr(),
            src.as_ptr(),
            src.len(),
            ad.as_ptr(),
            ad.len(),
            nonce.as_ptr(),
            key.as_ptr(),
        )
    };
    authentic.then_some(()).ok_or(EBADMSG)
}
