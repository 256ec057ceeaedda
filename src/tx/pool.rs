// SPDX-License-Identifier: GPL-2.0

//! Random bytes for what messages look like, made for a batch of them at once.
//!
//! The kernel's generator masks interrupts at each draw, and computes each block of ChaCha20 by itself. What is
//! wanted here is seen by everybody, so all but the smallest batches draw a key only and expand it,
//! by ChaCha20 as well, of which vectors compute four blocks in little more time than one.

use crate::kapi::{crypto, random};

/// How many bytes are made at once, at most.
const SIZE: usize = 4 * BLOCK;

/// Bytes in a block of ChaCha20.
const BLOCK: usize = 64;

/// Up to how many bytes are drawn as they are wanted: a key takes as many.
const FEW: usize = 32;

/// What a batch draws from.
pub(super) struct Pool {
    key: Option<[u8; 32]>,
    /// Of the stream that was used last.
    nonce: u64,
    /// Those that are left are at the end.
    bytes: [u8; SIZE],
    left: usize,
    /// How many more are going to be wanted, as far as is known.
    expected: usize,
}

impl Pool {
    /// One of which about so many bytes will be wanted.
    pub(super) fn new(expected: usize) -> Self {
        Self {
            key: None,
            nonce: 0,
            bytes: [0; SIZE],
            left: 0,
            expected,
        }
    }

    /// Fills `out` with random bytes.
    pub(super) fn fill(&mut self, mut out: &mut [u8]) {
        if self.key.is_none() && self.expected <= FEW {
            return random::fill_from_stock(out);
        }
        while !out.is_empty() {
            if self.left == 0 {
                self.refill();
            }
            let len = out.len().min(self.left);
            let left = self.bytes.get(SIZE.saturating_sub(self.left)..);
            let Some(((now, later), left)) = out.split_at_mut_checked(len).zip(left) else {
                return;
            };
            now.iter_mut().zip(left).for_each(|(to, from)| *to = *from);
            self.left = self.left.saturating_sub(len);
            out = later;
        }
    }

    /// Returns a random number.
    pub(super) fn u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    /// Makes as many as are expected, if there is room for them.
    #[inline(never)]
    fn refill(&mut self) {
        let len = self.expected.clamp(1, SIZE).next_multiple_of(BLOCK);
        self.expected = self.expected.saturating_sub(len);
        self.nonce = self.nonce.wrapping_add(1);
        let mut nonce = [0; 12];
        if let Some(counter) = nonce.first_chunk_mut() {
            *counter = self.nonce.to_le_bytes();
        }
        let key = self.key.get_or_insert_with(random::bytes);
        let start = SIZE.saturating_sub(len);
        if let Some(bytes) = self.bytes.get_mut(start..) {
            bytes.fill(0);
            crypto::chacha20(key, &nonce, bytes);
        }
        self.left = len;
    }
}
