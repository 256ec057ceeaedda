// SPDX-License-Identifier: GPL-2.0

use std::{
    cell::RefCell,
    collections::{BTreeMap, HashMap},
    net::IpAddr,
    sync::atomic::{AtomicBool, AtomicU32, Ordering},
    thread,
    time::Instant,
};

use kernel::{
    alloc::{fail_after, given_away},
    prelude::*,
};

use crate::{
    allowed_ips::{AllowedIp, Owner},
    checks::{
        allowed_ips::{self as checks, Fixture, Peer},
        Dice,
    },
    kapi::sync::{
        atomic,
        rcu::{self, Rcu, RcuArc},
    },
};

fn ip(text: &str) -> AllowedIp {
    let (address, cidr) = text.split_once('/').unwrap();
    AllowedIp::new(address.parse().unwrap(), cidr.parse().unwrap()).unwrap()
}

#[test]
fn longest_prefix() {
    checks::longest_prefix().unwrap();
}

#[test]
fn remove_owner() {
    checks::remove_owner().unwrap();
}

#[test]
fn replace() {
    checks::replace().unwrap();
}

#[test]
fn remove_one() {
    checks::remove_one().unwrap();
}

#[test]
fn order() {
    checks::order().unwrap();
}

#[test]
fn depth() {
    checks::depth().unwrap();
}

#[test]
fn model() {
    let steps = if cfg!(miri) { 300 } else { 100_000 };
    checks::model(steps, 1).unwrap();
    rcu::drain();
}

/// Every allocation of an insertion fails once. Nothing may have changed then.
#[test]
fn failed_insertion_changes_nothing() {
    let mut t = Fixture::new(2).unwrap();
    t.try_insert(ip("10.0.0.0/24"), 0).unwrap();
    t.try_insert(ip("10.0.1.0/24"), 0).unwrap();
    let state = |t: &Fixture| -> (Vec<_>, Vec<_>) {
        let addresses = ["10.0.0.1", "10.0.1.1", "10.0.3.1", "10.9.0.0"];
        let owners = addresses.map(|text| t.owner(text.parse().unwrap()));
        (owners.into(), t.owned(0).chain(t.owned(1)).collect())
    };
    let before = state(&t);
    // A leaf, a branch of each size, and the layer of the pile that they wait in: wherever the prefix
    // goes, memory is got for the most that it may need.
    let allocations = 5;
    for text in ["10.0.3.0/24", "10.0.0.0/16", "10.0.0.128/25", "10.0.1.0/24"] {
        for left in 0..allocations {
            fail_after(Some(left));
            let result = t.try_insert(ip(text), 1);
            fail_after(None);
            assert_eq!(result, Err(ENOMEM), "{text} after {left} allocations");
            assert_eq!(state(&t), before);
        }
        fail_after(Some(allocations));
        let result = t.try_insert(ip(text), 1);
        fail_after(None);
        assert_eq!(result, Ok(()), "{text} needs more than {allocations}");
        t.remove_all(1);
        if text == "10.0.1.0/24" {
            t.try_insert(ip(text), 0).unwrap();
        }
        assert_eq!(state(&t), before);
    }
}

/// Whatever the shape of the trie, all of it is freed after one grace period, and nothing recurses.
#[test]
fn clearing_takes_one_grace_period() {
    let mut dice = Dice::new(5);
    let mut t = Fixture::new(1).unwrap();
    for len in 0..=128 {
        let deep = AllowedIp::new("::".parse::<IpAddr>().unwrap(), len).unwrap();
        t.try_insert(deep, 0).unwrap();
    }
    for _ in 0..3000 {
        let address = IpAddr::V4((dice.u64() as u32).into());
        let host = AllowedIp::new(address, 32).unwrap();
        t.try_insert(host, 0).unwrap();
    }
    rcu::drain();
    t.table.clear(&mut t.ledger);
    // As many leaves, and less branches.
    let freed = rcu::grace_period();
    assert!((129 + 3000..2 * (129 + 3000)).contains(&freed));
    assert_eq!(rcu::grace_period(), 0);
}

