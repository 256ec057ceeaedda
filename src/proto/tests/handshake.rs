// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the handshake slot accepts, refuses, remembers and forgets.

use wireguard_proto::handshake::{HandshakeError, IncomingInitiation, Phase, Reject, Role};
use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::messages::{Index, PublicKey};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, WallTime};

mod common;

use common::{boot, flipped, initiation, key, response, sessions, wall, Key, Party};

/// The macs are not part of the handshake.
const INITIATION_BODY: usize = 116;
const RESPONSE_BODY: usize = 60;

#[test]
fn every_bit_of_an_initiation_counts() {
    let (mut alice, bob) = Party::pair();
    let message = alice.initiate(4, 40, 1000);
    for (byte, forged) in flipped(&message).filter(|(byte, _)| *byte < INITIATION_BODY) {
        // The type is for the parser; the sender index is only protected by the macs.
        if byte >= 8 {
            let forged = initiation(&forged);
            let opened = IncomingInitiation::open(&bob.identity, &forged)
                .and_then(|incoming| incoming.authenticate(&bob.remote));
            assert_eq!(
                opened.err(),
                Some(HandshakeError::Unauthentic),
                "byte {byte}"
            );
        }
    }
}

#[test]
fn every_bit_of_a_response_counts() {
    let (mut alice, mut bob) = Party::pair();
    bob.accept(&alice.initiate(4, 40, 1000), boot(1));
    let message = bob.respond(5, 50);
    for (byte, forged) in flipped(&message).filter(|(byte, _)| *byte < RESPONSE_BODY) {
        let expected = match byte {
            0..8 => continue,
            8..12 => HandshakeError::WrongState,
            _ => HandshakeError::Unauthentic,
        };
        let opened = alice.open_response(&response(&forged));
        assert_eq!(opened.err(), Some(expected), "byte {byte}");
    }
}

#[test]
fn the_preshared_key_must_match() {
    let (mut alice, mut bob) = Party::pair();
    bob.remote.set_preshared_key(key(99));
    bob.accept(&alice.initiate(4, 40, 1000), boot(1));
    let opened = alice.open_response(&bob.respond(5, 50));
    assert_eq!(opened.err(), Some(HandshakeError::Unauthentic));
}

#[test]
fn an_initiation_for_another_is_refused() {
    let (mut alice, _) = Party::pair();
    let carol = Party::new([7; 32], [1; 32]);
    let message = alice.initiate(4, 40, 1000);
    let opened = IncomingInitiation::open(&carol.identity, &message);
    assert_eq!(opened.err(), Some(HandshakeError::Unauthentic));
}

#[test]
fn phases_of_both_roles() {
    let (mut alice, mut bob) = Party::pair();
    let mut seen = Vec::new();
    let mut look = |party: &Party| seen.push((party.slot.phase(), party.slot.phase().role()));
    look(&alice);
    let initiation = alice.initiate(4, 40, 1000);
    look(&alice);
    bob.accept(&initiation, boot(1));
    look(&bob);
    let response = bob.respond(5, 50);
    look(&bob);
    let authentic = alice.open_response(&response).unwrap();
    alice.slot.accept_response(authentic).unwrap();
    look(&alice);
    alice.slot.begin_session().unwrap();
    look(&alice);
    bob.slot.clear();
    look(&bob);
    let (initiator, responder) = (Some(Role::Initiator), Some(Role::Responder));
    let expected = [
        (Phase::Zeroed, None),
        (Phase::CreatedInitiation, initiator),
        (Phase::ConsumedInitiation, responder),
        (Phase::CreatedResponse, responder),
        (Phase::ConsumedResponse, initiator),
        (Phase::Zeroed, None),
        (Phase::Zeroed, None),
    ];
    assert_eq!(seen, expected);
}

#[test]
fn timestamps_only_grow() {
    let (mut alice, mut bob) = Party::pair();
    let newer = alice.initiate(4, 40, 1000);
    let older = alice.initiate(5, 41, 999);
    bob.accept(&newer, boot(1));
    for message in [newer, older] {
        let authentic = bob.open(&message).unwrap();
        let accepted = bob.slot.accept_initiation(authentic, boot(100));
        assert_eq!(accepted, Err(Reject::Replay));
    }
    bob.accept(&alice.initiate(6, 42, 1001), boot(100));
}

