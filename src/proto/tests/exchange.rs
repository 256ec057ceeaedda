// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Two parties, from nothing to packets both ways.

use wireguard_proto::crypto::Secret;
use wireguard_proto::handshake::{Handshake, IncomingInitiation, Role, SessionKeys};
use wireguard_proto::identity::{RemoteStatic, StaticIdentity};
use wireguard_proto::messages::{parse, Counter, HandshakeMessage, Index, Message};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, WallTime};
use wireguard_proto::transport;

type Key = Secret<RustCrypto, 32>;

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

fn identity(byte: u8) -> StaticIdentity<RustCrypto> {
    StaticIdentity::from_private(key(byte)).unwrap()
}

fn sessions() -> (SessionKeys<RustCrypto>, SessionKeys<RustCrypto>) {
    let (alice, bob) = (identity(1), identity(2));
    let mut to_bob = RemoteStatic::new(*bob.public(), Some(&alice));
    let mut to_alice = RemoteStatic::new(*alice.public(), Some(&bob));
    to_bob.set_preshared_key(key(3));
    to_alice.set_preshared_key(key(3));
    let (mut alice_slot, mut bob_slot) = (Handshake::new(), Handshake::new());

    let wall = WallTime {
        secs: 1_700_000_000,
        nanos: 0,
    };
    let initiation = alice_slot
        .create_initiation(&alice, &to_bob, key(4), Index(40), wall)
        .unwrap();
    let Ok(Message::Initiation(message)) = parse(initiation.message.as_bytes()) else {
        panic!("not an initiation");
    };
    let incoming = IncomingInitiation::open(&bob, message).unwrap();
    assert_eq!(incoming.remote_static(), alice.public());
    let authentic = incoming.authenticate(&to_alice).unwrap();
    bob_slot.accept_initiation(authentic, BootTime(0)).unwrap();
    let response = bob_slot
        .create_response(&to_alice, key(5), Index(50))
        .unwrap();
    let bob_session = bob_slot.begin_session().unwrap();

    let Ok(Message::Response(message)) = parse(response.message.as_bytes()) else {
        panic!("not a response");
    };
    assert_eq!(message.receiver(), Index(40));
    let pending = alice_slot.snapshot().unwrap();
    let authentic = pending.open_response(&alice, &to_bob, message).unwrap();
    alice_slot.accept_response(authentic).unwrap();
    (alice_slot.begin_session().unwrap(), bob_session)
}

#[test]
fn both_sides_derive_the_same_session() {
    let (alice, bob) = sessions();
    assert_eq!((alice.role, bob.role), (Role::Initiator, Role::Responder));
    assert!(alice.send.ct_eq(&bob.receive));
    assert!(alice.receive.ct_eq(&bob.send));
    assert!(!alice.send.ct_eq(&alice.receive));
    assert_eq!(
        (alice.local_index, alice.remote_index),
        (Index(40), Index(50))
    );
    assert_eq!((bob.local_index, bob.remote_index), (Index(50), Index(40)));
}

#[test]
fn packets_go_both_ways() {
    let (alice, bob) = sessions();
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        let mut message = [0; 96];
        let len = transport::seal(
            &mut message,
            &from.send,
            from.remote_index,
            Counter(9),
            &[7; 48],
        );
        assert_eq!(len, Ok(80));
        let Ok(Message::Data(data)) = parse(&message[..80]) else {
            panic!("not data");
        };
        assert_eq!(data.header.receiver(), to.local_index);
        let mut packet = [0; 64];
        assert_eq!(transport::open(&mut packet, &to.receive, &data), Ok(48));
        assert_eq!(packet[..48], [7; 48]);
    }
}
