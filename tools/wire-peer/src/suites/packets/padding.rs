// SPDX-License-Identifier: GPL-2.0

//! Padding of packets, and packets that stand for many.

use super::{ip, Scene};
use crate::bench::Bench;
use crate::dut::inside4;
use crate::ensure_eq;
use crate::packet::Packet;
use crate::peer::PATIENCE;
use crate::tap::Result;

/// Headers of IPv4 and UDP.
const HEADERS: usize = 28;

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test(
        "packets are padded to 16 bytes, up to the device's MTU",
        |bench| {
            for (len, padded) in [
                (28, 32),
                (32, 32),
                (33, 48),
                (84, 96),
                (1408, 1408),
                (1409, 1420),
                (1420, 1420),
            ] {
                ensure_eq!(sent(bench, scene, len)?, padded, "length of {len} bytes");
            }
            Ok(())
        },
    );
    bench.test("packets are padded up to the MTU of their route", |bench| {
        let to = inside4(scene.peer.number);
        ip(bench, &format!("route add {to}/32 dev DEVICE mtu 1299"))?;
        for (len, padded) in [
            (100, 112),
            (1280, 1280),
            (1281, 1296),
            (1297, 1299),
            (1299, 1299),
        ] {
            ensure_eq!(sent(bench, scene, len)?, padded, "length of {len} bytes");
        }
        ip(bench, &format!("route del {to}/32 dev DEVICE mtu 1299"))
    });
    bench.test("a packet that stands for many is cut", |bench| {
        scene.clear()?;
        let before = bench.dut.transfer(scene.peer.public())?.1;
        let train: Vec<u8> = (0..40 * 1000).map(|at| (at / 1000) as u8).collect();
        let host = bench.dut.host.as_ref().ok_or("the device has no host")?;
        host.send_train(
            &train[..39_500],
            1000,
            (inside4(scene.peer.number), 9).into(),
        )?;
        for number in 0..40 {
            let (_, inner) = scene.message()?;
            let packet = Packet::parse(&inner).ok_or("no packet inside")?;
            let datagram = packet.udp().ok_or("not UDP")?;
            let len = if number == 39 { 500 } else { 1000 };
            ensure_eq!(datagram.payload, vec![number; len], "packet {number}");
            ensure_eq!(datagram.is_sound, true, "checksum of packet {number}");
            ensure_eq!(
                packet.trailer.iter().all(|byte| *byte == 0),
                true,
                "padding is zero"
            );
        }
        let after = bench.dut.transfer(scene.peer.public())?.1;
        ensure_eq!(after - before, 39 * (1040 + 32) + 528 + 32, "bytes sent");
        Ok(())
    });
    bench.test("numbers of messages follow each other", |bench| {
        scene.peer.wire.drain()?;
        let mut last = None;
        for _ in 0..20 {
            bench.dut.poke(scene.peer.number, b"count")?;
            let (datagram, _) = scene.peer.wire.receive(PATIENCE)?.ok_or("nothing came")?;
            let (counter, _) = scene.session.open(&datagram)?;
            if let Some(last) = last {
                ensure_eq!(counter, last + 1, "number");
            }
            last = Some(counter);
        }
        Ok(())
    });
}

/// Sends a packet of that length; returns its length with padding, which is zero.
fn sent(bench: &Bench, scene: &Scene, len: usize) -> Result<usize> {
    scene.clear()?;
    bench
        .dut
        .poke(scene.peer.number, &vec![0x11; len - HEADERS])?;
    let (_, inner) = scene.message()?;
    let packet = Packet::parse(&inner).ok_or("no packet inside")?;
    ensure_eq!(packet.payload.len() + 20, len, "length without padding");
    ensure_eq!(
        packet.trailer.iter().all(|byte| *byte == 0),
        true,
        "padding is zero"
    );
    Ok(inner.len())
}
