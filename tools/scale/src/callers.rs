// SPDX-License-Identifier: GPL-2.0

//! Peers with private keys, that begin handshakes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use wire_peer::keys::random_key;
use wire_peer::peer::{is_response, Peer};
use wire_peer::tap::Result;
use wire_peer::wire::{within, Wire};

use crate::device::Device;

/// How many initiations are on their way at a time: fewer than a device takes for a flood.
const AT_A_TIME: usize = 16;
const PATIENCE: Duration = Duration::from_secs(30);

/// Gives the device `count` more peers, and has each of them begin a handshake, from an address of its own in the
/// namespace. Returns how long the answers took; what the callers compute comes before and after that.
pub fn greet(device: &Device, count: u32, namespace: &str, address: IpAddr) -> Result<Duration> {
    let (public, port) = device.identity()?;
    let address = SocketAddr::new(address, port);
    let mut callers = within(namespace, || {
        let callers = 0..count;
        callers
            .map(|number| {
                Peer::of(
                    public,
                    address,
                    Wire::bind((place_of(number), 0))?,
                    0,
                    random_key(),
                )
            })
            .collect::<Result<Vec<Peer>>>()
    })?;
    device.add(callers.iter().map(|caller| caller.public().0))?;
    let calls = callers.iter_mut().map(Peer::initiation);
    let calls = calls.collect::<Result<Vec<_>>>()?;

    let started = Instant::now();
    let mut answers = Vec::with_capacity(callers.len());
    for group in callers
        .iter()
        .zip(&calls)
        .collect::<Vec<_>>()
        .chunks(AT_A_TIME)
    {
        for (caller, (initiation, _)) in group {
            caller.send(zerocopy::IntoBytes::as_bytes(initiation))?;
        }
        for (caller, _) in group {
            answers.push(caller.await_message(PATIENCE, is_response)?);
        }
    }
    let took = started.elapsed();

    for ((caller, (_, handshake)), answer) in callers.iter().zip(calls).zip(&answers) {
        caller.begin(handshake, answer)?;
    }
    Ok(took)
}

/// In 198.19.0.0/16, which is the second half of what RFC 2544 has for benchmarks: one for each.
fn place_of(number: u32) -> Ipv4Addr {
    let [high, low] = (number as u16).to_be_bytes();
    Ipv4Addr::new(198, 19, high, low)
}
