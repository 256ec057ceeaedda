// SPDX-License-Identifier: GPL-2.0

//! Cookies: under load the device asks for them, and it uses those that it is given.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::{Duration, Instant};

use wireguard_proto::cookie::{Load, MacState};
use wireguard_proto::messages::{CookieReply, HandshakeMessage, Initiation, Message};

use super::{poked, quiet};
use crate::bench::Bench;
use crate::dut::{OURS4, OURS6, OUTSIDE4, PORT};
use crate::keys::random;
use crate::peer::{is_response, Peer, NOW, PATIENCE};
use crate::tap::Result;
use crate::wire::{Tap, Wire};
use crate::{ensure, ensure_eq};

/// The segments that one train may have.
const TRAIN: usize = 64;

/// More messages than make a load, with a margin.
const FLOOD: usize = 1500;

/// How often to try for the moment in which the device is under load.
const TRIES: usize = 20;

pub fn run(bench: &mut Bench) {
    bench.test("under load a cookie is asked for, and does", |bench| {
        let mut peer = bench.peer()?;
        asked(bench, &mut peer)
    });
    bench.test("over IPv6 as well", |bench| {
        let mut peer = bench.peer()?;
        peer.move_to(OURS6, &bench.dut)?;
        asked(bench, &mut peer)
    });
    bench.test("the headers around a cookie reply", headers);
    bench.test("a cookie reply comes from where it was asked", |bench| {
        let other = Ipv4Addr::new(192, 0, 2, 10);
        answered_from(bench, OURS4.into(), other.into(), "24")
    });
    bench.test("the same over IPv6", |bench| {
        let other = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 10);
        answered_from(
            bench,
            OURS6.into(),
            other.into(),
            "64 nodad preferred_lft 0",
        )
    });
    bench.test("a cookie is for one port", one_port);
    bench.test(
        "no more handshakes from one address than 20 in a second",
        limited,
    );
    bench.test("when the load is over no cookie is asked for", |bench| {
        load_is_over();
        let mut peer = bench.peer()?;
        let (message, slot) = peer.initiation()?;
        peer.send(message.as_bytes())?;
        let response = peer.await_message(PATIENCE, is_response)?;
        peer.begin(slot, &response).map(drop)
    });
    bench.test("a few hundred handshakes at once are no load", no_load);
    bench.test("what is left of a load is still one", held);
    bench.test("the device uses a cookie with its next initiation", used);
}

/// Waits until no load is left, whatever came before.
pub fn load_is_over() {
    std::thread::sleep(Duration::from_millis(1500));
}

/// Puts the device under load.
fn flood(bench: &Bench) -> Result {
    flood_of(bench, FLOOD).map(drop)
}

/// Sends random initiations with a valid first mac, at least so many in whole trains. Returns what
/// hears the answers.
pub(in crate::suites) fn flood_of(bench: &Bench, count: usize) -> Result<Wire> {
    let mut stranger = bench.stranger()?;
    let wire = Wire::bind((OURS4, 0))?;
    let (mut message, _) = stranger.initiation()?;
    let mut train = Vec::new();
    for number in 0..TRAIN as u32 {
        message.as_mut_bytes()[4..8].copy_from_slice(&number.to_le_bytes());
        stranger.cookies.add_macs(&mut message, NOW);
        train.extend(message.as_bytes());
    }
    for _ in 0..count.div_ceil(TRAIN) {
        wire.send_train(&train, 148, bench.dut.address(OUTSIDE4))?;
    }
    Ok(wire)
}

fn is_cookie(message: &Message<'_>) -> Option<CookieReply> {
    match message {
        Message::CookieReply(reply) => Some(**reply),
        _ => None,
    }
}

/// Sends initiations amid floods until one is answered by a cookie reply.
pub(in crate::suites) fn cookie(bench: &Bench, peer: &mut Peer) -> Result<CookieReply> {
    for _ in 0..TRIES {
        let (message, _) = peer.initiation()?;
        flood(bench)?;
        peer.send(message.as_bytes())?;
        let answer = peer.await_message(PATIENCE, |message| match message {
            Message::CookieReply(reply) => Some(Some(**reply)),
            Message::Response(_) => Some(None),
            _ => None,
        })?;
        if let Some(reply) = answer {
            ensure_eq!(
                reply.receiver(),
                message.sender_index(),
                "index in the reply"
            );
            peer.cookies
                .consume_reply(&reply, NOW)
                .map_err(|error| error.to_string())?;
            return Ok(reply);
        }
    }
    Err("the device was never under load".into())
}

