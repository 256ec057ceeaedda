// SPDX-License-Identifier: GPL-2.0

//! The DS field, of which only the two bits of ECN pass from inside to outside and back.

use std::net::IpAddr;

use super::Scene;
use crate::bench::Bench;
use crate::dut::{inside4, inside6, NAMESPACE};
use crate::packet::{checksum, echo, udp, Header, Packet, ICMP, UDP};
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::wire::{within, Tap};
use crate::{ensure, ensure_eq};

const NOT_ECT: u8 = 0;
const ECT_1: u8 = 1;
const ECT_0: u8 = 2;
const CE: u8 = 3;
const DSCP: u8 = 0xb8;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("ECN from inside to outside", |_| {
        for (inner, outer) in [
            (NOT_ECT, NOT_ECT),
            (ECT_1, ECT_1),
            (ECT_0, ECT_0),
            (CE, ECT_0),
        ] {
            for dscp in [0, DSCP] {
                out(
                    scene,
                    inside4(1),
                    inside4(scene.peer.number),
                    dscp | inner,
                    outer,
                )?;
                out(
                    scene,
                    inside6(1),
                    inside6(scene.peer.number),
                    dscp | inner,
                    outer,
                )?;
            }
        }
        Ok(())
    });
    bench.test("ECN from outside to inside", |_| {
        // Congestion outside of a packet that does not know of it is not told, nor is it dropped.
        let table = [
            (NOT_ECT, [NOT_ECT, ECT_1, ECT_0, CE]),
            (ECT_1, [NOT_ECT, ECT_1, ECT_1, CE]),
            (ECT_0, [NOT_ECT, ECT_1, ECT_0, CE]),
            (CE, [NOT_ECT, CE, CE, CE]),
        ];
        let (tap4, tap6) = within(NAMESPACE, || Ok((Tap::open4()?, Tap::open6()?)))?;
        for (outer, wanted) in table {
            for (inner, wanted) in (0..4).zip(wanted) {
                let number = scene.peer.number;
                let case = |found: u8| -> Result {
                    ensure_eq!(found, DSCP | wanted, "outer {outer}, inner {inner}");
                    Ok(())
                };
                case(into(
                    scene,
                    &tap4,
                    inside4(number),
                    inside4(1),
                    outer,
                    inner,
                )?)?;
                case(into(
                    scene,
                    &tap6,
                    inside6(number),
                    inside6(1),
                    outer,
                    inner,
                )?)?;
            }
        }
        Ok(())
    });
}

/// Sends a packet of that DS field into the tunnel.
fn out(
    scene: &Scene,
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
    ds: u8,
    wanted: u8,
) -> Result {
    let (from, to) = (from.into(), to.into());
    let datagram = udp((from, 9).into(), (to, 9).into(), b"ecn");
    let packet = Header::new(from, to, UDP).with_ds(ds).packet(&datagram);
    scene.host.send(&packet)?;
    let (outer, inner) = scene.message()?;
    ensure_eq!(outer.ds, wanted, "outside of DS field {ds:#x}");
    let inner = Packet::parse(&inner).ok_or("no packet inside")?;
    ensure_eq!(inner.ds, ds, "inside");
    Ok(())
}

/// Sends an echo request inside a packet of that ECN; returns the DS field that the host sees.
fn into(
    scene: &mut Scene,
    tap: &Tap,
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
    outer: u8,
    inner: u8,
) -> Result<u8> {
    let number = (u16::from(outer) << 2) | u16::from(inner);
    let header = Header::new(from.into(), to.into(), ICMP).with_ds(DSCP | inner);
    let request = echo(header, number, 32);
    let message = scene.session.seal(&request);
    let (here, there) = (scene.peer.wire.address(), scene.peer.dut);
    let datagram = udp(here, there, &message);
    let packet = Header::new(here.ip(), there.ip(), UDP).with_ds(outer);
    scene.ours.send(&packet.packet(&datagram))?;
    let found = tap.await_packet(PATIENCE, |packet| {
        let is_it =
            packet.source == header.source && packet.payload.get(6..8)? == number.to_be_bytes();
        is_it.then(|| packet.clone())
    })?;
    let sum = checksum(&[&found.header]);
    ensure!(
        found.header.is_empty() || sum == 0,
        "the header's checksum is wrong"
    );
    ensure_eq!(found.trailer.len(), 0, "bytes behind the packet");
    Ok(found.ds)
}
