// SPDX-License-Identifier: GPL-2.0

//! Packets in both directions: what is around them on the wire, what becomes of their headers, how
//! they are padded, cut, held back and refused.

mod checksums;
mod ecn;
mod outer;
mod padding;
mod refusals;
mod sources;
mod staging;

use crate::bench::Bench;
use crate::dut::{DEVICE, NAMESPACE};
use crate::packet::Packet;
use crate::peer::{Peer, PATIENCE};
use crate::session::Session;
use crate::tap::Result;
use crate::wire::{within, Raw, Tap};

/// A peer with a session, and what sees and makes packets of the device's host.
struct Scene {
    peer: Peer,
    session: Session,
    /// What comes in at the peer.
    tap4: Tap,
    tap6: Tap,
    /// Sends packets of the device's host, and of ours.
    host: Raw,
    ours: Raw,
}

pub fn run(bench: &mut Bench) {
    let mut scene = None;
    bench.test("set the scene", |bench| {
        // What leaves the device's host has its checksums in place.
        bench
            .dut
            .run("ethtool", &["-K", "to-peers", "tx", "off"], "")?;
        scene = Some(Scene::new(bench)?);
        Ok(())
    });
    let Some(mut scene) = scene else { return };
    outer::run(bench, &mut scene);
    ecn::run(bench, &mut scene);
    checksums::run(bench, &mut scene);
    padding::run(bench, &mut scene);
    staging::run(bench, &mut scene);
    refusals::run(bench, &mut scene);
    sources::run(bench, &mut scene);
}

impl Scene {
    fn new(bench: &mut Bench) -> Result<Self> {
        let mut peer = bench.known_peer()?;
        let session = peer.connect()?;
        Ok(Self {
            peer,
            session,
            tap4: Tap::open4()?,
            tap6: Tap::open6()?,
            host: within(NAMESPACE, Raw::open)?,
            ours: Raw::open()?,
        })
    }

    /// The next data message of the session, as the packet that carries it and the one inside, with
    /// padding. Keepalives are skipped.
    fn message(&self) -> Result<(Packet, Vec<u8>)> {
        let tap = match self.peer.dut.is_ipv4() {
            true => &self.tap4,
            false => &self.tap6,
        };
        tap.await_packet(PATIENCE, |outer| {
            let datagram = outer.udp()?;
            let ours = datagram.destination == self.peer.wire.address();
            let (_, inner) = self.session.open(&datagram.payload).ok()?;
            (ours && !inner.is_empty()).then(|| (outer.clone(), inner))
        })
    }

    /// Throws away what has come so far.
    fn clear(&self) -> Result {
        self.peer.wire.drain()?;
        for tap in [&self.tap4, &self.tap6] {
            while tap.next(std::time::Duration::ZERO)?.is_some() {}
        }
        Ok(())
    }
}

/// `ip` for the device, in words.
fn ip(bench: &Bench, words: &str) -> Result {
    let words = words.replace("DEVICE", DEVICE);
    bench
        .dut
        .ip(&words.split(' ').collect::<Vec<_>>())
        .map(drop)
}
