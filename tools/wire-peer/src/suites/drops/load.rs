// SPDX-License-Identifier: GPL-2.0

//! Floods of handshake messages: what becomes of each is a matter of time, but each is counted once.

use std::time::{Duration, Instant};

use wireguard_proto::messages::{HandshakeMessage, Message};

use super::{handshakes, Before, Stage};
use crate::bench::Bench;
use crate::dut::{Counters, DEVICE, NAMESPACE};
use crate::ensure;
use crate::ensure_eq;
use crate::netlink::{Message as Request, Socket, ACK, REQUEST};
use crate::peer::{Peer, PATIENCE};
use crate::suites::handshake::cookies::{cookie, flood_of, load_is_over};
use crate::tap::Result;
use crate::uapi::{NAME, PEERS, PEER_FLAGS, PEER_KEY, REMOVE_ME, SET_DEVICE};
use crate::wire::within;

/// More messages than make a load,
const LOAD: usize = 1536;

/// and more than may wait.
const FULL: usize = 9216;

/// How many messages come from an address that is proven: more than the burst that it may have.
const PROVEN: usize = 40;

/// How many peers call at once.
const CALLERS: usize = 12;

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
    bench.test(
        "peers that are removed in the middle of their handshakes",
        overtaken,
    );
    stage.faults += 4;
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
        load_is_over();
        peer.wire.drain()?;
        let messages: Vec<_> = (0..PROVEN)
            .map(|_| Ok(peer.initiation()?.0))
            .collect::<Result<_>>()?;
        let before = Before::now()?;
        let wire = flood_of(bench, LOAD)?;
        for message in &messages {
            peer.send(message.as_bytes())?;
        }
        let counted = all_told(&before, std::slice::from_ref(&peer), LOAD + PROVEN)?;
        wire.drain()?;
        if counted.get("hs_ratelimited") > 0 {
            return Ok(());
        }
    }
    Err("they never were too many".into())
}

/// What is counted once all of so many messages are, but for those that were accepted: they are answered.
fn all_told(before: &Before, peers: &[Peer], messages: usize) -> Result<Counters> {
    let mut accepted = 0;
    let end = Instant::now() + 2 * PATIENCE;
    loop {
        for peer in peers {
            while let Some((datagram, _)) = peer.wire.receive(Duration::from_millis(20))? {
                let message = wireguard_proto::messages::parse(&datagram);
                accepted += u64::from(matches!(message, Ok(Message::Response(_))));
            }
        }
        let counted = before.device()?;
        let sum = accepted + counted.iter().map(|(_, count)| count).sum::<u64>();
        if sum == messages as u64 {
            println!("# {accepted} accepted, and counted {counted:?}");
            return Ok(counted);
        }
        ensure!(
            Instant::now() < end,
            "{accepted} accepted, and counted {counted:?}"
        );
    }
}

/// Those whose turn has not come yet are unknown then; of one whose handshake is under way nothing comes.
fn overtaken(bench: &mut Bench) -> Result {
    if std::thread::available_parallelism()?.get() < 2 {
        println!("# one processor does one thing after the other");
        return Ok(());
    }
    let socket = within(NAMESPACE, || Ok(Socket::generic()?))?;
    let family = socket.wireguard()?;
    let set = |peers: &[Peer], flags| {
        let mut request = Request::generic(family, REQUEST | ACK, SET_DEVICE);
        request.text(NAME, DEVICE);
        request.nest(PEERS, |list| {
            for peer in peers {
                list.nest(0, |element| {
                    element.attr(PEER_KEY, &peer.public().0);
                    element.u32(PEER_FLAGS, flags);
                });
            }
        });
        socket.ask(request)
    };
    for _ in 0..TRIES {
        let mut peers = (0..CALLERS)
            .map(|_| bench.stranger())
            .collect::<Result<Vec<_>>>()?;
        set(&peers, 0)?;
        let messages = peers
            .iter_mut()
            .map(|peer| Ok(peer.initiation()?.0))
            .collect::<Result<Vec<_>>>()?;
        load_is_over();
        let before = Before::now()?;
        for (peer, message) in peers.iter().zip(&messages) {
            peer.send(message.as_bytes())?;
        }
        set(&peers, REMOVE_ME)?;
        let counted = all_told(&before, &peers, CALLERS)?;
        only(&counted, &["hs_overtaken", "hs_unknown_peer"])?;
        if counted.get("hs_overtaken") > 0 {
            return Ok(());
        }
    }
    Err("none was ever overtaken".into())
}
