// SPDX-License-Identifier: GPL-2.0

//! What waits for a session: not too much, in order, the newest.

use super::Scene;
use crate::bench::Bench;
use crate::ensure_eq;
use crate::packet::Packet;
use crate::peer::PATIENCE;

pub fn run(bench: &mut Bench, _: &mut Scene) {
    bench.test("of 200 packets the last 129 wait, in order", |bench| {
        const SENT: usize = 200;
        const KEPT: usize = 129;
        let mut peer = bench.known_peer()?;
        let before = bench.dut.counters()?;
        for number in 0..SENT {
            bench
                .dut
                .poke(peer.number, &(number as u16).to_be_bytes())?;
        }
        let dropped = bench.dut.counters()?.since(&before).get("tx dropped");
        ensure_eq!(dropped, (SENT - KEPT) as u64, "packets dropped");
        let initiation = peer.await_initiation(PATIENCE)?;
        let (response, session) = peer.answer(&initiation)?;
        peer.send(wireguard_proto::messages::HandshakeMessage::as_bytes(
            &response,
        ))?;
        for number in SENT - KEPT..SENT {
            let packet = peer.await_packet(&session, PATIENCE)?;
            let packet = Packet::parse(&packet).ok_or("no packet inside")?;
            let payload = packet.udp().ok_or("not UDP")?.payload;
            ensure_eq!(payload, (number as u16).to_be_bytes(), "packet");
        }
        Ok(())
    });
}
