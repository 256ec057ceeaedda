// SPDX-License-Identifier: GPL-2.0

//! Handshake messages that are forged, stale, replayed, or built on points of low order.

use wireguard_proto::messages::{HandshakeMessage, Response};

use super::{Scene, SPACING};
use crate::bench::Bench;
use crate::keys::{random, Key, LowOrder, CHEAT, LOW_ORDER_POINTS};
use crate::peer::{Peer, NOW, PATIENCE};
use crate::session::Session;
use crate::tap::Result;
use crate::{ensure, ensure_eq};
use std::thread::sleep;
use std::time::Instant;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    forged_initiations(bench, scene);
    stale_initiations(bench, scene);
    responses(bench, scene);
    cookies(bench, scene);
    bench.test("initiations in a burst", burst);
}

fn forged_initiations(bench: &mut Bench, scene: &mut Scene) {
    let spoilt: [(&str, usize, bool); 5] = [
        ("an initiation with a wrong first mac", 116, false),
        ("an initiation whose index is changed", 4, false),
        ("an initiation with another ephemeral key", 8, true),
        ("an initiation whose static key is damaged", 40, true),
        ("an initiation whose timestamp is damaged", 88, true),
    ];
    for (name, at, with_macs) in spoilt {
        scene.silent(bench, name, &[], |scene, bench| {
            let mut peer = bench.peer()?;
            let (mut message, _) = peer.initiation()?;
            message.as_mut_bytes()[at] ^= 1;
            if with_macs {
                peer.cookies.add_macs(&mut message, NOW);
            }
            peer.send(message.as_bytes())?;
            scene.unanswered(&peer)
        });
    }
    scene.silent(bench, "an initiation of a stranger", &[], |scene, bench| {
        let mut stranger = bench.stranger()?;
        let (message, _) = stranger.initiation()?;
        stranger.send(message.as_bytes())?;
        scene.unanswered(&stranger)
    });
    for (at, point) in LOW_ORDER_POINTS.into_iter().enumerate() {
        let name = format!("an initiation with low-order ephemeral key {at}");
        scene.silent(bench, &name, &[], |scene, bench| {
            let mut peer = bench.cheat()?;
            LowOrder::choose(point);
            let (message, _) = peer.initiation_with(Key::from_bytes(CHEAT))?;
            peer.send(message.as_bytes())?;
            scene.unanswered(&peer)
        });
    }
}

fn stale_initiations(bench: &mut Bench, scene: &mut Scene) {
    scene.silent(bench, "an initiation sent again", &[], |scene, bench| {
        let mut peer = bench.peer()?;
        let (message, slot) = peer.initiation()?;
        peer.send(message.as_bytes())?;
        let response = peer.await_message(PATIENCE, crate::peer::is_response)?;
        peer.begin(slot, &response)?;
        sleep(SPACING);
        peer.send(message.as_bytes())?;
        scene.unanswered(&peer)
    });
    for (name, back) in [
        ("with the same timestamp", 1),
        ("with an older timestamp", 1000),
    ] {
        let name = format!("an initiation {name}");
        scene.silent(bench, &name, &[], |scene, bench| {
            let mut peer = bench.peer()?;
            peer.initiate()?;
            sleep(SPACING);
            peer.clock -= back;
            let (message, _) = peer.initiation()?;
            peer.send(message.as_bytes())?;
            scene.unanswered(&peer)?;
            // The newest counts, not the last.
            peer.clock += back;
            peer.initiate().map(drop)
        });
    }
}

/// A peer whom the device has sent an initiation that it waits for the answer to.
pub(in crate::suites) fn called<C: wireguard_proto::crypto::Crypto>(
    bench: &mut Bench,
    peer: &mut Peer<C>,
) -> Result<wireguard_proto::messages::Initiation> {
    peer.set_endpoint(&bench.dut)?;
    bench.dut.poke(peer.number, b"wake up")?;
    peer.await_initiation(PATIENCE)
}

/// Sends a response with a wrong bit at that byte, and MACs that belong to it if it shall have them.
pub(in crate::suites) fn send_spoilt(
    peer: &mut Peer,
    response: Response,
    at: usize,
    with_macs: bool,
) -> Result {
    let mut bad = response;
    bad.as_mut_bytes()[at] ^= 1;
    if with_macs {
        peer.cookies.add_macs(&mut bad, NOW);
    }
    peer.send(bad.as_bytes())
}

