// SPDX-License-Identifier: GPL-2.0

//! Events of the group `config`.

use super::{all_of, clear, put_peer, set, FAMILY};
use crate::bench::Bench;
use crate::keys::random;
use crate::netlink::Message;
use crate::news::Reader;
use crate::tap::Result;
use crate::uapi::{
    CARRIER, DEVICE_CHANGED, EVENT_CLASSES, FLAGS, HOLD_UNKNOWN, MARK, PEERS, PEER_ADDED,
    PEER_CHANGED, PEER_KEY, PEER_REMOVED, REPLACE_PEERS,
};
use crate::{ensure, ensure_eq};

/// Of how many peers a request may be told that it has changed them.
const MOST: usize = 256;

pub fn run(bench: &mut Bench) {
    bench.test("a peer is added, changed and removed", one_peer);
    bench.test(
        "the device is changed, and what stays as it was is not told",
        mark,
    );
    bench.test("an allowed IP goes from one peer to another", taken);
    bench.test("all peers are replaced", replaced);
    bench.test(
        "of a request with very many peers the first are told, and that there are more",
        many,
    );
    bench.test("nothing is told of classes that are switched off", classes);
    bench.test("nothing is made where nobody listens", unheard);
}

fn one_peer(bench: &mut Bench) -> Result {
    clear()?;
    let reader = Reader::open(FAMILY, "config")?;
    let peer = bench.newcomer()?;
    peer.join(&bench.dut)?;
    peer.set_endpoint(&bench.dut)?;
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    let heard = reader.await_calm(super::CALM)?;
    let kinds: Vec<_> = heard.iter().map(|event| event.kind).collect();
    ensure_eq!(kinds, [PEER_ADDED, PEER_CHANGED, PEER_REMOVED], "events");
    super::are_in_a_row(&heard)?;
    let generations: Vec<_> = heard.iter().filter_map(|event| event.generation).collect();
    ensure!(
        generations.len() == 3 && generations.is_sorted_by(|a, b| a < b),
        "generations {generations:?}"
    );
    let endpoints = [None, Some(peer.wire.address()), Some(peer.wire.address())];
    for (event, endpoint) in heard.iter().zip(endpoints) {
        let told = event.peer.as_ref().ok_or("no peer is told of")?;
        ensure_eq!(told.key, peer.public().0, "key");
        ensure_eq!(told.endpoint, endpoint, "endpoint");
    }
    Ok(())
}

fn mark(_: &mut Bench) -> Result {
    let reader = Reader::open(FAMILY, "config")?;
    for mark in [7, 7, 0] {
        set(|message| message.u32(MARK, mark))?;
    }
    for hold in [0, 500, 500, 0] {
        set(|message| message.u16(HOLD_UNKNOWN, hold))?;
    }
    set(|message| message.u8(CARRIER, 0))?;
    set(|message| message.u32(EVENT_CLASSES, 0b1111))?;
    let told = all_of(&reader, &[DEVICE_CHANGED; 4])?;
    ensure_eq!(told, [], "peers");
    Ok(())
}

fn taken(bench: &mut Bench) -> Result {
    clear()?;
    let (from, to) = (bench.peer()?, bench.peer()?);
    bench
        .dut
        .wg_peer(from.public(), &["allowed-ips", "10.9.0.0/24,10.9.1.0/24"])?;
    let reader = Reader::open(FAMILY, "config")?;
    bench
        .dut
        .wg_peer(to.public(), &["allowed-ips", "10.9.0.0/24,10.9.1.0/24"])?;
    let told = all_of(&reader, &[PEER_CHANGED, PEER_CHANGED])?;
    let keys: Vec<_> = told.iter().map(|peer| peer.key).collect();
    ensure_eq!(keys, [from.public().0, to.public().0], "peers");
    Ok(())
}

fn replaced(bench: &mut Bench) -> Result {
    clear()?;
    let old = [bench.peer()?, bench.peer()?, bench.peer()?];
    let reader = Reader::open(FAMILY, "config")?;
    let new = random();
    set(|message| {
        message.u32(FLAGS, REPLACE_PEERS);
        put_peer(message, &new, |_| ());
    })?;
    let kinds = [PEER_REMOVED, PEER_REMOVED, PEER_REMOVED, PEER_ADDED];
    let told = all_of(&reader, &kinds)?;
    let keys: Vec<_> = told.iter().map(|peer| peer.key).collect();
    let [a, b, c] = old.map(|peer| peer.public().0);
    ensure_eq!(keys, [a, b, c, new], "peers");
    Ok(())
}

fn put_peers(message: &mut Message, keys: &[[u8; 32]]) {
    message.nest(PEERS, |list| {
        for key in keys {
            list.nest(0, |peer| peer.attr(PEER_KEY, key));
        }
    });
}

fn many(_: &mut Bench) -> Result {
    const COUNT: usize = 300;
    clear()?;
    let keys: Vec<[u8; 32]> = (0..COUNT).map(|_| random()).collect();
    let reader = Reader::open(FAMILY, "config")?;
    set(|message| put_peers(message, &keys))?;
    let heard = reader.await_calm(super::CALM)?;
    ensure_eq!(heard.len(), MOST + 1, "events");
    let (last, first) = heard.split_last().ok_or("nothing was told")?;
    super::are_in_a_row(first)?;
    let told = first.iter().filter_map(|event| event.peer.as_ref());
    ensure!(
        told.map(|peer| peer.key).eq(keys[..MOST].iter().copied()),
        "others were told of"
    );
    ensure_eq!(last.kind, DEVICE_CHANGED, "the last event");
    ensure_eq!(
        last.seq - first[0].seq,
        COUNT as u32,
        "number of the last event"
    );
    clear()?;
    let heard = reader.await_calm(super::CALM)?;
    ensure_eq!(heard.len(), MOST + 1, "events of the removal");
    Ok(())
}

fn classes(_: &mut Bench) -> Result {
    set(|message| message.u32(EVENT_CLASSES, 0b1110))?;
    let reader = Reader::open(FAMILY, "config")?;
    set(|message| message.u32(MARK, 1))?;
    let off = reader.await_calm(super::CALM);
    set(|message| message.u32(EVENT_CLASSES, 0b1111))?;
    ensure_eq!(off?, [], "events of a class that is off");
    set(|message| message.u32(MARK, 0))?;
    all_of(&reader, &[DEVICE_CHANGED]).map(drop)
}

/// Events have numbers, and those that nobody would have got have none.
fn unheard(_: &mut Bench) -> Result {
    let one = |mark: u32| -> Result<u32> {
        let reader = Reader::open(FAMILY, "config")?;
        set(|message| message.u32(MARK, mark))?;
        let heard = reader.await_calm(super::CALM)?;
        ensure_eq!(heard.len(), 1, "events");
        Ok(heard[0].seq)
    };
    let before = one(1)?;
    for mark in 2..12 {
        set(|message| message.u32(MARK, mark))?;
    }
    ensure_eq!(one(0)?, before + 1, "number of the next event");
    Ok(())
}
