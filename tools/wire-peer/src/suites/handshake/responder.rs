// SPDX-License-Identifier: GPL-2.0

//! The device answers.

use std::thread::sleep;
use std::time::{Duration, Instant};

use wireguard_proto::messages::HandshakeMessage;

use super::{poked, quiet};
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6};
use crate::peer::{is_response, A_MOMENT, PATIENCE};
use crate::tap::Result;
use crate::wire::Tap;
use crate::{ensure, ensure_eq};

pub fn run(bench: &mut Bench) {
    bench.test("the headers around a response", headers);
    bench.test("a responder waits until it hears from the session", waits);
    bench.test(
        "an answer makes the device wait with its own initiation",
        stamps,
    );
    bench.test("the device follows its peer by an initiation", roams);
    bench.test("a handshake counts when it is confirmed", confirmed);
    bench.test("a second mac does not matter without load", |bench| {
        let mut peer = bench.peer()?;
        let (mut message, slot) = peer.initiation()?;
        message.as_mut_bytes()[132..].fill(0x5a);
        peer.send(message.as_bytes())?;
        let response = peer.await_message(PATIENCE, is_response)?;
        peer.begin(slot, &response).map(drop)
    });
    bench.test("bytes are counted", counted);
}

fn headers(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let tap = Tap::open4()?;
    let (message, slot) = peer.initiation()?;
    peer.send(message.as_bytes())?;
    let response = peer.await_message(PATIENCE, is_response)?;
    let outer = tap.await_packet(PATIENCE, |packet| {
        let datagram = packet.udp()?;
        (datagram.payload == response.as_bytes()).then(|| packet.clone())
    })?;
    ensure_eq!(outer.ds, 0x88, "DS field");
    ensure!(outer.may_be_fragmented, "it may not be fragmented");
    let bytes = response.as_bytes();
    ensure_eq!(bytes.len(), 92, "length");
    ensure_eq!(bytes[..4], [2, 0, 0, 0], "type");
    ensure_eq!(response.receiver(), message.sender(), "receiver index");
    ensure_eq!(bytes[76..], [0; 16], "second mac");
    peer.begin(slot, &response).map(drop)
}

fn waits(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.initiate()?;
    bench.dut.poke(peer.number, b"wait")?;
    quiet(&peer)?;
    let keepalive = session.seal(&[]);
    peer.send(&keepalive)?;
    ensure_eq!(poked(&peer, &session)?, b"wait", "the first packet");
    Ok(())
}

fn stamps(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let asked = Instant::now();
    peer.initiate()?;
    // There is no session to send by: each packet asks for an initiation.
    loop {
        bench.dut.poke(peer.number, b"now?")?;
        if peer.wire.receive(A_MOMENT * 2)?.is_some() {
            break;
        }
        ensure!(asked.elapsed() < PATIENCE, "there is none");
    }
    let took = asked.elapsed();
    ensure!(took > Duration::from_millis(4900), "after {took:?} already");
    Ok(())
}

fn roams(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    for address in [OURS4.into(), std::net::IpAddr::from(OURS6)] {
        peer.move_to(address, &bench.dut)?;
        sleep(Duration::from_millis(30));
        peer.initiate()?;
        let endpoint = bench.dut.endpoint(peer.public())?;
        ensure_eq!(endpoint, peer.wire.address(), "endpoint");
    }
    Ok(())
}

fn confirmed(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.initiate()?;
    ensure_eq!(bench.dut.latest_handshake(peer.public())?, 0, "time before");
    peer.ping(&mut session)?;
    let shown = bench.dut.latest_handshake(peer.public())?;
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    ensure!(
        shown.abs_diff(now) < 60,
        "it shows {shown}, and it is {now}"
    );
    Ok(())
}

fn counted(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.initiate()?;
    ensure_eq!(
        bench.dut.transfer(peer.public())?,
        (148, 92),
        "after the handshake"
    );
    let keepalive = session.seal(&[]);
    peer.send(&keepalive)?;
    let before = bench.dut.counters()?;
    // An echo request of 60 bytes takes 64 and the message 32 more; so does the reply.
    peer.ping(&mut session)?;
    ensure_eq!(
        bench.dut.transfer(peer.public())?,
        (148 + 32 + 96, 92 + 96),
        "after a ping"
    );
    let after = bench.dut.counters()?;
    let grown = after.since(&before);
    ensure!(
        matches!(grown.get("rx bytes"), 96 | 128),
        "rx bytes grew by {}",
        grown.get("rx bytes")
    );
    // Peers of earlier tests that do not answer may have been sent initiations meanwhile.
    ensure_eq!(
        grown.get("tx bytes") + 148,
        96 + 148 * grown.get("tx packets"),
        "tx bytes of the device, and an initiation's"
    );
    Ok(())
}
