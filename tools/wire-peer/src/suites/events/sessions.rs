// SPDX-License-Identifier: GPL-2.0

//! Events of the groups `session` and `endpoint`.

use std::thread::sleep;
use std::time::{Duration, Instant};

use wireguard_proto::messages::HandshakeMessage;

use super::{all_of, clear, set_peer, state, CALM, FAMILY};
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6};
use crate::news::Reader;
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::uapi::{
    FIXED_ENDPOINT, INITIATOR, NO_ANSWER, NO_FAILURE, RESPONDER, ROAMED, SESSION_BEGUN,
    SESSION_REKEYED,
};
use crate::wire::Wire;
use crate::{ensure, ensure_eq};

/// How coarse the device's clock may be.
const TICK: u64 = 10;

pub fn run(bench: &mut Bench) {
    bench.test("the peer begins a session, and another", responder);
    bench.test("the device begins a session, and another", initiator);
    bench.test(
        "a handshake that is answered late took as long as that",
        late,
    );
    bench.test(
        "a peer is somewhere else, also in the other version of IP",
        roamed,
    );
    bench.test(
        "a peer that is here and there all the time is told of now and then",
        flapping,
    );
    bench.test("a peer with a fixed endpoint does not move", fixed);
}

fn responder(bench: &mut Bench) -> Result {
    clear()?;
    let (sessions, endpoints) = (
        Reader::open(FAMILY, "session")?,
        Reader::open(FAMILY, "endpoint")?,
    );
    let mut peer = bench.peer()?;
    peer.connect()?;
    peer.connect()?;
    let told = all_of(&sessions, &[SESSION_BEGUN, SESSION_REKEYED])?;
    for handshake in told {
        ensure_eq!(handshake.key, peer.public().0, "key");
        ensure_eq!(handshake.role, Some(RESPONDER), "role");
        ensure_eq!(handshake.endpoint, Some(peer.wire.address()), "endpoint");
        let millis = handshake.millis.ok_or("it is not told how long it took")?;
        ensure!(millis < PATIENCE.as_millis() as u64, "it took {millis} ms");
    }
    // It was nowhere before.
    let told = all_of(&endpoints, &[ROAMED])?;
    ensure_eq!(told[0].old_endpoint, None, "endpoint before");
    ensure_eq!(told[0].endpoint, Some(peer.wire.address()), "endpoint");
    Ok(())
}

fn initiator(bench: &mut Bench) -> Result {
    clear()?;
    let sessions = Reader::open(FAMILY, "session")?;
    let mut peer = bench.known_peer()?;
    bench.dut.poke(peer.number, b"now")?;
    let initiation = peer.await_initiation(PATIENCE)?;
    sleep(Duration::from_millis(300));
    let (response, _) = peer.answer(&initiation)?;
    peer.send(response.as_bytes())?;
    let told = all_of(&sessions, &[SESSION_BEGUN])?;
    ensure_eq!(told[0].role, Some(INITIATOR), "role");
    let millis = told[0].millis.ok_or("it is not told how long it took")?;
    ensure!(
        (300 - TICK..10_000).contains(&millis),
        "it took {millis} ms"
    );
    // Another key, and back: what is sent next needs another session.
    bench.dut.set_private_key(false)?;
    bench.dut.set_private_key(true)?;
    bench.dut.poke(peer.number, b"again")?;
    peer.respond()?;
    let told = all_of(&sessions, &[SESSION_REKEYED])?;
    ensure_eq!(told[0].role, Some(INITIATOR), "role in the other session");
    Ok(())
}

fn late(bench: &mut Bench) -> Result {
    clear()?;
    let sessions = Reader::open(FAMILY, "session")?;
    let mut peer = bench.known_peer()?;
    ensure_eq!(state(&peer)?.failure, NO_FAILURE, "failure before");
    bench.dut.poke(peer.number, b"now")?;
    peer.await_initiation(PATIENCE)?;
    let second = peer.await_initiation(PATIENCE)?;
    ensure_eq!(state(&peer)?.failure, NO_ANSWER, "failure of the first try");
    let (response, _) = peer.answer(&second)?;
    peer.send(response.as_bytes())?;
    let told = all_of(&sessions, &[SESSION_BEGUN])?;
    let millis = told[0].millis.ok_or("it is not told how long it took")?;
    ensure!(millis >= 5000 - TICK, "it took {millis} ms");
    ensure_eq!(state(&peer)?.failure, NO_FAILURE, "failure afterwards");
    Ok(())
}

fn roamed(bench: &mut Bench) -> Result {
    clear()?;
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    let endpoints = Reader::open(FAMILY, "endpoint")?;
    let before = peer.wire.address();
    peer.move_to(OURS6, &bench.dut)?;
    for _ in 0..3 {
        peer.ping(&mut session)?;
    }
    let told = all_of(&endpoints, &[ROAMED])?;
    ensure_eq!(told[0].key, peer.public().0, "key");
    ensure_eq!(told[0].old_endpoint, Some(before), "endpoint before");
    ensure_eq!(told[0].endpoint, Some(peer.wire.address()), "endpoint");
    Ok(())
}

fn flapping(bench: &mut Bench) -> Result {
    const TIMES: usize = 2000;
    clear()?;
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    let endpoints = Reader::open(FAMILY, "endpoint")?;
    let wires = [Wire::bind((OURS4, 0))?, Wire::bind((OURS4, 0))?];
    let started = Instant::now();
    for time in 0..TIMES {
        wires[time % 2].send(&session.seal(&[]), peer.dut)?;
    }
    let heard = endpoints.await_calm(CALM)?;
    let most = started.elapsed().as_millis() as usize / 20 + 2;
    println!("# {} events of {TIMES} moves", heard.len());
    ensure!(heard.len() <= most, "{} events, {most} wanted", heard.len());
    super::are_in_a_row(&heard)?;
    let last = heard.last().and_then(|event| event.peer.as_ref());
    let last = last.ok_or("nothing was told")?.endpoint;
    ensure_eq!(
        last,
        Some(bench.dut.endpoint(peer.public())?),
        "endpoint at last"
    );
    Ok(())
}

fn fixed(bench: &mut Bench) -> Result {
    clear()?;
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    set_peer(&peer.public().0, |peer| peer.u8(FIXED_ENDPOINT, 1))?;
    ensure!(state(&peer)?.is_fixed, "it is not shown as fixed");
    let endpoints = Reader::open(FAMILY, "endpoint")?;
    let elsewhere = Wire::bind((OURS4, 0))?;
    // The answers come to where it was.
    for _ in 0..3 {
        let (request, number) = peer.echo();
        elsewhere.send(&session.seal(&request), peer.dut)?;
        peer.replies_until(&session, number)?;
    }
    ensure_eq!(
        bench.dut.endpoint(peer.public())?,
        peer.wire.address(),
        "endpoint"
    );
    session = peer.connect()?;
    all_of(&endpoints, &[])?;
    set_peer(&peer.public().0, |peer| peer.u8(FIXED_ENDPOINT, 0))?;
    ensure!(!state(&peer)?.is_fixed, "it is still shown as fixed");
    let before = std::mem::replace(&mut peer.wire, elsewhere).address();
    peer.ping(&mut session)?;
    let told = all_of(&endpoints, &[ROAMED])?;
    ensure_eq!(told[0].old_endpoint, Some(before), "endpoint before");
    Ok(())
}
