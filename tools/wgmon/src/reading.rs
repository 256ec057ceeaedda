// SPDX-License-Identifier: GPL-2.0

//! What a dump says of a device and its peers.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use wire_peer::keys::base64;
use wire_peer::netlink::{attribute, attributes};
use wire_peer::uapi;

// What tells how long a session lives, in the family `amneziawg`.
const REJECT_AFTER_TIME: u16 = 30;

const LAST_HANDSHAKE: u16 = 6;
const RX_BYTES: u16 = 7;
const TX_BYTES: u16 = 8;

// The driver's own, which are told to who wants them.

/// What of the following is wanted, a mask.
pub const WANTED: u16 = 132;
pub const WANTED_DROPS: u32 = 1 << 0;
pub const WANTED_PEER_STATE: u32 = 1 << 1;

const DEVICE_DROPS: u16 = 134;
const PEER_DROPS: u16 = 130;
const DROP_NAME: u16 = 1;
const DROP_COUNT: u16 = 2;

pub const LABEL: u16 = 131;
pub const FAILURE: u16 = 132;
const FIXED_ENDPOINT: u16 = 133;
const ALIVE: u16 = 134;

/// How long a session lives, if nobody says otherwise.
const SESSION_LIFE: Duration = Duration::from_secs(180);

/// A public key.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Key(pub [u8; 32]);

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&base64(&self.0))
    }
}

/// The families of generic netlink, which are also kinds of interfaces.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Kind {
    WireGuard,
    AmneziaWg,
}

impl Kind {
    pub const ALL: [Self; 2] = [Self::WireGuard, Self::AmneziaWg];

    pub fn name(self) -> &'static str {
        match self {
            Self::WireGuard => "wireguard",
            Self::AmneziaWg => "amneziawg",
        }
    }
}

/// Why a handshake came to nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Failure {
    NoAnswer,
    NoEndpoint,
    Unreachable,
    NoKey,
    NoMemory,
    Other(u32),
}

impl Failure {
    pub fn of(number: u32) -> Option<Self> {
        Some(match number {
            0 => return None,
            1 => Self::NoAnswer,
            2 => Self::NoEndpoint,
            3 => Self::Unreachable,
            4 => Self::NoKey,
            5 => Self::NoMemory,
            other => Self::Other(other),
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAnswer => f.write_str("no answer"),
            Self::NoEndpoint => f.write_str("no endpoint"),
            Self::Unreachable => f.write_str("unreachable"),
            Self::NoKey => f.write_str("no key"),
            Self::NoMemory => f.write_str("no memory"),
            Self::Other(number) => write!(f, "failure {number}"),
        }
    }
}

/// How many packets were dropped, by reason.
pub type Drops = BTreeMap<String, u64>;

#[derive(Clone, Debug)]
pub struct Device {
    pub index: u32,
    pub name: String,
    pub kind: Kind,
    pub key: Option<Key>,
    pub port: u16,
    pub mark: u32,
    /// How long a session lives.
    pub session_life: Duration,
    pub drops: Drops,
    pub peers: Vec<Peer>,
}

#[derive(Clone, Debug)]
pub struct Peer {
    pub key: Key,
    pub label: Option<String>,
    pub endpoint: Option<SocketAddr>,
    /// Whether it stays where it is, whatever comes from elsewhere.
    pub fixed_endpoint: bool,
    /// In seconds, from and to.
    pub keepalive: Option<(u16, u16)>,
    /// Since 1970.
    pub last_handshake: Option<Duration>,
    pub received: u64,
    pub sent: u64,
    pub allowed_ips: Vec<(IpAddr, u8)>,
    pub drops: Drops,
    /// Why the last handshake failed, if it did.
    pub failure: Option<Failure>,
    /// Whether there is a session and it answers, if the driver tells that.
    pub alive: Option<bool>,
}

impl Device {
    pub fn new(index: u32, name: &str, kind: Kind) -> Self {
        Self {
            index,
            name: printable(name),
            kind,
            key: None,
            port: 0,
            mark: 0,
            session_life: SESSION_LIFE,
            drops: Drops::new(),
            peers: Vec::new(),
        }
    }

