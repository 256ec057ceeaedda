// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Two parties, from nothing to packets both ways.

use wireguard_proto::handshake::Role;
use wireguard_proto::messages::{parse, Counter, Index, Message};
use wireguard_proto::transport;

mod common;

use common::{sessions, Party, Session};

fn pair() -> (Session, Session) {
    let (mut alice, mut bob) = Party::pair();
    sessions(&mut alice, &mut bob)
}

#[test]
fn both_sides_derive_the_same_session() {
    let (alice, bob) = pair();
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
    let (alice, bob) = pair();
    for (from, to) in [(&alice, &bob), (&bob, &alice)] {
        let mut message = [0; 96];
        let packet = [7; 48];
        let len = transport::seal(
            &mut message,
            &from.send,
            from.remote_index,
            Counter(9),
            &packet,
        );
        assert_eq!(len, Ok(80));
        let Ok(Message::Data(data)) = parse(&message[..80]) else {
            panic!("not data");
        };
        assert_eq!(data.header.receiver(), to.local_index);
        assert_eq!(data.header.counter(), Counter(9));
        let mut opened = [0; 64];
        assert_eq!(transport::open(&mut opened, &to.receive, &data), Ok(48));
        assert_eq!(opened[..48], packet);
        assert!(transport::open(&mut opened, &to.send, &data).is_err());
        assert!(transport::open(&mut opened[..47], &to.receive, &data).is_err());
    }
}

#[test]
fn every_bit_of_a_packet_counts() {
    let (alice, bob) = pair();
    let mut message = [0; 48];
    transport::seal(
        &mut message,
        &alice.send,
        alice.remote_index,
        Counter(0),
        &[7; 16],
    )
    .unwrap();
    let mut opened = [0; 16];
    // Type and receiver are not authenticated: they only lead to the key.
    for bit in 8 * 8..message.len() * 8 {
        let mut forged = message;
        forged[bit / 8] ^= 1 << (bit % 8);
        let Ok(Message::Data(data)) = parse(&forged) else {
            panic!("not data");
        };
        assert!(transport::open(&mut opened, &bob.receive, &data).is_err());
    }
}

#[test]
fn a_keepalive_carries_nothing() {
    let (alice, bob) = pair();
    let mut message = [0; 32];
    let len = transport::seal(
        &mut message,
        &alice.send,
        alice.remote_index,
        Counter(0),
        &[],
    );
    assert!(len.is_ok_and(transport::is_keepalive));
    let Ok(Message::Data(data)) = parse(&message) else {
        panic!("not data");
    };
    assert_eq!(transport::open(&mut [], &bob.receive, &data), Ok(0));
}

#[test]
fn no_room_is_an_error() {
    let (alice, _) = pair();
    let index = alice.remote_index;
    assert!(transport::seal(&mut [0; 47], &alice.send, index, Counter(0), &[7; 16]).is_err());
}
