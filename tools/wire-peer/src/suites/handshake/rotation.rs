// SPDX-License-Identifier: GPL-2.0

//! The three sessions that a peer may have.

use std::thread::sleep;
use std::time::Duration;

use super::{carries, poked};
use crate::bench::Bench;
use crate::peer::Peer;
use crate::session::Session;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// A little more than the least time between two initiations.
const SPACING: Duration = Duration::from_millis(30);

pub fn run(bench: &mut Bench) {
    bench.test("sessions that the device answers", as_responder);
    bench.test(
        "a session of the device's after one that waits",
        after_unconfirmed,
    );
    bench.test("sessions of the device's", as_initiator);
}

fn next(peer: &mut Peer) -> Result<Session> {
    sleep(SPACING);
    peer.initiate()
}

/// By which session the device sends.
fn is_current(bench: &Bench, peer: &Peer, session: &Session) -> Result {
    bench.dut.poke(peer.number, b"which?")?;
    ensure_eq!(poked(peer, session)?, b"which?", "a packet");
    Ok(())
}

fn as_responder(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut first = peer.connect()?;
    let mut second = next(&mut peer)?;
    is_current(bench, &peer, &first)?;
    peer.ping(&mut first)?;
    peer.ping(&mut second)?;
    is_current(bench, &peer, &second)?;
    ensure!(
        carries(&mut peer, &mut first, &mut second)?,
        "the previous session is gone"
    );

    // A third one puts an end to the first, though it waits itself.
    let mut third = next(&mut peer)?;
    ensure!(
        !carries(&mut peer, &mut first, &mut second)?,
        "the first session lives"
    );
    is_current(bench, &peer, &second)?;
    peer.ping(&mut third)?;
    ensure!(
        carries(&mut peer, &mut second, &mut third)?,
        "the second session is gone"
    );

    // What waits gives way to what comes.
    let mut fourth = next(&mut peer)?;
    let mut fifth = next(&mut peer)?;
    ensure!(
        !carries(&mut peer, &mut fourth, &mut third)?,
        "the fourth session lives"
    );
    ensure!(
        !carries(&mut peer, &mut second, &mut third)?,
        "the second session lives"
    );
    peer.ping(&mut fifth)?;
    is_current(bench, &peer, &fifth)?;
    ensure!(
        carries(&mut peer, &mut third, &mut fifth)?,
        "the third session is gone"
    );
    Ok(())
}

/// Has the device begin a handshake though it has a session: keys that were taken away and given
/// back are not used to send any more.
fn called(bench: &Bench, peer: &mut Peer) -> Result<Session> {
    bench.dut.set_private_key(false)?;
    bench.dut.set_private_key(true)?;
    bench.dut.poke(peer.number, b"call")?;
    let session = peer.respond()?;
    ensure_eq!(poked(peer, &session)?, b"call", "a packet");
    Ok(session)
}

fn after_unconfirmed(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let mut first = peer.connect()?;
    let mut waiting = next(&mut peer)?;
    let mut session = called(bench, &mut peer)?;
    // It was newer than what had been current, and so is the previous one now.
    ensure!(
        carries(&mut peer, &mut waiting, &mut session)?,
        "what waited is gone"
    );
    ensure!(
        !carries(&mut peer, &mut first, &mut session)?,
        "the first session lives"
    );
    is_current(bench, &peer, &session)
}

fn as_initiator(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    let mut first = called(bench, &mut peer)?;
    let mut second = called(bench, &mut peer)?;
    ensure!(
        carries(&mut peer, &mut first, &mut second)?,
        "the first session is gone"
    );
    let mut third = called(bench, &mut peer)?;
    ensure!(
        !carries(&mut peer, &mut first, &mut third)?,
        "the first session lives"
    );
    ensure!(
        carries(&mut peer, &mut second, &mut third)?,
        "the second session is gone"
    );
    is_current(bench, &peer, &third)
}