fn responses(bench: &mut Bench, scene: &mut Scene) {
    let spoilt: [(&str, usize, bool); 4] = [
        ("a response with a wrong first mac", 60, false),
        ("a response to another index", 8, true),
        ("a response with another ephemeral key", 12, true),
        ("a response whose proof is damaged", 44, true),
    ];
    for (name, at, with_macs) in spoilt {
        scene.silent(bench, name, &[], |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let (response, session) = peer.answer(&initiation)?;
            send_spoilt(&mut peer, response, at, with_macs)?;
            scene.unanswered(&peer)?;
            accept(&peer, response.as_bytes(), &session)
        });
    }
    scene.silent(
        bench,
        "a response with another preshared key",
        &[],
        |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            peer.remote.set_preshared_key(Key::from_bytes(random()));
            let (response, _) = peer.answer(&initiation)?;
            peer.send(response.as_bytes())?;
            scene.unanswered(&peer)
        },
    );
    scene.silent(bench, "a response sent again", &[], |scene, bench| {
        let mut peer = bench.peer()?;
        let initiation = called(bench, &mut peer)?;
        let (response, session) = peer.answer(&initiation)?;
        accept(&peer, response.as_bytes(), &session)?;
        peer.send(response.as_bytes())?;
        scene.unanswered(&peer)
    });
    scene.silent(bench, "a response to a session", &[], |scene, _| {
        let mut response = random::<92>();
        response[..4].copy_from_slice(&[2, 0, 0, 0]);
        response[8..12].copy_from_slice(&scene.session.remote.0.to_le_bytes());
        scene.peer.send(&response)
    });
    for (at, point) in LOW_ORDER_POINTS.into_iter().enumerate() {
        let name = format!("a response with low-order ephemeral key {at}");
        scene.silent(bench, &name, &[], |scene, bench| {
            let mut peer = bench.cheat()?;
            let initiation = called(bench, &mut peer)?;
            LowOrder::choose(point);
            let (response, _) = peer.answer_with(&initiation, Key::from_bytes(CHEAT))?;
            peer.send(response.as_bytes())?;
            scene.unanswered(&peer)
        });
    }
}

/// Sends a good response; what the device had to say comes.
pub(in crate::suites) fn accept(peer: &Peer, response: &[u8], session: &Session) -> Result {
    peer.send(response)?;
    let packet = peer.await_packet(session, PATIENCE)?;
    ensure!(
        packet.ends_with(b"wake up\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        "strange first packet"
    );
    Ok(())
}

fn cookies(bench: &mut Bench, scene: &mut Scene) {
    scene.silent(
        bench,
        "a cookie reply to a session that asked for none",
        &[],
        |scene, _| {
            let mut reply = random::<64>();
            reply[..4].copy_from_slice(&[3, 0, 0, 0]);
            reply[4..8].copy_from_slice(&scene.session.remote.0.to_le_bytes());
            scene.peer.send(&reply)
        },
    );
    scene.silent(
        bench,
        "a forged cookie reply to an initiation",
        &[],
        |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let dut = peer.dut;
            let reply = peer
                .cookie_checker()
                .create_reply(&initiation, &dut, random(), NOW)?;
            let mut bytes = zerocopy_bytes(&reply);
            bytes[63] ^= 1;
            peer.send(&bytes)?;
            scene.unanswered(&peer)?;
            // The handshake goes on.
            let (response, session) = peer.answer(&initiation)?;
            accept(&peer, response.as_bytes(), &session)
        },
    );
}

/// However fast they come, no more than 50 initiations of a peer are answered in a second.
fn burst(bench: &mut Bench) -> Result {
    const COUNT: u64 = 50;
    let mut peer = bench.peer()?;
    let messages: Vec<_> = (0..COUNT)
        .map(|_| Ok(peer.initiation()?.0))
        .collect::<Result<_>>()?;
    let started = Instant::now();
    for message in &messages {
        peer.send(message.as_bytes())?;
    }
    let mut answers = 0;
    let mut last = started;
    while peer
        .wire
        .receive(std::time::Duration::from_secs(1))?
        .is_some()
    {
        answers += 1;
        last = Instant::now();
    }
    // The clock that counts here may go by ticks of 10 ms.
    let most = 1 + (last - started).as_millis() as u64 / 10;
    println!(
        "# {answers} of {COUNT} answered within {:?}",
        last - started
    );
    ensure!(answers >= 1, "none was answered");
    ensure!(
        answers <= most,
        "{answers} were answered, at most {most} wanted"
    );
    sleep(SPACING);
    ensure_eq!(peer.connect().is_ok(), true, "the next handshake");
    Ok(())
}

fn zerocopy_bytes(reply: &wireguard_proto::messages::CookieReply) -> Vec<u8> {
    zerocopy::IntoBytes::as_bytes(reply).to_vec()
}
