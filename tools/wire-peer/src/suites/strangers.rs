// SPDX-License-Identifier: GPL-2.0

//! Peers that the device does not know when they call.

use std::collections::HashSet;
use std::net::Ipv4Addr;
use std::thread::sleep;
use std::time::{Duration, Instant};

use wireguard_proto::messages::HandshakeMessage;

use crate::bench::Bench;
use crate::dut::{run as command, OURS6};
use crate::listener::{hold_unknown, Announcement, Listener};
use crate::peer::{is_response, Peer, A_MOMENT, PATIENCE};
use crate::tap::Result;
use crate::wire::Wire;
use crate::{ensure, ensure_eq};

/// Longer than a test takes, but for the slowest of machines.
const LONG: u16 = 5000;

/// So many initiations a device holds.
const PLACES: usize = 256;

pub fn run(bench: &mut Bench) {
    bench.test("nobody is announced unless that is wanted", off);
    bench.test("nobody is held if nobody listens", unheard);
    bench.test(
        "an unknown peer is announced, and answered when it is known",
        answered,
    );
    bench.test("the same over IPv6", answered6);
    bench.test(
        "an initiation that comes again is not announced again",
        replayed,
    );
    bench.test(
        "a later initiation of the same peer is the one that is answered",
        later,
    );
    bench.test("who is known is not announced", |bench| {
        hold_unknown(LONG)?;
        let listener = listen()?;
        bench.peer()?.connect()?;
        ensure_eq!(listener.heard()?, [], "announced");
        Ok(())
    });
    bench.test("who has not the key is not announced", unproven);
    bench.test("a peer that is removed is a stranger again", removed);
    bench.test("nobody is held for longer than was asked for", late);
    for (what, forget) in [
        ("the device goes down", down as fn(&mut Bench) -> Result),
        ("its key changes", rekeyed),
        ("it shall hold nobody", |_| hold_unknown(0)),
    ] {
        bench.test(&format!("who is held is forgotten when {what}"), |bench| {
            forgotten(bench, forget)
        });
    }
    bench.test("few are announced from one source", crowd_of_one);
    bench.test("no more are held than there are places", full);
    bench.test("and others after those", after_full);
}

/// Listens, once all that earlier tests have used up of what may be announced from one source has come back.
fn listen() -> Result<Listener> {
    sleep(Duration::from_millis(300));
    Listener::open()
}

/// Says an initiation of somebody who is not known.
fn call(peer: &mut Peer) -> Result<Call> {
    let (message, slot) = peer.initiation()?;
    peer.send(message.as_bytes())?;
    Ok(Call { message, slot })
}

struct Call {
    message: wireguard_proto::messages::Initiation,
    slot: wireguard_proto::handshake::Handshake<wireguard_proto::rustcrypto::RustCrypto>,
}

fn announcement(peer: &Peer) -> Announcement {
    Announcement {
        key: peer.public().0,
        endpoint: peer.wire.address(),
        time: peer.clock,
    }
}

/// Has handshakes of others finished, which come after whatever is under way, on all CPUs.
fn settle(bench: &mut Bench) -> Result {
    for _ in 0..2 {
        bench.peer()?.connect()?;
    }
    Ok(())
}

/// That the device does not answer, also when others have been answered.
fn is_ignored(bench: &mut Bench, peer: &Peer) -> Result {
    settle(bench)?;
    let found = peer.await_message(A_MOMENT, is_response);
    ensure!(found.is_err(), "there was an answer");
    Ok(())
}

fn off(bench: &mut Bench) -> Result {
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    call(&mut peer)?;
    settle(bench)?;
    ensure_eq!(listener.heard()?, [], "announced");
    peer.join(&bench.dut)?;
    is_ignored(bench, &peer)
}

fn unheard(bench: &mut Bench) -> Result {
    hold_unknown(LONG)?;
    let mut peer = bench.newcomer()?;
    call(&mut peer)?;
    settle(bench)?;
    peer.join(&bench.dut)?;
    is_ignored(bench, &peer)
}

/// Calls, is announced, becomes known, and has a session by that one initiation.
fn meet(bench: &Bench, listener: &Listener, peer: &mut Peer) -> Result {
    let Call { slot, .. } = call(peer)?;
    ensure_eq!(
        listener.await_one(PATIENCE)?,
        announcement(peer),
        "announced"
    );
    let joined = Instant::now();
    peer.join(&bench.dut)?;
    let response = peer.await_message(PATIENCE, is_response)?;
    println!("# answered {:?} after it was configured", joined.elapsed());
    let mut session = peer.begin(slot, &response)?;
    peer.ping(&mut session)?;
    ensure_eq!(
        bench.dut.endpoint(peer.public())?,
        peer.wire.address(),
        "endpoint"
    );
    ensure_eq!(listener.heard()?, [], "announced afterwards");
    Ok(())
}

fn answered(bench: &mut Bench) -> Result {
    hold_unknown(LONG)?;
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    meet(bench, &listener, &mut peer)?;
    // Of what was held nothing is left to be answered.
    peer.join(&bench.dut)?;
    is_ignored(bench, &peer)
}

fn answered6(bench: &mut Bench) -> Result {
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    peer.move_to(OURS6, &bench.dut)?;
    meet(bench, &listener, &mut peer)
}

