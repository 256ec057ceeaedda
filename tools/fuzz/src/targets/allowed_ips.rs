// SPDX-License-Identifier: GPL-2.0

//! The driver's table of allowed IPs against a list of prefixes that is searched from end to end.

use std::net::IpAddr;

use kernel::{alloc::fail_after, prelude::ENOMEM};

use crate::{
    allowed_ips::{AllowedIp, Owner, Reserve},
    checks::allowed_ips::Fixture,
    input::Input,
    kapi::sync::rcu,
};

const PEERS: usize = 4;

/// Prefixes and their owners, in the order they came. The number tells when.
#[derive(Clone, Default)]
struct Model {
    entries: Vec<(AllowedIp, usize, u64)>,
    now: u64,
}

impl Model {
    fn insert(&mut self, ip: AllowedIp, peer: usize) {
        self.entries.retain(|(other, ..)| *other != ip);
        self.entries.push((ip, peer, self.now));
        self.now += 1;
    }

    fn owner(&self, address: IpAddr) -> Option<usize> {
        let matching = self.entries.iter().filter(|(ip, ..)| covers(ip, address));
        matching
            .max_by_key(|(ip, ..)| ip.cidr())
            .map(|(_, peer, _)| *peer)
    }

    fn owned(&self, peer: usize) -> impl Iterator<Item = AllowedIp> + '_ {
        let owned = self.entries.iter().filter(move |entry| entry.1 == peer);
        owned.map(|(ip, ..)| *ip)
    }
}

/// Bit by bit.
fn covers(ip: &AllowedIp, address: IpAddr) -> bool {
    let bits = |address| match address {
        IpAddr::V4(ip) => (u128::from(ip.to_bits()) << 96, 32),
        IpAddr::V6(ip) => (ip.to_bits(), 128),
    };
    let ((network, family), (address, other)) = (bits(ip.ip()), bits(address));
    let same = |bit| ((network ^ address) >> (127 - bit)) & 1 == 0;
    family == other && (0..ip.cidr()).all(same)
}

struct Pair {
    table: Fixture,
    model: Model,
    /// A moment of both.
    moment: (u64, u64),
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut pair = Pair {
        table: Fixture::new(PEERS as u64).expect("allocations succeed"),
        model: Model::default(),
        moment: (0, 0),
    };
    for _ in 0..200 {
        if input.is_empty() {
            break;
        }
        pair.step(&mut input);
        pair.compare(&mut input);
    }
    drop(pair);
    rcu::drain();
    assert_eq!(rcu::alive(), 0, "something was leaked");
}

impl Pair {
    fn step(&mut self, input: &mut Input<'_>) {
        let (kind, peer) = (input.u8() % 16, input.below(PEERS));
        let Fixture {
            table,
            ledger,
            peers,
        } = &mut self.table;
        let id = peers[peer].id();
        match kind {
            0..6 => self.insert(network(input), peer),
            6 => self.insert_many(input, peer),
            7 => self.fail(network(input), peer, input.below(4)),
            8..12 => {
                let ip = network(input);
                table.remove(ledger, ip, id);
                self.model
                    .entries
                    .retain(|(other, owner, _)| (*other, *owner) != (ip, peer));
            }
            12 => {
                self.table.remove_all(peer);
                self.model.entries.retain(|(_, owner, _)| *owner != peer);
            }
            13 => self.moment = (ledger.now(), self.model.now),
            14 => {
                let (moment, same) = self.moment;
                table.remove_owned_before(ledger, id, moment);
                self.model
                    .entries
                    .retain(|(_, owner, came)| *owner != peer || *came >= same);
            }
            _ => {
                table.clear(ledger);
                self.model.entries.clear();
            }
        }
    }

    fn insert(&mut self, ip: AllowedIp, peer: usize) {
        let inserted = self.table.try_insert(ip, peer);
        inserted.expect("allocations succeed");
        self.model.insert(ip, peer);
    }

    /// With memory that was got for all of them, whichever comes first, and no more.
    fn insert_many(&mut self, input: &mut Input<'_>, peer: usize) {
        let ips: Vec<_> = (0..input.below(8)).map(|_| network(input)).collect();
        let mut reserve = Reserve::new();
        for ip in &ips {
            reserve.add(ip).expect("allocations succeed");
        }
        fail_after(Some(0));
        let Fixture {
            table,
            ledger,
            peers,
        } = &mut self.table;
        for ip in ips.into_iter().rev() {
            let inserted = table.insert(ledger, ip, &peers[peer], &mut reserve);
            inserted.expect("memory was put aside");
            self.model.insert(ip, peer);
        }
        fail_after(None);
    }

    /// Memory runs out, and nothing may have changed.
    fn fail(&mut self, ip: AllowedIp, peer: usize, allocations: usize) {
        fail_after(Some(allocations));
        let inserted = self.table.try_insert(ip, peer);
        fail_after(None);
        match inserted {
            Ok(()) => self.model.insert(ip, peer),
            Err(error) => assert_eq!(error, ENOMEM),
        }
    }

    fn compare(&self, input: &mut Input<'_>) {
        for peer in 0..PEERS {
            assert!(self.table.owned(peer).eq(self.model.owned(peer)));
        }
        let is_empty = self.model.entries.is_empty();
        assert_eq!(self.table.table.is_empty(), is_empty);
        let last = self.model.entries.last().map(|(ip, ..)| ip.ip());
        for address in [Some(address(input)), last].into_iter().flatten() {
            assert_eq!(self.table.owner(address), self.model.owner(address));
        }
    }
}

/// Any address, or one of few bits at both ends, so that prefixes meet, some of them far down.
fn address(input: &mut Input<'_>) -> IpAddr {
    match input.u8() % 8 {
        0 => IpAddr::V4(input.u32().into()),
        1 => IpAddr::V6(u128::from_le_bytes(input.array()).into()),
        2..5 => {
            let [high, low] = input.array::<2>().map(u32::from);
            IpAddr::V4(((high << 24) | low).into())
        }
        _ => {
            let [high, low] = input.array::<2>().map(u128::from);
            IpAddr::V6(((high << 120) | low).into())
        }
    }
}

fn network(input: &mut Input<'_>) -> AllowedIp {
    let address = address(input);
    let bits = if address.is_ipv4() { 32 } else { 128 };
    assert!(AllowedIp::new(address, bits + 1).is_err());
    let cidr = input.below(usize::from(bits) + 1) as u8;
    AllowedIp::new(address, cidr).expect("no longer than the address")
}
