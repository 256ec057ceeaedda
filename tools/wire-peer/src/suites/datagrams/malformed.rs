// SPDX-License-Identifier: GPL-2.0

//! Datagrams that are no messages: wrong types, lengths and reserved bytes, in messages that would
//! be good otherwise.

use wireguard_proto::messages::HandshakeMessage;

use super::{noise, Scene};
use crate::bench::Bench;
use crate::peer::NOW;
use crate::tap::Result;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    for (name, datagram) in nonsense() {
        scene.silent(bench, name, &[], |scene, bench| {
            scene.attack(bench, &datagram)
        });
    }
    for at in 1..4 {
        let name = format!("an initiation with reserved byte {at} set");
        scene.silent(bench, &name, &[], |scene, bench| {
            spoilt_initiation(scene, bench, |bytes| bytes[at] = 1)
        });
    }
    scene.silent(bench, "an initiation of type 2", &[], |scene, bench| {
        spoilt_initiation(scene, bench, |bytes| bytes[0] = 2)
    });
    scene.silent(bench, "an initiation less a byte", &[], |scene, bench| {
        let bytes = good_initiation(bench)?;
        scene.attack(bench, &bytes[..bytes.len() - 1])
    });
    scene.silent(bench, "an initiation and a byte", &[], |scene, bench| {
        let bytes = good_initiation(bench)?;
        scene.attack(bench, &[&bytes[..], &[0]].concat())
    });
    for at in 1..4 {
        let name = format!("a data message with reserved byte {at} set");
        scene.silent(bench, &name, &[], |scene, _| {
            let (request, _) = scene.peer.echo();
            let mut message = scene.session.seal(&request);
            message[at] = 0x80;
            scene.peer.send(&message)
        });
    }
    scene.silent(bench, "a keepalive less a byte", &[], |scene, _| {
        let keepalive = scene.session.seal(&[]);
        scene.peer.send(&keepalive[..31])
    });
}

/// What makes no sense whoever sends it.
fn nonsense() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("an empty datagram", vec![]),
        ("one byte", noise(1, 1)),
        ("three bytes", noise(4, 3)),
        ("four bytes", noise(4, 4)),
        ("a message of type 0", noise(0, 148)),
        ("a message of type 5", noise(5, 148)),
        ("a message of type 255", noise(255, 92)),
        ("a data message of 31 bytes", noise(4, 31)),
        ("a response of 91 bytes", noise(2, 91)),
        ("a response of 93 bytes", noise(2, 93)),
        ("a cookie reply of 63 bytes", noise(3, 63)),
        ("a cookie reply of 65 bytes", noise(3, 65)),
        ("a cookie reply out of the blue", noise(3, 64)),
        ("a response out of the blue", noise(2, 92)),
        ("an initiation of random bytes", noise(1, 148)),
        ("a data message of random bytes", noise(4, 1452)),
    ]
}

/// An initiation that the device would answer.
fn good_initiation(bench: &mut Bench) -> Result<Vec<u8>> {
    let (message, _) = bench.peer()?.initiation()?;
    Ok(message.as_bytes().to_vec())
}

/// Sends an initiation that is good but for what `spoil` does, which its macs cover.
fn spoilt_initiation(
    scene: &mut Scene,
    bench: &mut Bench,
    spoil: impl FnOnce(&mut [u8]),
) -> Result {
    let mut peer = bench.peer()?;
    let (mut message, _) = peer.initiation()?;
    spoil(message.as_mut_bytes());
    peer.cookies.add_macs(&mut message, NOW);
    scene.attack(bench, message.as_bytes())
}
