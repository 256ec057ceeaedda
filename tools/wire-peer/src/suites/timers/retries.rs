// SPDX-License-Identifier: GPL-2.0

//! Initiations that nobody answers.

use std::time::{Duration, Instant};

use super::{kinds, until, Scenario};
use crate::dut::Dut;
use crate::packet::Packet;
use crate::peer::{Peer, PATIENCE};
use crate::tap::Result;
use crate::{ensure, ensure_eq};

pub const SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "twenty initiations five seconds apart, then no more, and what waits is dropped",
        peers: 4,
        play: give_up,
    },
    Scenario {
        name: "with traffic it goes on",
        peers: 1,
        play: go_on,
    },
    Scenario {
        name: "however much waits, an initiation every five seconds",
        peers: 1,
        play: spacing,
    },
];

/// When initiations come, until `secs` after the first.
fn arrivals(peer: &Peer, secs: u64) -> Result<Vec<Instant>> {
    let mut times = Vec::new();
    peer.await_initiation(PATIENCE)?;
    let first = Instant::now();
    times.push(first);
    let end = first + Duration::from_secs(secs);
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if peer.wire.receive(left)?.is_some() {
            times.push(Instant::now());
        }
    }
    Ok(times)
}

fn give_up(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    const WAITING: usize = 3;
    let started = Instant::now();
    for peer in &peers {
        for _ in 0..WAITING {
            dut.poke(peer.number, b"anybody?")?;
        }
    }
    let (gaps, before) = std::thread::scope(|scope| {
        let watch = |peer| move || gaps(peer).map_err(|error| error.to_string());
        let watches: Vec<_> = peers.iter().map(|peer| scope.spawn(watch(peer))).collect();
        // The counter is the device's: what others drop, they have dropped by then.
        until(started, 60.0);
        let before = dut.counters();
        let gaps: std::result::Result<Vec<Vec<Duration>>, String> = watches
            .into_iter()
            .map(|watch| watch.join().map_err(|_| String::from("it panicked"))?)
            .collect();
        Result::Ok((gaps?, before?))
    })?;
    let dropped = dut.counters()?.since(&before).get("tx dropped");
    let jitter = gaps.iter().flatten().map(|gap| gap.as_millis());
    let (least, most) = (jitter.clone().min(), jitter.max());
    println!("# between initiations {least:?} to {most:?} ms");
    for peer in &gaps {
        ensure_eq!(peer.len(), 19, "retries");
    }
    // By the arrivals, which may be late by different times.
    ensure!(least >= Some(4800), "less than five seconds");
    // Of 76 numbers below 333 the greatest and the least are this far apart.
    ensure!(most >= least.map(|least| least + 100), "there is no jitter");
    ensure_eq!(dropped, (peers.len() * WAITING) as u64, "packets dropped");
    // A packet begins anew.
    let peer = &mut peers[0];
    dut.poke(peer.number, b"now?")?;
    let session = peer.respond()?;
    let packet = Packet::parse(&peer.await_packet(&session, PATIENCE)?).ok_or("no packet")?;
    let payload = packet.udp().ok_or("not UDP")?.payload;
    ensure_eq!(payload, b"now?", "the first packet of the session");
    Ok(())
}

fn gaps(peer: &Peer) -> Result<Vec<Duration>> {
    let times = arrivals(peer, 125)?;
    Ok(times.windows(2).map(|pair| pair[1] - pair[0]).collect())
}

fn go_on(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let peer = peers.remove(0);
    let started = Instant::now();
    for second in [0.0, 40.0, 80.0] {
        until(started, second);
        dut.poke(peer.number, b"still there?")?;
    }
    until(started, 120.0);
    let count = kinds(&peer)?.len();
    until(started, 150.0);
    let more = kinds(&peer)?.len();
    println!("# {count} initiations in two minutes, {more} in 30 s after them");
    ensure!(count > 20, "only {count} initiations in two minutes");
    ensure!(more > 3, "only {more} initiations in the next 30 s");
    Ok(())
}

fn spacing(dut: &Dut, mut peers: Vec<Peer>) -> Result {
    let peer = peers.remove(0);
    let started = Instant::now();
    dut.poke(peer.number, b"now")?;
    peer.await_initiation(PATIENCE)?;
    let mut last = Instant::now();
    while started.elapsed() < Duration::from_secs(21) {
        dut.poke(peer.number, b"and now")?;
        std::thread::sleep(Duration::from_millis(50));
        if !kinds(&peer)?.is_empty() {
            let gap = last.elapsed();
            ensure!(gap > Duration::from_millis(4800), "after {gap:?}");
            last = Instant::now();
        }
    }
    ensure!(
        last - started > Duration::from_secs(9),
        "there was no second one"
    );
    // What still waits would be dropped, and counted, some time.
    dut.wg_peer(peer.public(), &["remove"])
}
