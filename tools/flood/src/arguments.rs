// SPDX-License-Identifier: GPL-2.0

//! What is asked for.

use std::{
    fs,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use wireguard_proto::messages::PublicKey;

use crate::{kinds::Kind, wire::Network};

const USAGE: &str = "usage: flood ADDRESS:PORT PUBLIC-KEY BURST PAUSE-IN-MS [KIND] [OPTION=VALUE…], where KIND is random, \
    forged, known, spoofed, replayed, proven or mix, and OPTION is count, go, sources or key";

/// Addresses for tests of devices (RFC 2544), which nobody has.
const SOURCES: Network = Network {
    first: Ipv4Addr::new(198, 18, 0, 0),
    length: 15,
};

/// What is asked for.
pub struct Arguments {
    pub to: SocketAddr,
    pub public: PublicKey,
    pub burst: u32,
    pub pause: Duration,
    pub kind: Kind,
    pub count: Option<u64>,
    pub go: bool,
    pub sources: Network,
    pub private: Option<[u8; 32]>,
}

impl Arguments {
    pub fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = arguments.collect();
        let [to, public, burst, pause, rest @ ..] = words.as_slice() else {
            return Err(USAGE.into());
        };
        let wrong = |what: &str, word: &str| format!("{word:?} is no {what}; {USAGE}");
        let mut this = Self {
            to: to.parse().map_err(|_| wrong("ADDRESS:PORT", to))?,
            public: PublicKey(key_from_base64(public).ok_or_else(|| wrong("key", public))?),
            burst: burst.parse().map_err(|_| wrong("number", burst))?,
            pause: Duration::from_millis(pause.parse().map_err(|_| wrong("number", pause))?),
            kind: Kind::Known,
            count: None,
            go: false,
            sources: SOURCES,
            private: None,
        };
        for word in rest {
            match word.split_once('=') {
                None => this.kind = Kind::of(word).ok_or_else(|| wrong("KIND", word))?,
                Some(("count", value)) => {
                    this.count = Some(value.parse().map_err(|_| wrong("number", value))?);
                }
                Some(("go", "yes")) => this.go = true,
                Some(("sources", value)) => {
                    this.sources = Network::parse(value).ok_or_else(|| wrong("network", value))?;
                }
                Some(("key", file)) => this.private = Some(key_in(file)?),
                Some(_) => return Err(wrong("OPTION", word)),
            }
        }
        Ok(this)
    }
}

fn key_in(file: &str) -> Result<[u8; 32], String> {
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {file}: {error}"))?;
    key_from_base64(text.trim_end())
        .ok_or_else(|| format!("{file} has no key: wg genkey makes one"))
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
