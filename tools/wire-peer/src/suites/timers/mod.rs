// SPDX-License-Identifier: GPL-2.0

//! What happens by itself as time goes by. All scenarios run at once, each with peers of its own.
//!
//! Nothing may come early, by the clock of the wire; late is what machines are. Where lateness would
//! spoil a test, it says so and passes.

mod ages;
mod keepalives;
mod retries;

use std::thread;
use std::time::{Duration, Instant};

use wireguard_proto::messages::{parse, Message};

use crate::bench::Bench;
use crate::dut::Dut;
use crate::peer::Peer;
use crate::session::Session;
use crate::tap::{report, Result};

/// A scenario takes this many peers that the device can send to.
#[derive(Clone, Copy)]
struct Scenario {
    name: &'static str,
    peers: usize,
    play: fn(&Dut, Vec<Peer>) -> Result,
}

pub fn run(bench: &mut Bench) {
    let scenarios = [ages::SCENARIOS, keepalives::SCENARIOS, retries::SCENARIOS].concat();
    let mut casts = Vec::new();
    bench.test("make all peers", |bench| {
        for scenario in &scenarios {
            casts.push(
                (0..scenario.peers)
                    .map(|_| bench.known_peer())
                    .collect::<Result<_>>()?,
            );
        }
        Ok(())
    });
    let dut = &bench.dut;
    let results: Vec<_> = thread::scope(|scope| {
        let plays: Vec<_> = scenarios
            .iter()
            .zip(casts)
            .map(|(scenario, peers)| {
                scope.spawn(move || (scenario.play)(dut, peers).map_err(|error| error.to_string()))
            })
            .collect();
        plays.into_iter().map(|play| play.join()).collect()
    });
    for (scenario, result) in scenarios.iter().zip(results) {
        let result = result.unwrap_or_else(|_| Err("it panicked".into()));
        if !report(scenario.name, result.map_err(Into::into)) {
            bench.fail();
        }
    }
}

/// Sleeps until so long after `start`.
fn until(start: Instant, secs: f64) {
    thread::sleep(
        (start + Duration::from_secs_f64(secs)).saturating_duration_since(Instant::now()),
    );
}

/// A session that the device has heard of last, so that it waits for nothing.
fn settled(peer: &mut Peer) -> Result<Session> {
    let mut session = peer.connect()?;
    keepalive(peer, &mut session)?;
    Ok(session)
}

/// Tells the device that we are there.
fn keepalive(peer: &Peer, session: &mut Session) -> Result {
    let message = session.seal(&[]);
    peer.send(&message)
}

/// What kinds of messages have come, in order: "i" for an initiation, "k" for a keepalive, "d" for
/// data, "?" for anything else.
fn kinds(peer: &Peer) -> Result<String> {
    Ok(peer
        .wire
        .drain()?
        .iter()
        .map(|datagram| kind(datagram))
        .collect())
}

/// The kind of the next message, if one comes in time.
fn await_kind(peer: &Peer, patience: Duration) -> Result<Option<char>> {
    let next = peer.wire.receive(patience)?;
    Ok(next.map(|(datagram, _)| kind(&datagram)))
}

fn kind(datagram: &[u8]) -> char {
    match parse(datagram) {
        Ok(Message::Initiation(_)) => 'i',
        Ok(Message::Data(_)) if datagram.len() == 32 => 'k',
        Ok(Message::Data(_)) => 'd',
        _ => '?',
    }
}

/// Says that a moment has passed before it could be looked at.
fn too_slow(what: &str) -> Result {
    println!("# too slow to tell: {what}");
    Ok(())
}
