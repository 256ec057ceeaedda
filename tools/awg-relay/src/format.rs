// SPDX-License-Identifier: GPL-2.0

//! What datagrams look like: random bytes before a message and after it, the value in place of its type, and the
//! mask over its header.

use std::ops::RangeInclusive;

use chacha20::{
    cipher::{KeyIvInit, StreamCipher},
    ChaCha20,
};
use rand::{Rng, RngExt};

use crate::message::{number, Kind};

/// How many bytes of the prefix are the nonce of the mask.
pub const MASK_NONCE: usize = 12;

/// How much of a message with data is masked. Of all others all is.
const MASKED_DATA: usize = 16;

/// S1 to S4, H1 to H4, HeaderProtectionKey and RandomTrailers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Format {
    pub prefixes: [usize; 4],
    pub headers: [RangeInclusive<u32>; 4],
    pub protection: Option<[u8; 32]>,
    pub trailers: bool,
}

/// That of WireGuard.
impl Default for Format {
    fn default() -> Self {
        Self {
            prefixes: [0; 4],
            headers: Kind::ALL.map(|kind| kind.plain_type()..=kind.plain_type()),
            protection: None,
            trailers: false,
        }
    }
}

impl Format {
    pub fn prefix(&self, kind: Kind) -> usize {
        self.prefixes[kind as usize]
    }

    /// A value in place of the type.
    pub fn pick_type(&self, kind: Kind) -> u32 {
        rand::rng().random_range(self.headers[kind as usize].clone())
    }

    /// The datagram for a message, whose type is already another. A trailer ends before the window does.
    pub fn dress(&self, kind: Kind, message: &[u8], window: usize) -> Vec<u8> {
        let prefix = self.prefix(kind);
        let mut datagram = vec![0; prefix];
        rand::rng().fill_bytes(&mut datagram);
        datagram.extend(message);
        self.mask(kind, &mut datagram);
        let trailer = self.trailer(kind, prefix + message.len(), window);
        let end = datagram.len();
        datagram.resize(end + trailer, 0);
        rand::rng().fill_bytes(&mut datagram[end..]);
        datagram
    }

    fn trailer(&self, kind: Kind, length: usize, window: usize) -> usize {
        if !self.trailers || kind == Kind::Data || window <= length {
            return 0;
        }
        rand::rng().random_range(0..window - length)
    }

    /// The message in a datagram, if that can be of the kind by its length and the value in place of the type.
    pub fn undress(&self, kind: Kind, datagram: &[u8]) -> Option<Vec<u8>> {
        let prefix = self.prefix(kind);
        let least = prefix + kind.size();
        let is_open = kind == Kind::Data || self.trailers;
        if datagram.len() < least || datagram.len() > least && !is_open {
            return None;
        }
        let end = if kind == Kind::Data {
            datagram.len()
        } else {
            least
        };
        let mut bare = datagram[..end].to_vec();
        self.mask(kind, &mut bare);
        bare.drain(..prefix);
        let value = number(&bare, 0);
        self.headers[kind as usize].contains(&value).then_some(bare)
    }