fn replayed(bench: &mut Bench) -> Result {
    hold_unknown(LONG)?;
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    let Call { message, slot } = call(&mut peer)?;
    listener.await_one(PATIENCE)?;
    for _ in 0..3 {
        peer.send(message.as_bytes())?;
    }
    settle(bench)?;
    ensure_eq!(listener.heard()?, [], "announced again");
    peer.join(&bench.dut)?;
    let response = peer.await_message(PATIENCE, is_response)?;
    peer.begin(slot, &response)?;
    is_ignored(bench, &peer)
}

fn later(bench: &mut Bench) -> Result {
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    let early = call(&mut peer)?;
    listener.await_one(PATIENCE)?;
    let Call { slot, .. } = call(&mut peer)?;
    settle(bench)?;
    // Neither counts the one that was there before as newer.
    peer.send(early.message.as_bytes())?;
    settle(bench)?;
    ensure_eq!(listener.heard()?, [], "announced again");
    peer.join(&bench.dut)?;
    let response = peer.await_message(PATIENCE, is_response)?;
    peer.begin(slot, &response).map(drop)
}

fn unproven(bench: &mut Bench) -> Result {
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    for place in [8, 40, 90] {
        // The ephemeral key, the static one, and the timestamp, which only shows who has the private key.
        let (mut message, _) = peer.initiation()?;
        message.as_mut_bytes()[place] ^= 1;
        peer.cookies.add_macs(&mut message, crate::peer::NOW);
        peer.send(message.as_bytes())?;
    }
    settle(bench)?;
    ensure_eq!(listener.heard()?, [], "announced");
    Ok(())
}

fn removed(bench: &mut Bench) -> Result {
    let listener = listen()?;
    let mut peer = bench.peer()?;
    peer.connect()?;
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    meet(bench, &listener, &mut peer)
}

fn late(bench: &mut Bench) -> Result {
    hold_unknown(200)?;
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    call(&mut peer)?;
    listener.await_one(PATIENCE)?;
    sleep(Duration::from_millis(300));
    peer.join(&bench.dut)?;
    is_ignored(bench, &peer)?;
    // The next one is a first one again.
    let mut other = bench.newcomer()?;
    for _ in 0..2 {
        call(&mut other)?;
        ensure_eq!(
            listener.await_one(PATIENCE)?,
            announcement(&other),
            "announced"
        );
        sleep(Duration::from_millis(300));
    }
    Ok(())
}

fn down(bench: &mut Bench) -> Result {
    bench.dut.down()?;
    bench.dut.up()
}

fn rekeyed(bench: &mut Bench) -> Result {
    bench.dut.set_private_key(false)?;
    bench.dut.set_private_key(true)
}

fn forgotten(bench: &mut Bench, forget: fn(&mut Bench) -> Result) -> Result {
    hold_unknown(LONG)?;
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    let called = Instant::now();
    call(&mut peer)?;
    listener.await_one(PATIENCE)?;
    forget(bench)?;
    hold_unknown(LONG)?;
    peer.join(&bench.dut)?;
    if called.elapsed() > Duration::from_millis(LONG.into()) {
        println!("# too slow to tell");
    }
    is_ignored(bench, &peer)
}

fn crowd_of_one(bench: &mut Bench) -> Result {
    hold_unknown(LONG)?;
    let listener = listen()?;
    let mut crowd = Vec::new();
    for _ in 0..30 {
        let mut peer = bench.stranger()?;
        crowd.push((peer.initiation()?.0, peer));
    }
    let start = Instant::now();
    for (message, peer) in &crowd {
        peer.send(message.as_bytes())?;
    }
    settle(bench)?;
    let heard = listener.heard()?.len();
    let most = 5 + 20 * (start.elapsed().as_secs() as usize + 1);
    ensure!(heard >= 5, "only {heard} announced");
    match most < crowd.len() {
        true => ensure!(heard <= most, "{heard} announced, {most} wanted"),
        false => println!("# too slow to tell"),
    }
    Ok(())
}

/// Strangers at addresses of their own, in fours.
fn crowd(bench: &Bench, count: usize) -> Result<Vec<Peer>> {
    let address = |number: usize| Ipv4Addr::new(192, 0, 2, 100 + (number / 4) as u8);
    let batch = (0..count).step_by(4).fold(String::new(), |batch, number| {
        batch + &format!("address replace {}/24 dev to-dut\n", address(number))
    });
    command("ip", &["-batch", "-"], &batch)?;
    (0..count)
        .map(|number| {
            let mut peer = bench.stranger()?;
            peer.wire = Wire::bind((address(number), 0))?;
            Ok(peer)
        })
        .collect()
}

fn full(bench: &mut Bench) -> Result {
    hold_unknown(0)?;
    hold_unknown(LONG)?;
    let listener = listen()?;
    let mut crowd = crowd(bench, PLACES + 40)?;
    let calls = crowd
        .iter_mut()
        .map(|peer| Ok(peer.initiation()?.0))
        .collect::<Result<Vec<_>>>()?;
    let start = Instant::now();
    for (peer, message) in crowd.iter().zip(&calls) {
        peer.send(message.as_bytes())?;
    }
    settle(bench)?;
    let heard: HashSet<_> = listener.heard()?.iter().map(|told| told.key).collect();
    println!("# {} announced in {:?}", heard.len(), start.elapsed());
    if start.elapsed() > Duration::from_millis(LONG.into()) {
        println!("# too slow to tell");
        return Ok(());
    }
    ensure_eq!(heard.len(), PLACES, "announced");
    Ok(())
}

fn after_full(bench: &mut Bench) -> Result {
    sleep(Duration::from_millis(u64::from(LONG) + 100));
    let listener = listen()?;
    let mut peer = bench.newcomer()?;
    meet(bench, &listener, &mut peer)
}
