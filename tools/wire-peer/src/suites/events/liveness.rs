// SPDX-License-Identifier: GPL-2.0

//! Events of the group `liveness`, the ends of sessions, and the carrier.

use std::time::{Duration, Instant};

use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::rustcrypto::RustCrypto;

use super::{all_of, clear, put_peer, set, state, FAMILY};
use crate::bench::Bench;
use crate::dut::{Dut, DEVICE, OURS4, OURS6, OUTSIDE4};
use crate::keys::{random_key, Key};
use crate::netlink::Message;
use crate::news::{self, Reader};
use crate::peer::{Peer, PATIENCE};
use crate::tap::Result;
use crate::uapi::{
    sockaddr, ALIVE, BACK, CARRIER, ENDPOINT, EXPIRED, HANDSHAKE_GIVEN_UP, INITIATOR, KEEPALIVE,
    KEEPALIVE_TIMEOUT, LABEL, MAX_HANDSHAKE_ATTEMPTS, NO_ANSWER, NO_ENDPOINT, PORT, PRIVATE_KEY,
    REJECT_AFTER_TIME, REKEY_AFTER_TIME, REKEY_TIMEOUT, RESPONDER, SESSION_BEGUN, SESSION_ENDED,
    SILENT, UNREACHABLE,
};
use crate::wire::Wire;
use crate::{ensure, ensure_eq};

pub fn run(bench: &mut Bench) {
    bench.test(
        "a peer falls silent 15 s after data were sent, and is back when it is heard",
        silent,
    );
    bench.test(
        "a handshake is given up, and sessions end, of a device of the other kind",
        impatient,
    );
    bench.test("why a handshake fails is told", failures);
    bench.test(
        "the carrier follows the peers, and does not any more",
        carrier,
    );
}

fn silent(bench: &mut Bench) -> Result {
    clear()?;
    let mut peer = bench.peer()?;
    ensure!(!state(&peer)?.is_alive, "it is alive before it is heard");
    let mut session = peer.connect()?;
    ensure!(state(&peer)?.is_alive, "it is not alive with a session");
    let reader = Reader::open(FAMILY, "liveness")?;
    let started = Instant::now();
    bench.dut.poke(peer.number, b"anybody there?")?;
    let event = reader.await_one(PATIENCE)?;
    let took = started.elapsed();
    ensure_eq!(event.kind, SILENT, "event");
    ensure!(took > Duration::from_millis(14_900), "that took {took:?}");
    let told = event.peer.ok_or("no peer is told of")?;
    ensure_eq!(told.key, peer.public().0, "key");
    ensure!(!state(&peer)?.is_alive, "it is alive though it is silent");
    peer.wire.drain()?;
    for _ in 0..3 {
        peer.ping(&mut session)?;
    }
    // Not once more when it is looked at again.
    peer.move_to(OURS6, &bench.dut)?;
    peer.ping(&mut session)?;
    let told = all_of(&reader, &[BACK])?;
    ensure_eq!(told[0].key, peer.public().0, "key of who is back");
    ensure!(state(&peer)?.is_alive, "it is not alive though it is back");
    Ok(())
}

const OTHER: &str = "awg0";
const OTHER_FAMILY: &str = "amneziawg";
const OTHER_PORT: u16 = 51821;

/// A device whose peers have little time, and one of them.
fn other(dut: &Dut) -> Result<Peer> {
    dut.ip(&["link", "add", OTHER, "type", "amneziawg"])?;
    let private: Key = random_key();
    let identity = StaticIdentity::<RustCrypto>::from_private(private.duplicate());
    let identity = identity.ok_or("a random key is zero")?;
    set_other(|message| {
        message.attr(PRIVATE_KEY, private.as_bytes());
        message.u16(PORT, OTHER_PORT);
        for (ty, value) in [
            (REKEY_TIMEOUT, 1),
            (KEEPALIVE_TIMEOUT, 1),
            (REKEY_AFTER_TIME, 1),
            (REJECT_AFTER_TIME, 2),
            (MAX_HANDSHAKE_ATTEMPTS, 1),
        ] {
            message.u32(ty, both_ends(value));
        }
    })?;
    dut.ip(&["link", "set", OTHER, "up"])?;
    let wire = Wire::bind((OURS4, 0))?;
    let address = (OUTSIDE4, OTHER_PORT).into();
    Peer::of(*identity.public(), address, wire, 2, random_key())
}

/// A range that is one number.
fn both_ends(value: u32) -> u32 {
    (value << 16) | value
}

fn set_other(fill: impl FnOnce(&mut Message) + Send) -> Result {
    news::set(OTHER_FAMILY, OTHER, fill)?.map_err(|refusal| format!("{refusal:?}").into())
}

