// SPDX-License-Identifier: GPL-2.0

//! Packets that the device does not take, and how their senders get to know.

use std::net::{IpAddr, SocketAddr};

use super::Scene;
use crate::bench::Bench;
use crate::dut::{inside4, inside6, Counters, Dut, NAMESPACE};
use crate::packet::{udp_packet, Packet, ICMP, ICMP6};
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::wire::{within, Tap};
use crate::{ensure, ensure_eq};

const EPROTONOSUPPORT: &str = "EPROTONOSUPPORT";
const ENOKEY: &str = "ENOKEY";
const EDESTADDRREQ: &str = "EDESTADDRREQ";
const NOBODY: u8 = 251;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("a packet for nobody", |bench| {
        refused(bench, scene, inside4(1), inside4(NOBODY), ENOKEY)?;
        refused(bench, scene, inside6(1), inside6(NOBODY), ENOKEY)
    });
    bench.test(
        "a packet for a peer that nobody knows where to find",
        |bench| {
            let number = bench.peer()?.number;
            refused(bench, scene, inside4(1), inside4(number), EDESTADDRREQ)?;
            refused(bench, scene, inside6(1), inside6(number), EDESTADDRREQ)
        },
    );
    bench.test("a packet of another version than it should be", |bench| {
        let before = bench.dut.counters()?.errors();
        let mut packet = from_host(inside4(1).into(), inside4(scene.peer.number).into());
        packet[0] = 0x65;
        let error = scene
            .host
            .send_to(&packet, inside4(scene.peer.number).into());
        is_error(error, EPROTONOSUPPORT)?;
        count_one(&bench.dut, &before)
    });
}

fn from_host(from: IpAddr, to: IpAddr) -> Vec<u8> {
    udp_packet(SocketAddr::new(from, 9), SocketAddr::new(to, 9), b"refused")
}

/// The sender gets the error and, as a host of its own would, an ICMP message.
fn refused(
    bench: &Bench,
    scene: &Scene,
    from: impl Into<IpAddr>,
    to: impl Into<IpAddr>,
    error: &str,
) -> Result {
    let (from, to) = (from.into(), to.into());
    let tap = within(NAMESPACE, || {
        if from.is_ipv4() {
            Tap::open4()
        } else {
            Tap::open6()
        }
    })?;
    let before = bench.dut.counters()?.errors();
    is_error(scene.host.send_to(&from_host(from, to), to), error)?;
    count_one(&bench.dut, &before)?;
    tap.await_packet(PATIENCE, |packet| {
        is_unreachable(packet, from, to).then_some(())
    })
    .map_err(|error| format!("ICMP: {error}").into())
}

fn is_unreachable(packet: &Packet, from: IpAddr, to: IpAddr) -> bool {
    let about = packet.payload.get(8..).and_then(quoted);
    packet.destination == from
        && about == Some(to)
        && match packet.protocol {
            ICMP => packet.payload[..2] == [3, 1],
            ICMP6 => packet.payload[..2] == [1, 3],
            _ => false,
        }
}

/// The destination of a packet that may be cut off.
fn quoted(packet: &[u8]) -> Option<IpAddr> {
    match packet.first()? >> 4 {
        4 => Some(IpAddr::from(<[u8; 4]>::try_from(packet.get(16..20)?).ok()?)),
        _ => Some(IpAddr::from(
            <[u8; 16]>::try_from(packet.get(24..40)?).ok()?,
        )),
    }
}

fn is_error(result: Result, wanted: &str) -> Result {
    match result {
        Ok(()) => Err("the packet was taken".into()),
        Err(error) => {
            let text = error.to_string();
            ensure!(text.starts_with(wanted), "wanted {wanted}, got {text}");
            Ok(())
        }
    }
}

fn count_one(dut: &Dut, before: &Counters) -> Result {
    let counted = dut.counters()?.errors().since(before);
    ensure_eq!(counted, Counters::of(&[("tx errors", 1)]), "errors counted");
    Ok(())
}
