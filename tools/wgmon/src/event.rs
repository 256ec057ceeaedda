// SPDX-License-Identifier: GPL-2.0

//! What the driver tells as it happens: a message of one of its multicast groups.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use wire_peer::netlink::{attribute, attributes};
use wire_peer::uapi;

use crate::reading::{peer_key, text, Failure, Key, FAILURE, LABEL};

/// The command that events are.
pub const COMMAND: u8 = 129;

/// The groups that are listened to, as far as there are some.
pub const GROUPS: [&str; 4] = ["config", "session", "endpoint", "liveness"];

/// The place of the first among them.
pub const CONFIG: usize = 0;

// Of a device.
const SEQUENCE: u16 = 135;
const KIND: u16 = 136;

// Of a peer.
const ROLE: u16 = 135;
const DURATION: u16 = 136;
const OLD_ENDPOINT: u16 = 137;
const ENDED: u16 = 138;

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Kind {
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    DeviceChanged,
    SessionBegun,
    SessionRekeyed,
    SessionEnded,
    GaveUp,
    Roamed,
    Silent,
    Back,
    /// One that came after this program.
    Other(u32),
}

impl Kind {
    fn of(number: u32) -> Self {
        match number {
            1 => Self::PeerAdded,
            2 => Self::PeerChanged,
            3 => Self::PeerRemoved,
            4 => Self::DeviceChanged,
            5 => Self::SessionBegun,
            6 => Self::SessionRekeyed,
            7 => Self::SessionEnded,
            8 => Self::GaveUp,
            9 => Self::Roamed,
            10 => Self::Silent,
            11 => Self::Back,
            other => Self::Other(other),
        }
    }

    /// How machines are told.
    pub fn name(self) -> &'static str {
        match self {
            Self::PeerAdded => "peer_added",
            Self::PeerChanged => "peer_changed",
            Self::PeerRemoved => "peer_removed",
            Self::DeviceChanged => "device_changed",
            Self::SessionBegun => "session_begun",
            Self::SessionRekeyed => "session_rekeyed",
            Self::SessionEnded => "session_ended",
            Self::GaveUp => "handshake_given_up",
            Self::Roamed => "roamed",
            Self::Silent => "silent",
            Self::Back => "back",
            Self::Other(_) => "other",
        }
    }

    /// Which of the groups it comes by, and with that, which numbers it is counted by.
    pub fn group(self) -> Option<usize> {
        match self {
            Self::PeerAdded | Self::PeerChanged | Self::PeerRemoved | Self::DeviceChanged => {
                Some(CONFIG)
            }
            Self::SessionBegun | Self::SessionRekeyed | Self::SessionEnded | Self::GaveUp => {
                Some(1)
            }
            Self::Roamed => Some(2),
            Self::Silent | Self::Back => Some(3),
            Self::Other(_) => None,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    Initiator,
    Responder,
}

#[derive(Clone, Debug)]
pub struct Event {
    pub index: u32,
    pub device: String,
    /// Of this device and group; one that is missing was lost.
    pub sequence: Option<u32>,
    pub kind: Kind,
    pub peer: Option<Subject>,
}

/// Why there is no session any more.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum End {
    Expired,
    /// The system was suspended.
    Suspended,
    Other(u32),
}

impl End {
    fn of(number: u32) -> Self {
        match number {
            1 => Self::Expired,
            2 => Self::Suspended,
            other => Self::Other(other),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expired => f.write_str("expired"),
            Self::Suspended => f.write_str("suspended"),
            Self::Other(number) => write!(f, "reason {number}"),
        }
    }
}

/// The peer that something has happened to.
#[derive(Clone, Debug)]
pub struct Subject {
    pub key: Key,
    pub label: Option<String>,
    pub endpoint: Option<SocketAddr>,
    pub old_endpoint: Option<SocketAddr>,
    pub role: Option<Role>,
    pub duration: Option<Duration>,
    pub ended: Option<End>,
    /// Why the handshake failed.
    pub failure: Option<Failure>,
}

impl Event {
    /// [`None`] if the message is no event.
    pub fn read(command: u8, message: &[u8]) -> Option<Self> {
        if command != COMMAND {
            return None;
        }
        let list = attribute(message, uapi::PEERS);
        let peer = list.and_then(|list| attributes(list).next());
        Some(Self {
            index: number(message, uapi::INDEX)?,
            device: attribute(message, uapi::NAME)
                .and_then(text)
                .unwrap_or_default(),
            sequence: number(message, SEQUENCE),
            kind: Kind::of(number(message, KIND)?),
            peer: peer.and_then(|(_, nest)| Subject::read(nest)),
        })
    }

    /// What has happened, in words.
    pub fn words(&self) -> String {
        let mut said = match self.kind {
            Kind::PeerAdded => "peer added".into(),
            Kind::PeerChanged => "peer changed".into(),
            Kind::PeerRemoved => "peer removed".into(),
            Kind::DeviceChanged => "device changed".into(),
            Kind::SessionBegun => "session begun".into(),
            Kind::SessionRekeyed => "session rekeyed".into(),
            Kind::SessionEnded => "session ended".into(),
            Kind::GaveUp => "handshake given up".into(),
            Kind::Roamed => "roamed".into(),
            Kind::Silent => "silent: no answer for 15 s".into(),
            Kind::Back => "back again".into(),
            Kind::Other(number) => format!("event {number}"),
        };
        let Some(peer) = &self.peer else { return said };
        match peer.role {
            Some(Role::Initiator) => said += " as initiator",
            Some(Role::Responder) => said += " as responder",
            None => {}
        }
        if let Some(duration) = peer.duration {
            said += &match duration.as_secs() {
                0..10 => format!(", {} ms", duration.as_millis()),
                seconds => format!(", {seconds} s"),
            };
        }
        if let Some(end) = peer.ended {
            said += &format!(": {end}");
        }
        if let Some(failure) = peer.failure {
            said += &format!(": {failure}");
        }
        match (self.kind, peer.old_endpoint, peer.endpoint) {
            (Kind::Roamed, Some(old), Some(new)) => said += &format!(" from {old} to {new}"),
            (Kind::Roamed, None, Some(new)) => said += &format!(" to {new}"),
            _ => {}
        }
        said
    }
}

