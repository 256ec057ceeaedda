// SPDX-License-Identifier: GPL-2.0

//! Headers around messages, and what may leak into them.

use super::Scene;
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6, OUTSIDE4, OUTSIDE6, PORT};
use crate::packet::Packet;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// Marks packets by what mark they have: by their DSCP. Inner packets get a mark of their own.
const RULES: &str = "
table inet marks {
    chain inner {
        type route hook output priority mangle;
        oifname wg0 meta mark set 0x77
    }
    chain outer {
        type filter hook postrouting priority 0;
        oifname != wg0 udp sport 51820 meta mark 0x77 ip dscp set 7
        oifname != wg0 udp sport 51820 meta mark 0x1234 ip dscp set 10
        oifname != wg0 udp sport 51820 meta mark 0x1234 ip6 dscp set 10
    }
}
";

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("IPv4 outside", |bench| {
        let outer = headers(bench, scene)?;
        ensure_eq!(outer.source, OUTSIDE4, "source");
        ensure_eq!(outer.ttl, 64, "time to live");
        bench
            .dut
            .run("sysctl", &["-w", "net.ipv4.ip_default_ttl=77"], "")?;
        // Routes remember it.
        bench.dut.down()?;
        bench.dut.up()?;
        scene.session = scene.peer.connect()?;
        ensure_eq!(headers(bench, scene)?.ttl, 77, "time to live as configured");
        bench
            .dut
            .run("sysctl", &["-w", "net.ipv4.ip_default_ttl=64"], "")
            .map(drop)
    });
    bench.test("IPv6 outside", |bench| {
        scene.peer.move_to(OURS6, &bench.dut)?;
        scene.peer.ping(&mut scene.session)?;
        let outer = headers(bench, scene)?;
        ensure_eq!(outer.source, OUTSIDE6, "source");
        ensure_eq!(outer.ttl, 64, "hop limit");
        ensure_eq!(outer.flow_label, 0, "flow label");
        Ok(())
    });
    bench.test(
        "the device's mark is on its messages, that of packets is not",
        |bench| {
            bench.dut.run("nft", &["-f", "/dev/stdin"], RULES)?;
            ensure_eq!(
                headers_of(bench, scene)?.ds,
                0,
                "DS field over IPv6, without a mark"
            );
            bench.dut.wg(&["fwmark", "0x1234"])?;
            ensure_eq!(
                headers_of(bench, scene)?.ds,
                40,
                "DS field over IPv6, with a mark"
            );
            scene.peer.move_to(OURS4, &bench.dut)?;
            scene.peer.ping(&mut scene.session)?;
            scene.clear()?;
            ensure_eq!(
                headers_of(bench, scene)?.ds,
                40,
                "DS field over IPv4, with a mark"
            );
            bench.dut.wg(&["fwmark", "0"])?;
            ensure_eq!(
                headers_of(bench, scene)?.ds,
                0,
                "DS field over IPv4, without a mark"
            );
            bench.dut.run("nft", &["flush", "ruleset"], "").map(drop)
        },
    );
    bench.test("another port", |bench| {
        bench.dut.wg(&["listen-port", "5555"])?;
        bench.dut.poke(scene.peer.number, b"port")?;
        let (outer, _) = scene.message()?;
        let source = outer.udp().ok_or("not UDP")?.source;
        ensure_eq!(source.port(), 5555, "source port");
        bench.dut.wg(&["listen-port", &PORT.to_string()])
    });
}

fn headers_of(bench: &Bench, scene: &Scene) -> Result<Packet> {
    bench.dut.poke(scene.peer.number, b"mark")?;
    Ok(scene.message()?.0)
}

/// Has a packet sent, and returns what is around it, having checked what is common.
fn headers(bench: &Bench, scene: &Scene) -> Result<Packet> {
    scene.clear()?;
    bench.dut.poke(scene.peer.number, b"headers")?;
    let (outer, inner) = scene.message()?;
    ensure_eq!(inner.len(), 48, "length of 35 bytes, padded");
    ensure_eq!(outer.ds, 0, "DS field");
    ensure!(outer.may_be_fragmented, "it may not be fragmented");
    let datagram = outer.udp().ok_or("not UDP")?;
    ensure_eq!(datagram.source.port(), PORT, "source port");
    ensure!(
        datagram.has_checksum && datagram.is_sound,
        "the checksum is wrong"
    );
    ensure_eq!(datagram.payload.len(), 48 + 32, "length of the message");
    ensure_eq!(datagram.payload[..4], [4, 0, 0, 0], "type");
    Ok(outer)
}
