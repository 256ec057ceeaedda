// SPDX-License-Identifier: GPL-2.0

//! Numbers of the generic netlink family `wireguard`: `include/uapi/linux/wireguard.h`, and what is this
//! driver's own (Documentation/netlink-own.yaml).

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::netlink::{attribute, Message};

pub const GET_DEVICE: u8 = 0;
pub const SET_DEVICE: u8 = 1;

// Of a device.
pub const INDEX: u16 = 1;
pub const NAME: u16 = 2;
pub const PRIVATE_KEY: u16 = 3;
pub const PUBLIC_KEY: u16 = 4;
pub const FLAGS: u16 = 5;
pub const REPLACE_PEERS: u32 = 1;
pub const PORT: u16 = 6;
pub const MARK: u16 = 7;
pub const PEERS: u16 = 8;
pub const GENERATION: u16 = 129;
pub const HOLD_UNKNOWN: u16 = 131;
pub const WANTED: u16 = 132;
pub const WANTED_DROPS: u32 = 1;
pub const DEVICE_DROPS: u16 = 134;
pub const PEER_STATE: u32 = 2;
pub const EVENT_SEQ: u16 = 135;
pub const EVENT: u16 = 136;
pub const EVENT_CLASSES: u16 = 137;
pub const CARRIER: u16 = 138;
pub const PATH_MTU: u16 = 142;

// Of a device that looks like something else.
pub const JC: u16 = 9;
pub const JMIN: u16 = 10;
pub const JMAX: u16 = 11;
/// Of S1 to S4.
pub const PREFIXES: [u16; 4] = [12, 13, 19, 20];
/// Of H1 to H4.
pub const HEADERS: [u16; 4] = [14, 15, 16, 17];
pub const I1: u16 = 21;
pub const HEADER_PROTECTION_KEY: u16 = 26;
pub const CONTENT_PADDING: u16 = 27;
pub const REKEY_AFTER_TIME: u16 = 28;
pub const REKEY_TIMEOUT: u16 = 29;
pub const REJECT_AFTER_TIME: u16 = 30;
pub const KEEPALIVE_TIMEOUT: u16 = 31;
pub const MAX_HANDSHAKE_ATTEMPTS: u16 = 32;
pub const RANDOM_TRAILERS: u16 = 33;
pub const DISABLE_COOKIES: u16 = 34;
pub const PROFILES: u16 = 133;

// Of a profile, beside its settings, which have the same numbers as those of a device.
pub const PROFILE_NUMBER: u16 = 1;
pub const PROFILE_FLAGS: u16 = 2;
pub const REMOVE_PROFILE: u32 = 1;

// Events.
pub const PEER_ADDED: u32 = 1;
pub const PEER_CHANGED: u32 = 2;
pub const PEER_REMOVED: u32 = 3;
pub const DEVICE_CHANGED: u32 = 4;
pub const SESSION_BEGUN: u32 = 5;
pub const SESSION_REKEYED: u32 = 6;
pub const SESSION_ENDED: u32 = 7;
pub const HANDSHAKE_GIVEN_UP: u32 = 8;
pub const ROAMED: u32 = 9;
pub const SILENT: u32 = 10;
pub const BACK: u32 = 11;

pub const INITIATOR: u32 = 1;
pub const RESPONDER: u32 = 2;
pub const EXPIRED: u32 = 1;

// Why a handshake failed.
pub const NO_FAILURE: u32 = 0;
pub const NO_ANSWER: u32 = 1;
pub const NO_ENDPOINT: u32 = 2;
pub const UNREACHABLE: u32 = 3;

// Of a peer.
pub const PEER_KEY: u16 = 1;
pub const PRESHARED_KEY: u16 = 2;
pub const PEER_FLAGS: u16 = 3;
pub const REMOVE_ME: u32 = 1;
pub const UPDATE_ONLY: u32 = 4;
pub const ENDPOINT: u16 = 4;
pub const KEEPALIVE: u16 = 5;
pub const ALLOWED_IPS: u16 = 9;
pub const VERSION: u16 = 10;
pub const INITIATION_TIME: u16 = 128;
pub const PROFILE: u16 = 129;
pub const PEER_DROPS: u16 = 130;

// Of drops for one reason.
pub const DROP_NAME: u16 = 1;
pub const DROP_COUNT: u16 = 2;
pub const LABEL: u16 = 131;
pub const FAILURE: u16 = 132;
pub const FIXED_ENDPOINT: u16 = 133;
pub const ALIVE: u16 = 134;
pub const ROLE: u16 = 135;
pub const DURATION: u16 = 136;
pub const OLD_ENDPOINT: u16 = 137;
pub const ENDED: u16 = 138;

// Of an allowed IP.
pub const FAMILY: u16 = 1;
pub const ADDRESS: u16 = 2;
pub const MASK: u16 = 3;
pub const IP_FLAGS: u16 = 4;

pub const INET: u16 = 2;
pub const INET6: u16 = 10;

/// Appends an address and the length of its prefix to a list of allowed IPs.
pub fn put_allowed_ip(list: &mut Message, address: IpAddr, len: u8) {
    list.nest(0, |element| {
        match address {
            IpAddr::V4(address) => {
                element.u16(FAMILY, INET);
                element.attr(ADDRESS, &address.octets());
            }
            IpAddr::V6(address) => {
                element.u16(FAMILY, INET6);
                element.attr(ADDRESS, &address.octets());
            }
        }
        element.u8(MASK, len);
    });
}

/// What an element of such a list says.
pub fn allowed_ip(element: &[u8]) -> Option<(IpAddr, u8)> {
    let octets = attribute(element, ADDRESS)?;
    let address = match <[u8; 4]>::try_from(octets) {
        Ok(octets) => Ipv4Addr::from(octets).into(),
        Err(_) => Ipv6Addr::from(<[u8; 16]>::try_from(octets).ok()?).into(),
    };
    Some((address, *attribute(element, MASK)?.first()?))
}

/// As `struct sockaddr_in` or `sockaddr_in6`.
pub fn sockaddr(address: SocketAddr) -> Vec<u8> {
    let port = address.port().to_be_bytes();
    match address {
        SocketAddr::V4(v4) => [&INET.to_ne_bytes()[..], &port, &v4.ip().octets(), &[0; 8]].concat(),
        SocketAddr::V6(v6) => {
            let (flow, scope) = (v6.flowinfo().to_be_bytes(), v6.scope_id().to_ne_bytes());
            [
                &INET6.to_ne_bytes()[..],
                &port,
                &flow,
                &v6.ip().octets(),
                &scope,
            ]
            .concat()
        }
    }
}

/// What one of them says.
pub fn socket_address(bytes: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes(*bytes.get(2..)?.first_chunk()?);
    let family = u16::from_ne_bytes(*bytes.first_chunk()?);
    if family == INET {
        let address: &[u8; 4] = bytes.get(4..)?.first_chunk()?;
        return Some((Ipv4Addr::from(*address), port).into());
    }
    let flow = u32::from_be_bytes(*bytes.get(4..)?.first_chunk()?);
    let address: &[u8; 16] = bytes.get(8..)?.first_chunk()?;
    let scope = u32::from_ne_bytes(*bytes.get(24..)?.first_chunk()?);
    let address = SocketAddrV6::new(Ipv6Addr::from(*address), port, flow, scope);
    (family == INET6).then_some(address.into())
}
