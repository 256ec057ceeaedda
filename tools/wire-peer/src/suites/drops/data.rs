// SPDX-License-Identifier: GPL-2.0

//! Data messages that are not what they should be, and what is in them likewise.

use wireguard_proto::constants::{REJECT_AFTER_MESSAGES, REPLAY_WINDOW};

use super::Stage;
use crate::bench::Bench;
use crate::dut::{inside4, inside6};
use crate::packet::{echo, Header, ICMP};

/// Changes a good message or packet.
type Spoil = fn(&mut Vec<u8>);

/// How many messages there are in a train, and how many of them are bad.
const TRAIN: usize = 12;
const BAD: usize = 3;

/// The length of a keepalive.
const KEEPALIVE: u16 = 32;

pub fn run(bench: &mut Bench, stage: &mut Stage) {
    spoilt(bench, stage);
    counters(bench, stage);
    trains(bench, stage);
    inner(bench, stage);
    sources(bench, stage);
}

fn spoilt(bench: &mut Bench, stage: &mut Stage) {
    let spoilt: [(&str, Spoil, &str); 6] = [
        (
            "a message whose tag is wrong",
            |message| flip(message, 31),
            "rx_bad_tag",
        ),
        (
            "a message whose ciphertext is damaged",
            |message| flip(message, 20),
            "rx_bad_tag",
        ),
        (
            "a message with another number",
            |message| flip(message, 8),
            "rx_bad_tag",
        ),
        (
            "a message and a byte",
            |message| message.push(0),
            "rx_bad_tag",
        ),
        (
            "a message of the largest size, forged",
            |message| message.resize(65507, 0x55),
            "rx_bad_tag",
        ),
        (
            "a message to another index",
            |message| flip(message, 5),
            "rx_no_session",
        ),
    ];
    for (name, spoil, reason) in spoilt {
        stage.fault(bench, name, &[(reason, 1)], |scene, _| {
            let mut message = scene.session.seal(&[]);
            spoil(&mut message);
            scene.peer.send(&message)?;
            Ok((reason == "rx_bad_tag").then_some(*scene.peer.public()))
        });
    }
}

fn flip(message: &mut [u8], at: usize) {
    message[at] ^= 0x40;
}

fn counters(bench: &mut Bench, stage: &mut Stage) {
    stage.fault(
        bench,
        "a message sent again",
        &[("rx_replayed", 1)],
        |scene, _| {
            let message = scene.session.seal(&[]);
            scene.peer.send(&message)?;
            scene.peer.send(&message)?;
            Ok(Some(*scene.peer.public()))
        },
    );
    stage.fault(
        bench,
        "a message sent again by somebody else",
        &[("rx_replayed", 1)],
        |scene, bench| {
            let message = scene.session.seal(&[]);
            scene.peer.send(&message)?;
            scene.fence()?;
            scene.attack(bench, &message)?;
            Ok(Some(*scene.peer.public()))
        },
    );
    const TOP: u64 = 20_000;
    let cases = [
        ("too old a number", TOP - REPLAY_WINDOW - 1),
        ("a number that none may have", REJECT_AFTER_MESSAGES),
        ("the greatest number", u64::MAX),
    ];
    for (name, counter) in cases {
        stage.fault(bench, name, &[("rx_replayed", 1)], |_, bench| {
            let mut peer = bench.peer()?;
            let mut session = peer.initiate()?;
            peer.send(&session.seal_as(TOP, &[]))?;
            peer.send(&session.seal_as(counter, &[]))?;
            session.counter = TOP + 1;
            peer.ping(&mut session)?;
            Ok(Some(*peer.public()))
        });
    }
}

