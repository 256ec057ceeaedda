// SPDX-License-Identifier: GPL-2.0

//! Datagrams to the ports from anybody: noise, and what was once genuine.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use wire_peer::peer::NOW;
use wire_peer::wire::Wire;
use wireguard_proto::constants::INITIATION_LEN;
use wireguard_proto::cookie::CookieMaker;
use wireguard_proto::messages::Initiation;
use wireguard_proto::rustcrypto::RustCrypto;
use zerocopy::{FromBytes, IntoBytes};

use super::{port_of, Context};
use crate::rng::Rng;
use crate::world::{Outcome, DEVICES};

/// Those of messages, and others beside them.
const LENGTHS: [usize; 16] = [
    0, 1, 3, 4, 12, 16, 31, 32, 33, 63, 64, 92, 147, 148, 149, 1452,
];

/// The namespace that most sockets are in.
pub fn sockets_slot(context: &mut Context<'_>) -> usize {
    match context.rng.percent(90) {
        true => 0,
        false => context.slot,
    }
}

/// Sends datagrams to a port of the device, or another one.
fn send(context: &mut Context<'_>, datagrams: &[Vec<u8>]) -> Outcome {
    let port = match context.rng.percent(85) {
        true => context.port(),
        false => port_of(context.rng.below(DEVICES)),
    };
    let address: IpAddr = match context.rng.percent(70) {
        true => Ipv4Addr::LOCALHOST.into(),
        false => Ipv6Addr::LOCALHOST.into(),
    };
    let as_train = context.rng.percent(30);
    let to = SocketAddr::new(address, port);
    let slot = sockets_slot(context);
    context.world.within(slot, || {
        let wire = Wire::bind((address, 0)).map_err(|error| error.to_string())?;
        let result = match as_train {
            true => send_trains(&wire, datagrams, to),
            false => datagrams.iter().try_for_each(|one| wire.send(one, to)),
        };
        Ok(result.map_err(|error| error.to_string())?)
    })
}

/// Several copies of each at once, as segments of one datagram that is received as a whole.
fn send_trains(wire: &Wire, datagrams: &[Vec<u8>], to: SocketAddr) -> wire_peer::tap::Result {
    for one in datagrams.iter().filter(|one| !one.is_empty()) {
        let copies = (60_000 / one.len()).clamp(1, 20);
        wire.send_train(&one.repeat(copies), one.len() as u16, to)?;
    }
    Ok(())
}

pub fn noise(context: &mut Context<'_>) -> Outcome {
    let rng = &mut context.rng;
    let datagrams: Vec<_> = (0..1 + rng.below(32))
        .map(|_| noise_datagram(rng))
        .collect();
    send(context, &datagrams)
}

fn noise_datagram(rng: &mut Rng) -> Vec<u8> {
    let len = match rng.percent(80) {
        true => rng.pick(&LENGTHS),
        false => rng.below(2000),
    };
    let mut datagram = rng.bytes(len);
    if rng.percent(80) {
        let ty = 1 + rng.below(4) as u8;
        datagram
            .iter_mut()
            .zip([ty, 0, 0, 0])
            .for_each(|(byte, right)| *byte = right);
    }
    datagram
}

/// Initiations from nobody, each of which costs the device a key exchange until it is under load.
pub fn initiations(context: &mut Context<'_>) -> Outcome {
    let mut macs = CookieMaker::<RustCrypto>::new(&context.world.publics[context.device]);
    let rng = &mut context.rng;
    let mut initiation = || {
        let mut bytes = rng.bytes(INITIATION_LEN);
        bytes[..4].copy_from_slice(&[1, 0, 0, 0]);
        let mut message = Initiation::read_from_bytes(&bytes).expect("as long as the message");
        macs.add_macs(&mut message, NOW);
        message.as_bytes().to_vec()
    };
    let all: Vec<_> = (0..64).map(|_| initiation()).collect();
    send(context, &all)
}

pub fn mutated(context: &mut Context<'_>) -> Outcome {
    let mut datagrams = recorded(context)?;
    for datagram in &mut datagrams {
        mutate(&mut context.rng, datagram);
    }
    send(context, &datagrams)
}

pub fn replay(context: &mut Context<'_>) -> Outcome {
    let datagrams = recorded(context)?;
    send(context, &datagrams)
}

fn recorded(context: &mut Context<'_>) -> Outcome<Vec<Vec<u8>>> {
    let count = 1 + context.rng.below(16);
    let found: Option<_> = (0..count)
        .map(|_| context.world.recorded(&mut context.rng))
        .collect();
    found.ok_or("nothing has been recorded".into())
}

/// Damages a message: bytes, length, or type.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    match rng.below(8) {
        0 => bytes.truncate(rng.below(bytes.len() + 1)),
        1 => {
            let len = rng.pick(&[1, 16, 17, 1000]);
            bytes.extend(rng.bytes(len));
        }
        2 => bytes
            .iter_mut()
            .take(1)
            .for_each(|ty| *ty = rng.next() as u8),
        3 => bytes
            .iter_mut()
            .skip(4)
            .take(4)
            .for_each(|index| *index = rng.next() as u8),
        4 => bytes
            .iter_mut()
            .skip(8)
            .take(8)
            .for_each(|counter| *counter = rng.pick(&[0, 0xff])),
        _ => (0..1 + rng.below(4)).for_each(|_| flip(rng, bytes)),
    }
}

fn flip(rng: &mut Rng, bytes: &mut [u8]) {
    if !bytes.is_empty() {
        bytes[rng.below(bytes.len())] ^= 1 << rng.below(8);
    }
}
