// SPDX-License-Identifier: GPL-2.0

//! Data messages that are forged, replayed, too old, or have numbers that no message may have.

use wireguard_proto::constants::{REJECT_AFTER_MESSAGES, REPLAY_WINDOW};

use super::Scene;
use crate::bench::Bench;
use crate::ensure_eq;
use crate::peer::Peer;
use crate::session::Session;
use crate::tap::Result;

/// Changes a good message.
type Spoil = fn(&mut Vec<u8>);

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    let spoilt: [(&str, Spoil); 7] = [
        ("a message whose tag is wrong", |message| flip_last(message)),
        ("a message whose ciphertext is damaged", |message| {
            message[20] ^= 1
        }),
        ("a message with another number", |message| {
            message[8] ^= 0x40
        }),
        // Beyond the window, which must not move for what is not authentic.
        ("a message with a number far ahead", |message| {
            message[10] ^= 1
        }),
        ("a message to another index", |message| message[5] ^= 1),
        ("a message less a byte", |message| {
            message.truncate(message.len() - 1)
        }),
        ("a message and a byte", |message| message.push(0)),
    ];
    for (name, spoil) in spoilt {
        scene.silent(bench, name, &[], |scene, _| {
            let (request, _) = scene.peer.echo();
            let mut message = scene.session.seal(&request);
            spoil(&mut message);
            scene.peer.send(&message)
        });
    }
    scene.silent(
        bench,
        "a message of the largest size, forged",
        &[],
        |scene, _| {
            let mut message = scene.session.seal(&[]);
            message.resize(65507, 0x55);
            scene.peer.send(&message)
        },
    );
    scene.silent(bench, "a message sent again", &[], |scene, _| {
        let (request, number) = scene.peer.echo();
        let message = scene.session.seal(&request);
        scene.peer.send(&message)?;
        scene.peer.replies_until(&scene.session, number)?;
        scene.peer.send(&message)
    });
    scene.silent(
        bench,
        "a message sent again by the attacker",
        &[],
        |scene, bench| {
            let (request, number) = scene.peer.echo();
            let message = scene.session.seal(&request);
            scene.peer.send(&message)?;
            scene.peer.replies_until(&scene.session, number)?;
            scene.attack(bench, &message)?;
            scene.fence()?;
            let endpoint = bench.dut.endpoint(scene.peer.public())?;
            ensure_eq!(endpoint, scene.peer.wire.address(), "the peer's endpoint");
            Ok(())
        },
    );
    bench.test("the edges of the replay window", window);
    bench.test("the last numbers", last_numbers);
}

fn flip_last(message: &mut [u8]) {
    if let Some(last) = message.last_mut() {
        *last ^= 1;
    }
}

/// Sends echo requests under these numbers and tells which are replied to.
fn delivered(peer: &mut Peer, session: &Session, counters: &[u64]) -> Result<Vec<bool>> {
    let mut numbers = Vec::new();
    for counter in counters {
        let (request, number) = peer.echo();
        let mut request = request;
        request.resize(request.len().next_multiple_of(16), 0);
        peer.send(&session.seal_as(*counter, &request))?;
        numbers.push(number);
    }
    // The last is known to be delivered.
    let last = *numbers.last().ok_or("nothing to send")?;
    let replies = peer.replies_until(session, last)?;
    Ok(numbers
        .iter()
        .map(|number| replies.contains(number))
        .collect())
}

fn window(bench: &mut Bench) -> Result {
    const TOP: u64 = 20_000;
    let mut peer = bench.peer()?;
    let session = peer.initiate()?;
    let steps = [
        (5, true),
        (3, true),
        (5, false),
        (TOP, true),
        (TOP, false),
        (TOP - REPLAY_WINDOW, true),
        (TOP - REPLAY_WINDOW, false),
        (TOP - REPLAY_WINDOW - 1, false),
        (TOP - 1, true),
        (TOP - 1, false),
        (TOP - 5000, true),
        (TOP - 5000, false),
        (4, false),
        (TOP + REPLAY_WINDOW + 1, true),
        (TOP + 1, true),
        (TOP, false),
        (TOP + REPLAY_WINDOW + 2, true),
        (TOP + 1, false),
        (1 << 40, true),
        (TOP + REPLAY_WINDOW + 2, false),
        (REJECT_AFTER_MESSAGES, false),
        (u64::MAX, false),
        ((1 << 40) - 1, true),
    ];
    let counters: Vec<u64> = steps.iter().map(|(counter, _)| *counter).collect();
    let wanted: Vec<bool> = steps.iter().map(|(_, wanted)| *wanted).collect();
    let found = delivered(&mut peer, &session, &counters)?;
    ensure_eq!(found, wanted, "delivered");
    Ok(())
}

/// After the very last number a session receives no more, not even what it has not seen.
fn last_numbers(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    let session = peer.initiate()?;
    let found = delivered(&mut peer, &session, &[0, REJECT_AFTER_MESSAGES - 2])?;
    ensure_eq!(found, [true, true], "delivered before the last");
    let found = delivered(&mut peer, &session, &[REJECT_AFTER_MESSAGES - 1])?;
    ensure_eq!(found, [true], "the last is delivered");
    let (before, _) = bench.dut.transfer(peer.public())?;
    for counter in [
        1,
        REJECT_AFTER_MESSAGES - 3,
        REJECT_AFTER_MESSAGES,
        u64::MAX,
    ] {
        let (request, _) = peer.echo();
        peer.send(&session.seal_as(counter, &request))?;
    }
    // Whether they are received shows in the count before the next handshake's own 148 bytes.
    let mut next = peer.initiate()?;
    peer.ping(&mut next)?;
    let (after, _) = bench.dut.transfer(peer.public())?;
    ensure_eq!(after - before, 148 + 96, "bytes received after the last");
    Ok(())
}