/// Nothing is leaked, and a table that is dropped lets go of its owners.
#[test]
fn everything_is_freed() {
    rcu::drain();
    let mut t = Fixture::new(3).unwrap();
    let before = rcu::alive();
    let mut dice = Dice::new(9);
    for n in 0..500 {
        let address = IpAddr::V4((dice.u64() as u32 & 0xff).into());
        let some = AllowedIp::new(address, 24 + dice.below(9) as u8).unwrap();
        t.try_insert(some, n % 3).unwrap();
    }
    assert!(rcu::alive() > before);
    for peer in 0..3 {
        t.remove_all(peer);
    }
    assert!(t.table.is_empty());
    rcu::drain();
    assert_eq!(rcu::alive(), before);
    t.try_insert(ip("::/0"), 0).unwrap();
    drop(t);
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

/// A prefix that goes lets go of its owner at once, which those who have found it do not notice.
#[test]
fn owners_are_let_go_of_at_once() {
    let mut t = Fixture::new(1).unwrap();
    t.try_insert(ip("10.0.0.0/8"), 0).unwrap();
    t.try_insert(ip("10.1.0.0/16"), 0).unwrap();
    assert_eq!(t.peers[0].references(), 3);
    t.table.remove(&mut t.ledger, ip("10.1.0.0/16"), 0);
    assert_eq!(t.peers[0].references(), 2);
    let Fixture {
        table,
        mut ledger,
        peers,
    } = t;
    drop(peers);
    let guard = kernel::sync::rcu::read_lock();
    let found = table.lookup_v4(Rcu::from(&guard), 0x0a01_0203).unwrap();
    table.remove(&mut ledger, ip("10.0.0.0/8"), 0);
    assert!(found.try_get().is_none());
    assert_eq!(found.id(), 0);
    drop(guard);
    // The owner, both leaves, and the branch that was above them: none waits for another.
    assert_eq!(rcu::grace_period(), 4);
    assert_eq!(rcu::alive(), 0);
}

/// Between any two steps of a writer, readers find what was there before or what is there after.
#[test]
fn every_step_is_consistent() {
    let mut dice = Dice::new(2);
    let mut t = Fixture::new(2).unwrap();
    let Fixture {
        table,
        ledger,
        peers,
    } = &mut t;
    let owners = |addresses: &[u32; 8]| {
        let guard = kernel::sync::rcu::read_lock();
        addresses.map(|address| {
            let owner = table.lookup_v4(Rcu::from(&guard), address);
            owner.map(|peer| peer.id())
        })
    };
    let mut address = || dice.u64() as u32 & 0xa001_8007;
    let mut steps = 0;
    for round in 0..if cfg!(miri) { 40 } else { 20_000 } {
        let addresses = [(); 8].map(|_| address());
        let cidr = 32 - (address() & 7) as u8 * (address() & 4) as u8;
        let ip = AllowedIp::new(IpAddr::V4(addresses[0].into()), cidr).unwrap();
        let peer = &peers[round & 1];
        let seen = RefCell::new(Vec::new());
        let look = || seen.borrow_mut().push(owners(&addresses));
        let before = owners(&addresses);
        atomic::observed(&look, || match round % 5 {
            0..3 => checks::insert(table, ledger, ip, peer).unwrap(),
            _ => table.remove(ledger, ip, peer.id()),
        });
        let after = owners(&addresses);
        for seen in seen.into_inner() {
            steps += 1;
            for n in 0..8 {
                assert!(seen[n] == before[n] || seen[n] == after[n], "round {round}");
            }
        }
    }
    assert!(steps > 40);
}

/// A prefix that stays is found at all times, whatever is inserted and removed around it.
#[test]
fn readers_never_miss_what_stays() {
    let rounds = if cfg!(miri) { 5 } else { 3000 };
    let mut t = Fixture::new(1).unwrap();
    t.try_insert(ip("10.1.0.0/16"), 0).unwrap();
    t.try_insert(ip("10.1.2.3/32"), 0).unwrap();
    let noise = [
        "0.0.0.0/0",
        "10.0.0.0/8",
        "10.1.2.0/24",
        "10.1.2.2/31",
        "10.1.2.2/32",
        "10.1.128.0/17",
    ]
    .map(ip);
    let other = RcuArc::new(Peer::new(1), GFP_KERNEL).unwrap();
    let Fixture { table, ledger, .. } = &mut t;
    let table = &*table;
    let lookups = AtomicU32::new(0);
    let done = AtomicBool::new(false);
    let read = || {
        while !done.load(Ordering::Relaxed) {
            let guard = kernel::sync::rcu::read_lock();
            let owner = table.lookup_v4(Rcu::from(&guard), 0x0a01_0203);
            assert_eq!(owner.map(|peer| peer.id()), Some(0));
            lookups.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        let readers = [scope.spawn(read), scope.spawn(read)];
        for round in 0.. {
            for ip in noise {
                checks::insert(table, ledger, ip, &other).unwrap();
            }
            for ip in noise {
                table.remove(ledger, ip, 1);
            }
            rcu::grace_period();
            let is_enough = round > rounds && lookups.load(Ordering::Relaxed) > rounds;
            if is_enough || readers.iter().any(|reader| reader.is_finished()) {
                break;
            }
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
#[cfg_attr(miri, ignore)]
fn many_prefixes_load_quickly() {
    let start = Instant::now();
    checks::many().unwrap();
    rcu::drain();
    let took = start.elapsed();
    println!("{took:?}");
    assert!(took.as_secs() < 20);
}

/// Prefixes by their lengths: quick enough to be asked about many of them.
#[derive(Default)]
struct Hashed {
    owners: HashMap<(IpAddr, u8), (usize, u64)>,
    lists: [BTreeMap<u64, AllowedIp>; Hashed::PEERS],
    now: u64,
}

impl Hashed {
    const PEERS: usize = 7;

    fn insert(&mut self, ip: AllowedIp, peer: usize) {
        if let Some((peer, came)) = self.owners.insert((ip.ip(), ip.cidr()), (peer, self.now)) {
            self.lists[peer].remove(&came);
        }
        self.lists[peer].insert(self.now, ip);
        self.now += 1;
    }

    fn remove(&mut self, ip: AllowedIp, peer: usize) {
        let key = (ip.ip(), ip.cidr());
        if let Some((_, came)) = self.owners.get(&key).filter(|(owner, _)| *owner == peer) {
            self.lists[peer].remove(came);
            self.owners.remove(&key);
        }
    }

    fn remove_before(&mut self, peer: usize, end: u64) {
        let stays = self.lists[peer].split_off(&end);
        for ip in std::mem::replace(&mut self.lists[peer], stays).into_values() {
            self.owners.remove(&(ip.ip(), ip.cidr()));
        }
    }

    fn owner(&self, address: IpAddr) -> Option<usize> {
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (0..=bits).rev().find_map(|len| {
            let network = AllowedIp::new(address, len).unwrap().ip();
            self.owners.get(&(network, len)).map(|(peer, _)| *peer)
        })
    }
}

/// An address anywhere, or with random bits in some places only, or next to one of those before.
fn some_address(dice: &mut Dice, before: &[IpAddr]) -> IpAddr {
    let mask = match dice.below(4) {
        0 => u128::MAX,
        1 => 0xffff_0000_0000_0000_0000_0000_0000_00ff | (0xffff << 96),
        2 => 0x0000_0fff_0000_0000_0000_0000_0001_8000 | (0x3f << 64),
        _ => {
            let near = match before[dice.below(before.len() as u64) as usize] {
                IpAddr::V4(ip) => return IpAddr::V4((ip.to_bits() ^ (1 << dice.below(32))).into()),
                IpAddr::V6(ip) => ip.to_bits(),
            };
            return IpAddr::V6((near ^ (1 << dice.below(128))).into());
        }
    };
    let bits = ((u128::from(dice.u64()) << 64) | u128::from(dice.u64())) & mask;
    if dice.below(2) == 0 {
        IpAddr::V4(((bits >> 64) as u32 ^ bits as u32).into())
    } else {
        IpAddr::V6(bits.into())
    }
}

/// The same as [`model`] with tens of thousands of prefixes of all lengths at a time.
#[test]
fn model_at_size() {
    let steps = if cfg!(miri) { 300 } else { 400_000 };
    let mut dice = Dice::new(11);
    let mut t = Fixture::new(Hashed::PEERS as u64).unwrap();
    let mut model = Hashed::default();
    let mut known = vec![IpAddr::V6(0.into())];
    let mut most = 0;
    for step in 0..steps {
        let address = some_address(&mut dice, &known);
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let len = match dice.below(3) {
            0 => bits,
            _ => dice.below(u64::from(bits) + 1) as u8,
        };
        let ip = AllowedIp::new(address, len).unwrap();
        // One of those that are there, every other time.
        let there = known[dice.below(known.len() as u64) as usize];
        let ip = match dice.below(2) {
            0 => AllowedIp::new(there, len.min(if there.is_ipv4() { 32 } else { 128 })).unwrap(),
            _ => ip,
        };
        let peer = dice.below(Hashed::PEERS as u64) as usize;
        match dice.below(20_000) {
            0 => {
                t.remove_all(peer);
                model.remove_before(peer, u64::MAX);
            }
            1 => {
                let moment = model.now / 2;
                assert_eq!(t.ledger.now(), model.now);
                let id = t.peers[peer].id();
                t.table.remove_owned_before(&mut t.ledger, id, moment);
                model.remove_before(peer, moment);
            }
            2..7000 => {
                let id = t.peers[peer].id();
                t.table.remove(&mut t.ledger, ip, id);
                model.remove(ip, peer);
            }
            _ => {
                t.try_insert(ip, peer).unwrap();
                model.insert(ip, peer);
                known.push(address);
            }
        }
        most = most.max(model.owners.len());
        for address in [address, ip.ip(), there, some_address(&mut dice, &known)] {
            assert_eq!(
                t.owner(address),
                model.owner(address),
                "{address} in step {step}"
            );
        }
        if step % 1000 == 0 {
            rcu::drain();
            for peer in 0..Hashed::PEERS {
                assert!(t.owned(peer).eq(model.lists[peer].values().copied()));
            }
        }
    }
    assert!(cfg!(miri) || most > 50_000, "{most}");
    for peer in 0..Hashed::PEERS {
        t.remove_all(peer);
    }
    assert!(t.table.is_empty());
    rcu::drain();
    drop(t);
    rcu::drain();
    assert_eq!(rcu::alive(), 0);
}

/// What a peer's two addresses take, ledger included, is as documented, and is all given back.
#[test]
#[cfg_attr(miri, ignore)]
fn memory_for_each_peer() {
    const PEERS: usize = 50_000;
    let mut dice = Dice::new(3);
    let mut one_by_one = |n: usize| (n as u32, n as u128);
    let mut anywhere = |_| {
        (
            dice.u64() as u32,
            (u128::from(dice.u64()) << 64) | u128::from(dice.u64()),
        )
    };
    type Addresses<'a> = &'a mut dyn FnMut(usize) -> (u32, u128);
    let kinds: [(Addresses<'_>, usize); 2] = [(&mut one_by_one, 190), (&mut anywhere, 250)];
    for (address, most) in kinds {
        let mut t = Fixture::new(1).unwrap();
        rcu::drain();
        let (_, before) = given_away();
        for n in 0..PEERS {
            let (v4, v6) = address(n);
            for (address, len) in [(IpAddr::V4(v4.into()), 32), (IpAddr::V6(v6.into()), 128)] {
                let ip = AllowedIp::new(address, len).unwrap();
                t.try_insert(ip, 0).unwrap();
            }
        }
        rcu::drain();
        let (_, bytes) = given_away();
        let each = (bytes - before) / PEERS;
        println!("{each} bytes");
        assert!(each <= most && each > 64 + 96, "{each}");
        t.remove_all(0);
        rcu::drain();
        assert_eq!(given_away().1, before);
    }
}