#[test]
fn the_greatest_timestamp_survives_all_but_the_peer() {
    let (mut alice, mut bob) = Party::pair();
    let message = alice.initiate(4, 40, 1000);
    bob.accept(&message, boot(1));
    bob.slot.clear();
    let authentic = bob.open(&message).unwrap();
    let accepted = bob.slot.accept_initiation(authentic, boot(100));
    assert_eq!(accepted, Err(Reject::Replay));
}

#[test]
fn twenty_milliseconds_between_initiations() {
    let (mut alice, mut bob) = Party::pair();
    bob.accept(&alice.initiate(4, 40, 1000), BootTime(0));
    for (secs, millis, expected) in [
        (1001, 19, Err(Reject::Flood)),
        (1002, 20, Ok(())),
        (1003, 39, Err(Reject::Flood)),
        (1004, 40, Ok(())),
    ] {
        let authentic = bob.open(&alice.initiate(4, 40, secs)).unwrap();
        let now = BootTime(millis * 1_000_000);
        assert_eq!(bob.slot.accept_initiation(authentic, now), expected);
    }
}

#[test]
fn timestamps_are_coarse() {
    let (mut alice, mut bob) = Party::pair();
    let mut at = |nanos| {
        let now = WallTime { secs: 5, nanos };
        alice
            .slot
            .create_initiation(&alice.identity, &alice.remote, key(4), Index(1), now)
            .unwrap()
            .message
    };
    bob.accept(&at(0), boot(1));
    let authentic = bob.open(&at(16_777_215)).unwrap();
    let accepted = bob.slot.accept_initiation(authentic, boot(2));
    assert_eq!(accepted, Err(Reject::Replay));
    bob.accept(&at(16_777_216), boot(3));
}

#[test]
fn steps_out_of_turn_are_refused() {
    let (mut alice, mut bob) = Party::pair();
    let response = |party: &mut Party| {
        party
            .slot
            .create_response(&party.remote, key(5), Index(50))
            .err()
    };
    // Nothing has begun.
    assert!(alice.slot.snapshot().is_none());
    assert_eq!(response(&mut bob), Some(HandshakeError::WrongState));
    assert_eq!(
        bob.slot.begin_session().err(),
        Some(HandshakeError::WrongState)
    );
    // Begun, but not answered.
    let message = alice.initiate(4, 40, 1000);
    assert_eq!(response(&mut alice), Some(HandshakeError::WrongState));
    assert_eq!(
        alice.slot.begin_session().err(),
        Some(HandshakeError::WrongState)
    );
    assert!(alice.slot.snapshot().is_some());
    // Received, but no response made.
    bob.accept(&message, boot(1));
    assert!(bob.slot.snapshot().is_none());
    assert_eq!(
        bob.slot.begin_session().err(),
        Some(HandshakeError::WrongState)
    );
    // Used up.
    bob.respond(5, 50);
    assert_eq!(response(&mut bob), Some(HandshakeError::WrongState));
    bob.slot.begin_session().unwrap();
    assert_eq!(
        bob.slot.begin_session().err(),
        Some(HandshakeError::WrongState)
    );
}

#[test]
fn a_response_counts_once() {
    let (mut alice, mut bob) = Party::pair();
    bob.accept(&alice.initiate(4, 40, 1000), boot(1));
    let message = bob.respond(5, 50);
    let [first, second] = [0; 2].map(|_| alice.open_response(&message).unwrap());
    alice.slot.accept_response(first).unwrap();
    let again = alice.slot.accept_response(second);
    assert_eq!(again, Err(HandshakeError::WrongState));
    alice.slot.begin_session().unwrap();
}

#[test]
fn a_response_to_an_initiation_since_replaced_is_refused() {
    let (mut alice, mut bob) = Party::pair();
    bob.accept(&alice.initiate(4, 40, 1000), boot(1));
    let message = bob.respond(5, 50);
    let authentic = alice.open_response(&message).unwrap();
    alice.initiate(6, 40, 1001);
    let late = alice.slot.accept_response(authentic);
    assert_eq!(late, Err(HandshakeError::WrongState));
    assert!(alice.slot.snapshot().is_some());
}

