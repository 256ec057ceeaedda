// SPDX-License-Identifier: GPL-2.0

//! Allowed IPs: what has to come out of given tables, and a comparison with a naive model.

use core::net::IpAddr;

use kernel::{
    prelude::*,
    sync::rcu, //
};

use super::{
    check,
    Dice,
    Outcome, //
};
use crate::{
    allowed_ips::{
        AllowedIp,
        AllowedIps,
        Ledger,
        Owner,
        Reserve, //
    },
    kapi::sync::rcu::{
        Rcu,
        RcuArc, //
    }, //
};

const NO_MEMORY: &str = "out of memory";

/// Stands for a peer.
pub(crate) struct Peer(u64);

impl Peer {
    pub(crate) fn new(id: u64) -> Self {
        Self(id)
    }
}

impl Owner for Peer {
    fn id(&self) -> u64 {
        self.0
    }
}

const A: usize = 0;
const B: usize = 1;
const C: usize = 2;
const D: usize = 3;
const E: usize = 4;
const F: usize = 5;
const G: usize = 6;
const H: usize = 7;

/// A table with some peers to fill it with.
pub(crate) struct Fixture {
    pub(crate) ledger: Ledger<Peer>,
    pub(crate) table: AllowedIps<Peer>,
    pub(crate) peers: KVec<RcuArc<Peer>>,
}

/// Reads `address/length`.
fn ip(text: &str) -> Result<AllowedIp, &'static str> {
    let (address, cidr) = text.split_once('/').ok_or("no length")?;
    let address = address.parse().map_err(|_| "no address")?;
    let cidr = cidr.parse().map_err(|_| "no number")?;
    AllowedIp::new(address, cidr).map_err(|_| "too long")
}

/// Inserts a prefix with memory that is got for it alone.
pub(crate) fn insert(
    table: &AllowedIps<Peer>,
    ledger: &mut Ledger<Peer>,
    ip: AllowedIp,
    peer: &RcuArc<Peer>,
) -> Result {
    let mut reserve = Reserve::new();
    reserve.add(&ip)?;
    table.insert(ledger, ip, peer, &mut reserve)
}

impl Fixture {
    pub(crate) fn new(peers: u64) -> Result<Self, &'static str> {
        let mut fixture = Self {
            table: AllowedIps::new(),
            ledger: Ledger::new(),
            peers: KVec::new(),
        };
        for id in 0..peers {
            let peer = RcuArc::new(Peer(id), GFP_KERNEL).map_err(|_| NO_MEMORY)?;
            let pushed = fixture.peers.push(peer, GFP_KERNEL);
            pushed.map_err(|_| NO_MEMORY)?;
        }
        Ok(fixture)
    }

    pub(crate) fn try_insert(&mut self, ip: AllowedIp, peer: usize) -> Result {
        insert(&self.table, &mut self.ledger, ip, &self.peers[peer])
    }

    fn insert(&mut self, text: &str, peer: usize) -> Outcome {
        self.try_insert(ip(text)?, peer).map_err(|_| NO_MEMORY)
    }

    fn remove(&mut self, text: &str, peer: usize) -> Outcome {
        self.table
            .remove(&mut self.ledger, ip(text)?, self.peers[peer].id());
        Ok(())
    }

    pub(crate) fn remove_all(&mut self, peer: usize) {
        self.table
            .remove_owner(&mut self.ledger, self.peers[peer].id());
    }

    fn remove_before(&mut self, peer: usize, end: u64) {
        let peer = self.peers[peer].id();
        self.table.remove_owned_before(&mut self.ledger, peer, end);
    }

    pub(crate) fn owner(&self, address: IpAddr) -> Option<usize> {
        let guard = rcu::read_lock();
        let peer = self.table.lookup(Rcu::from(&guard), address)?;
        Some(peer.id() as usize)
    }

    /// Whether each address resolves to the peer.
    fn all(&self, peer: impl Into<Option<usize>>, addresses: &[&str]) -> bool {
        let peer = peer.into();
        addresses.iter().all(|text| {
            text.parse()
                .is_ok_and(|address| self.owner(address) == peer)
        })
    }

    pub(crate) fn owned(&self, peer: usize) -> impl Iterator<Item = AllowedIp> + '_ {
        self.ledger.all_owned(self.peers[peer].id())
    }

    fn lists(&self, peer: usize, texts: &[&str]) -> bool {
        self.owned(peer)
            .map(Ok)
            .eq(texts.iter().map(|text| ip(text)))
    }
}

