// SPDX-License-Identifier: GPL-2.0

//! What the device under test says of packets that it has dropped, and what observers of drops see.

use std::collections::BTreeMap;
use std::fs;

use wireguard_proto::messages::PublicKey;

use crate::dut::{Counters, Dut, DEVICE, NAMESPACE};
use crate::netlink::{attribute, attributes, Message, Socket, DUMP, REQUEST};
use crate::tap::Result;
use crate::uapi::{
    DEVICE_DROPS, DROP_COUNT, DROP_NAME, GET_DEVICE, NAME, PEERS, PEER_DROPS, PEER_KEY, WANTED,
    WANTED_DROPS,
};
use crate::wire::within;

/// What `ethtool -S` shows: also what is zero.
pub fn by_ethtool(dut: &Dut) -> Result<BTreeMap<String, u64>> {
    let shown = dut.run("ethtool", &["-S", DEVICE], "")?;
    let lines = shown
        .lines()
        .filter_map(|line| line.trim().split_once(": "));
    lines
        .map(|(name, count)| Ok((name.into(), count.parse()?)))
        .collect()
}

/// What netlink tells: the counts of the device, and of each peer that has any.
#[derive(Default)]
pub struct Told {
    pub device: Counters,
    pub peers: BTreeMap<[u8; 32], Counters>,
}

impl Told {
    pub fn of(&self, peer: &PublicKey) -> Counters {
        self.peers.get(&peer.0).cloned().unwrap_or_default()
    }
}

/// Asks for counts by netlink.
pub fn by_netlink() -> Result<Told> {
    within(NAMESPACE, || {
        let socket = Socket::generic()?;
        let mut message = Message::generic(socket.wireguard()?, REQUEST | DUMP, GET_DEVICE);
        message.text(NAME, DEVICE);
        message.u32(WANTED, WANTED_DROPS);
        let mut told = Told::default();
        let mut is_strange = false;
        let read = |part: &[u8]| is_strange |= take_in(&mut told, part).is_none();
        socket
            .ask_why(message, read)
            .map_err(|refusal| format!("{refusal:?}"))?;
        match is_strange {
            true => Err("a strange answer".into()),
            false => Ok(told),
        }
    })
}

/// Whether an answer to who does not ask for counts has any.
pub fn are_told_unasked() -> Result<bool> {
    within(NAMESPACE, || {
        let socket = Socket::generic()?;
        let mut message = Message::generic(socket.wireguard()?, REQUEST | DUMP, GET_DEVICE);
        message.text(NAME, DEVICE);
        let mut are_there = false;
        let read = |part: &[u8]| {
            let peers = attribute(part, PEERS).unwrap_or_default();
            let mut peers = attributes(peers).map(|(_, peer)| attribute(peer, PEER_DROPS));
            are_there |= attribute(part, DEVICE_DROPS).is_some() || peers.any(|it| it.is_some());
        };
        socket
            .ask_why(message, read)
            .map_err(|refusal| format!("{refusal:?}"))?;
        Ok(are_there)
    })
}

/// One message of such an answer.
fn take_in(told: &mut Told, part: &[u8]) -> Option<()> {
    if let Some(list) = attribute(part, DEVICE_DROPS) {
        told.device = counts(list)?;
    }
    for (_, peer) in attributes(attribute(part, PEERS).unwrap_or_default()) {
        if let Some(list) = attribute(peer, PEER_DROPS) {
            let key = attribute(peer, PEER_KEY)?.try_into().ok()?;
            told.peers.insert(key, counts(list)?);
        }
    }
    Some(())
}

fn counts(list: &[u8]) -> Option<Counters> {
    let mut counts = Vec::new();
    for (_, element) in attributes(list) {
        let name = attribute(element, DROP_NAME)?.strip_suffix(&[0])?;
        let count = attribute(element, DROP_COUNT)?.try_into().ok()?;
        let name = String::from_utf8(name.to_vec()).ok()?;
        counts.push((name, u64::from_ne_bytes(count)));
    }
    Some(Counters::from_counts(counts))
}

/// Where the test has mounted it: under `/sys` it would be out of sight in a network namespace.
const TRACING: &str = "/run/tracing";

/// How the symbol of a function begins in which a packet of ours is dropped.
const PLACE: &str = "9wireguard5drops2at";

/// The drops of packets as the kernel tells observers of them.
pub struct Observer(());

impl Observer {
    /// Begins to watch, if the kernel has anything to watch.
    pub fn begin() -> Result<Option<Self>> {
        let event = format!("{TRACING}/events/skb/kfree_skb/enable");
        if !fs::exists(&event)? {
            return Ok(None);
        }
        fs::write(event, "1")?;
        Ok(Some(Self(())))
    }

    /// Forgets what was seen so far.
    pub fn clear(&self) -> Result {
        Ok(fs::write(format!("{TRACING}/trace"), "")?)
    }

    /// How many packets were dropped since, by the names of the functions that did it.
    pub fn seen(&self) -> Result<Counters> {
        let mut counts = BTreeMap::new();
        for line in fs::read_to_string(format!("{TRACING}/trace"))?.lines() {
            if let Some(name) = name_of_place(line) {
                *counts.entry(name.to_owned()).or_default() += 1;
            }
        }
        Ok(Counters::from_counts(counts))
    }
}

/// The name at the end of a symbol, where its length precedes it.
fn name_of_place(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once(PLACE)?;
    let digits = rest.find(|letter: char| !letter.is_ascii_digit())?;
    let len: usize = rest[..digits].parse().ok()?;
    // What begins with a digit or an underscore has one more in between.
    rest[digits..].get(..len)
}

impl Drop for Observer {
    fn drop(&mut self) {
        let _ = fs::write(format!("{TRACING}/events/skb/kfree_skb/enable"), "0");
    }
}
