// SPDX-License-Identifier: GPL-2.0

//! Requests to configure a device: mostly right piece by piece, or wrong, huge, or broken.

use std::net::{Ipv4Addr, Ipv6Addr};

use wire_peer::keys::LOW_ORDER_POINTS;

use super::configuration::*;
use super::{looks, port_of, Context};
use crate::world::{Outcome, IDENTITIES};
use wire_peer::netlink::{Message, ACK, REQUEST};

/// More than one part of a request's length field can say.
const HUGE_IPS: usize = 1600;
const MANY_PEERS: usize = 400;

/// Changes that are mostly right one by one, in any combination.
pub fn set(context: &mut Context<'_>) -> Outcome {
    let message = any_request(context);
    let family = context.family();
    context.world.within(context.slot, || send(family, message))
}

/// A request that was damaged.
pub fn set_garbage(context: &mut Context<'_>) -> Outcome {
    let mut message = any_request(context);
    let rng = &mut context.rng;
    for _ in 0..=rng.below(3) {
        let at = 20 + rng.below(message.0.len() - 20);
        message.0[at] = rng.next() as u8;
    }
    if rng.percent(40) {
        let len = 20 + rng.below(message.0.len() - 20);
        message.0.truncate(len);
    }
    // That it is refused is well.
    let family = context.family();
    let _ = context.world.within(context.slot, || send(family, message));
    Ok(())
}

fn any_request(context: &mut Context<'_>) -> Message {
    let mut message = request(REQUEST | ACK, SET_DEVICE);
    any_device(context, &mut message);
    if context.rng.percent(25) {
        let key = any_key(context, Half::Private);
        message.attr(PRIVATE_KEY, &key);
    }
    if context.rng.percent(25) {
        let own = context.port();
        let port = context
            .rng
            .pick(&[own, own, own, 0, 1, 51820, 51821, 65535]);
        message.u16(PORT, port);
    }
    if context.rng.percent(15) {
        let mark = context.rng.pick(&[0, 0, 1, u32::MAX]);
        message.u32(MARK, mark);
    }
    if context.rng.percent(15) {
        let flags = context.rng.pick(&[0, 1, 1, 2, u32::MAX]);
        message.u32(FLAGS, flags);
    }
    // The family `wireguard` knows none of it.
    if context.is_disguised() || context.rng.percent(2) {
        looks::any(&mut context.rng, &mut message);
    }
    let count = match context.rng.below(100) {
        0..10 => 0,
        10..98 => 1 + context.rng.below(4),
        _ => MANY_PEERS,
    };
    message.nest(PEERS, |peers| {
        for _ in 0..count {
            peers.nest(0, |peer| any_peer(context, peer, count));
        }
    });
    message
}

pub fn any_device(context: &mut Context<'_>, message: &mut Message) {
    let by_index = context.rng.percent(5);
    if by_index {
        let index = context.rng.pick(&[0, 1, 2, 3, 4, u32::MAX]);
        message.u32(INDEX, index);
    }
    if !by_index || context.rng.percent(20) {
        message.text(NAME, &context.name());
    }
}

/// Which half of a key pair.
enum Half {
    Private,
    Public,
}

fn any_key(context: &mut Context<'_>, half: Half) -> [u8; 32] {
    let world = context.world;
    let rng = &mut context.rng;
    let choice = rng.below(100);
    let other = rng.below(IDENTITIES);
    let identity = match (&half, choice) {
        (_, 80..84) => return [0; 32],
        (_, 84..88) => return [0xff; 32],
        (_, 88..92) => return rng.pick(&LOW_ORDER_POINTS),
        (_, 92..) => return rng.key(),
        (Half::Private, 0..60) => context.device,
        (Half::Private | Half::Public, _) => other,
    };
    match half {
        Half::Private => world.keys[identity],
        Half::Public => world.publics[identity].0,
    }
}

