// SPDX-License-Identifier: GPL-2.0

//! What the driver makes of it that the machine is about to sleep, or was copied. The peer is elsewhere,
//! and knows nothing of either.
//!
//! Needs a module that says that the machine was copied, and errors that can be injected into the
//! notification that it is about to sleep: so it stays awake.

use std::time::{Duration, Instant};

use crate::bench::Bench;
use crate::dut::run as command;
use crate::packet::Packet;
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

const COPY: &str = "/job/wireguard_selftest_vmfork.ko";
const DEBUG: &str = "/sys/kernel/debug";
const REFUSAL: &str = "notifier-error-inject/pm/actions/PM_SUSPEND_PREPARE/error";

/// How soon after a handshake message the device may send an initiation, less what a message may be late.
const FIVE_SECONDS: Duration = Duration::from_millis(4800);

pub fn run(bench: &mut Bench) {
    bench.test(
        "before sleep sessions are gone, and the five seconds are not over",
        asleep,
    );
    bench.test(
        "in a copy sessions receive and do not send, and there is no wait for five seconds",
        copied,
    );
}

fn asleep(bench: &mut Bench) -> Result {
    // Namespaces have a /sys of their own.
    command("mount", &["-t", "debugfs", "debugfs", DEBUG], "")?;
    let mut peer = bench.known_peer()?;
    bench.dut.poke(peer.number, b"before")?;
    let initiated = Instant::now();
    let mut session = peer.respond()?;
    peer.await_packet(&session, PATIENCE)?;
    fall_asleep()?;
    let (before, _) = bench.dut.transfer(peer.public())?;
    let (request, _) = peer.echo();
    peer.send(&session.seal(&request))?;
    // A request that comes too early is forgotten.
    let initiation = loop {
        bench.dut.poke(peer.number, b"after")?;
        match peer.await_initiation(Duration::from_millis(100)) {
            Ok(initiation) => break initiation,
            Err(error) if initiated.elapsed() > PATIENCE => return Err(error),
            Err(_) => {}
        }
    };
    let took = initiated.elapsed();
    println!("# the initiation came {took:?} after the last");
    ensure!(took > FIVE_SECONDS, "it came after {took:?} already");
    let (after, _) = bench.dut.transfer(peer.public())?;
    ensure_eq!(after - before, 0, "bytes received in the session");
    let (response, session) = peer.answer(&initiation)?;
    peer.send(wireguard_proto::messages::HandshakeMessage::as_bytes(
        &response,
    ))?;
    let packet = Packet::parse(&peer.await_packet(&session, PATIENCE)?).ok_or("no packet")?;
    let payload = packet.udp().ok_or("not UDP")?.payload;
    ensure_eq!(payload, b"after", "the first packet");
    Ok(())
}

/// Asks for a sleep that is refused, but not before all who want to know have been told that it comes.
fn fall_asleep() -> Result {
    std::fs::write(format!("{DEBUG}/{REFUSAL}"), "-16")?;
    let is_refused = std::fs::write("/sys/power/state", "freeze").is_err();
    ensure!(is_refused, "the machine has slept");
    Ok(())
}

fn copied(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    // The device's response starts the five seconds.
    let started = Instant::now();
    let mut session = peer.connect()?;
    command("insmod", &[COPY], "")?;
    let (request, number) = peer.echo();
    peer.send(&session.seal(&request))?;
    let initiation = peer.await_initiation(PATIENCE)?;
    let took = started.elapsed();
    println!("# the initiation came {took:?} after the response");
    ensure!(took < FIVE_SECONDS, "it took {took:?}");
    let (response, session) = peer.answer(&initiation)?;
    peer.send(wireguard_proto::messages::HandshakeMessage::as_bytes(
        &response,
    ))?;
    let replies = peer.replies_until(&session, number)?;
    ensure_eq!(replies.len(), 1, "replies to what came in the old session");
    command("rmmod", &["wireguard_selftest_vmfork"], "").map(drop)
}
