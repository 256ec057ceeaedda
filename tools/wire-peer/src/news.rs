// SPDX-License-Identifier: GPL-2.0

//! Who listens for what happens to a device and its peers, and asks how they are.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use nix::errno::Errno;

use crate::dut::NAMESPACE;
use crate::netlink::{attribute, attributes, Message, Refusal, Socket, ACK, DUMP, REQUEST};
use crate::tap::Result;
use crate::uapi::{self, socket_address};
use crate::wire::within;

/// Something that has happened.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    pub kind: u32,
    pub seq: u32,
    pub device: String,
    pub generation: Option<u64>,
    pub peer: Option<Told>,
}

/// What is told of the peer that it has happened to.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Told {
    pub key: [u8; 32],
    pub label: Option<String>,
    pub endpoint: Option<SocketAddr>,
    pub old_endpoint: Option<SocketAddr>,
    pub role: Option<u32>,
    pub millis: Option<u64>,
    pub failure: Option<u32>,
    pub ended: Option<u32>,
}

/// A socket that hears of events of a group.
pub struct Reader(Socket);

/// What is there to be read.
#[derive(Debug, Eq, PartialEq)]
pub enum News {
    Event(Box<Event>),
    /// Something came that there was no room for.
    Missed,
    Nothing,
}

impl Reader {
    pub fn open(family: &str, group: &str) -> Result<Self> {
        Self::with_room(family, group, 1 << 20)
    }

    /// One that has room for so many bytes.
    pub fn with_room(family: &str, group: &str, room: usize) -> Result<Self> {
        within(NAMESPACE, || {
            let number = Socket::generic()?.group(family, group)?;
            Ok(Self(Socket::listening_with(number, room)?))
        })
    }

    /// Reads what has come next, if anything has.
    pub fn next(&self) -> Result<News> {
        Ok(match self.0.hear() {
            Ok(Some(told)) => News::Event(event(&told).ok_or("a strange event")?.into()),
            Ok(None) => News::Nothing,
            Err(Errno::ENOBUFS) => News::Missed,
            Err(error) => return Err(error.into()),
        })
    }

    /// All that has come so far; it is an error if some was missed.
    pub fn heard(&self) -> Result<Vec<Event>> {
        let mut heard = Vec::new();
        loop {
            match self.next()? {
                News::Event(event) => heard.push(*event),
                News::Missed => return Err("an event was missed".into()),
                News::Nothing => return Ok(heard),
            }
        }
    }

    /// Waits for the next event.
    pub fn await_one(&self, patience: Duration) -> Result<Event> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            match self.next()? {
                News::Event(event) => return Ok(*event),
                News::Missed => return Err("an event was missed".into()),
                News::Nothing => std::thread::sleep(Duration::from_millis(1)),
            }
        }
        Err("nothing was told".into())
    }

    /// Waits until nothing has come for so long, and returns all that came before.
    pub fn await_calm(&self, calm: Duration) -> Result<Vec<Event>> {
        let mut heard = Vec::new();
        let mut last = Instant::now();
        while last.elapsed() < calm {
            let more = self.heard()?;
            if !more.is_empty() {
                last = Instant::now();
                heard.extend(more);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(heard)
    }
}

fn event(told: &[u8]) -> Option<Event> {
    let name = attribute(told, uapi::NAME)?.strip_suffix(&[0])?;
    let mut peers = attributes(attribute(told, uapi::PEERS).unwrap_or_default());
    let peer = peers.next().map(|(_, peer)| read_peer(peer));
    if peers.next().is_some() || number(told, uapi::INDEX)? == 0 {
        return None;
    }
    Some(Event {
        kind: number(told, uapi::EVENT)?,
        seq: number(told, uapi::EVENT_SEQ)?,
        device: String::from_utf8(name.to_vec()).ok()?,
        generation: long(told, uapi::GENERATION),
        peer: match peer {
            Some(peer) => Some(peer?),
            None => None,
        },
    })
}

fn read_peer(peer: &[u8]) -> Option<Told> {
    let endpoint = |ty| attribute(peer, ty).and_then(socket_address);
    Some(Told {
        key: attribute(peer, uapi::PEER_KEY)?.try_into().ok()?,
        label: text(peer, uapi::LABEL),
        endpoint: endpoint(uapi::ENDPOINT),
        old_endpoint: endpoint(uapi::OLD_ENDPOINT),
        role: number(peer, uapi::ROLE),
        millis: long(peer, uapi::DURATION),
        failure: number(peer, uapi::FAILURE),
        ended: number(peer, uapi::ENDED),
    })
}

fn text(stream: &[u8], ty: u16) -> Option<String> {
    let text = attribute(stream, ty)?.strip_suffix(&[0])?;
    Some(String::from_utf8_lossy(text).into_owned())
}

fn number(stream: &[u8], ty: u16) -> Option<u32> {
    Some(u32::from_ne_bytes(attribute(stream, ty)?.try_into().ok()?))
}

fn long(stream: &[u8], ty: u16) -> Option<u64> {
    Some(u64::from_ne_bytes(attribute(stream, ty)?.try_into().ok()?))
}

/// How a peer is, as who asks for it is told.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct State {
    pub label: Option<String>,
    pub failure: u32,
    pub is_fixed: bool,
    pub is_alive: bool,
}

