// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! WireGuard's handshake by another implementation of Noise, the crate snow.
#![allow(dead_code, reason = "each test uses its part")]

use chacha20::R20;
use curve25519_dalek::MontgomeryPoint;
use snow::{Builder, HandshakeState};

const PATTERN: &str = "Noise_IKpsk2_25519_ChaChaPoly_BLAKE2s";
const PROLOGUE: &[u8] = b"WireGuard v1 zx2c4 Jason@zx2c4.com";

/// One side, with a fixed ephemeral key.
pub struct NoisePeer {
    private: [u8; 32],
    ephemeral: [u8; 32],
    preshared_key: [u8; 32],
}

impl NoisePeer {
    pub fn new(private: &[u8; 32], ephemeral: &[u8; 32], preshared_key: &[u8; 32]) -> Self {
        Self {
            private: *private,
            ephemeral: *ephemeral,
            preshared_key: *preshared_key,
        }
    }

    pub fn public(&self) -> [u8; 32] {
        MontgomeryPoint::mul_base_clamped(self.private).to_bytes()
    }

    pub fn initiator(&self, remote: &[u8; 32]) -> HandshakeState {
        let builder = self.builder().remote_public_key(remote).unwrap();
        builder.build_initiator().unwrap()
    }

    pub fn responder(&self) -> HandshakeState {
        self.builder().build_responder().unwrap()
    }

    fn builder(&self) -> Builder<'_> {
        Builder::new(PATTERN.parse().unwrap())
            .prologue(PROLOGUE)
            .and_then(|builder| builder.local_private_key(&self.private))
            .and_then(|builder| builder.psk(2, &self.preshared_key))
            .unwrap()
            .fixed_ephemeral_key_for_testing_only(&self.ephemeral)
    }
}

pub fn write(state: &mut HandshakeState, payload: &[u8]) -> Vec<u8> {
    let mut message = vec![0; 256];
    let len = state.write_message(payload, &mut message).unwrap();
    message.truncate(len);
    message
}

pub fn read(state: &mut HandshakeState, message: &[u8]) -> Vec<u8> {
    let mut payload = vec![0; 256];
    let len = state.read_message(message, &mut payload).unwrap();
    payload.truncate(len);
    payload
}

/// XChaCha20 is ChaCha20 under a derived key, with a nonce that begins with four zero bytes: the
/// form of nonce that data messages have.
pub fn inner_chacha(key: &[u8], nonce: &[u8]) -> ([u8; 32], u64) {
    let (first, last) = nonce.split_at(16);
    let key = <&[u8; 32]>::try_from(key).unwrap();
    let first = <&[u8; 16]>::try_from(first).unwrap();
    let inner = chacha20::hchacha::<R20>(key.into(), first.into());
    (inner.into(), u64::from_le_bytes(last.try_into().unwrap()))
}
