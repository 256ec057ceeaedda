// SPDX-License-Identifier: GPL-2.0

//! Which of a number of places a source shares with others.

use crate::{
    kapi::random,
    proto::token_bucket::Source, //
};

/// A hash with a secret of its own, so that nobody can choose whom to share a place with.
pub(crate) struct Spread {
    factor: u64,
    netns: u64,
    summand: u64,
}

impl Spread {
    /// A new one.
    pub(crate) fn new() -> Self {
        Self {
            factor: random_word(),
            netns: random_word(),
            summand: random_word(),
        }
    }

    /// The place, one of two to the power of `bits`, of a source in a network namespace.
    ///
    /// Multiply and shift, which is universal: places are as good as drawn for who does not know the
    /// key.
    pub(crate) fn place(&self, netns: u64, source: Source, bits: u32) -> usize {
        let hash = source
            .bits()
            .wrapping_mul(self.factor | 1)
            .wrapping_add(netns.wrapping_mul(self.netns | 1))
            .wrapping_add(self.summand);
        // The upper bits: the lower ones depend on fewer of the factor's.
        hash.wrapping_shr(u64::BITS.saturating_sub(bits)) as usize
    }
}

fn random_word() -> u64 {
    u64::from_ne_bytes(random::bytes())
}
