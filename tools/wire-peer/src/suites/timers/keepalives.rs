// SPDX-License-Identifier: GPL-2.0

//! Keepalives, and what happens when nothing comes back.

use std::time::{Duration, Instant};

use super::{await_kind, keepalive, kinds, settled, too_slow, until, Scenario};
use crate::dut::{inside4, Dut};
use crate::packet::udp_packet;
use crate::peer::{Peer, PATIENCE};
use crate::tap::Result;
use crate::{ensure, ensure_eq};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "who has nothing to say confirms after 10 s, once",
        peers: 1,
        play: passive,
    },
    Scenario {
        name: "keepalives are not confirmed",
        peers: 1,
        play: unconfirmed,
    },
    Scenario {
        name: "silence after data begins a new handshake after 15 s",
        peers: 2,
        play: silence,
    },
    Scenario {
        name: "a persistent keepalive comes at its interval",
        peers: 1,
        play: persistent,
    },
    Scenario {
        name: "a persistent keepalive is put off by what is received",
        peers: 1,
        play: put_off,
    },
];

/// A packet that the device's host takes without an answer.
fn data(peer: &Peer, dut: &Dut) -> Result<Vec<u8>> {
    let to = dut.host.as_ref().ok_or("the device has no host")?.address();
    let from = (inside4(peer.number), 9).into();
    Ok(udp_packet(from, to, b"listen"))
}

fn passive(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    let message = session.seal(&data(&peer, dut)?);
    let started = Instant::now();
    peer.send(&message)?;
    let kind = await_kind(&peer, PATIENCE)?;
    let took = started.elapsed();
    ensure_eq!(kind, Some('k'), "after {took:?}");
    ensure!(took > Duration::from_millis(9900), "after {took:?} already");
    until(started, 25.0);
    ensure_eq!(kinds(&peer)?, "", "messages after it");
    Ok(())
}

fn unconfirmed(_: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    keepalive(&peer, &mut session)?;
    std::thread::sleep(Duration::from_secs(13));
    ensure_eq!(kinds(&peer)?, "", "messages");
    Ok(())
}

fn silence(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let (mut silent, mut polite) = (peers.remove(0), peers.remove(0));
    settled(&mut silent)?;
    let mut session = settled(&mut polite)?;
    let started = Instant::now();
    for peer in [&silent, &polite] {
        dut.poke(peer.number, b"hello?")?;
    }
    polite.await_packet(&session, PATIENCE)?;
    keepalive(&polite, &mut session)?;
    ensure_eq!(await_kind(&silent, PATIENCE)?, Some('d'), "what was sent");
    ensure_eq!(await_kind(&silent, PATIENCE)?, Some('i'), "what comes next");
    let took = started.elapsed();
    ensure!(
        took > Duration::from_millis(14_900),
        "after {took:?} already"
    );
    std::thread::sleep(Duration::from_secs(2));
    ensure_eq!(kinds(&polite)?, "", "messages to who answered");
    Ok(())
}

fn persistent(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    settled(&mut peer)?;
    dut.wg_peer(peer.public(), &["persistent-keepalive", "3"])?;
    ensure_eq!(await_kind(&peer, PATIENCE)?, Some('k'), "at once");
    let mut last = Instant::now();
    for number in 1..6 {
        ensure_eq!(await_kind(&peer, PATIENCE)?, Some('k'), "number {number}");
        let gap = last.elapsed();
        last = Instant::now();
        ensure!(
            gap > Duration::from_millis(2800),
            "number {number} after {gap:?}"
        );
    }
    dut.wg_peer(peer.public(), &["persistent-keepalive", "0"])?;
    peer.wire.drain()?;
    std::thread::sleep(Duration::from_secs(7));
    ensure_eq!(kinds(&peer)?, "", "messages when it is off");
    Ok(())
}

fn put_off(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    dut.wg_peer(peer.public(), &["persistent-keepalive", "8"])?;
    ensure_eq!(await_kind(&peer, PATIENCE)?, Some('k'), "at once");
    let mut last = Instant::now();
    for _ in 0..5 {
        std::thread::sleep(Duration::from_secs(3));
        if last.elapsed() > Duration::from_millis(7500) {
            return too_slow("the interval");
        }
        keepalive(&peer, &mut session)?;
        last = Instant::now();
    }
    ensure_eq!(kinds(&peer)?, "", "messages meanwhile");
    ensure_eq!(await_kind(&peer, PATIENCE)?, Some('k'), "in the end");
    ensure!(
        last.elapsed() > Duration::from_millis(7800),
        "it came early"
    );
    Ok(())
}