fn filled() -> Result<Fixture, &'static str> {
    let mut t = Fixture::new(8)?;
    for (text, peer) in [
        ("192.168.4.0/24", A),
        ("192.168.4.4/32", B),
        ("192.168.0.0/16", C),
        ("192.95.5.64/27", D),
        ("192.95.5.65/27", C),
        ("0.0.0.0/0", E),
        ("64.15.112.0/20", G),
        ("64.15.123.211/25", H),
        ("10.0.0.0/25", A),
        ("10.0.0.128/25", B),
        ("10.1.0.0/30", A),
        ("10.1.0.4/30", B),
        ("10.1.0.8/29", C),
        ("10.1.0.16/29", D),
        ("2607:5300:6000:6b00::c05f:543/128", D),
        ("2607:5300:6000:6b00::/64", C),
        ("::/0", E),
        ("::/0", F),
        ("2404:6800::/32", G),
        ("2404:6800:4004:800:dead:beef:dead:beef/64", H),
        ("2404:6800:4004:800:dead:beef:dead:beef/128", A),
        ("2444:6800:40e4:800:deae:beef:def:beef/128", C),
        ("2444:6800:f0e4:800:eeae:beef::/98", B),
    ] {
        t.insert(text, peer)?;
    }
    Ok(t)
}

/// The longest prefix wins, in both families.
pub(crate) fn longest_prefix() -> Outcome {
    let t = filled()?;
    check!(t.all(A, &["192.168.4.20", "192.168.4.0"]));
    check!(t.all(B, &["192.168.4.4"]));
    check!(t.all(C, &["192.168.200.182", "192.95.5.68"]));
    check!(t.all(E, &["192.95.5.96"]));
    check!(t.all(G, &["64.15.116.26", "64.15.127.3", "64.15.123.1"]));
    check!(t.all(H, &["64.15.123.128", "64.15.123.129"]));
    check!(t.all(A, &["10.0.0.52", "10.1.0.2"]));
    check!(t.all(B, &["10.0.0.220", "10.1.0.6"]));
    check!(t.all(C, &["10.1.0.10"]));
    check!(t.all(D, &["10.1.0.20"]));
    check!(t.all(D, &["2607:5300:6000:6b00::c05f:543"]));
    check!(t.all(C, &["2607:5300:6000:6b00::c02e:1ee"]));
    check!(t.all(F, &["2607:5300:6000:6b01::"]));
    check!(t.all(
        G,
        &[
            "2404:6800:4004:806::1006",
            "2404:6800:4004:806:0:1234:0:5678"
        ]
    ));
    check!(t.all(
        F,
        &[
            "2404:67ff:4004:806:0:1234:0:5678",
            "2404:6801:4004:806:0:1234:0:5678"
        ]
    ));
    check!(t.all(
        H,
        &[
            "2404:6800:4004:800:0:1234:0:5678",
            "2404:6800:4004:800::",
            "2404:6800:4004:800:1010:1010:1010:1010"
        ]
    ));
    check!(t.all(A, &["2404:6800:4004:800:dead:beef:dead:beef"]));
    Ok(())
}

/// A peer takes its prefixes with it.
pub(crate) fn remove_owner() -> Outcome {
    let hosts = ["1.0.0.0", "64.0.0.0", "128.0.0.0", "192.0.0.0", "255.0.0.0"];
    let mut t = filled()?;
    for text in [
        "1.0.0.0/32",
        "64.0.0.0/32",
        "128.0.0.0/32",
        "192.0.0.0/32",
        "255.0.0.0/32",
    ] {
        t.insert(text, A)?;
    }
    check!(t.all(A, &hosts));
    t.remove_all(A);
    check!(t.all(E, &hosts) && t.lists(A, &[]));
    check!(t.all(C, &["192.168.4.20"]) && t.all(B, &["192.168.4.4"]));

    let mut t = Fixture::new(1)?;
    t.insert("192.168.0.0/16", A)?;
    t.insert("192.168.0.0/24", A)?;
    t.remove_all(A);
    check!(t.all(None, &["192.168.0.1", "192.168.1.1"]) && t.table.is_empty());
    Ok(())
}

