// SPDX-License-Identifier: GPL-2.0

//! The device begins.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wireguard_proto::handshake::{Handshake, IncomingInitiation};
use wireguard_proto::identity::RemoteStatic;
use wireguard_proto::messages::{HandshakeMessage, Index, Initiation};
use wireguard_proto::time::WallTime;

use super::{poked, quiet};
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6, OUTSIDE4, PORT};
use crate::keys::{base64, random_key, LOW_ORDER_POINTS};
use crate::packet::Packet;
use crate::peer::{Peer, NOW, PATIENCE};
use crate::tap::Result;
use crate::wire::Tap;
use crate::{ensure, ensure_eq};

pub fn run(bench: &mut Bench) {
    bench.test("the headers around an initiation", headers);
    bench.test("an initiation tells the time", timestamp);
    bench.test("what waits is sent with the handshake's end", staged_first);
    bench.test("a keepalive is sent if nothing waits", keepalive_first);
    bench.test("a preshared key", preshared);
    bench.test(
        "the device follows its peer by a response",
        roams_by_response,
    );
    bench.test("the next initiation replaces the last", replaced);
    bench.test(
        "an initiation of the peer replaces the device's own",
        overtaken,
    );
    bench.test("peers of low order are never written to", low_order);
}

fn call(bench: &mut Bench, peer: &Peer) -> Result<Initiation> {
    bench.dut.poke(peer.number, b"hello")?;
    peer.await_initiation(PATIENCE)
}

fn headers(bench: &mut Bench) -> Result {
    let peer = bench.known_peer()?;
    let tap = Tap::open4()?;
    let initiation = call(bench, &peer)?;
    let outer = tap.await_packet(PATIENCE, |packet| {
        let datagram = packet.udp()?;
        (datagram.payload == initiation.as_bytes()).then(|| packet.clone())
    })?;
    ensure_eq!(outer.ds, 0x88, "DS field");
    ensure!(outer.may_be_fragmented, "it may not be fragmented");
    ensure_eq!(outer.ttl, 64, "time to live");
    let datagram = outer.udp().ok_or("not UDP")?;
    ensure_eq!(datagram.source, (OUTSIDE4, PORT).into(), "source");
    ensure_eq!(datagram.destination, peer.wire.address(), "destination");
    let bytes = initiation.as_bytes();
    ensure_eq!(bytes.len(), 148, "length");
    ensure_eq!(bytes[..4], [1, 0, 0, 0], "type");
    ensure_eq!(bytes[132..], [0; 16], "second mac");
    Ok(())
}

/// Whether the initiation's timestamp is newer than one made at `secs` would be.
fn is_newer(bench: &Bench, peer: &Peer, initiation: &Initiation, secs: i64) -> Result<bool> {
    let device = bench.dut.identity()?;
    let us = RemoteStatic::new(*peer.public(), Some(&device));
    let wall = WallTime { secs, nanos: 0 };
    let past = Handshake::new().create_initiation(&device, &us, random_key(), Index(1), wall)?;
    let mut slot = Handshake::new();
    let open = |message| -> Result<_> {
        let incoming = IncomingInitiation::open(&peer.identity, message)?;
        Ok(incoming.authenticate(&peer.remote)?)
    };
    slot.accept_initiation(open(&past.message)?, NOW)
        .map_err(|error| error.to_string())?;
    let later = NOW.saturating_add(Duration::from_secs(1));
    Ok(slot.accept_initiation(open(initiation)?, later).is_ok())
}

fn timestamp(bench: &mut Bench) -> Result {
    let peer = bench.known_peer()?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    let initiation = call(bench, &peer)?;
    let after = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() as i64;
    ensure!(
        is_newer(bench, &peer, &initiation, now - 1)?,
        "it is too old"
    );
    ensure!(
        !is_newer(bench, &peer, &initiation, after + 2)?,
        "it is too new"
    );
    Ok(())
}

fn staged_first(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    bench.dut.poke(peer.number, b"first")?;
    let session = peer.respond()?;
    let (datagram, _) = peer.wire.receive(PATIENCE)?.ok_or("nothing came")?;
    let (counter, packet) = session.open(&datagram)?;
    ensure_eq!(counter, 0, "number of the first message");
    let packet = Packet::parse(&packet).ok_or("the first message is no packet")?;
    ensure_eq!(
        packet.udp().ok_or("not UDP")?.payload,
        b"first",
        "the first packet"
    );
    quiet(&peer)
}