#[test]
fn an_initiation_received_ends_our_own() {
    let (mut alice, mut bob) = Party::pair();
    bob.initiate(9, 90, 2000);
    bob.accept(&alice.initiate(4, 40, 1000), boot(1));
    assert!(bob.slot.snapshot().is_none());
    // Its index stays in use until the response takes another.
    assert_eq!(bob.slot.local_index(), Some(Index(90)));
    let created = bob
        .slot
        .create_response(&bob.remote, key(5), Index(50))
        .unwrap();
    assert_eq!(created.replaced, Some(Index(90)));
    assert_eq!(bob.slot.local_index(), Some(Index(50)));
}

#[test]
fn indexes_are_handed_back() {
    let (mut alice, mut bob) = Party::pair();
    let first = alice
        .slot
        .create_initiation(&alice.identity, &alice.remote, key(4), Index(1), wall(1))
        .unwrap();
    assert_eq!(first.replaced, None);
    let second = alice
        .slot
        .create_initiation(&alice.identity, &alice.remote, key(4), Index(2), wall(2))
        .unwrap();
    assert_eq!(second.replaced, Some(Index(1)));
    assert_eq!(alice.slot.clear(), Some(Index(2)));
    assert_eq!(alice.slot.clear(), None);
    // A session takes the index along.
    let (session, _) = sessions(&mut alice, &mut bob);
    assert_eq!(session.local_index, Index(40));
    assert_eq!(alice.slot.local_index(), None);
}

#[test]
fn a_failed_initiation_changes_nothing() {
    let (mut alice, _) = Party::pair();
    alice.initiate(4, 40, 1000);
    alice.remote.refresh(None);
    let failed = alice.slot.create_initiation(
        &alice.identity,
        &alice.remote,
        key(6),
        Index(41),
        wall(1001),
    );
    assert_eq!(failed.err(), Some(HandshakeError::DegenerateSharedSecret));
    assert_eq!(alice.slot.local_index(), Some(Index(40)));
    assert!(alice.slot.snapshot().is_some());
}

#[test]
fn private_keys_are_clamped() {
    let identity = StaticIdentity::<RustCrypto>::from_private(Key::from_bytes([0xff; 32])).unwrap();
    let private = identity.private().as_bytes();
    assert_eq!((private[0], private[31]), (0xf8, 0x7f));
    let again = StaticIdentity::<RustCrypto>::from_private(identity.private().duplicate()).unwrap();
    assert_eq!(again.public(), identity.public());
}

#[test]
fn the_zero_key_is_no_identity() {
    assert!(StaticIdentity::<RustCrypto>::from_private(Key::zeroed()).is_none());
}

/// u-coordinates of order 1, 2, 4 or 8, and the same numbers plus the prime.
fn low_order_points() -> [PublicKey; 7] {
    let mut points = [[0; 32]; 7];
    points[1][0] = 1;
    points[2] = [
        0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4,
        0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49,
        0xb8, 0x00,
    ];
    points[3] = [
        0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef,
        0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f,
        0x11, 0x57,
    ];
    for (point, low) in points[4..].iter_mut().zip([0xec, 0xed, 0xee]) {
        *point = [0xff; 32];
        point[0] = low;
        point[31] = 0x7f;
    }
    points.map(PublicKey)
}

#[test]
fn nothing_is_sent_to_a_low_order_peer() {
    for point in low_order_points() {
        let mut alice = Party::toward([1; 32], point);
        assert!(!alice.remote.can_handshake());
        let created =
            alice
                .slot
                .create_initiation(&alice.identity, &alice.remote, key(4), Index(1), wall(1));
        assert_eq!(created.err(), Some(HandshakeError::DegenerateSharedSecret));
    }
}

#[test]
fn low_order_ephemerals_are_refused() {
    let (mut alice, mut bob) = Party::pair();
    let message = alice.initiate(4, 40, 1000);
    bob.accept(&message, boot(1));
    let reply = bob.respond(5, 50);
    for point in low_order_points() {
        let mut bytes = zerocopy::IntoBytes::as_bytes(&message).to_vec();
        bytes[8..40].copy_from_slice(&point.0);
        let forged = initiation(&bytes);
        let opened = IncomingInitiation::open(&bob.identity, &forged);
        assert_eq!(opened.err(), Some(HandshakeError::DegenerateSharedSecret));

        let mut bytes = zerocopy::IntoBytes::as_bytes(&reply).to_vec();
        bytes[12..44].copy_from_slice(&point.0);
        let opened = alice.open_response(&response(&bytes));
        assert_eq!(opened.err(), Some(HandshakeError::DegenerateSharedSecret));
    }
}
