// SPDX-License-Identifier: GPL-2.0

//! Authenticated encryption of a packet where it lies.
//!
//! C headers: [`include/crypto/chacha20poly1305.h`](srctree/include/crypto/chacha20poly1305.h),
//! [`include/linux/skbuff.h`](srctree/include/linux/skbuff.h)

use kernel::prelude::*;

use super::SkBuff;
use crate::{
    bindings,
    kapi::error::to_result, //
};

/// The length of a ChaCha20-Poly1305 tag.
pub(crate) const TAG_LEN: u32 = 16;

/// A key of ChaCha20-Poly1305.
pub(crate) type Key = [u8; 32];

impl SkBuff {
    /// Readies a packet to be sealed: finishes its checksum, makes it writable with at least
    /// `headroom` bytes in front, and appends `padding` zero bytes and room for a tag. Fails if memory
    /// is short.
    #[inline]
    pub(crate) fn extend_for_seal(&mut self, headroom: u32, padding: u32) -> Result {
        self.extend(headroom, padding, TAG_LEN)
    }

    /// Readies a packet to be encrypted elsewhere: finishes its checksum and appends `padding` zero
    /// bytes. Fails if memory is short.
    #[inline]
    pub(crate) fn extend_for_copy(&mut self, padding: u32) -> Result {
        self.extend(0, padding, 0)
    }

    #[inline]
    fn extend(&mut self, headroom: u32, padding: u32, tail: u32) -> Result {
        // SAFETY: By the type invariants, and nothing borrows the data.
        if unsafe { bindings::skb_extend(self.as_ptr(), headroom, padding, tail) } {
            Ok(())
        } else {
            Err(ENOMEM)
        }
    }

    /// Encrypts what is behind the first `offset` bytes of a packet from [`Self::extend_for_seal`],
    /// and writes the tag to its last 16 bytes.
    ///
    /// Fails if the packet is too short or has too many fragments.
    #[inline]
    pub(crate) fn seal(&mut self, offset: u32, nonce: u64, key: &Key) -> Result {
        // SAFETY: By the type invariants; nothing borrows the data, and the key is 32 bytes.
        if unsafe { bindings::skb_seal(self.as_ptr(), offset, nonce, key.as_ptr()) } {
            Ok(())
        } else {
            Err(EINVAL)
        }
    }

    /// Decrypts what is behind the first `offset` bytes, and cuts off the tag.
    ///
    /// The network header, further in front, is kept. [`EBADMSG`] if the packet isn't authentic,
    /// [`ENOMEM`] if there is no memory, [`EINVAL`] if it is too short or has too many fragments.
    #[inline]
    pub(crate) fn open(&mut self, offset: u32, nonce: u64, key: &Key) -> Result {
        // SAFETY: By the type invariants; nothing borrows the data, and the key is 32 bytes.
        to_result(unsafe { bindings::skb_open(self.as_ptr(), offset, nonce, key.as_ptr()) })
    }
}
