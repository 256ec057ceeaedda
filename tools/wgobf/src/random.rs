// SPDX-License-Identifier: GPL-2.0

//! Chance, that of the kernel or that of a seed.

use wire_peer::keys::random_key;
use wireguard_proto::awg::Span;
use wireguard_proto::crypto::Crypto;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::setting::Key;

/// The streams of ChaCha20 under one key, a nonce for each draw.
pub struct Random {
    key: Key,
    draws: u64,
}

impl Random {
    /// With a seed the same is drawn each time, and nothing of it is a secret.
    pub fn new(seed: Option<u64>) -> Self {
        let key = match seed {
            None => random_key(),
            Some(seed) => Key::fill_with(|key| key[..8].copy_from_slice(&seed.to_le_bytes())),
        };
        Self { key, draws: 0 }
    }

    fn fill(&mut self, bytes: &mut [u8]) {
        let mut nonce = [0; 12];
        nonce[..8].copy_from_slice(&self.draws.to_le_bytes());
        self.draws += 1;
        bytes.fill(0);
        RustCrypto::chacha20(self.key.as_bytes(), &nonce, bytes);
    }

    pub fn key(&mut self) -> Key {
        Key::fill_with(|key| self.fill(key))
    }

    /// A number from `lo` to `hi`, both included, all equally likely.
    pub fn number(&mut self, lo: u32, hi: u32) -> u32 {
        let mut bytes = [0; 4];
        self.fill(&mut bytes);
        Span::<u32>::new(lo, hi).pick(u32::from_le_bytes(bytes))
    }

    pub fn short(&mut self, lo: u16, hi: u16) -> u16 {
        self.number(lo.into(), hi.into()) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: Option<u64>) -> Vec<u32> {
        let mut random = Random::new(seed);
        (0..8).map(|_| random.number(0, u32::MAX)).collect()
    }

    #[test]
    fn a_seed_gives_the_same_each_time_and_others_others() {
        assert_eq!(numbers(Some(7)), numbers(Some(7)));
        assert_ne!(numbers(Some(7)), numbers(Some(8)));
        assert_ne!(numbers(None), numbers(None));
        let distinct: std::collections::BTreeSet<_> = numbers(Some(7)).into_iter().collect();
        assert_eq!(distinct.len(), 8);
    }

    #[test]
    fn numbers_keep_to_their_bounds() {
        let mut random = Random::new(Some(1));
        let drawn: std::collections::BTreeSet<_> = (0..200).map(|_| random.short(5, 9)).collect();
        assert!(drawn.into_iter().eq(5..=9));
        assert!(!random.key().ct_eq(&random.key()));
    }
}