fn asked(bench: &mut Bench, peer: &mut Peer) -> Result {
    cookie(bench, peer)?;
    let (message, slot) = peer.initiation()?;
    ensure!(message.as_bytes()[132..] != [0; 16], "we have no cookie");
    flood(bench)?;
    peer.send(message.as_bytes())?;
    let response = peer.await_message(PATIENCE, |message| match message {
        Message::Response(response) => Some(Some(**response)),
        Message::CookieReply(_) => Some(None),
        _ => None,
    })?;
    let response = response.ok_or("another cookie was asked for")?;
    let mut session = peer.begin(slot, &response)?;
    peer.ping(&mut session).map(drop)
}

fn headers(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    let tap = Tap::open4()?;
    let reply = cookie(bench, &mut peer)?;
    let bytes = zerocopy::IntoBytes::as_bytes(&reply);
    ensure_eq!(bytes.len(), 64, "length");
    let outer = tap.await_packet(PATIENCE, |packet| {
        (packet.udp()?.payload == bytes).then(|| packet.clone())
    })?;
    ensure_eq!(outer.ds, 0, "DS field");
    let datagram = outer.udp().ok_or("not UDP")?;
    ensure_eq!(datagram.source, (OUTSIDE4, PORT).into(), "source");
    ensure_eq!(datagram.destination, peer.wire.address(), "destination");
    ensure_eq!(
        bench.dut.transfer(peer.public())?.1 % 92,
        0,
        "bytes sent to the peer"
    );
    Ok(())
}

/// The device has a second address, which it would not choose by itself.
fn answered_from(bench: &mut Bench, ours: IpAddr, other: IpAddr, prefix: &str) -> Result {
    let words = format!("address add {other}/{prefix} dev to-peers");
    bench.dut.ip(&words.split(' ').collect::<Vec<_>>())?;
    let mut peer = bench.peer()?;
    peer.move_to(ours, &bench.dut)?;
    peer.dut.set_ip(other);
    let tap = match other {
        IpAddr::V4(_) => Tap::open4()?,
        IpAddr::V6(_) => Tap::open6()?,
    };
    let reply = cookie(bench, &mut peer)?;
    let bytes = zerocopy::IntoBytes::as_bytes(&reply);
    let source = tap.await_packet(PATIENCE, |packet| {
        (packet.udp()?.payload == bytes).then_some(packet.source)
    })?;
    ensure_eq!(source, other, "source");
    let words = format!("address del {other}/{} dev to-peers", &prefix[..2]);
    bench
        .dut
        .ip(&words.split(' ').collect::<Vec<_>>())
        .map(drop)
}

/// Whether the answer to an initiation asks for a cookie.
fn is_asked(peer: &mut Peer) -> Result<bool> {
    peer.await_message(PATIENCE, |message| {
        is_cookie(message)
            .map(|_| true)
            .or(is_response(message).map(|_| false))
    })
}

/// Fewer than 512 wait at any time, however slow the device is.
fn no_load(bench: &mut Bench) -> Result {
    const COUNT: usize = 448;
    let mut peer = bench.peer()?;
    let (message, _) = peer.initiation()?;
    let wire = flood_of(bench, COUNT)?;
    peer.send(message.as_bytes())?;
    // It comes last.
    ensure!(!is_asked(&mut peer)?, "a cookie was asked for");
    ensure_eq!(wire.drain()?.len(), 0, "cookie replies");
    Ok(())
}

/// When no more than 511 wait, the load that there was lasts for another second: otherwise so many
/// would be without an answer.
fn held(bench: &mut Bench) -> Result {
    const REST: usize = 511;
    let mut most = 0;
    let mut least_took = PATIENCE;
    for _ in 0..TRIES {
        let started = Instant::now();
        let mut took = Duration::ZERO;
        let mut count = 0;
        let wire = flood_of(bench, FLOOD)?;
        while wire.receive(Duration::from_millis(300))?.is_some() {
            count += 1;
            took = started.elapsed();
        }
        println!("# {count} cookie replies within {took:?}");
        if count > FLOOD.next_multiple_of(TRAIN) - REST {
            return Ok(());
        }
        most = most.max(count);
        least_took = least_took.min(took);
        // The next one begins as this one did.
        load_is_over();
    }
    // Who cannot answer some hundred in a second is through with that second before the rest.
    if least_took > Duration::from_secs(5) {
        println!("# too slow to tell");
        return Ok(());
    }
    Err(format!("no more than {most} cookie replies to {FLOOD} initiations").into())
}

