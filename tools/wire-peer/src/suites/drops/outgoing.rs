// SPDX-License-Identifier: GPL-2.0

//! Packets that the device's host has sent in vain.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::{Before, Stage};
use crate::bench::Bench;
use crate::dut::{inside4, inside6, Dut, DEVICE, NAMESPACE};
use crate::ensure;
use crate::packet::udp_packet;
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::wire::{within, Raw};

/// Where there is no route to.
const NOWHERE: &str = "198.51.100.1:9";

/// The number of a peer that there is not.
const NOBODY: u8 = 251;

/// How many packets wait for a session.
const KEPT: u64 = 129;

/// The longest payload of UDP.
const LONGEST: usize = 65507;

pub fn run(bench: &mut Bench, stage: &mut Stage) {
    refused(bench, stage);
    waiting(bench, stage);
    unsent(bench, stage);
    stage.fault(
        bench,
        "packets that wait when the device goes down",
        &[("tx_down", 3)],
        |scene, bench| {
            let peer = bench.known_peer()?;
            for _ in 0..3 {
                bench.dut.poke(peer.number, b"down")?;
            }
            peer.await_initiation(PATIENCE)?;
            bench.dut.down()?;
            bench.dut.up()?;
            scene.session = scene.peer.connect()?;
            Ok(Some(*peer.public()))
        },
    );
}

fn refused(bench: &mut Bench, stage: &mut Stage) {
    let cases: [(&str, IpAddr, IpAddr); 2] = [
        ("IPv4", inside4(1).into(), inside4(NOBODY).into()),
        ("IPv6", inside6(1).into(), inside6(NOBODY).into()),
    ];
    for (family, from, to) in cases {
        let name = format!("an {family} packet for nobody");
        stage.fault(bench, &name, &[("tx_no_peer", 1)], |_, _| {
            refuse(&packet(from, to), to)?;
            Ok(None)
        });
    }
    stage.fault(
        bench,
        "a packet for a peer without an endpoint",
        &[("tx_no_endpoint", 1)],
        |_, bench| {
            let peer = bench.peer()?;
            let to = inside4(peer.number).into();
            refuse(&packet(inside4(1).into(), to), to)?;
            Ok(Some(*peer.public()))
        },
    );
    stage.fault(
        bench,
        "a packet of another version than it should be",
        &[("tx_not_ip", 1)],
        |scene, _| {
            let to = inside4(scene.peer.number).into();
            let mut packet = packet(inside4(1).into(), to);
            packet[0] = 0x65;
            refuse(&packet, to)?;
            Ok(None)
        },
    );
}

fn packet(from: IpAddr, to: IpAddr) -> Vec<u8> {
    udp_packet(SocketAddr::new(from, 9), SocketAddr::new(to, 9), b"in vain")
}

/// Has the device's host send a packet, which the device refuses.
fn refuse(packet: &[u8], to: IpAddr) -> Result {
    let sent = within(NAMESPACE, Raw::open)?.send_to(packet, to);
    ensure!(sent.is_err(), "the packet was taken");
    Ok(())
}

fn waiting(bench: &mut Bench, stage: &mut Stage) {
    stage.fault(
        bench,
        "too many packets that wait for a session",
        &[("tx_staged_full", 71)],
        |_, bench| {
            let mut peer = bench.known_peer()?;
            for _ in 0..KEPT + 71 {
                bench.dut.poke(peer.number, b"many")?;
            }
            peer.respond()?;
            Ok(Some(*peer.public()))
        },
    );
    stage.fault(
        bench,
        "packets that wait for a peer that is removed",
        &[("tx_peer_removed", 2)],
        |_, bench| {
            let peer = bench.known_peer()?;
            for _ in 0..2 {
                bench.dut.poke(peer.number, b"gone")?;
            }
            peer.await_initiation(PATIENCE)?;
            bench.dut.wg_peer(peer.public(), &["remove"])?;
            Ok(None)
        },
    );
}

fn unsent(bench: &mut Bench, stage: &mut Stage) {
    let counts = [("tx_no_route", 1), ("tx_peer_removed", 1)];
    stage.fault(bench, "an initiation to nowhere", &counts, |_, bench| {
        let peer = bench.peer()?;
        bench.dut.wg_peer(peer.public(), &["endpoint", NOWHERE])?;
        let before = Before::now()?;
        bench.dut.poke(peer.number, b"nowhere")?;
        // The next one would be tried in five seconds.
        let end = Instant::now() + PATIENCE;
        while before.device()?.get("tx_no_route") == 0 {
            ensure!(Instant::now() < end, "there was no initiation");
        }
        bench.dut.wg_peer(peer.public(), &["remove"])?;
        Ok(None)
    });
    stage.fault(
        bench,
        "a message to nowhere",
        &[("tx_no_route", 1)],
        |_, bench| {
            let mut peer = bench.known_peer()?;
            peer.connect()?;
            bench.dut.wg_peer(peer.public(), &["endpoint", NOWHERE])?;
            bench.dut.poke(peer.number, b"nowhere")?;
            peer.set_endpoint(&bench.dut)?;
            Ok(Some(*peer.public()))
        },
    );
    stage.fault(
        bench,
        "a packet too long for a datagram",
        &[("tx_too_long", 1)],
        |scene, bench| {
            set_mtu(&bench.dut, "65536")?;
            bench.dut.poke(scene.peer.number, &[0; LONGEST])?;
            set_mtu(&bench.dut, "1420")?;
            Ok(Some(*scene.peer.public()))
        },
    );
}

fn set_mtu(dut: &Dut, mtu: &str) -> Result {
    dut.ip(&["link", "set", DEVICE, "mtu", mtu]).map(drop)
}
