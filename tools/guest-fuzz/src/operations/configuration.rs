// SPDX-License-Identifier: GPL-2.0

//! The families `wireguard` and `amneziawg`: their attributes, and what a sound device has.

use std::net::{Ipv4Addr, Ipv6Addr};

use super::{looks, port_of, Context};
use crate::world::{Outcome, IDENTITIES};
use wire_peer::netlink::{Message, Socket, ACK, REQUEST};

pub use wire_peer::uapi::*;

/// The header with which a request begins; the family's number comes when it is sent.
pub fn request(flags: u16, command: u8) -> Message {
    Message::generic(0, flags, command)
}

/// Sends a request to the family in the namespace that the thread is in.
pub fn send(family: &str, message: Message) -> Outcome {
    let socket = Socket::generic()?;
    socket.ask(addressed(&socket, family, message)?)?;
    Ok(())
}

pub fn addressed(socket: &Socket, family: &str, mut message: Message) -> Outcome<Message> {
    let family = socket.family(family)?.id;
    message.0[4..6].copy_from_slice(&family.to_ne_bytes());
    Ok(message)
}

// --- what a sound device has

/// A configuration by which devices and played peers find each other.
pub fn whole(context: &mut Context<'_>) -> Message {
    let mut message = request(REQUEST | ACK, SET_DEVICE);
    message.text(NAME, &context.name());
    message.attr(PRIVATE_KEY, &context.world.keys[context.device]);
    message.u16(PORT, context.port());
    if context.is_disguised() {
        looks::sound(&mut context.rng, &mut message);
    }
    message.nest(PEERS, |peers| {
        let own = context.device;
        for identity in (0..IDENTITIES).filter(|other| *other != own) {
            peers.nest(0, |peer| sound_peer(context, identity, peer));
        }
    });
    message
}

fn sound_peer(context: &mut Context<'_>, identity: usize, peer: &mut Message) {
    peer.attr(PEER_KEY, &context.world.publics[identity].0);
    peer.attr(PRESHARED_KEY, &[0; 32]);
    let port = port_of(identity);
    match context.rng.percent(70) {
        true => peer.attr(ENDPOINT, &sockaddr4(Ipv4Addr::LOCALHOST, port)),
        false => peer.attr(ENDPOINT, &sockaddr6(Ipv6Addr::LOCALHOST, port, 0)),
    }
    peer.nest(ALLOWED_IPS, |list| own_ips(identity, list));
}

/// The device forgets a peer and gets to know it again.
pub fn anew(context: &Context<'_>, identity: usize) -> Message {
    let mut message = request(REQUEST | ACK, SET_DEVICE);
    message.text(NAME, &context.name());
    message.nest(PEERS, |peers| {
        peers.nest(0, |peer| {
            peer.attr(PEER_KEY, &context.world.publics[identity].0);
            peer.u32(PEER_FLAGS, REMOVE_ME);
        });
        peers.nest(0, |peer| {
            peer.attr(PEER_KEY, &context.world.publics[identity].0);
            peer.attr(ENDPOINT, &sockaddr4(Ipv4Addr::LOCALHOST, port_of(identity)));
            peer.nest(ALLOWED_IPS, |list| own_ips(identity, list));
        });
    });
    message
}

pub fn own_ips(identity: usize, list: &mut Message) {
    let number = identity as u8 + 1;
    let v6 = Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into());
    ip(list, INET, &[10, 7, 0, number], 32, None);
    ip(list, INET6, &v6.octets(), 128, None);
}

pub fn ip(list: &mut Message, family: u16, address: &[u8], mask: u8, flags: Option<u32>) {
    list.nest(0, |element| {
        element.u16(FAMILY, family);
        element.attr(ADDRESS, address);
        element.u8(MASK, mask);
        if let Some(flags) = flags {
            element.u32(IP_FLAGS, flags);
        }
    });
}

pub fn sockaddr4(address: Ipv4Addr, port: u16) -> Vec<u8> {
    let mut bytes = INET.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend(address.octets());
    bytes.extend([0; 8]);
    bytes
}

pub fn sockaddr6(address: Ipv6Addr, port: u16, scope: u32) -> Vec<u8> {
    let mut bytes = INET6.to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(address.octets());
    bytes.extend(scope.to_ne_bytes());
    bytes
}
