// SPDX-License-Identifier: GPL-2.0

//! Keeps a WireGuard device busy with handshake initiations from nobody.
//!
//! ```text
//! flood ADDRESS:PORT PUBLIC-KEY BURST PAUSE
//! ```
//!
//! sends bursts of so many initiations, with so many milliseconds between them, until it is killed.
//! Only mac1 is right, since whoever knows the device's public key can compute it: the rest is
//! noise, a new one in every message. The device has to spend a key exchange on each, unless it is
//! under load and asks for cookies.

use std::{
    env,
    net::{SocketAddr, UdpSocket},
    process::ExitCode,
    thread,
    time::Duration,
};

use wireguard_proto::{
    constants::INITIATION_LEN,
    cookie::CookieMaker,
    messages::{Initiation, PublicKey},
    rustcrypto::RustCrypto,
    time::BootTime,
};
use zerocopy::{FromBytes, IntoBytes};

const USAGE: &str = "usage: flood ADDRESS:PORT PUBLIC-KEY BURST PAUSE-IN-MS";

fn main() -> ExitCode {
    match Flood::from_arguments() {
        Some(flood) => {
            let error = flood.run();
            eprintln!("flood: cannot send to {}: {error}", flood.to);
        }
        None => eprintln!("{USAGE}"),
    }
    ExitCode::FAILURE
}

struct Flood {
    to: SocketAddr,
    key: PublicKey,
    burst: u32,
    pause: Duration,
}

impl Flood {
    fn from_arguments() -> Option<Self> {
        let arguments: Vec<String> = env::args().skip(1).collect();
        let [to, key, burst, pause] = arguments.as_slice() else {
            return None;
        };
        Some(Self {
            to: to.parse().ok()?,
            key: PublicKey(key_from_base64(key)?),
            burst: burst.parse().ok()?,
            pause: Duration::from_millis(pause.parse().ok()?),
        })
    }

    /// Sends until that fails, and returns why.
    fn run(&self) -> std::io::Error {
        let socket = match UdpSocket::bind(unspecified(self.to)) {
            Ok(socket) => socket,
            Err(error) => return error,
        };
        let mut macs = CookieMaker::<RustCrypto>::new(&self.key);
        let mut noise = Noise(1);
        loop {
            for _ in 0..self.burst {
                let mut message = noise.initiation();
                macs.add_macs(&mut message, BootTime(0));
                if let Err(error) = socket.send_to(message.as_bytes(), self.to) {
                    return error;
                }
            }
            thread::sleep(self.pause);
        }
    }
}

fn unspecified(to: SocketAddr) -> SocketAddr {
    match to {
        SocketAddr::V4(_) => ([0; 4], 0).into(),
        SocketAddr::V6(_) => ([0; 16], 0).into(),
    }
}

/// A key as `wg` writes it.
fn key_from_base64(text: &str) -> Option<[u8; 32]> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.strip_suffix('=').filter(|digits| digits.len() == 43)?;
    let mut key = [0; 32];
    for (index, digit) in digits.bytes().enumerate() {
        let value = DIGITS.iter().position(|known| *known == digit)?;
        for bit in 0..6 {
            let place = 6 * index + bit;
            if place < 256 && value & (0x20 >> bit) != 0 {
                key[place / 8] |= 0x80 >> (place % 8);
            }
        }
    }
    Some(key)
}

/// A stream of bytes that never repeats for our purposes (xorshift).
struct Noise(u64);

impl Noise {
    fn initiation(&mut self) -> Initiation {
        let mut bytes = [0; INITIATION_LEN];
        bytes[0] = 1;
        for chunk in bytes[4..].chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next().to_le_bytes());
        }
        Initiation::read_from_bytes(&bytes).expect("the array is as long as the message")
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }
}
