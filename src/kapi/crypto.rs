// SPDX-License-Identifier: GPL-2.0

//! Cryptographic primitives of the kernel's `lib/crypto`.
//!
//! On architectures with vector instructions these use the FPU, and so must not be called in
//! hard interrupt context. They do not sleep, and soft interrupt context is fine.
//!
//! C headers: [`include/crypto/blake2s.h`](srctree/include/crypto/blake2s.h),
//! [`include/crypto/chacha.h`](srctree/include/crypto/chacha.h),
//! [`include/crypto/chacha20poly1305.h`](srctree/include/crypto/chacha20poly1305.h),
//! [`include/crypto/curve25519.h`](srctree/include/crypto/curve25519.h),
//! [`include/crypto/utils.h`](srctree/include/crypto/utils.h)

pub(crate) mod aead;

use crate::bindings;
use core::mem::{
    ManuallyDrop,
    MaybeUninit, //
};
use kernel::prelude::*;

/// A BLAKE2s hash of `N` bytes in the making. Wiped when dropped.
///
/// # Invariants
///
/// `ctx` was initialised for `N` bytes of output, and `N` is in `1..=32`.
pub(crate) struct Blake2s<const N: usize> {
    ctx: MaybeUninit<bindings::blake2s_ctx>,
}

impl<const N: usize> Blake2s<N> {
    /// Starts an unkeyed hash.
    pub(crate) fn new() -> Self {
        const { assert!(N >= 1 && N <= 32) };
        let mut ctx = MaybeUninit::uninit();
        // SAFETY: `ctx` is valid for writes, and `N` is a length of output that BLAKE2s has.
        unsafe { bindings::blake2s_init(ctx.as_mut_ptr(), N) };
        // INVARIANT: Initialised for `N` bytes just now; `N` was checked at build time.
        Self { ctx }
    }

    /// Starts a keyed hash; that `K` is 16 or 32 is checked at build time.
    pub(crate) fn new_keyed<const K: usize>(key: &[u8; K]) -> Self {
        const { assert!(N >= 1 && N <= 32 && (K == 16 || K == 32)) };
        let mut ctx = MaybeUninit::uninit();
        // SAFETY: `ctx` is valid for writes and `key` for reads of `K` bytes; `N` is a
        // length of output that BLAKE2s has, and `K` of a key that the function takes.
        unsafe { bindings::blake2s_init_key(ctx.as_mut_ptr(), N, key.as_ptr().cast(), K) };
        // INVARIANT: Initialised for `N` bytes just now; `N` was checked at build time.
        Self { ctx }
    }

    /// Appends `data` to what is hashed.
    pub(crate) fn update(&mut self, data: &[u8]) {
        // SAFETY: By the type invariant `ctx` is initialised; `data` is valid for reads of its
        // own length.
        unsafe { bindings::blake2s_update(self.ctx.as_mut_ptr(), data.as_ptr(), data.len()) };
    }

    /// Writes the digest.
    pub(crate) fn finalize(self, out: &mut [u8; N]) {
        // The C function wipes the context itself.
        let mut this = ManuallyDrop::new(self);
        // SAFETY: By the type invariant `ctx` is initialised for as many bytes as `out` has.
        unsafe { bindings::blake2s_final(this.ctx.as_mut_ptr(), out.as_mut_ptr()) };
    }
}

impl<const N: usize> Drop for Blake2s<N> {
    fn drop(&mut self) {
        // SAFETY: `ctx` is valid for writes of its own size.
        unsafe {
            bindings::memzero_explicit(
                self.ctx.as_mut_ptr().cast(),
                size_of::<bindings::blake2s_ctx>(),
            )
        };
    }
}

/// Multiplies `point` by `secret`, which is clamped on the way.
///
/// Returns `EKEYREJECTED` if the result is zero, which it is for points of low order.
pub(crate) fn curve25519(out: &mut [u8; 32], secret: &[u8; 32], point: &[u8; 32]) -> Result {
    // SAFETY: All three are valid for 32 bytes, `out` for writes.
    let nonzero =
        unsafe { bindings::curve25519(out.as_mut_ptr(), secret.as_ptr(), point.as_ptr()) };
    nonzero.then_some(()).ok_or(EKEYREJECTED)
}

/// Computes the public key of `secret`, which is clamped on the way.
///
/// Returns `EKEYREJECTED` if `secret` is all zeros; `out` is then unspecified.
pub(crate) fn curve25519_public(out: &mut [u8; 32], secret: &[u8; 32]) -> Result {
    // SAFETY: Both are valid for 32 bytes, `out` for writes.
    let nonzero =
        unsafe { bindings::curve25519_generate_public(out.as_mut_ptr(), secret.as_ptr()) };
    nonzero.then_some(()).ok_or(EKEYREJECTED)
}

/// XORs `text` with the stream of ChaCha20 (RFC 8439) from block 0 on.
pub(crate) fn chacha20(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8]) {
    // SAFETY: `text` is valid for reads and writes of its own length, `key` for reads of 32 bytes and
    // `nonce` of 12, whatever their alignment.
    unsafe { bindings::chacha20_xor(text.as_mut_ptr(), text.len(), key.as_ptr(), nonce.as_ptr()) };
}

/// The same for 16 bytes, in a third of the time. Returns the last 12 bytes of the stream's first block.
pub(crate) fn chacha20_ends(key: &[u8; 32], nonce: &[u8; 12], text: &mut [u8; 16]) -> [u8; 12] {
    let mut last = [0; 12];
    // SAFETY: `text` is valid for reads and writes of 16 bytes, `key` for reads of 32 and `nonce` of 12, and `last` for
    // writes of 12, whatever their alignment.
    unsafe {
        bindings::chacha20_xor_ends(
            text.as_mut_ptr(),
            last.as_mut_ptr(),
            key.as_ptr(),
            nonce.as_ptr(),
        )
    };
    last
}

/// Whether two slices are equal, in a time that depends on their lengths only.
#[must_use]
pub(crate) fn constant_time_eq(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // SAFETY: Both are valid for reads of their common length.
    unsafe { bindings::crypto_memneq(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) == 0 }
}

/// How much of the stack is overwritten behind what uses secrets. The stack has four times as much.
const TRACES: u32 = 4096;

/// Calls `f`, and then overwrites what it has left on the stack: values that were moved, and what the
/// compiler has put aside.
///
/// Process context, not deep in the stack.
pub(crate) fn without_traces<R>(f: impl FnOnce() -> R) -> R {
    let result = in_a_frame_below(f);
    // SAFETY: Nobody uses the stack below the current frame, and there is enough of it.
    unsafe { bindings::burn_stack(TRACES) };
    result
}

#[inline(never)]
fn in_a_frame_below<R>(f: impl FnOnce() -> R) -> R {
    f()
}

/// Overwrites `bytes` with zeros in a way that the compiler keeps.
pub(crate) fn wipe(bytes: &mut [u8]) {
    // SAFETY: `bytes` is valid for writes of its own length.
    unsafe { bindings::memzero_explicit(bytes.as_mut_ptr().cast(), bytes.len()) };
}