fn one_port(bench: &mut Bench) -> Result {
    let mut peer = bench.peer()?;
    cookie(bench, &mut peer)?;
    peer.move_to(OURS4, &bench.dut)?;
    for _ in 0..TRIES {
        let (message, _) = peer.initiation()?;
        ensure!(message.as_bytes()[132..] != [0; 16], "we have no cookie");
        flood(bench)?;
        peer.send(message.as_bytes())?;
        if is_asked(&mut peer)? {
            return Ok(());
        }
    }
    Err("the cookie does at another port, or there was no load".into())
}

/// Peers with cookies, at one address, all at once.
fn limited(bench: &mut Bench) -> Result {
    const COUNT: usize = 30;
    let mut peers = Vec::new();
    for _ in 0..COUNT {
        let mut peer = bench.peer()?;
        cookie(bench, &mut peer)?;
        peers.push(peer);
    }
    let mut renewed = None;
    let mut too_few = 0;
    // So that the bucket is full again, whatever came before.
    for _ in 0..TRIES {
        load_is_over();
        let mut messages = Vec::new();
        for peer in &mut peers {
            messages.push(peer.initiation()?.0);
        }
        flood(bench)?;
        let started = Instant::now();
        for (peer, message) in peers.iter().zip(&messages) {
            peer.send(message.as_bytes())?;
        }
        let Some((answers, took)) = answers(&peers, &messages, started)? else {
            // Cookies end every two minutes, all at once.
            ensure!(
                renewed.is_none_or(|at: Instant| at.elapsed() > Duration::from_secs(60)),
                "new cookies are refused"
            );
            renewed = Some(Instant::now());
            std::thread::sleep(PATIENCE / 20);
            for peer in &mut peers {
                peer.wire.drain()?;
                cookie(bench, peer)?;
            }
            continue;
        };
        println!("# {answers} of {COUNT} were answered within {took:?}");
        // Later the load may be over.
        if took > Duration::from_millis(700) {
            continue;
        }
        // Or the others are yet to come.
        if answers < 5 {
            too_few += 1;
            continue;
        }
        let most = 5 + took.as_millis() as usize / 50 + 1;
        ensure!(answers <= most, "no more than {most} are allowed");
        return Ok(());
    }
    ensure!(too_few < TRIES, "fewer than the burst that is allowed");
    println!("# too slow to tell");
    Ok(())
}

/// How many of them get a response to that very message, and until when; none if a cookie is asked for again.
fn answers(
    peers: &[Peer],
    messages: &[Initiation],
    started: Instant,
) -> Result<Option<(usize, Duration)>> {
    let mut count = 0;
    let mut took = Duration::ZERO;
    let end = Instant::now() + Duration::from_secs(2);
    while Instant::now() < end {
        for (peer, message) in peers.iter().zip(messages) {
            let index = &message.as_bytes()[4..8];
            for datagram in peer.wire.drain()? {
                match datagram[0] {
                    2 if datagram[8..12] == *index => count += 1,
                    3 if datagram[4..8] == *index => return Ok(None),
                    // Of the last time, and late.
                    2 | 3 => continue,
                    other => return Err(format!("an answer of type {other}").into()),
                }
                took = started.elapsed();
            }
        }
    }
    Ok(Some((count, took)))
}

fn used(bench: &mut Bench) -> Result {
    let mut peer = bench.known_peer()?;
    bench.dut.poke(peer.number, b"cookies")?;
    let first = peer.await_initiation(PATIENCE)?;
    let dut = peer.dut;
    let reply = peer
        .cookie_checker()
        .create_reply(&first, &dut, random(), NOW)?;
    peer.send(zerocopy::IntoBytes::as_bytes(&reply))?;
    // A second reply to the same message is one too many.
    peer.send(zerocopy::IntoBytes::as_bytes(&reply))?;
    quiet(&peer)?;
    let second = peer.await_initiation(PATIENCE)?;
    let state = peer.mac_state(&second, Load::UnderLoad);
    ensure_eq!(state, MacState::ValidMac2, "macs of the next initiation");
    let (response, session) = peer.answer(&second)?;
    peer.send(response.as_bytes())?;
    ensure_eq!(poked(&peer, &session)?, b"cookies", "the first packet");
    Ok(())
}