/// A list takes the place of another: what is in both is there all the time.
pub(crate) fn replace() -> Outcome {
    let mut t = Fixture::new(2)?;
    for text in ["10.1.0.0/16", "10.2.0.0/16", "fd01::/48"] {
        t.insert(text, A)?;
    }
    t.insert("10.3.0.0/16", B)?;
    let moment = t.ledger.now();
    for text in ["10.4.0.0/16", "10.1.0.0/16", "10.3.0.0/16"] {
        t.insert(text, A)?;
        check!(t.all(A, &["10.1.0.1", "10.2.0.1", "fd01::1"]));
    }
    t.remove_before(A, moment);
    check!(t.lists(A, &["10.4.0.0/16", "10.1.0.0/16", "10.3.0.0/16"]) && t.lists(B, &[]));
    check!(
        t.all(A, &["10.1.0.1", "10.3.0.1", "10.4.0.1"]) && t.all(None, &["10.2.0.1", "fd01::1"])
    );
    Ok(())
}

/// A single prefix goes if both it and its owner are named exactly.
pub(crate) fn remove_one() -> Outcome {
    let mut t = filled()?;
    let v6 = "2444:6800:40e4:800:deae:beef:def:beef/128";
    let taken = "2444:6800:f0e4:800:eeae:beef::/98";
    for text in ["1.0.0.0/32", "192.0.0.0/24", v6, taken] {
        t.insert(text, A)?;
    }
    for (text, peer) in [
        ("192.0.0.0/32", A),
        ("2444:6800:40e4:800:deae:beef:def:beef/96", A),
        ("1.0.0.0/32", B),
        ("192.0.0.0/24", B),
        (v6, C),
        (taken, B),
    ] {
        t.remove(text, peer)?;
    }
    let addresses = ["1.0.0.0", "192.0.0.2"];
    let addresses_v6 = [
        "2444:6800:40e4:800:deae:beef:def:beef",
        "2444:6800:f0e4:800:eeae:beef::7",
    ];
    check!(t.all(A, &addresses) && t.all(A, &addresses_v6));
    check!(ip("1.0.0.0/33").is_err() && ip("::/129").is_err());
    for text in ["1.0.0.0/32", "192.0.0.0/24", v6, taken] {
        t.remove(text, A)?;
    }
    check!(t.all(E, &addresses) && t.all(F, &addresses_v6));
    Ok(())
}

/// Prefixes are listed as networks, in the order they came; taking one over makes it the last.
pub(crate) fn order() -> Outcome {
    let mut t = filled()?;
    t.remove_all(A);
    let networks = [
        "192.95.5.64/27",
        "2607:5300:6000:6b00::c05f:543/128",
        "10.1.0.16/29",
        "2607:5300:6d8a:6bf8:dab1:e000::/83",
        "2607:5000::/21",
    ];
    for text in [
        "192.95.5.93/27",
        "2607:5300:6000:6b00::c05f:543/128",
        "10.1.0.20/29",
        "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/83",
        "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523/21",
    ] {
        t.insert(text, A)?;
    }
    check!(t.lists(A, &networks) && t.lists(D, &[]));
    t.insert("10.1.0.23/29", A)?;
    let [first, second, third, fourth, fifth] = networks;
    check!(t.lists(A, &[first, second, fourth, fifth, third]));
    t.insert(fourth, H)?;
    check!(t.lists(A, &[first, second, fifth, third]));
    t.remove(second, A)?;
    check!(t.lists(A, &[first, fifth, third]));
    Ok(())
}

/// As deep as it gets: 129 addresses that differ one bit further down each time.
pub(crate) fn depth() -> Outcome {
    let mut t = Fixture::new(1)?;
    let ones = u128::from(u64::MAX);
    for i in 0..64 {
        for address in [
            (ones << 64) | ((ones << i) & ones),
            ((ones << i) & ones) << 64,
        ] {
            let ip = AllowedIp::new(IpAddr::V6(address.into()), 128).map_err(|_| "too long")?;
            t.try_insert(ip, A).map_err(|_| NO_MEMORY)?;
        }
    }
    t.insert("::/128", A)?;
    check!(t.owned(A).count() == 129);
    check!(t.all(A, &["::", "ffff:ffff:ffff:ffff::", "8000::"]));
    check!(t.all(None, &["::1", "4000::"]));
    t.table.clear(&mut t.ledger);
    check!(t.table.is_empty() && t.lists(A, &[]) && t.all(None, &["::"]));
    Ok(())
}