fn impatient(bench: &mut Bench) -> Result {
    let mut peer = other(&bench.dut)?;
    let (key, endpoint) = (peer.public().0, sockaddr(peer.wire.address()));
    let sessions = Reader::open(OTHER_FAMILY, "session")?;
    // The first keepalive asks for a session.
    set_other(|message| {
        put_peer(message, &key, |peer| {
            peer.attr(ENDPOINT, &endpoint);
            peer.u32(KEEPALIVE, both_ends(600));
            peer.text(LABEL, "far end");
        });
    })?;
    let event = sessions.await_one(PATIENCE)?;
    ensure_eq!(event.kind, HANDSHAKE_GIVEN_UP, "event");
    ensure_eq!(event.device, OTHER, "device");
    let told = event.peer.ok_or("no peer is told of")?;
    ensure_eq!(told.key, key, "key");
    ensure_eq!(told.label.as_deref(), Some("far end"), "label");
    ensure_eq!(told.role, Some(INITIATOR), "role");
    ensure_eq!(told.failure, Some(NO_ANSWER), "failure");
    let millis = told.millis.ok_or("it is not told how long it took")?;
    // Three initiations, a second each.
    ensure!(millis >= 2900, "it took {millis} ms");
    set_other(|message| put_peer(message, &key, |peer| peer.u32(KEEPALIVE, 0)))?;
    let mut session = peer.initiate()?;
    peer.send(&session.seal(&[]))?;
    let begun = Instant::now();
    let event = sessions.await_one(PATIENCE)?;
    ensure_eq!(event.kind, SESSION_BEGUN, "event");
    ensure_eq!(
        event.peer.and_then(|peer| peer.role),
        Some(RESPONDER),
        "role"
    );
    let event = sessions.await_one(PATIENCE)?;
    let took = begun.elapsed();
    ensure_eq!(event.kind, SESSION_ENDED, "event");
    ensure_eq!(event.peer.and_then(|peer| peer.ended), Some(EXPIRED), "why");
    ensure!(
        took > Duration::from_millis(5500),
        "it ended after {took:?}"
    );
    ensure_eq!(sessions.await_calm(super::CALM)?, [], "events afterwards");
    bench.dut.ip(&["link", "del", OTHER]).map(drop)
}

fn await_failure(peer: &Peer, failure: u32) -> Result {
    let end = Instant::now() + PATIENCE;
    loop {
        let found = state(peer)?.failure;
        if found == failure {
            return Ok(());
        }
        ensure!(Instant::now() < end, "failure {found}, wanted {failure}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn failures(bench: &mut Bench) -> Result {
    clear()?;
    let nowhere = bench.peer()?;
    bench
        .dut
        .wg_peer(nowhere.public(), &["persistent-keepalive", "600"])?;
    await_failure(&nowhere, NO_ENDPOINT)?;
    let away = bench.peer()?;
    let endpoint = ["endpoint", "198.51.100.1:9", "persistent-keepalive", "600"];
    bench.dut.wg_peer(away.public(), &endpoint)?;
    await_failure(&away, UNREACHABLE)
}

fn has_carrier(dut: &Dut) -> Result<bool> {
    Ok(!dut
        .ip(&["link", "show", "dev", DEVICE])?
        .contains("NO-CARRIER"))
}

fn await_carrier(dut: &Dut, wanted: bool) -> Result {
    let end = Instant::now() + PATIENCE;
    while has_carrier(dut)? != wanted {
        ensure!(Instant::now() < end, "the carrier does not become {wanted}");
        std::thread::sleep(Duration::from_millis(20));
    }
    Ok(())
}

fn carrier(bench: &mut Bench) -> Result {
    clear()?;
    ensure!(
        has_carrier(&bench.dut)?,
        "there is no carrier to begin with"
    );
    set(|message| message.u8(CARRIER, 1))?;
    await_carrier(&bench.dut, false)?;
    let mut peer = bench.peer()?;
    // Nothing is sent without a carrier, but what is received is a reason for one.
    let mut session = peer.initiate()?;
    peer.send(&session.seal(&[]))?;
    await_carrier(&bench.dut, true)?;
    peer.ping(&mut session)?;
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    await_carrier(&bench.dut, false)?;
    bench.dut.down()?;
    bench.dut.up()?;
    ensure!(
        !has_carrier(&bench.dut)?,
        "there is a carrier after down and up"
    );
    set(|message| message.u8(CARRIER, 0))?;
    await_carrier(&bench.dut, true)?;
    let mut peer = bench.peer()?;
    peer.connect()?;
    clear()?;
    ensure!(has_carrier(&bench.dut)?, "the carrier still follows");
    let refused = news::set(FAMILY, DEVICE, |message| {
        put_peer(message, &peer.public().0, |peer| peer.u8(ALIVE, 1));
    })?;
    ensure!(refused.is_err(), "a peer can be said to be alive");
    Ok(())
}
