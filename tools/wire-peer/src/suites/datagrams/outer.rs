// SPDX-License-Identifier: GPL-2.0

//! What is wrong, or only odd, with the headers of IP and UDP.

use std::net::SocketAddr;

use super::Scene;
use crate::bench::Bench;
use crate::packet::{udp, Header, MORE_FRAGMENTS, UDP};
use crate::peer::Peer;
use crate::tap::Result;
use crate::{dut, ensure_eq};

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    dropped(bench, scene);
    accepted(bench, scene);
}

fn dropped(bench: &mut Bench, scene: &mut Scene) {
    scene.silent(
        bench,
        "a datagram with a wrong checksum",
        &[],
        |scene, _| send_spoilt(scene, |datagram| datagram[6] ^= 1),
    );
    scene.silent(
        bench,
        "a datagram longer than its packet",
        &[],
        |scene, _| send_spoilt(scene, |datagram| datagram[4] = 0x7f),
    );
    scene.silent(
        bench,
        "a datagram shorter than its header",
        &[],
        |scene, _| send_spoilt(scene, |datagram| datagram[4..6].copy_from_slice(&[0, 7])),
    );
    scene.silent(
        bench,
        "an initiation cut by the UDP header",
        &[],
        |scene, bench| {
            let (message, _) = bench.peer()?.initiation()?;
            let bytes = wireguard_proto::messages::HandshakeMessage::as_bytes(&message);
            let (from, to) = ends(&scene.peer);
            let mut datagram = udp(from, to, &bytes[..147]);
            datagram.push(bytes[147]);
            send_payload(scene, &datagram, from, to)
        },
    );
    scene.silent(bench, "IPv6 without a checksum", &[], |scene, bench| {
        let (mut peer, mut session) = connected6(bench)?;
        let (request, _) = peer.echo();
        let (from, to) = ends(&peer);
        let mut datagram = udp(from, to, &session.seal(&request));
        datagram[6..8].fill(0);
        send_payload(scene, &datagram, from, to)?;
        let replies = peer.ping(&mut session)?;
        ensure_eq!(replies.len(), 1, "replies");
        Ok(())
    });
    scene.silent(
        bench,
        "a first fragment that nothing follows",
        &[],
        |scene, _| {
            let (first, _) = fragments(scene, 1)?;
            scene.raw.send(&first)
        },
    );
    scene.silent(bench, "fragments that overlap", &[], |scene, _| {
        let (first, rest) = fragments(scene, 2)?;
        let mut overlapping = rest.clone();
        overlapping[6..8].copy_from_slice(&[0, 5]);
        for fragment in [&first, &overlapping, &rest] {
            scene.raw.send(fragment)?;
        }
        Ok(())
    });
}

fn accepted(bench: &mut Bench, scene: &mut Scene) {
    bench.test("IPv4 without a checksum is taken", |_| {
        deliver(scene, |scene, message| {
            let (from, to) = ends(&scene.peer);
            let mut datagram = udp(from, to, message);
            datagram[6..8].fill(0);
            send_payload(scene, &datagram, from, to)
        })
    });
    bench.test("fragments in the wrong order are put together", |_| {
        deliver(scene, |scene, message| {
            let (first, rest) = cut(scene, message, 3);
            scene.raw.send(&rest)?;
            scene.raw.send(&first)
        })
    });
    bench.test("a packet with IP options is taken", |_| {
        deliver(scene, |scene, message| {
            let (from, to) = ends(&scene.peer);
            let mut packet = Header::new(from.ip(), to.ip(), UDP).packet(&udp(from, to, message));
            // Four bytes of "no operation"; the kernel sums the header up when it sends it.
            packet.splice(20..20, [1; 4]);
            packet[0] = 0x46;
            scene.raw.send_to(&packet, to.ip())
        })
    });
    bench.test("a train of datagrams is taken apart", |_| {
        let mut train = Vec::new();
        let mut last = 0;
        for _ in 0..20 {
            let (request, number) = scene.peer.echo();
            train.extend(scene.session.seal(&request));
            last = number;
        }
        let len = (train.len() / 20) as u16;
        scene.peer.wire.send_train(&train, len, scene.peer.dut)?;
        let replies = scene.peer.replies_until(&scene.session, last)?;
        ensure_eq!(replies.len(), 20, "replies");
        Ok(())
    });
}

/// Sends an echo request in a way of its own; the reply comes.
fn deliver(scene: &mut Scene, send: impl FnOnce(&mut Scene, &[u8]) -> Result) -> Result {
    let (request, number) = scene.peer.echo();
    let message = scene.session.seal(&request);
    send(scene, &message)?;
    let replies = scene.peer.replies_until(&scene.session, number)?;
    ensure_eq!(replies.len(), 1, "replies");
    Ok(())
}

fn ends(peer: &Peer) -> (SocketAddr, SocketAddr) {
    (peer.wire.address(), peer.dut)
}

fn send_payload(scene: &Scene, datagram: &[u8], from: SocketAddr, to: SocketAddr) -> Result {
    let packet = Header::new(from.ip(), to.ip(), UDP).packet(datagram);
    scene.raw.send(&packet)
}

/// Sends an echo request whose UDP header is spoilt.
fn send_spoilt(scene: &mut Scene, spoil: impl FnOnce(&mut [u8])) -> Result {
    let (request, _) = scene.peer.echo();
    let message = scene.session.seal(&request);
    let (from, to) = ends(&scene.peer);
    let mut datagram = udp(from, to, &message);
    spoil(&mut datagram);
    send_payload(scene, &datagram, from, to)
}

fn fragments(scene: &mut Scene, id: u16) -> Result<(Vec<u8>, Vec<u8>)> {
    let (request, _) = scene.peer.echo();
    let message = scene.session.seal(&request);
    Ok(cut(scene, &message, id))
}

/// Two fragments of the packet with a message, the first with 48 bytes of it.
fn cut(scene: &Scene, message: &[u8], id: u16) -> (Vec<u8>, Vec<u8>) {
    let (from, to) = ends(&scene.peer);
    let datagram = udp(from, to, message);
    let header = Header::new(from.ip(), to.ip(), UDP);
    let (first, rest) = datagram.split_at(48);
    let first = header.with_fragment(id, MORE_FRAGMENTS).packet(first);
    (first, header.with_fragment(id, 48 / 8).packet(rest))
}

/// A peer over IPv6 with a session.
fn connected6(bench: &mut Bench) -> Result<(Peer, crate::session::Session)> {
    let mut peer = bench.peer()?;
    peer.move_to(dut::OURS6, &bench.dut)?;
    let session = peer.connect()?;
    Ok((peer, session))
}
