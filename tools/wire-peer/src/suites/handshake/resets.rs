// SPDX-License-Identifier: GPL-2.0

//! Down, up, other keys, removal: what they end, and what survives.

use std::thread::sleep;
use std::time::Duration;

use wireguard_proto::messages::HandshakeMessage;

use super::{poked, quiet};
use crate::bench::Bench;
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

pub fn run(bench: &mut Bench) {
    bench.test("down and up: sessions end, the peer stays", down_up);
    bench.test(
        "down and up: what waits is dropped, and no wait for five seconds",
        staged,
    );
    bench.test("up sends keepalives that persist", keepalive);
    bench.test("old initiations stay old over down and up", |bench| {
        stays_old(bench, |bench| {
            bench.dut.down()?;
            bench.dut.up()
        })
    });
    bench.test("old initiations stay old over a change of keys", |bench| {
        stays_old(bench, |bench| {
            bench.dut.set_private_key(false)?;
            bench.dut.set_private_key(true)
        })
    });
    bench.test("a peer that was removed is new", forgotten);
    bench.test("without a key nothing is said", keyless);
    bench.test("other keys: sessions receive and do not send", expired);
}

fn down_up(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    let before = (
        bench.dut.transfer(peer.public())?,
        bench.dut.latest_handshake(peer.public())?,
        bench.dut.endpoint(peer.public())?,
    );
    bench.dut.down()?;
    bench.dut.up()?;
    let after = (
        bench.dut.transfer(peer.public())?,
        bench.dut.latest_handshake(peer.public())?,
        bench.dut.endpoint(peer.public())?,
    );
    ensure_eq!(after, before, "transfer, last handshake, endpoint");
    let (request, _) = peer.echo();
    peer.send(&session.seal(&request))?;
    quiet(&peer)?;
    let mut session = peer.connect()?;
    peer.ping(&mut session).map(drop)
}

fn staged(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    // Nothing may wait for others.
    bench.dut.down()?;
    bench.dut.up()?;
    bench.dut.poke(peer.number, b"lost")?;
    peer.await_initiation(PATIENCE)?;
    for _ in 0..4 {
        bench.dut.poke(peer.number, b"lost")?;
    }
    let before = bench.dut.counters()?;
    bench.dut.down()?;
    let dropped = bench.dut.counters()?.since(&before).get("tx dropped");
    ensure_eq!(dropped, 5, "packets dropped");
    bench.dut.up()?;
    let started = std::time::Instant::now();
    bench.dut.poke(peer.number, b"kept")?;
    let session = peer.respond()?;
    println!("# the initiation came after {:?}", started.elapsed());
    ensure!(
        started.elapsed() < Duration::from_millis(4500),
        "it took five seconds"
    );
    ensure_eq!(poked(&peer, &session)?, b"kept", "the first packet");
    Ok(())
}

fn keepalive(bench: &mut Bench) -> Result {
    let peer = bench.known_peer()?;
    bench.dut.down()?;
    bench
        .dut
        .wg_peer(peer.public(), &["persistent-keepalive", "1000"])?;
    quiet(&peer)?;
    bench.dut.up()?;
    peer.await_initiation(PATIENCE)?;
    bench.dut.wg_peer(peer.public(), &["remove"])
}

fn stays_old(bench: &mut Bench, reset: impl FnOnce(&mut Bench) -> Result) -> Result {
    let mut peer = bench.peer()?;
    let (message, slot) = peer.initiation()?;
    peer.send(message.as_bytes())?;
    let response = peer.await_message(PATIENCE, crate::peer::is_response)?;
    peer.begin(slot, &response)?;
    reset(bench)?;
    sleep(Duration::from_millis(30));
    peer.send(message.as_bytes())?;
    quiet(&peer)?;
    peer.connect().map(drop)
}

fn forgotten(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    let (request, _) = peer.echo();
    peer.send(&session.seal(&request))?;
    let (message, _) = peer.initiation()?;
    peer.send(message.as_bytes())?;
    quiet(&peer)?;
    peer.join(&bench.dut)?;
    peer.clock -= 100;
    peer.connect().map(drop)
}

fn keyless(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    bench.dut.set_private_key(false)?;
    let (message, _) = peer.initiation()?;
    peer.send(message.as_bytes())?;
    bench.dut.poke(peer.number, b"waits")?;
    quiet(&peer)?;
    // With a key what waits is sent at once.
    bench.dut.set_private_key(true)?;
    let session = peer.respond()?;
    ensure_eq!(poked(&peer, &session)?, b"waits", "the first packet");
    Ok(())
}

fn expired(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    bench.dut.set_private_key(false)?;
    bench.dut.set_private_key(true)?;
    // The request is received; the reply needs another session.
    let (request, number) = peer.echo();
    peer.send(&session.seal(&request))?;
    let session = peer.respond()?;
    let replies = peer.replies_until(&session, number)?;
    ensure_eq!(replies.len(), 1, "replies");
    Ok(())
}