fn keepalive_first(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    bench
        .dut
        .wg_peer(peer.public(), &["persistent-keepalive", "1000"])?;
    let session = peer.respond()?;
    let (datagram, _) = peer.wire.receive(PATIENCE)?.ok_or("nothing came")?;
    ensure_eq!(datagram.len(), 32, "length");
    ensure_eq!(session.open(&datagram)?, (0, vec![]), "number and contents");
    ensure!(
        bench.dut.latest_handshake(peer.public())? != 0,
        "no handshake is shown"
    );
    quiet(&peer)?;
    // It would go on in other tests.
    bench.dut.wg_peer(peer.public(), &["remove"])
}

fn preshared(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    let key = random_key();
    let path = "/tmp/wire-peer.psk";
    std::fs::write(path, base64(key.as_bytes()))?;
    bench.dut.wg_peer(peer.public(), &["preshared-key", path])?;
    peer.remote.set_preshared_key(key);
    bench.dut.poke(peer.number, b"secret")?;
    let mut session = peer.respond()?;
    ensure_eq!(poked(&peer, &session)?, b"secret", "the first packet");
    // A change is for handshakes to come.
    bench
        .dut
        .wg_peer(peer.public(), &["preshared-key", "/dev/null"])?;
    peer.ping(&mut session)?;
    peer.remote
        .set_preshared_key(wireguard_proto::crypto::Secret::zeroed());
    peer.connect().map(drop)
}

fn roams_by_response(bench: &mut Bench) -> Result {
    for address in [OURS4.into(), std::net::IpAddr::from(OURS6)] {
        let mut peer = bench.known_peer()?;
        let initiation = call(bench, &peer)?;
        let (response, session) = peer.answer(&initiation)?;
        peer.move_to(address, &bench.dut)?;
        peer.send(response.as_bytes())?;
        ensure_eq!(poked(&peer, &session)?, b"hello", "the first packet");
        let endpoint = bench.dut.endpoint(peer.public())?;
        ensure_eq!(endpoint, peer.wire.address(), "endpoint");
    }
    Ok(())
}

fn replaced(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    let started = Instant::now();
    let first = call(bench, &peer)?;
    let second = peer.await_initiation(PATIENCE)?;
    let gap = started.elapsed();
    ensure!(gap > Duration::from_millis(4990), "after {gap:?} already");
    ensure!(
        first.sender() != second.sender(),
        "both have the same index"
    );
    let (late, _) = peer.answer(&first)?;
    peer.send(late.as_bytes())?;
    quiet(&peer)?;
    let (response, session) = peer.answer(&second)?;
    peer.send(response.as_bytes())?;
    ensure_eq!(poked(&peer, &session)?, b"hello", "the first packet");
    Ok(())
}

fn overtaken(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    let initiation = call(bench, &peer)?;
    let mut session = peer.initiate()?;
    let (late, _) = peer.answer(&initiation)?;
    peer.send(late.as_bytes())?;
    quiet(&peer)?;
    let keepalive = session.seal(&[]);
    peer.send(&keepalive)?;
    ensure_eq!(poked(&peer, &session)?, b"hello", "the first packet");
    Ok(())
}

fn low_order(bench: &mut Bench) -> Result {
    let silent = crate::wire::Wire::bind((OURS4, 0))?;
    let endpoint = silent.address().to_string();
    let before = bench.dut.counters()?;
    for (at, point) in LOW_ORDER_POINTS.into_iter().enumerate() {
        let key = wireguard_proto::messages::PublicKey(point);
        let allowed = format!("10.7.0.{}/32", 240 + at);
        let words = [
            "endpoint",
            &endpoint,
            "persistent-keepalive",
            "1",
            "allowed-ips",
            &allowed,
        ];
        bench.dut.wg_peer(&key, &words)?;
        bench.dut.poke(240 + at as u8, b"anybody?")?;
    }
    // Longer than the keepalive's interval, and than a sound peer needs.
    std::thread::sleep(Duration::from_millis(1500));
    let mut peer = bench.known_peer()?;
    call(bench, &peer)?;
    peer.connect()?;
    ensure_eq!(silent.drain()?.len(), 0, "messages");
    let errors = bench.dut.counters()?.errors().since(&before.errors());
    ensure_eq!(errors, Default::default(), "errors counted");
    for point in LOW_ORDER_POINTS {
        let key = wireguard_proto::messages::PublicKey(point);
        bench.dut.wg_peer(&key, &["remove"])?;
    }
    Ok(())
}
