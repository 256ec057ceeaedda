// SPDX-License-Identifier: GPL-2.0

//! What waits for a session: not too much, in order, the newest.

use super::Scene;
use crate::bench::Bench;
use crate::dut::{inside4, Counters, NAMESPACE};
use crate::ensure_eq;
use crate::packet::Packet;
use crate::peer::PATIENCE;
use crate::wire::{within, Wire};

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
    bench.test("what waits does not fill its sender's buffer", |bench| {
        const WAITING: u16 = 129;
        let mut peer = bench.known_peer()?;
        let sender = within(NAMESPACE, || Wire::bind((inside4(1), 0)))?;
        sender.shrink_send_buffer()?;
        let before = bench.dut.counters()?;
        for number in 0..WAITING {
            sender
                .send(&number.to_be_bytes(), (inside4(peer.number), 9).into())
                .map_err(|error| format!("packet {number} of {WAITING}: {error}"))?;
        }
        let errors = bench.dut.counters()?.errors().since(&before);
        ensure_eq!(errors, Counters::default(), "errors and drops");
        let session = peer.respond()?;
        let first = Packet::parse(&peer.await_packet(&session, PATIENCE)?).ok_or("no packet")?;
        let payload = first.udp().ok_or("not UDP")?.payload;
        ensure_eq!(payload, [0, 0], "the first packet");
        Ok(())
    });
}