    /// Reads the attributes of a message. The peers of one may go on in the next.
    pub fn take(&mut self, message: &[u8]) {
        for (ty, value) in attributes(message) {
            // What is not as it should be is as good as not there.
            let _ = self.take_attribute(ty, value);
        }
    }

    fn take_attribute(&mut self, ty: u16, value: &[u8]) -> Option<()> {
        match ty {
            uapi::PUBLIC_KEY => self.key = Some(Key(value.try_into().ok()?)),
            uapi::PORT => self.port = u16::from_ne_bytes(value.try_into().ok()?),
            uapi::MARK => self.mark = u32::from_ne_bytes(value.try_into().ok()?),
            REJECT_AFTER_TIME if self.kind == Kind::AmneziaWg => {
                let (_, to) = range(value)?;
                if to != 0 {
                    self.session_life = Duration::from_secs(to.into());
                }
            }
            DEVICE_DROPS => self.drops = drops(value),
            uapi::PEERS => attributes(value).for_each(|(_, peer)| self.take_peer(peer)),
            _ => {}
        }
        Some(())
    }

    fn take_peer(&mut self, nest: &[u8]) {
        let Some(key) = peer_key(nest) else { return };
        match self.peers.last_mut() {
            Some(last) if last.key == key => last.take(nest),
            _ => {
                let mut peer = Peer::new(key);
                peer.take(nest);
                self.peers.push(peer);
            }
        }
    }
}

impl Peer {
    pub fn new(key: Key) -> Self {
        Self {
            key,
            label: None,
            endpoint: None,
            fixed_endpoint: false,
            keepalive: None,
            last_handshake: None,
            received: 0,
            sent: 0,
            allowed_ips: Vec::new(),
            drops: Drops::new(),
            failure: None,
            alive: None,
        }
    }

    fn take(&mut self, nest: &[u8]) {
        for (ty, value) in attributes(nest) {
            // As above.
            let _ = self.take_attribute(ty, value);
        }
    }

    fn take_attribute(&mut self, ty: u16, value: &[u8]) -> Option<()> {
        match ty {
            uapi::ENDPOINT => self.endpoint = Some(uapi::socket_address(value)?),
            uapi::KEEPALIVE => {
                let range = match value.try_into().map(u16::from_ne_bytes) {
                    // The family `wireguard` knows one number.
                    Ok(number) => (number, number),
                    Err(_) => range(value)?,
                };
                self.keepalive = Some(range).filter(|range| *range != (0, 0));
            }
            LAST_HANDSHAKE => {
                let seconds = i64::from_ne_bytes(*value.first_chunk()?);
                let nanos = i64::from_ne_bytes(*value.get(8..)?.first_chunk()?);
                let time = Duration::new(seconds.try_into().ok()?, nanos.try_into().ok()?);
                self.last_handshake = Some(time).filter(|time| !time.is_zero());
            }
            RX_BYTES => self.received = u64::from_ne_bytes(value.try_into().ok()?),
            TX_BYTES => self.sent = u64::from_ne_bytes(value.try_into().ok()?),
            uapi::ALLOWED_IPS => {
                let list = attributes(value);
                self.allowed_ips
                    .extend(list.filter_map(|(_, element)| uapi::allowed_ip(element)));
            }
            PEER_DROPS => self.drops = drops(value),
            LABEL => self.label = text(value),
            FAILURE => {
                self.failure = Failure::of(u32::from_ne_bytes(value.try_into().ok()?));
            }
            FIXED_ENDPOINT => self.fixed_endpoint = *value.first()? != 0,
            ALIVE => self.alive = Some(*value.first()? != 0),
            _ => {}
        }
        Some(())
    }
}

pub fn peer_key(nest: &[u8]) -> Option<Key> {
    Some(Key(attribute(nest, uapi::PEER_KEY)?.try_into().ok()?))
}

/// A range of AmneziaWG's: the end in the upper half, the beginning in the lower.
fn range(value: &[u8]) -> Option<(u16, u16)> {
    let number = u32::from_ne_bytes(value.try_into().ok()?);
    Some((number as u16, (number >> 16) as u16))
}

fn drops(list: &[u8]) -> Drops {
    let drop = |nest| {
        let name = text(attribute(nest, DROP_NAME)?)?;
        let count = attribute(nest, DROP_COUNT)?.try_into().ok()?;
        Some((name, u64::from_ne_bytes(count)))
    };
    attributes(list)
        .filter_map(|(_, nest)| drop(nest))
        .collect()
}

/// A text with or without its end; none if it is empty.
pub fn text(value: &[u8]) -> Option<String> {
    let value = value.strip_suffix(&[0]).unwrap_or(value);
    let text = printable(&String::from_utf8_lossy(value));
    (!text.is_empty()).then_some(text)
}

/// Without what would move a terminal's cursor or turn its text around.
pub fn printable(text: &str) -> String {
    let harmful = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|c| if harmful(c) { '\u{fffd}' } else { c })
        .collect()
}

