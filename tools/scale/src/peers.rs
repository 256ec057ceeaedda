// SPDX-License-Identifier: GPL-2.0

//! What a peer has, by its number.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::ops::Range;

use wire_peer::keys::base64;

/// One device cannot have more.
pub const MAX_PEERS: u32 = 1 << 20;

/// Where in a public key the number is.
const NUMBER_AT: usize = 8;

/// A number that looks random (SplitMix64).
fn mixed(number: u64) -> u64 {
    let number = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

/// Looks as random as any other key.
pub fn public_key(number: u32) -> [u8; 32] {
    let mut key = [0; 32];
    for (chunk, part) in key.chunks_exact_mut(8).zip(0..) {
        chunk.copy_from_slice(&mixed((u64::from(number) << 2) | part).to_le_bytes());
    }
    let hidden = number ^ MASK;
    key[NUMBER_AT..NUMBER_AT + 4].copy_from_slice(&hidden.to_le_bytes());
    // As reduced coordinates have it.
    key[31] &= 0x7f;
    key
}

const MASK: u32 = 0x5ca1_ab1e;

/// Whose key that is, if it is one of ours.
pub fn number_of(key: &[u8; 32]) -> Option<u32> {
    let hidden = key[NUMBER_AT..].first_chunk()?;
    let number = u32::from_le_bytes(*hidden) ^ MASK;
    (number < MAX_PEERS && public_key(number) == *key).then_some(number)
}

/// Most have one of IPv4, and all live where nobody is (RFC 2544, RFC 3849).
pub fn endpoint(number: u32) -> SocketAddr {
    let port = 1024 + (number >> 16) as u16;
    let low = number as u16;
    if number % 8 == 7 {
        let segments = [0x2001, 0xdb8, 1, 0, 0, 0, (number >> 16) as u16, low];
        return (Ipv6Addr::from(segments), port).into();
    }
    let [high, low] = low.to_be_bytes();
    (Ipv4Addr::new(198, 18, high, low), port).into()
}

/// All over 10.0.0.0/8, so that those of many peers lie around any other; but not in 10.7.0.0/24, where tests
/// have theirs.
pub fn address4(number: u32) -> Ipv4Addr {
    const TESTS: Range<u32> = 0x07_0000..0x07_0100;
    // What is walked through must not be where another walk begins: that would end at the same place.
    let mut place = scattered(match number < TESTS.start {
        true => number,
        false => number + TESTS.len() as u32,
    });
    while TESTS.contains(&place) {
        place = scattered(place);
    }
    Ipv4Addr::from((10 << 24) | place)
}

/// Another number below 2^24 for each number below 2^24: all steps can be undone.
fn scattered(number: u32) -> u32 {
    const MAX: u32 = (1 << 24) - 1;
    let number = number.wrapping_mul(0x9e_3779) & MAX;
    let number = (number ^ (number >> 12)).wrapping_mul(0x5b_d1e5) & MAX;
    number ^ (number >> 13)
}

/// In fd07::/64, each with a part of its own from bit 64 on, as hosts have.
pub fn address6(number: u32) -> Ipv6Addr {
    let host = mixed(u64::from(number)) & !0xff_ffff | u64::from(scattered(number));
    // Not the few that tests have: all of these have their highest bit set.
    Ipv6Addr::from((0xfd07 << 112) | u128::from(host | (1 << 63)))
}

/// What `wg show INTERFACE dump` says of a peer that nobody has heard of yet.
pub fn shown(number: u32, owned: u32) -> String {
    let (key, endpoint) = (base64(&public_key(number)), endpoint(number));
    let (v4, v6) = (address4(owned), address6(owned));
    format!("{key}\t(none)\t{endpoint}\t{v4}/32,{v6}/128\t0\t0\t0\toff")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn no_two_peers_share_anything() {
        let numbers = 0..MAX_PEERS;
        let distinct = |hashed: HashSet<u128>| assert_eq!(hashed.len(), MAX_PEERS as usize);
        distinct(
            numbers
                .clone()
                .map(|n| address4(n).to_bits().into())
                .collect(),
        );
        distinct(numbers.clone().map(|n| address6(n).to_bits()).collect());
        let endpoints: HashSet<SocketAddr> = numbers.map(endpoint).collect();
        assert_eq!(endpoints.len(), MAX_PEERS as usize);
    }

    #[test]
    fn keys_tell_their_numbers_and_others_none() {
        for number in (0..MAX_PEERS).step_by(1013) {
            let mut key = public_key(number);
            assert_eq!(number_of(&key), Some(number));
            key[0] ^= 1;
            assert_eq!(number_of(&key), None);
        }
    }

    #[test]
    fn addresses_of_tests_are_nobodys() {
        for number in 0..MAX_PEERS {
            assert_ne!(address4(number).octets()[..3], [10, 7, 0]);
            assert_ne!(address6(number).segments()[4], 0);
        }
    }
}
