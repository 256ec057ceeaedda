// SPDX-License-Identifier: GPL-2.0

//! Decides whether work is done where it arises, or spread over the CPUs.
//!
//! What is small is done at once: to wake another CPU costs more than that, and takes longer. But a
//! CPU that is busy with nothing else any more gives work away.

use kernel::prelude::*;

use crate::kapi::{
    array::Array,
    cpu::Cpu,
    sync::{
        atomic::{AtomicU64, Ordering},
        bh::BhDisabled, //
    },
    time, //
};

/// The length of a window of time, as a power of two of nanoseconds: some four thousandths of a
/// second, in which the coarse clock moves once.
const WINDOW: u32 = 22;

/// How many bytes a CPU works on at once in such a window: some 1.5 Gbit/s.
const BYTES_PER_WINDOW: u64 = 768 << 10;

/// How many bytes may be worked on at once in one piece.
const SMALL: u64 = 4 << 10;

/// What each CPU has done at once of late.
pub(crate) struct Here {
    /// The window in the upper half, and the bytes worked on in it in the lower.
    spent: Array<AtomicU64>,
}

impl Here {
    /// Nothing done yet.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            spent: Array::try_repeat_with(Cpu::count() as usize, || Ok(AtomicU64::new(0)))?,
        })
    }

    /// Whether to work on so many bytes here and now.
    #[inline]
    pub(crate) fn takes(&self, bytes: u64, bh: BhDisabled<'_>) -> bool {
        // With one CPU there is nobody to share with.
        if Cpu::online_count() == 1 {
            return true;
        }
        bytes <= SMALL && self.is_thrifty(bytes, bh)
    }

    /// Counts the bytes in, unless they are too many for this window.
    fn is_thrifty(&self, bytes: u64, bh: BhDisabled<'_>) -> bool {
        let Some(spent) = self.spent.get(Cpu::current(bh).id() as usize) else {
            return false;
        };
        let window = (time::coarse_monotonic_ns() >> WINDOW) & u64::from(u32::MAX);
        // Only this CPU writes here, and not twice at once.
        let before = spent.load(Ordering::Relaxed);
        let sum = if before >> 32 == window {
            (before & u64::from(u32::MAX)).saturating_add(bytes)
        } else {
            bytes
        };
        if sum > BYTES_PER_WINDOW {
            return false;
        }
        spent.store((window << 32) | sum, Ordering::Relaxed);
        true
    }
}
