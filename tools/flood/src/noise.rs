// SPDX-License-Identifier: GPL-2.0

//! Bytes that mean nothing.

use wireguard_proto::{
    constants::{INITIATION_LEN, KEY_LEN},
    messages::Initiation,
    noise::Key,
    rustcrypto::RustCrypto,
};
use zerocopy::FromBytes;

/// A stream of bytes that never repeats for our purposes (xorshift).
pub struct Noise(u64);

impl Noise {
    /// The same stream whenever it is begun: what is measured is then the same, too.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let words = std::iter::repeat_with(|| self.word().to_le_bytes());
        words.flatten().take(length).collect()
    }

    /// An initiation of which nothing but its form is right.
    pub fn initiation(&mut self) -> Initiation {
        let mut bytes = self.bytes(INITIATION_LEN);
        bytes[..4].copy_from_slice(&[1, 0, 0, 0]);
        Initiation::read_from_bytes(&bytes).expect("it is as long as the message")
    }

    pub fn key(&mut self) -> Key<RustCrypto> {
        let bytes = self.bytes(KEY_LEN);
        Key::fill_with(|out| out.copy_from_slice(&bytes))
    }

    pub fn word(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
