// SPDX-License-Identifier: GPL-2.0

//! Sessions get old: renewed at 120 seconds, or at 165 if they only receive; over at 180.

use std::time::{Duration, Instant};

use super::{keepalive, kinds, settled, too_slow, until, Scenario};
use crate::dut::Dut;
use crate::packet::Packet;
use crate::peer::{Peer, PATIENCE};
use crate::session::Session;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "an initiator that sends renews its session at 120 s",
        peers: 1,
        play: sender,
    },
    Scenario {
        name: "a responder does not",
        peers: 1,
        play: responder,
    },
    Scenario {
        name: "an initiator that only receives renews its session at 165 s, and asks once",
        peers: 1,
        play: receiver,
    },
    Scenario {
        name: "after 180 s nothing is sent",
        peers: 1,
        play: too_old_to_send,
    },
    Scenario {
        name: "after 180 s nothing is received",
        peers: 1,
        play: too_old_to_receive,
    },
];

const A_SECOND: Duration = Duration::from_secs(1);

/// A session that the device begins, its first packet received; and when, at the earliest and latest.
fn called(dut: &Dut, peer: &mut Peer) -> Result<(Session, Instant, Instant)> {
    dut.poke(peer.number, b"call")?;
    let initiation = peer.await_initiation(PATIENCE)?;
    let (response, session) = peer.answer(&initiation)?;
    let earliest = Instant::now();
    peer.send(wireguard_proto::messages::HandshakeMessage::as_bytes(
        &response,
    ))?;
    peer.await_packet(&session, PATIENCE)?;
    Ok((session, earliest, Instant::now()))
}

fn sender(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let (mut session, earliest, latest) = called(dut, &mut peer)?;
    keepalive(&peer, &mut session)?;
    until(earliest, 117.0);
    dut.poke(peer.number, b"young")?;
    peer.await_packet(&session, PATIENCE)?;
    keepalive(&peer, &mut session)?;
    std::thread::sleep(A_SECOND);
    if earliest.elapsed() < Duration::from_secs_f64(119.9) {
        ensure_eq!(kinds(&peer)?, "", "messages before 120 s");
    } else {
        too_slow("120 s")?;
    }
    until(latest, 120.1);
    dut.poke(peer.number, b"old")?;
    peer.await_initiation(PATIENCE).map(drop)
}

fn responder(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let started = Instant::now();
    let mut session = settled(&mut peer)?;
    let latest = Instant::now();
    for second in [121.0, 150.0, 170.0] {
        until(latest, second);
        dut.poke(peer.number, b"go on")?;
        let packet = peer.await_packet(&session, PATIENCE)?;
        keepalive(&peer, &mut session)?;
        if started.elapsed() > Duration::from_secs(179) {
            return too_slow("179 s");
        }
        ensure!(!packet.is_empty(), "a keepalive at {second} s");
        std::thread::sleep(A_SECOND);
        ensure_eq!(kinds(&peer)?, "", "messages at {second} s");
    }
    Ok(())
}

fn receiver(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let (mut session, earliest, latest) = called(dut, &mut peer)?;
    keepalive(&peer, &mut session)?;
    for second in [30.0, 125.0, 160.0] {
        until(earliest, second);
        keepalive(&peer, &mut session)?;
        std::thread::sleep(A_SECOND);
        if earliest.elapsed() > Duration::from_secs(164) {
            return too_slow("165 s");
        }
        ensure_eq!(kinds(&peer)?, "", "messages at {second} s");
    }
    until(latest, 165.1);
    keepalive(&peer, &mut session)?;
    peer.await_initiation(PATIENCE)?;
    // It is repeated every five seconds for lack of an answer, but nothing more is asked for.
    let asked = Instant::now();
    for _ in 0..10 {
        keepalive(&peer, &mut session)?;
        std::thread::sleep(Duration::from_millis(300));
    }
    if asked.elapsed() < Duration::from_millis(4900) {
        ensure_eq!(kinds(&peer)?, "", "messages after the initiation");
    }
    Ok(())
}

fn too_old_to_send(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let session = settled(&mut peer)?;
    let latest = Instant::now();
    until(latest, 180.1);
    dut.poke(peer.number, b"late")?;
    // It waits for another session.
    let session = match peer.respond() {
        Ok(fresh) => fresh,
        Err(error) => return Err(format!("no initiation: {error}, {:?}", session.local).into()),
    };
    let packet = Packet::parse(&peer.await_packet(&session, PATIENCE)?).ok_or("no packet")?;
    ensure_eq!(
        packet.udp().ok_or("not UDP")?.payload,
        b"late",
        "the first packet"
    );
    Ok(())
}

fn too_old_to_receive(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let started = Instant::now();
    let mut session = settled(&mut peer)?;
    let latest = Instant::now();
    until(started, 175.0);
    if started.elapsed() < Duration::from_secs(178) {
        peer.ping(&mut session)?;
    } else {
        too_slow("180 s")?;
    }
    let (before, _) = dut.transfer(peer.public())?;
    until(latest, 180.1);
    let (request, _) = peer.echo();
    peer.send(&session.seal(&request))?;
    std::thread::sleep(A_SECOND);
    let (after, _) = dut.transfer(peer.public())?;
    ensure_eq!(after - before, 0, "bytes received");
    peer.connect().map(drop)
}
