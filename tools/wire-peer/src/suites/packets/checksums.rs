// SPDX-License-Identifier: GPL-2.0

//! Checksums inside: who has decrypted a packet knows that it is what was sent.

use std::net::IpAddr;

use super::Scene;
use crate::bench::Bench;
use crate::dut::{inside4, inside6};
use crate::ensure_eq;
use crate::packet::{echo, Header, Packet, ICMP, ICMP6};
use crate::tap::Result;

/// Where the sequence number of an ICMP message is.
const SEQUENCE: std::ops::Range<usize> = 6..8;

/// Where its checksum is.
const SUM: usize = 2;

const NUMBER: u16 = 0x4242;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("a wrong checksum inside is not looked at", |_| {
        let number = scene.peer.number;
        answered(scene, inside4(number).into(), inside4(1).into(), 20)?;
        answered(scene, inside6(number).into(), inside6(1).into(), 40)
    });
}

/// Sends an echo request whose checksum is wrong, with IP headers of that length, and waits for the
/// answer.
fn answered(scene: &mut Scene, from: IpAddr, to: IpAddr, headers: usize) -> Result {
    scene.clear()?;
    let mut request = echo(Header::new(from, to, ICMP), NUMBER, 32);
    request[headers + SUM] ^= 0x55;
    let message = scene.session.seal(&request);
    scene.peer.send(&message)?;
    let (_, reply) = scene.message()?;
    let reply = Packet::parse(&reply).ok_or("no packet inside")?;
    let (protocol, kind) = match from {
        IpAddr::V4(_) => (ICMP, 0),
        IpAddr::V6(_) => (ICMP6, 129),
    };
    ensure_eq!(reply.protocol, protocol, "protocol");
    ensure_eq!(reply.payload.first(), Some(&kind), "type");
    let number = reply.payload.get(SEQUENCE).ok_or("a short reply")?;
    ensure_eq!(number, NUMBER.to_be_bytes(), "number");
    Ok(())
}