/// One of several peers of a request.
fn any_peer(context: &mut Context<'_>, peer: &mut Message, among: usize) {
    if among == MANY_PEERS {
        return peer.attr(PEER_KEY, &context.rng.key());
    }
    let key = any_key(context, Half::Public);
    peer.attr(PEER_KEY, &key);
    let rng = &mut context.rng;
    if rng.percent(15) {
        let key = rng.pick(&[[0; 32], [0; 32], [7; 32]]);
        peer.attr(PRESHARED_KEY, &key);
    }
    if rng.percent(35) {
        let flags = rng.pick(&[0, 1, 1, 1, 2, 2, 2, 2, 3, 4, 4, 6, 7, 8, u32::MAX]);
        peer.u32(PEER_FLAGS, flags);
    }
    if rng.percent(40) {
        let endpoint = any_endpoint(context);
        peer.attr(ENDPOINT, &endpoint);
    }
    let rng = &mut context.rng;
    if rng.percent(20) {
        let seconds = rng.pick(&[0, 1, 1, 25, 65535]);
        peer.u16(KEEPALIVE, seconds);
    }
    if rng.percent(5) {
        let version = rng.pick(&[0, 1, 1, 2, u32::MAX]);
        peer.u32(VERSION, version);
    }
    if rng.percent(60) {
        any_ips(context, peer);
    }
    if context.is_disguised() && context.rng.percent(20) {
        looks::any_of_peer(&mut context.rng, peer);
    }
}

fn any_endpoint(context: &mut Context<'_>) -> Vec<u8> {
    let rng = &mut context.rng;
    let port = port_of(rng.below(IDENTITIES));
    let v4 = |a, b, c, d| Ipv4Addr::new(a, b, c, d);
    match rng.below(40) {
        0..28 => sockaddr4(Ipv4Addr::LOCALHOST, port),
        28..32 => sockaddr6(Ipv6Addr::LOCALHOST, port, 0),
        32 => sockaddr4(v4(127, 0, 0, 2), port),
        33 => sockaddr4(v4(192, 0, 2, 1), port),
        34 => sockaddr4(Ipv4Addr::UNSPECIFIED, 0),
        35 => sockaddr4(Ipv4Addr::BROADCAST, port),
        36 => sockaddr4(v4(224, 0, 0, 1), port),
        37 => sockaddr6(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1), port, 77),
        38 => sockaddr6(Ipv4Addr::LOCALHOST.to_ipv6_mapped(), port, 0),
        _ => rng.bytes(28),
    }
}

fn any_ips(context: &mut Context<'_>, peer: &mut Message) {
    let identity = context.rng.below(IDENTITIES);
    let count = match context.rng.below(100) {
        0..60 => 0,
        60..95 => 1 + context.rng.below(4),
        95..98 => 100,
        _ => HUGE_IPS,
    };
    peer.nest(ALLOWED_IPS, |list| {
        if count == 0 {
            own_ips(identity, list);
        }
        for _ in 0..count {
            any_ip(context, list);
        }
    });
}

fn any_ip(context: &mut Context<'_>, list: &mut Message) {
    let rng = &mut context.rng;
    let flags = rng.percent(20).then(|| rng.pick(&[0, 1, 1, 2, u32::MAX]));
    match rng.below(20) {
        0..12 => {
            let address = [10, 7, rng.below(3) as u8, rng.below(8) as u8];
            let mask = rng.pick(&[0, 8, 24, 30, 31, 32, 32, 32]);
            ip(list, INET, &address, mask, flags);
        }
        12..18 => {
            let mut address = [0; 16];
            address[..2].copy_from_slice(&[0xfd, 7]);
            address[15] = rng.below(8) as u8;
            let mask = rng.pick(&[0, 7, 64, 127, 128, 128]);
            ip(list, INET6, &address, mask, flags);
        }
        18 => {
            let (mask, address) = (rng.next() as u8, rng.bytes(4));
            ip(list, INET, &address, mask, flags);
        }
        _ => {
            let (family, len) = (rng.pick(&[0, 1, INET, INET6]), rng.pick(&[4, 8, 16, 20]));
            let (mask, address) = (rng.next() as u8, rng.bytes(len));
            ip(list, family, &address, mask, flags);
        }
    }
}