impl Subject {
    fn read(nest: &[u8]) -> Option<Self> {
        let address = |ty| attribute(nest, ty).and_then(uapi::socket_address);
        let duration = attribute(nest, DURATION).and_then(|value| value.try_into().ok());
        Some(Self {
            key: peer_key(nest)?,
            label: attribute(nest, LABEL).and_then(text),
            endpoint: address(uapi::ENDPOINT),
            old_endpoint: address(OLD_ENDPOINT),
            role: match number(nest, ROLE) {
                Some(1) => Some(Role::Initiator),
                Some(2) => Some(Role::Responder),
                _ => None,
            },
            duration: duration.map(|value| Duration::from_millis(u64::from_ne_bytes(value))),
            ended: number(nest, ENDED).map(End::of),
            failure: number(nest, FAILURE).and_then(Failure::of),
        })
    }
}

fn number(stream: &[u8], ty: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(attribute(stream, ty)?.try_into().ok()?))
}

#[cfg(test)]
pub mod tests {
    use wire_peer::netlink::Message;

    use super::*;
    use crate::reading::tests::{message, peer};

    pub fn event(
        kind: u32,
        sequence: u32,
        key: Option<u8>,
        fill: impl FnOnce(&mut Message),
    ) -> Event {
        let message = message(|m| {
            m.u32(uapi::INDEX, 7);
            m.text(uapi::NAME, "wg0");
            m.u32(SEQUENCE, sequence);
            m.u32(KIND, kind);
            if let Some(key) = key {
                peer(m, key, fill);
            }
        });
        Event::read(COMMAND, &message).unwrap()
    }

    fn put(message: &mut Message, ty: u16, address: &str) {
        message.attr(ty, &uapi::sockaddr(address.parse().unwrap()));
    }

    #[test]
    fn all_that_an_event_says() {
        let event = event(5, 8, Some(1), |p| {
            p.text(LABEL, "home");
            p.u32(ROLE, 2);
            p.attr(DURATION, &42u64.to_ne_bytes());
            p.u32(ENDED, 2);
            put(p, uapi::ENDPOINT, "[2001:db8::1]:9");
        });
        assert_eq!(
            (event.index, event.device.as_str(), event.sequence),
            (7, "wg0", Some(8))
        );
        assert_eq!(event.kind, Kind::SessionBegun);
        assert_eq!(
            event.words(),
            "session begun as responder, 42 ms: suspended"
        );
        let subject = event.peer.unwrap();
        assert_eq!(
            (subject.key, subject.label.as_deref()),
            (Key([1; 32]), Some("home"))
        );
        assert_eq!(subject.endpoint, Some("[2001:db8::1]:9".parse().unwrap()));
        assert_eq!(
            (subject.role, subject.ended),
            (Some(Role::Responder), Some(End::Suspended))
        );
    }

    #[test]
    fn ends_say_why() {
        let words = |kind, ty, number| event(kind, 1, Some(1), |p| p.u32(ty, number)).words();
        assert_eq!(words(7, ENDED, 1), "session ended: expired");
        assert_eq!(words(7, ENDED, 9), "session ended: reason 9");
        assert_eq!(words(8, FAILURE, 3), "handshake given up: unreachable");
        assert_eq!(words(8, FAILURE, 0), "handshake given up");
    }

    #[test]
    fn a_roaming_peer_says_from_where_and_to_where() {
        let roamed = event(9, 1, Some(1), |p| {
            put(p, OLD_ENDPOINT, "192.0.2.1:1");
            put(p, uapi::ENDPOINT, "192.0.2.2:2");
        });
        assert_eq!(roamed.words(), "roamed from 192.0.2.1:1 to 192.0.2.2:2");
    }

    #[test]
    fn every_number_has_its_kind_and_group() {
        let kinds: Vec<_> = (1..=12).map(Kind::of).collect();
        let groups: Vec<_> = kinds.iter().map(|kind| kind.group()).collect();
        let mut wanted = vec![Some(0); 4];
        wanted.extend([Some(1); 4]);
        wanted.extend([Some(2), Some(3), Some(3), None]);
        assert_eq!(groups, wanted);
        let mut names: Vec<_> = kinds.iter().map(|kind| kind.name()).collect();
        names.dedup();
        assert_eq!(names.len(), 12);
        assert_eq!(event(99, 1, None, |_| ()).words(), "event 99");
    }

    #[test]
    fn what_is_no_event_is_none() {
        let whole = message(|m| {
            m.u32(uapi::INDEX, 7);
            m.u32(KIND, 1);
        });
        assert!(Event::read(COMMAND, &whole).is_some());
        assert!(Event::read(128, &whole).is_none());
        let without_kind = message(|m| m.u32(uapi::INDEX, 7));
        assert!(Event::read(COMMAND, &without_kind).is_none());
        assert!(Event::read(COMMAND, &whole[..whole.len() - 1]).is_none());
    }
}
