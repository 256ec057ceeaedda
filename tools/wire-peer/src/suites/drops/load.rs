// SPDX-License-Identifier: GPL-2.0

//! Floods of handshake messages: what becomes of each is a matter of time, but each is counted once.

use std::time::{Duration, Instant};

use wireguard_proto::messages::{HandshakeMessage, Message};

use super::{handshakes, Before, Stage};
use crate::bench::Bench;
use crate::dut::Counters;
use crate::ensure;
use crate::ensure_eq;
use crate::peer::PATIENCE;
use crate::suites::handshake::cookies::{cookie, flood_of};
use crate::tap::Result;

/// More messages than make a load,
const LOAD: usize = 1536;

/// and more than may wait.
const FULL: usize = 9216;

/// How many messages come from an address that is proven: more than the burst that it may have.
const PROVEN: usize = 40;

/// How often to try what is a matter of speed.
const TRIES: usize = 10;

pub fn run(bench: &mut Bench, stage: &mut Stage) {
    bench.test("a load of initiations of a stranger", |bench| {
        let counted = flooded(bench, LOAD)?;
        ensure!(counted.get("hs_cookie_required") > 0, "there was no load");
        Ok(())
    });
    bench.test("more of them than may wait", |bench| {
        for _ in 0..TRIES {
            if flooded(bench, FULL)?.get("hs_queue_full") > 0 {
                return Ok(());
            }
        }
        // Several processors may work them off as fast as they come.
        let processors = std::thread::available_parallelism()?.get();
        ensure!(processors > 1, "they never were too many");
        println!("# they never were too many");
        Ok(())
    });
    bench.test("more than may come from an address that is proven", limited);
    stage.faults += 3;
    handshakes::without_key(bench, stage);
}

/// What is counted of so many initiations of a stranger. Who is to come with a cookie is told so.
fn flooded(bench: &mut Bench, messages: usize) -> Result<Counters> {
    let before = Before::now()?;
    let wire = flood_of(bench, messages)?;
    let counted = all_counted(&before, messages as u64)?;
    let answers = wire.drain()?.len() as u64;
    only(
        &counted,
        &["hs_unknown_peer", "hs_cookie_required", "hs_queue_full"],
    )?;
    ensure_eq!(counted.get("hs_cookie_required"), answers, "cookie replies");
    Ok(counted)
}

/// What is counted once all of so many messages are.
fn all_counted(before: &Before, messages: u64) -> Result<Counters> {
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        let counted = before.device()?;
        let sum = counted.iter().map(|(_, count)| count).sum::<u64>();
        if sum >= messages {
            println!("# counted: {counted:?}");
            ensure_eq!(sum, messages, "messages counted");
            return Ok(counted);
        }
        ensure!(
            Instant::now() < end,
            "{messages} came, but counted are {counted:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn only(counted: &Counters, reasons: &[&str]) -> Result {
    let other = counted.iter().find(|(name, _)| !reasons.contains(name));
    ensure!(other.is_none(), "counted, too: {other:?}");
    Ok(())
}

fn limited(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    for _ in 0..TRIES {
        cookie(bench, &mut peer)?;
        // Until the load of that is over.
        std::thread::sleep(Duration::from_millis(1500));
        peer.wire.drain()?;
        let messages: Vec<_> = (0..PROVEN)
            .map(|_| Ok(peer.initiation()?.0))
            .collect::<Result<_>>()?;
        let before = Before::now()?;
        let wire = flood_of(bench, LOAD)?;
        for message in &messages {
            peer.send(message.as_bytes())?;
        }
        let mut accepted = 0;
        let end = Instant::now() + 2 * PATIENCE;
        let counted = loop {
            while let Some((datagram, _)) = peer.wire.receive(Duration::from_millis(20))? {
                let message = wireguard_proto::messages::parse(&datagram);
                accepted += u64::from(matches!(message, Ok(Message::Response(_))));
            }
            let counted = before.device()?;
            let sum = accepted + counted.iter().map(|(_, count)| count).sum::<u64>();
            if sum == (LOAD + PROVEN) as u64 {
                break counted;
            }
            ensure!(
                Instant::now() < end,
                "{accepted} accepted, and counted {counted:?}"
            );
        };
        println!("# {accepted} accepted, and counted {counted:?}");
        wire.drain()?;
        if counted.get("hs_ratelimited") > 0 {
            return Ok(());
        }
    }
    Err("they never were too many".into())
}