/// As many prefixes on one peer as upstream's test has.
pub(crate) fn many() -> Outcome {
    const COUNT: u32 = 130_560;
    let mut t = Fixture::new(1)?;
    for n in 0..COUNT {
        let ip = AllowedIp::new(IpAddr::V4((n << 8).into()), 24).map_err(|_| "too long")?;
        t.try_insert(ip, A).map_err(|_| NO_MEMORY)?;
    }
    check!(t.all(A, &["0.0.0.1", "1.253.255.255"]) && t.all(None, &["1.254.0.0"]));
    check!(t.owned(A).count() == COUNT as usize);
    t.remove_all(A);
    check!(t.table.is_empty() && t.lists(A, &[]));
    Ok(())
}

/// What the table does, without the trie.
struct Model {
    entries: KVec<(AllowedIp, usize)>,
}

fn covers(ip: &AllowedIp, address: IpAddr) -> bool {
    AllowedIp::new(address, ip.cidr()).is_ok_and(|network| network == *ip)
}

impl Model {
    fn insert(&mut self, ip: AllowedIp, peer: usize) -> Result {
        self.entries.retain(|(other, _)| *other != ip);
        Ok(self.entries.push((ip, peer), GFP_KERNEL)?)
    }

    fn owner(&self, address: IpAddr) -> Option<usize> {
        let matching = self.entries.iter().filter(|(ip, _)| covers(ip, address));
        matching.max_by_key(|(ip, _)| ip.cidr()).map(|(_, p)| *p)
    }

    fn owned(&self, peer: usize) -> impl Iterator<Item = AllowedIp> + '_ {
        let owned = self.entries.iter().filter(move |(_, p)| *p == peer);
        owned.map(|(ip, _)| *ip)
    }
}

/// An address of few bits, so that prefixes meet, some of them far down.
fn address(dice: &mut Dice) -> IpAddr {
    let bits = dice.u64() as u32 & 0xa001_8007;
    if dice.below(2) == 0 {
        return IpAddr::V4(bits.into());
    }
    let (high, low) = (u128::from(bits) << 96, dice.u64() & 0x8000_0001_8000_0005);
    IpAddr::V6((high | u128::from(low)).into())
}

fn network(dice: &mut Dice) -> Result<AllowedIp, &'static str> {
    let address = address(dice);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    AllowedIp::new(address, dice.below(bits + 1) as u8).map_err(|_| "too long")
}

/// Does `steps` random things to a table and to the model, and compares them after each.
pub(crate) fn model(steps: usize, seed: u64) -> Outcome {
    const PEERS: u64 = 5;
    let mut dice = Dice::new(seed);
    let mut t = Fixture::new(PEERS)?;
    let mut model = Model {
        entries: KVec::new(),
    };
    for _ in 0..steps {
        let peer = dice.below(PEERS) as usize;
        match dice.below(500) {
            0 => {
                t.table.clear(&mut t.ledger);
                model.entries.retain(|_| false);
            }
            1..=5 => {
                t.remove_all(peer);
                model.entries.retain(|(_, p)| *p != peer);
            }
            6..=220 => {
                let ip = network(&mut dice)?;
                t.table.remove(&mut t.ledger, ip, t.peers[peer].id());
                model.entries.retain(|(i, p)| *i != ip || *p != peer);
            }
            _ => {
                let ip = network(&mut dice)?;
                t.try_insert(ip, peer).map_err(|_| NO_MEMORY)?;
                model.insert(ip, peer).map_err(|_| NO_MEMORY)?;
            }
        }
        check!(t.owned(peer).eq(model.owned(peer)));
        check!(t.table.is_empty() == model.entries.is_empty());
        for _ in 0..4 {
            let address = address(&mut dice);
            check!(t.owner(address) == model.owner(address));
        }
    }
    Ok(())
}