#[cfg(test)]
pub mod tests {
    use wire_peer::netlink::Message;

    use super::*;

    pub fn message(fill: impl FnOnce(&mut Message)) -> Vec<u8> {
        let mut message = Message(Vec::new());
        fill(&mut message);
        message.0
    }

    fn put_drops(message: &mut Message, ty: u16, drops: &[(&str, u64)]) {
        message.nest(ty, |list| {
            for (name, count) in drops {
                list.nest(0, |drop| {
                    drop.text(DROP_NAME, name);
                    drop.attr(DROP_COUNT, &count.to_ne_bytes());
                });
            }
        });
    }

    pub fn peer(message: &mut Message, key: u8, fill: impl FnOnce(&mut Message)) {
        message.nest(uapi::PEERS, |list| {
            list.nest(0, |peer| {
                peer.attr(uapi::PEER_KEY, &[key; 32]);
                fill(peer);
            });
        });
    }

    fn read(kind: Kind, messages: &[Vec<u8>]) -> Device {
        let mut device = Device::new(7, "wg0", kind);
        messages.iter().for_each(|message| device.take(message));
        device
    }

    #[test]
    fn all_that_this_driver_tells() {
        let device = read(
            Kind::WireGuard,
            &[message(|m| {
                m.attr(uapi::PUBLIC_KEY, &[9; 32]);
                m.u16(uapi::PORT, 51820);
                m.u32(uapi::MARK, 3);
                put_drops(
                    m,
                    DEVICE_DROPS,
                    &[("rx_bad_mac1", 4), ("tx_no_peer", u64::MAX)],
                );
                peer(m, 1, |p| {
                    p.attr(
                        uapi::ENDPOINT,
                        &uapi::sockaddr("192.0.2.1:5".parse().unwrap()),
                    );
                    p.u16(uapi::KEEPALIVE, 25);
                    p.attr(
                        LAST_HANDSHAKE,
                        &[1_700_000_000i64.to_ne_bytes(), 5i64.to_ne_bytes()].concat(),
                    );
                    p.attr(RX_BYTES, &10u64.to_ne_bytes());
                    p.attr(TX_BYTES, &11u64.to_ne_bytes());
                    p.nest(uapi::ALLOWED_IPS, |list| {
                        uapi::put_allowed_ip(list, "10.0.0.0".parse().unwrap(), 8);
                    });
                    put_drops(p, PEER_DROPS, &[("rx_replayed", 2)]);
                    p.text(LABEL, "home");
                    p.u32(FAILURE, 2);
                    p.u8(FIXED_ENDPOINT, 1);
                    p.u8(ALIVE, 0);
                });
            })],
        );
        assert_eq!(
            (device.key, device.port, device.mark),
            (Some(Key([9; 32])), 51820, 3)
        );
        assert_eq!(device.drops["rx_bad_mac1"], 4);
        assert_eq!(device.drops["tx_no_peer"], u64::MAX);
        let [peer] = &device.peers[..] else {
            panic!("{:?}", device.peers)
        };
        assert_eq!(peer.key, Key([1; 32]));
        assert_eq!(peer.endpoint, Some("192.0.2.1:5".parse().unwrap()));
        assert_eq!(peer.keepalive, Some((25, 25)));
        assert_eq!(peer.last_handshake, Some(Duration::new(1_700_000_000, 5)));
        assert_eq!((peer.received, peer.sent), (10, 11));
        assert_eq!(peer.allowed_ips, [("10.0.0.0".parse().unwrap(), 8)]);
        assert_eq!(peer.drops["rx_replayed"], 2);
        assert_eq!(peer.label.as_deref(), Some("home"));
        assert_eq!(
            (peer.failure, peer.alive),
            (Some(Failure::NoEndpoint), Some(false))
        );
        assert!(peer.fixed_endpoint);
    }

