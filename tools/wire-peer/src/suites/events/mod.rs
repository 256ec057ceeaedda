// SPDX-License-Identifier: GPL-2.0

//! What is told of a device and its peers, to who listens and to who asks.

mod configuration;
mod labels;
mod liveness;
mod readers;
mod sessions;

use std::time::Duration;

use crate::bench::Bench;
use crate::dut::DEVICE;
use crate::netlink::Message;
use crate::news::{self, Event, Reader, State, Told};
use crate::peer::Peer;
use crate::tap::Result;
use crate::uapi::{FLAGS, PEERS, PEER_KEY, REPLACE_PEERS};
use crate::{ensure, ensure_eq};

const FAMILY: &str = "wireguard";

/// How long nothing must come for all to have been told: longer than a work item waits.
const CALM: Duration = Duration::from_millis(300);

pub fn run(bench: &mut Bench) {
    configuration::run(bench);
    sessions::run(bench);
    liveness::run(bench);
    labels::run(bench);
    readers::run(bench);
}

/// Removes all peers, so that nothing of those of earlier tests is told.
fn clear() -> Result {
    set(|message| message.u32(FLAGS, REPLACE_PEERS))
}

/// A request that must be granted.
fn set(fill: impl FnOnce(&mut Message) + Send) -> Result {
    news::set(FAMILY, DEVICE, fill)?.map_err(|refusal| format!("{refusal:?}").into())
}

/// The same about one peer.
fn set_peer(key: &[u8; 32], fill: impl FnOnce(&mut Message) + Send) -> Result {
    set(|message| put_peer(message, key, fill))
}

/// A list of one peer, of which there is to be said what `fill` says.
fn put_peer(message: &mut Message, key: &[u8; 32], fill: impl FnOnce(&mut Message)) {
    message.nest(PEERS, |list| {
        list.nest(0, |peer| {
            peer.attr(PEER_KEY, key);
            fill(peer);
        });
    });
}

fn state(peer: &Peer) -> Result<State> {
    news::state(FAMILY, DEVICE, &peer.public().0)
}

/// Everything that was told, which must be so many events without a gap.
fn all_of(reader: &Reader, kinds: &[u32]) -> Result<Vec<Told>> {
    let heard = reader.await_calm(CALM)?;
    let found: Vec<_> = heard.iter().map(|event| event.kind).collect();
    ensure_eq!(found, kinds, "events");
    are_in_a_row(&heard)?;
    for event in &heard {
        ensure_eq!(event.device, DEVICE, "device");
    }
    Ok(heard.into_iter().filter_map(|event| event.peer).collect())
}

/// That no event between these is missing.
fn are_in_a_row(heard: &[Event]) -> Result {
    for pair in heard.windows(2) {
        let (seq, next) = (pair[0].seq, pair[1].seq);
        ensure!(next == seq.wrapping_add(1), "{next} comes after {seq}");
    }
    Ok(())
}
