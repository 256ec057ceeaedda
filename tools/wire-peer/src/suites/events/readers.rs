// SPDX-License-Identifier: GPL-2.0

//! Listeners that do not read.

use super::{clear, set, FAMILY};
use crate::bench::Bench;
use crate::news::{News, Reader};
use crate::tap::Result;
use crate::uapi::MARK;
use crate::{ensure, ensure_eq};

pub fn run(bench: &mut Bench) {
    bench.test(
        "who does not read is in nobody's way, and sees later that something is missing",
        unread,
    );
    bench.test("more events than may be told at once are counted", flood);
}

fn unread(bench: &mut Bench) -> Result {
    const CHANGES: u32 = 200;
    clear()?;
    let mut peer = bench.peer()?;
    let mut session = peer.connect()?;
    let reader = Reader::with_room(FAMILY, "config", 4096)?;
    for mark in 1..=CHANGES {
        set(|message| message.u32(MARK, mark))?;
        if mark % 50 == 0 {
            peer.ping(&mut session)?;
        }
    }
    let (mut heard, mut missed) = (Vec::new(), 0);
    loop {
        match reader.next()? {
            News::Event(event) => heard.push(*event),
            News::Missed => missed += 1,
            News::Nothing => break,
        }
    }
    println!("# {} of {CHANGES} events were kept", heard.len());
    ensure!(missed > 0, "nothing was missed");
    let last = heard.last().ok_or("nothing was kept")?;
    ensure!(heard.len() < CHANGES as usize, "all were kept");
    set(|message| message.u32(MARK, 0))?;
    let next = reader.await_one(crate::peer::PATIENCE)?;
    let first = &heard[0];
    ensure_eq!(next.seq - first.seq, CHANGES, "events in between");
    ensure!(
        next.seq > last.seq + 1,
        "there is no gap behind {}",
        last.seq
    );
    Ok(())
}

/// A socket with room for all of it: what is missing then has not been sent.
fn flood(_: &mut Bench) -> Result {
    const CHANGES: usize = 6000;
    clear()?;
    let reader = Reader::with_room(FAMILY, "config", 64 << 20)?;
    let started = std::time::Instant::now();
    for change in 1..=CHANGES / 100 {
        let keys: Vec<[u8; 32]> = (0..100).map(|_| crate::keys::random()).collect();
        set(|message| {
            message.nest(crate::uapi::PEERS, |list| {
                for key in &keys {
                    list.nest(0, |peer| peer.attr(crate::uapi::PEER_KEY, key));
                }
            });
        })?;
        if change % 20 == 0 {
            println!("# {} peers after {:?}", change * 100, started.elapsed());
        }
    }
    let most = 1024 + 512 * (started.elapsed().as_secs() as usize + 1) + CHANGES / 100;
    let heard = reader.heard()?;
    ensure!(heard.len() >= 1000, "only {} events", heard.len());
    if most < CHANGES {
        ensure!(heard.len() <= most, "{} events, {most} wanted", heard.len());
    } else {
        println!("# too slow to tell");
    }
    clear()?;
    let last = reader.heard()?.pop().ok_or("nothing is told of the end")?;
    let count = last.seq - heard[0].seq;
    ensure!(
        count as usize >= 2 * CHANGES,
        "{count} events were counted of {}",
        2 * CHANGES
    );
    Ok(())
}
