// SPDX-License-Identifier: GPL-2.0

//! Keepalives, and what happens when nothing comes back.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use super::{await_kind, keepalive, kinds, settled, too_slow, until, Scenario};
use crate::dut::{inside4, Dut, OURS4, OURS6, OUTSIDE4, OUTSIDE6};
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
        name: "two packets are confirmed by one keepalive",
        peers: 1,
        play: passive_once,
    },
    Scenario {
        name: "anything sent meanwhile confirms as well",
        peers: 1,
        play: confirmed,
    },
    Scenario {
        name: "what is refused inside is confirmed all the same",
        peers: 2,
        play: refused,
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
        name: "silence makes the device forget where it was spoken to",
        peers: 2,
        play: forgotten_source,
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

/// An address inside that no peer has.
const NOBODY: u8 = 251;

/// A packet that the device's host takes without an answer.
fn data(peer: &Peer, dut: &Dut) -> Result<Vec<u8>> {
    let to = dut.host.as_ref().ok_or("the device has no host")?.address();
    let from = (inside4(peer.number), 9).into();
    Ok(udp_packet(from, to, b"listen"))
}

/// Waits for the keepalive that confirms what was sent at `started`.
fn is_confirmed(peer: &Peer, started: Instant) -> Result {
    let kind = await_kind(peer, PATIENCE)?;
    let took = started.elapsed();
    ensure_eq!(kind, Some('k'), "after {took:?}");
    ensure!(took > Duration::from_millis(9900), "after {took:?} already");
    Ok(())
}

fn passive(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    let message = session.seal(&data(&peer, dut)?);
    let started = Instant::now();
    peer.send(&message)?;
    is_confirmed(&peer, started)?;
    until(started, 25.0);
    ensure_eq!(kinds(&peer)?, "", "messages after it");
    Ok(())
}

/// The second packet asks for another keepalive ten seconds after the first, which itself is an answer
/// to both.
fn passive_once(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    let messages = [(); 2].map(|()| data(&peer, dut).map(|packet| session.seal(&packet)));
    let started = Instant::now();
    for (message, second) in messages.into_iter().zip([0.0, 3.0]) {
        until(started, second);
        peer.send(&message?)?;
    }
    if started.elapsed() > Duration::from_secs(9) {
        return too_slow("10 s");
    }
    is_confirmed(&peer, started)?;
    until(started, 25.0);
    ensure_eq!(kinds(&peer)?, "", "messages after it");
    Ok(())
}

fn confirmed(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let mut peer = peers.remove(0);
    let mut session = settled(&mut peer)?;
    let message = session.seal(&data(&peer, dut)?);
    let started = Instant::now();
    peer.send(&message)?;
    until(started, 5.0);
    dut.poke(peer.number, b"heard")?;
    if started.elapsed() > Duration::from_secs(9) {
        return too_slow("10 s");
    }
    ensure_eq!(await_kind(&peer, PATIENCE)?, Some('d'), "what was sent");
    // It waits for an answer itself.
    keepalive(&peer, &mut session)?;
    until(started, 17.0);
    ensure_eq!(kinds(&peer)?, "", "messages after it");
    Ok(())
}

/// One packet from an address that is not the peer's, and one that is none.
fn refused(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let (mut foreign, mut broken) = (peers.remove(0), peers.remove(0));
    let to = dut.host.as_ref().ok_or("the device has no host")?.address();
    let packet = udp_packet((inside4(NOBODY), 9).into(), to, b"listen");
    let mut sessions = [settled(&mut foreign)?, settled(&mut broken)?];
    let before = dut.counters()?;
    let messages = [sessions[0].seal(&packet), sessions[1].seal(&[0; 16])];
    let started = Instant::now();
    foreign.send(&messages[0])?;
    broken.send(&messages[1])?;
    is_confirmed(&foreign, started)?;
    is_confirmed(&broken, started)?;
    let errors = dut.counters()?.since(&before).get("rx frame_errors");
    ensure_eq!(errors, 2, "frame errors");
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

/// Each peer, one of either family, speaks to an address that the device would not choose by itself.
fn forgotten_source(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    const OTHER4: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 10);
    const OTHER6: Ipv6Addr = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10);
    let places: [(IpAddr, IpAddr, IpAddr); 2] = [
        (OURS4.into(), OTHER4.into(), OUTSIDE4.into()),
        (OURS6.into(), OTHER6.into(), OUTSIDE6.into()),
    ];
    for other in [
        format!("{OTHER4}/24"),
        format!("{OTHER6}/64 nodad preferred_lft 0"),
    ] {
        let words = format!("address add {other} dev to-peers");
        dut.ip(&words.split(' ').collect::<Vec<_>>())?;
    }
    for (peer, (ours, other, _)) in peers.iter_mut().zip(places) {
        peer.move_to(ours, dut)?;
        peer.dut.set_ip(other);
        settled(peer).map_err(|error| format!("at {other}: {error}"))?;
    }
    // What they said last would be an answer if it were received only then.
    std::thread::sleep(Duration::from_secs(1));
    for peer in &peers {
        dut.poke(peer.number, b"hello?")?;
    }
    for (peer, (_, other, usual)) in peers.iter().zip(places) {
        for (kind, source) in [('d', other), ('i', usual)] {
            let (datagram, from) = peer.wire.receive(PATIENCE)?.ok_or("nothing came")?;
            ensure_eq!(super::kind(&datagram), kind, "what came");
            ensure_eq!(from.ip(), source, "where {kind:?} came from");
        }
    }
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
