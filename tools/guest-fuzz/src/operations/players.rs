// SPDX-License-Identifier: GPL-2.0

//! Peers that we play: genuine handshakes in both roles, and sessions in which to misbehave.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use wire_peer::keys::Key;
use wire_peer::packet::{self, Header, ICMP};
use wire_peer::peer::{is_response, Peer};
use wire_peer::session::Session;
use wire_peer::wire::Wire;
use wireguard_proto::messages::{parse, Message};
use zerocopy::IntoBytes;

use super::strangers::{mutate, sockets_slot};
use super::traffic::{self, inside};
use super::{configuration, links, port_of, Context};
use crate::world::{Outcome, DEVICES, IDENTITIES};

const PATIENCE: Duration = Duration::from_millis(1000);
/// Sessions that an actor keeps.
const KEPT: usize = 8;

type Plain<T = ()> = wire_peer::tap::Result<T>;

/// A session with a device, and whose it is.
struct Played {
    session: Session,
    identity: usize,
    device: usize,
}

#[derive(Default)]
pub struct Players(Vec<Played>);

impl Players {
    fn keep(&mut self, played: Played) {
        self.0.push(played);
        if self.0.len() > KEPT {
            self.0.remove(0);
        }
    }
}

fn port_address(identity: usize) -> SocketAddr {
    (Ipv4Addr::LOCALHOST, port_of(identity)).into()
}

/// The port where the device looks for the peer, or another one if somebody is there.
fn wire_of(identity: usize) -> Plain<Wire> {
    Wire::bind(port_address(identity)).or_else(|_| Wire::bind((Ipv4Addr::LOCALHOST, 0)))
}

fn player(context: &Context<'_>, identity: usize) -> Plain<Peer> {
    let world = context.world;
    let mut peer = Peer::of(
        world.publics[context.device],
        port_address(context.device),
        wire_of(identity)?,
        identity as u8 + 1,
        Key::from_bytes(world.keys[identity]),
    )?;
    peer.clock = world.tick();
    Ok(peer)
}

/// The peer that begins handshakes, and the one that waits for devices to begin them.
const INITIATOR: usize = DEVICES;
pub const RESPONDER: usize = DEVICES + 1;

/// Runs `f` where the sockets are, with an error that can leave its thread.
fn at_sockets(context: &mut Context<'_>, f: impl FnOnce(&mut Context<'_>) -> Plain) -> Outcome {
    let slot = sockets_slot(context);
    let world = context.world;
    world.within(slot, || f(context))
}

/// A whole handshake that we begin, and a ping through the session.
pub fn play(context: &mut Context<'_>) -> Outcome {
    links::likely_ready(context);
    at_sockets(context, |context| {
        let mut peer = player(context, INITIATOR)?;
        let (initiation, slot) = peer.initiation_with(Key::from_bytes(context.rng.key()))?;
        send(context, &peer, initiation.as_bytes())?;
        let response = peer.await_message(PATIENCE, is_response)?;
        let session = peer.begin(slot, &response)?;
        ping(context, &peer, session, INITIATOR)
    })
}

fn ping(context: &mut Context<'_>, peer: &Peer, mut session: Session, identity: usize) -> Plain {
    let header = Header::new(inside(identity, false), inside(context.device, false), ICMP);
    let request = packet::echo(header, 7, 32);
    let message = session.seal(&request);
    let result = send(context, peer, &message).and_then(|()| await_message(peer, &session));
    let device = context.device;
    context.players.keep(Played {
        session,
        identity,
        device,
    });
    result
}

/// Waits for a sign of life in the session: a reply to the ping, or what waited for the session to begin.
fn await_message(peer: &Peer, session: &Session) -> Plain {
    let end = Instant::now() + PATIENCE;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        let Some((datagram, _)) = peer.wire.receive(left)? else {
            break;
        };
        // The device may ask for a handshake, and others may use the port as well.
        if session.open(&datagram).is_ok() {
            return Ok(());
        }
    }
    Err("nothing came in the session".into())
}

fn send(context: &Context<'_>, peer: &Peer, datagram: &[u8]) -> Plain {
    context.world.record(datagram);
    peer.send(datagram)
}

/// Messages in a session that may be gone by now: sound, odd inside, with any counter, or damaged.
pub fn data(context: &mut Context<'_>) -> Outcome {
    let Some(mut played) = context.players.0.pop() else {
        return Err("there is no session".into());
    };
    context.device = played.device;
    let result = at_sockets(context, |context| {
        let wire = wire_of(played.identity)?;
        for _ in 0..1 + context.rng.below(16) {
            let message = message(context, &mut played);
            context.world.record(&message);
            wire.send(&message, port_address(played.device))?;
        }
        Ok(())
    });
    context.players.keep(played);
    result
}

fn message(context: &mut Context<'_>, played: &mut Played) -> Vec<u8> {
    let rng = &mut context.rng;
    let source = match rng.percent(80) {
        true => played.identity,
        false => rng.below(IDENTITIES),
    };
    let v6 = rng.percent(40);
    let header = Header::new(inside(source, v6), inside(played.device, v6), ICMP);
    let len = rng.pick(&[0, 32, 1300, 9000]);
    let mut packet = packet::echo(header, 9, len);
    if rng.percent(40) {
        mutate(rng, &mut packet);
    }
    let mut message = match rng.below(10) {
        0 => played.session.seal(&[]),
        1 => {
            let counter = rng.pick(&[0, 1, 1 << 13, u64::MAX - (1 << 13), u64::MAX - 1, u64::MAX]);
            played.session.seal_as(counter, &packet)
        }
        2 => {
            played.session.counter += 10_000;
            played.session.seal(&packet)
        }
        _ => played.session.seal(&packet),
    };
    if rng.percent(15) {
        mutate(rng, &mut message);
    }
    message
}

/// Answers a device that begins a handshake with a peer of ours, and confirms the session or not.
pub fn answer(context: &mut Context<'_>) -> Outcome {
    links::likely_ready(context);
    at_sockets(context, |context| {
        let mut peer = player(context, RESPONDER)?;
        // Somebody wants to send to us, with whom we have no session.
        let anew = configuration::anew(context, RESPONDER);
        let family = context.family();
        let _ = context
            .world
            .within(context.slot, || configuration::send(family, anew));
        let _ = traffic::greet(context, RESPONDER);
        let end = Instant::now() + PATIENCE;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some((datagram, _)) = peer.wire.receive(left)? else {
                break;
            };
            context.world.record(&datagram);
            if let Some(session) = respond(context, &mut peer, &datagram)? {
                return ping(context, &peer, session, RESPONDER);
            }
        }
        Err("nobody asked".into())
    })
}

fn respond(context: &mut Context<'_>, peer: &mut Peer, datagram: &[u8]) -> Plain<Option<Session>> {
    let Ok(Message::Initiation(initiation)) = parse(datagram) else {
        return Ok(None);
    };
    let ephemeral = Key::from_bytes(context.rng.key());
    // It may be another device's.
    let Ok((response, session)) = peer.answer_with(initiation, ephemeral) else {
        return Ok(None);
    };
    send(context, peer, response.as_bytes())?;
    Ok(Some(session))
}