fn trains(bench: &mut Bench, stage: &mut Stage) {
    // What is lost of a train is no packet by itself,
    let counts = [("rx_bad_tag", BAD as u64)];
    stage.fault_of(
        bench,
        "a train some of which are forged",
        &counts,
        &[],
        |scene, _| {
            let mut messages: Vec<_> = (0..TRAIN).map(|_| scene.session.seal(&[])).collect();
            for message in messages.iter_mut().take(BAD) {
                flip(message, 20);
            }
            let (wire, dut) = (&scene.peer.wire, scene.peer.dut);
            wire.send_train(&messages.concat(), KEEPALIVE, dut)?;
            Ok(Some(*scene.peer.public()))
        },
    );
    // until it has been decrypted.
    let counts = [("rx_replayed", TRAIN as u64)];
    stage.fault(bench, "a train sent again", &counts, |scene, _| {
        let messages: Vec<_> = (0..TRAIN).map(|_| scene.session.seal(&[])).collect();
        let (wire, dut) = (&scene.peer.wire, scene.peer.dut);
        for _ in 0..2 {
            wire.send_train(&messages.concat(), KEEPALIVE, dut)?;
        }
        Ok(Some(*scene.peer.public()))
    });
}

fn inner(bench: &mut Bench, stage: &mut Stage) {
    let four: [(&str, Spoil, &str); 7] = [
        (
            "IPv4: longer than it is",
            |packet| packet[2] = 1,
            "rx_inner_length",
        ),
        (
            "IPv4: shorter than its header",
            |packet| packet[3] = 19,
            "rx_inner_length",
        ),
        (
            "IPv4: of length zero",
            |packet| packet[3] = 0,
            "rx_inner_length",
        ),
        (
            "IPv4: less than a header",
            |packet| packet.truncate(19),
            "rx_not_ip",
        ),
        (
            "a packet of one byte",
            |packet| packet.truncate(1),
            "rx_not_ip",
        ),
        (
            "a packet of version 5",
            |packet| packet[0] = 0x55,
            "rx_not_ip",
        ),
        ("a packet of version 0", |packet| packet[0] = 5, "rx_not_ip"),
    ];
    for (name, spoil, reason) in four {
        stage.fault(bench, name, &[(reason, 1)], |scene, _| {
            let mut packet = echo(scene.peer.header(), 1, 32);
            spoil(&mut packet);
            send(scene, &packet)
        });
    }
    let six: [(&str, Spoil, &str); 2] = [
        (
            "IPv6: longer than it is",
            |packet| packet[4] = 1,
            "rx_inner_length",
        ),
        (
            "IPv6: less than a header",
            |packet| packet.truncate(39),
            "rx_not_ip",
        ),
    ];
    for (name, spoil, reason) in six {
        stage.fault(bench, name, &[(reason, 1)], |scene, _| {
            let number = scene.peer.number;
            let mut packet = echo(Header::new(inside6(number), inside6(1), ICMP), 1, 32);
            spoil(&mut packet);
            send(scene, &packet)
        });
    }
}

fn sources(bench: &mut Bench, stage: &mut Stage) {
    let fence = stage.scene.fences[0].number;
    let headers = [
        (
            "nobody's address",
            Header::new(inside4(250), inside4(1), ICMP),
        ),
        (
            "another peer's address",
            Header::new(inside4(fence), inside4(1), ICMP),
        ),
        (
            "the device's own address",
            Header::new(inside4(1), inside4(1), ICMP),
        ),
        (
            "nobody's IPv6 address",
            Header::new(inside6(250), inside6(1), ICMP),
        ),
        (
            "another peer's IPv6 address",
            Header::new(inside6(fence), inside6(1), ICMP),
        ),
    ];
    for (whose, header) in headers {
        let name = format!("a packet from {whose}");
        stage.fault(bench, &name, &[("rx_allowed_ips", 1)], |scene, _| {
            send(scene, &echo(header, 1, 32))
        });
    }
}

/// Sends a packet as the next message of the session, not padded.
fn send(scene: &mut super::Scene, packet: &[u8]) -> crate::tap::Result<super::Whose> {
    let counter = scene.session.counter;
    scene.session.counter += 1;
    scene.peer.send(&scene.session.seal_as(counter, packet))?;
    Ok(Some(*scene.peer.public()))
}