    /// Masks what follows the prefix, or unmasks it.
    fn mask(&self, kind: Kind, datagram: &mut [u8]) {
        let Some(key) = &self.protection else {
            return;
        };
        let (prefix, message) = datagram.split_at_mut(self.prefix(kind));
        let masked = if kind == Kind::Data {
            MASKED_DATA
        } else {
            kind.size()
        };
        let nonce: [u8; MASK_NONCE] = prefix[..MASK_NONCE].try_into().expect("long prefixes");
        ChaCha20::new(&(*key).into(), &nonce.into()).apply_keystream(&mut message[..masked]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 8439, A.1, test vector 5: of a key of zeros and the nonce 0…02, in block 0.
    const KEYSTREAM: [u8; 64] = [
        0xc2, 0xc6, 0x4d, 0x37, 0x8c, 0xd5, 0x36, 0x37, 0x4a, 0xe2, 0x04, 0xb9, 0xef, 0x93, 0x3f,
        0xcd, 0x1a, 0x8b, 0x22, 0x88, 0xb3, 0xdf, 0xa4, 0x96, 0x72, 0xab, 0x76, 0x5b, 0x54, 0xee,
        0x27, 0xc7, 0x8a, 0x97, 0x0e, 0x0e, 0x95, 0x5c, 0x14, 0xf3, 0xa8, 0x8e, 0x74, 0x1b, 0x97,
        0xc2, 0x86, 0xf7, 0x5f, 0x8f, 0xc2, 0x99, 0xe8, 0x14, 0x83, 0x62, 0xfa, 0x19, 0x8a, 0x39,
        0x53, 0x1b, 0xed, 0x6d,
    ];

    fn masked() -> Format {
        Format {
            prefixes: [12, 13, 14, 15],
            protection: Some([0; 32]),
            ..Format::default()
        }
    }

    fn message(kind: Kind, length: usize) -> Vec<u8> {
        let mut message: Vec<u8> = (0..length).map(|place| place as u8).collect();
        crate::message::set_type(&mut message, kind.plain_type());
        message
    }

    /// The datagram of a message with a known prefix, by hand.
    fn by_hand(prefix: usize, message: &[u8], masked: usize) -> Vec<u8> {
        let mut datagram = vec![0; prefix];
        datagram[11] = 2;
        datagram.extend(
            message
                .iter()
                .zip(KEYSTREAM)
                .take(masked)
                .map(|(byte, mask)| byte ^ mask),
        );
        datagram.extend(&message[masked..]);
        datagram
    }

    #[test]
    fn the_mask_covers_a_whole_cookie_reply_and_the_header_of_data() {
        let cookie = message(Kind::Cookie, 64);
        assert_eq!(
            masked().undress(Kind::Cookie, &by_hand(14, &cookie, 64)),
            Some(cookie)
        );
        let data = message(Kind::Data, 80);
        assert_eq!(
            masked().undress(Kind::Data, &by_hand(15, &data, 16)),
            Some(data)
        );
    }

    #[test]
    fn each_kind_comes_back() {
        let plain = Format {
            prefixes: [1, 20, 300, 4],
            ..Format::default()
        };
        let open = Format {
            trailers: true,
            ..masked()
        };
        for format in [Format::default(), plain, masked(), open] {
            for kind in Kind::ALL {
                let message = message(kind, kind.size());
                let datagram = format.dress(kind, &message, 500);
                assert_eq!(
                    format.undress(kind, &datagram),
                    Some(message),
                    "{format:?} {kind:?}"
                );
                assert_eq!(
                    format.undress(kind, &datagram[1..]),
                    None,
                    "{format:?} {kind:?}"
                );
            }
        }
    }

    #[test]
    fn wireguard_stays_as_it_is() {
        for kind in Kind::ALL {
            let message = message(kind, kind.size());
            assert_eq!(Format::default().pick_type(kind), kind.plain_type());
            assert_eq!(Format::default().dress(kind, &message, 500), message);
        }
    }

    #[test]
    fn prefixes_are_new_each_time_and_so_is_the_mask() {
        let message = message(Kind::Data, 32);
        let [one, other] = [0; 2].map(|_| masked().dress(Kind::Data, &message, 500));
        assert_ne!(one[..15], other[..15]);
        assert_ne!(one[15..31], other[15..31]);
        assert_eq!(one[31..], other[31..]);
    }

    #[test]
    fn all_values_of_a_range_are_picked_and_no_others_taken() {
        let format = Format {
            headers: [7..=9, 2..=2, 3..=3, 4..=4],
            ..Format::default()
        };
        let picked: Vec<u32> = (0..200)
            .map(|_| format.pick_type(Kind::Initiation))
            .collect();
        assert!((7..=9).all(|value| picked.contains(&value)));
        assert!(picked.iter().all(|value| (7..=9).contains(value)));
        for (value, taken) in [(1, false), (6, false), (7, true), (9, true), (10, false)] {
            let mut message = message(Kind::Initiation, 148);
            crate::message::set_type(&mut message, value);
            assert_eq!(
                format.undress(Kind::Initiation, &message).is_some(),
                taken,
                "{value}"
            );
        }
    }

    #[test]
    fn trailers_end_before_the_window() {
        let format = Format {
            trailers: true,
            ..Format::default()
        };
        let length = |window| {
            format
                .dress(Kind::Response, &message(Kind::Response, 92), window)
                .len()
        };
        let lengths: Vec<usize> = (0..400).map(|_| length(96)).collect();
        assert!((92..96).all(|length| lengths.contains(&length)));
        assert!(lengths.iter().all(|length| (92..96).contains(length)));
        assert_eq!((length(92), length(0)), (92, 92));
        let data = message(Kind::Data, 40);
        assert_eq!(format.dress(Kind::Data, &data, 500), data);
    }

    #[test]
    fn without_trailers_lengths_are_exact() {
        let response = message(Kind::Response, 93);
        assert_eq!(Format::default().undress(Kind::Response, &response), None);
        let open = Format {
            trailers: true,
            ..Format::default()
        };
        assert_eq!(
            open.undress(Kind::Response, &response),
            Some(response[..92].to_vec())
        );
    }
}