/// Has a device do something; what it says against it is an outcome, too.
pub fn set(
    family: &str,
    device: &str,
    fill: impl FnOnce(&mut Message) + Send,
) -> Result<std::result::Result<(), Refusal>> {
    within(NAMESPACE, || {
        let socket = Socket::generic()?.explaining()?;
        let family = socket.family(family)?.id;
        let mut message = Message::generic(family, REQUEST | ACK, uapi::SET_DEVICE);
        message.text(uapi::NAME, device);
        fill(&mut message);
        Ok(socket.ask_why(message, |_| ()))
    })
}

/// The attributes of all messages of a dump.
pub fn get(
    family: &str,
    device: &str,
    fill: impl FnOnce(&mut Message) + Send,
) -> Result<std::result::Result<Vec<Vec<u8>>, Refusal>> {
    within(NAMESPACE, || {
        let socket = Socket::generic()?.explaining()?;
        let family = socket.family(family)?.id;
        let mut message = Message::generic(family, REQUEST | DUMP, uapi::GET_DEVICE);
        message.text(uapi::NAME, device);
        fill(&mut message);
        let mut shown = Vec::new();
        let asked = socket.ask_why(message, |told| shown.push(told.to_vec()));
        Ok(asked.map(|()| shown))
    })
}

/// The peers in the messages of a dump.
pub fn peers(shown: &[Vec<u8>]) -> impl Iterator<Item = &[u8]> {
    let lists = shown.iter().filter_map(|told| attribute(told, uapi::PEERS));
    lists.flat_map(|list| attributes(list).map(|(_, peer)| peer))
}

/// How a peer of the device is.
pub fn state(family: &str, device: &str, key: &[u8; 32]) -> Result<State> {
    let wanted = |message: &mut Message| message.u32(uapi::WANTED, uapi::PEER_STATE);
    let shown = get(family, device, wanted)?.map_err(|refusal| format!("{refusal:?}"))?;
    let peer = peers(&shown).find(|peer| attribute(peer, uapi::PEER_KEY) == Some(key));
    let peer = peer.ok_or("the device does not have the peer")?;
    let is = |ty| attribute(peer, ty).map(|value| value == [1]);
    Ok(State {
        label: text(peer, uapi::LABEL),
        failure: number(peer, uapi::FAILURE).ok_or("no failure is told")?,
        is_fixed: is(uapi::FIXED_ENDPOINT).ok_or("it is not told whether the peer is fixed")?,
        is_alive: is(uapi::ALIVE).ok_or("it is not told whether the peer is alive")?,
    })
}
