// SPDX-License-Identifier: GPL-2.0

//! Random numbers from the kernel's generator.
//!
//! C header: [`include/linux/random.h`](srctree/include/linux/random.h)

use crate::bindings;
use core::num::NonZeroU32;
use kernel::{
    error::to_result,
    prelude::*, //
};

/// Fills `out` with random bytes.
///
/// Before the generator is initialised the bytes may be predictable: see [`wait_until_ready`].
///
/// Context: Any context.
pub(crate) fn fill(out: &mut [u8]) {
    // SAFETY: `out` is valid for writes of its own length.
    unsafe { bindings::get_random_bytes(out.as_mut_ptr().cast(), out.len()) };
}

/// Fills `out` with random bytes out of a stock that each CPU has: quicker than [`fill`] if there are few,
/// and as good. The same caution applies.
///
/// Context: Any context.
pub(crate) fn fill_from_stock(out: &mut [u8]) {
    for word in out.chunks_mut(size_of::<u64>()) {
        let random = if word.len() <= size_of::<u32>() {
            u64::from(u32())
        } else {
            // SAFETY: The function has no preconditions.
            unsafe { bindings::get_random_u64() }
        };
        word.iter_mut()
            .zip(random.to_le_bytes())
            .for_each(|(byte, random)| *byte = random);
    }
}

/// Returns `N` random bytes; the same caution as for [`fill`] applies.
///
/// Context: Any context.
pub(crate) fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    fill(&mut out);
    out
}

/// Returns a random number; the same caution as for [`fill`] applies.
///
/// Context: Any context.
pub(crate) fn u32() -> u32 {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::get_random_u32() }
}

/// Returns a random number that is uniform in `0..ceil`.
///
/// Context: Any context.
pub(crate) fn u32_below(ceil: NonZeroU32) -> u32 {
    // SAFETY: The function has no preconditions beyond `ceil` not being 0.
    unsafe { bindings::__get_random_u32_below(ceil.get()) }
}

/// Sleeps until the generator is initialised.
///
/// Returns `ERESTARTSYS` if a signal came first.
///
/// Context: Process context, may sleep.
pub(crate) fn wait_until_ready() -> Result {
    // SAFETY: The function has no preconditions beyond being allowed to sleep.
    to_result(unsafe { bindings::wait_for_random_bytes() })
}

/// Whether the generator is initialised. Once true, it remains so.
///
/// Context: Any context.
pub(crate) fn is_ready() -> bool {
    // SAFETY: The function has no preconditions.
    unsafe { bindings::rng_is_initialized() }
}
