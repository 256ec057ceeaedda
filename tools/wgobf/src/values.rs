// SPDX-License-Identifier: GPL-2.0

//! Values as files write them. An error says what to write.

use std::fmt::Display;
use std::net::IpAddr;
use std::str::FromStr;

use base64::{engine::general_purpose::STANDARD, Engine};
use wireguard_proto::awg::Span;
use wireguard_proto::crypto::Secret;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::setting::Key;
use crate::Result;

/// A number, no greater than `most`.
pub fn number<T: FromStr + PartialOrd + Display>(text: &str, most: T) -> Result<T> {
    let digits = (!text.starts_with('+'))
        .then(|| text.parse().ok())
        .flatten();
    digits
        .filter(|number| *number <= most)
        .ok_or_else(|| format!("must be a number up to {most}, not {text:?}"))
}

/// A number, or two with a dash between them. Whether they are in order is not looked at.
fn span<T: Copy>(text: &str, number: impl Fn(&str) -> Option<T>) -> Option<Span<T>> {
    let (lo, hi) = text.split_once('-').unwrap_or((text, text));
    Some(Span::new(number(lo.trim())?, number(hi.trim())?))
}

pub fn header(text: &str) -> Result<Span<u32>> {
    span(text, |part| number(part, u32::MAX).ok())
        .ok_or_else(|| format!("must be a number of 32 bits or a range, as in 5-9, not {text:?}"))
}

pub fn range(text: &str) -> Result<Span<u16>> {
    span(text, |part| number(part, u16::MAX).ok())
        .ok_or_else(|| format!("must be a number up to 65535 or a range, as in 5-9, not {text:?}"))
}

/// The same; "off" is zero.
pub fn interval(text: &str) -> Result<Span<u16>> {
    match text.eq_ignore_ascii_case("off") {
        true => Ok(Span::single(0)),
        false => range(text),
    }
}

pub fn switch(text: &str) -> Result<bool> {
    match text.to_lowercase().as_str() {
        "on" | "1" => Ok(true),
        "off" | "0" => Ok(false),
        _ => Err(format!("must be on or off, not {text:?}")),
    }
}

/// A mark: a number, also a hexadecimal one, or "off".
pub fn mark(text: &str) -> Result<u32> {
    let number = match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None if text.eq_ignore_ascii_case("off") => Some(0),
        None => text.parse().ok(),
    };
    number.ok_or_else(|| format!("must be a number of 32 bits or off, not {text:?}"))
}

/// A key as `wg` writes it. What is wrong about it is not repeated: it may be a secret.
pub fn key(text: &str) -> Result<Key> {
    // The decoder wants room for what the text could be at most.
    let mut room = Secret::<RustCrypto, 33>::zeroed();
    let len = STANDARD.decode_slice(text, room.as_mut_bytes());
    match (len, room.as_bytes().first_chunk()) {
        (Ok(32), Some(bytes)) => Ok(Key::fill_with(|key| *key = *bytes)),
        _ => Err("must be a key as `wg genkey` prints it, 44 characters".into()),
    }
}

pub fn base64(key: &[u8; 32]) -> String {
    STANDARD.encode(key)
}

/// Addresses with the lengths of their prefixes, between commas.
pub fn prefixes(text: &str) -> Result<Vec<(IpAddr, u8)>> {
    let words = text.split(',').map(str::trim);
    words
        .filter(|word| !word.is_empty())
        .map(|word| {
            prefix(word)
                .ok_or_else(|| format!("must have prefixes, as in 10.0.0.0/8, not {word:?}"))
        })
        .collect()
}

fn prefix(word: &str) -> Option<(IpAddr, u8)> {
    let (address, len) = match word.split_once('/') {
        Some((address, len)) => (address, Some(len)),
        None => (word, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let len = len.map_or(Ok(most), |len| number(len, most)).ok()?;
    Some((address, len))
}

/// A host and a port. Names are not looked up.
pub fn endpoint(text: &str) -> Result<String> {
    let parts = text.rsplit_once(':');
    let is_one = parts.is_some_and(|(host, port)| {
        let is_whole = !host.contains(':') || (host.starts_with('[') && host.ends_with(']'));
        !host.is_empty() && is_whole && number(port, u16::MAX).is_ok_and(|port| port != 0)
    });
    match is_one {
        true => Ok(text.into()),
        false => Err(format!(
            "must be HOST:PORT, as in 192.0.2.1:51820 or [2001:db8::1]:51820, not {text:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_numbers_or_ranges() {
        assert_eq!(header("5"), Ok(Span::single(5)));
        assert_eq!(header("5 - 4294967295"), Ok(Span::new(5, u32::MAX)));
        assert_eq!(range("9-3"), Ok(Span::new(9, 3)));
        assert_eq!(interval("Off"), Ok(Span::single(0)));
        for text in ["", "-", "5-", "-5", "5-6-7", "+5", "4294967296", "0x5"] {
            assert!(header(text).is_err(), "{text}");
        }
        assert!(range("65536").is_err() && range("off").is_err());
    }

    #[test]
    fn numbers_have_a_bound() {
        assert_eq!(number("12", 12_u16), Ok(12));
        let said = "must be a number up to 12, not \"13\"";
        assert_eq!(number("13", 12_u16), Err(said.into()));
        assert!(number("+1", 12_u16).is_err() && number("", 12_u16).is_err());
    }

    #[test]
    fn switches_and_marks() {
        assert_eq!([switch("On"), switch("0")], [Ok(true), Ok(false)]);
        assert!(switch("yes").is_err());
        assert_eq!([mark("0xCA6c"), mark("off")], [Ok(0xca6c), Ok(0)]);
        assert!(mark("0xg").is_err() && mark("4294967296").is_err());
    }

    #[test]
    fn keys_are_whole() {
        let text = base64(&[7; 32]);
        assert!(key(&text).is_ok_and(|key| key.as_bytes() == &[7; 32]));
        let longer = STANDARD.encode([7; 33]);
        for text in ["", "AAAA", text.trim_end_matches('='), &longer] {
            assert!(key(text).is_err_and(|said| text.is_empty() || !said.contains(text)));
        }
    }

    #[test]
    fn prefixes_have_a_length() {
        let wanted = vec![
            ("10.0.0.0".parse().unwrap(), 8),
            ("fd07::1".parse().unwrap(), 128),
        ];
        assert_eq!(prefixes("10.0.0.0/8, fd07::1"), Ok(wanted));
        assert_eq!(prefixes(""), Ok(Vec::new()));
        assert!(prefixes("10.0.0.0/33").is_err() && prefixes("here").is_err());
    }

    #[test]
    fn endpoints_have_a_port() {
        for text in ["192.0.2.1:1", "[2001:db8::1]:51820", "host.example:51820"] {
            assert_eq!(endpoint(text), Ok(text.into()));
        }
        for text in [
            "192.0.2.1",
            ":1",
            "2001:db8::1:51820",
            "host:0",
            "host:65536",
        ] {
            assert!(endpoint(text).is_err(), "{text}");
        }
    }
}