    #[test]
    fn what_the_c_driver_does_not_tell_is_not_known() {
        let device = read(Kind::WireGuard, &[message(|m| peer(m, 1, |_| ()))]);
        let peer = &device.peers[0];
        assert_eq!((peer.alive, peer.failure, &peer.label), (None, None, &None));
        assert!(peer.last_handshake.is_none() && peer.drops.is_empty() && !peer.fixed_endpoint);
        assert_eq!(device.session_life, SESSION_LIFE);
    }

    #[test]
    fn a_peer_goes_on_in_the_next_message() {
        let ip = |number: u8| {
            message(|m| {
                peer(m, 1, |p| {
                    p.nest(uapi::ALLOWED_IPS, |list| {
                        uapi::put_allowed_ip(list, [10, 0, 0, number].into(), 32);
                    });
                });
                peer(m, 2, |_| ());
            })
        };
        let first = message(|m| {
            peer(m, 3, |_| ());
            peer(m, 1, |p| {
                p.nest(uapi::ALLOWED_IPS, |list| {
                    uapi::put_allowed_ip(list, [10, 0, 0, 1].into(), 32);
                });
            });
        });
        let device = read(Kind::WireGuard, &[first, ip(2)]);
        let keys: Vec<_> = device.peers.iter().map(|peer| peer.key.0[0]).collect();
        assert_eq!(keys, [3, 1, 2]);
        assert_eq!(device.peers[1].allowed_ips.len(), 2);
    }

    #[test]
    fn ranges_are_those_of_amneziawg_only() {
        let messages = [message(|m| {
            m.u32(REJECT_AFTER_TIME, (300 << 16) | 200);
            peer(m, 1, |p| p.u32(uapi::KEEPALIVE, (30 << 16) | 20));
        })];
        let device = read(Kind::AmneziaWg, &messages);
        assert_eq!(device.session_life, Duration::from_secs(300));
        assert_eq!(device.peers[0].keepalive, Some((20, 30)));
        let device = read(Kind::WireGuard, &messages);
        assert_eq!(device.session_life, SESSION_LIFE);
    }

    #[test]
    fn malformed_attributes_are_passed_over() {
        let device = read(
            Kind::WireGuard,
            &[message(|m| {
                m.attr(uapi::PORT, &[1]);
                m.attr(DEVICE_DROPS, &[1, 2, 3]);
                m.nest(DEVICE_DROPS, |list| {
                    list.nest(0, |drop| drop.text(DROP_NAME, "x"))
                });
                m.nest(uapi::PEERS, |list| {
                    list.nest(0, |p| p.attr(uapi::PEER_KEY, &[1; 31]))
                });
                peer(m, 1, |p| {
                    p.attr(uapi::ENDPOINT, &[2, 0, 1]);
                    p.attr(LAST_HANDSHAKE, &[1; 8]);
                    p.attr(ALIVE, &[]);
                    p.attr(LABEL, b"a\x1b[2Jb\xff\xe2\x80\xae\0");
                });
            })],
        );
        assert_eq!((device.port, device.peers.len()), (0, 1));
        assert!(device.drops.is_empty());
        let peer = &device.peers[0];
        assert!(peer.endpoint.is_none() && peer.last_handshake.is_none() && peer.alive.is_none());
        assert_eq!(peer.label.as_deref(), Some("a\u{fffd}[2Jb\u{fffd}\u{fffd}"));
    }
}
