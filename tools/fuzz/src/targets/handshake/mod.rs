// SPDX-License-Identifier: GPL-2.0

//! Handshakes between three parties over a network that keeps all messages, and delivers them to
//! anybody, in any order, as often as it likes, changed or not, and late.
//!
//! [`model`] knows what must come of each step, without any cryptography: a message is authentic if
//! it is, byte by byte, what its sender made for this receiver. After each step every slot must be
//! as the model has it, and sessions of two sides that belong together must fit each other.

mod model;
mod steps;

use std::collections::HashSet;

use wireguard_proto::crypto::{Crypto, Secret};
use wireguard_proto::handshake::{
    AuthenticatedInitiation, AuthenticatedResponse, Handshake, SessionKeys,
};
use wireguard_proto::identity::{RemoteStatic, StaticIdentity};
use wireguard_proto::messages::{Index, PublicKey};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, WallTime};

use crate::cheap::{self, Cheap};
use crate::input::Input;
use model::{Finished, Sent, Slot};

const PARTIES: usize = 3;

pub fn run(data: &[u8]) {
    cheap::forget_nonces();
    World::<Cheap>::new().run(&mut Input::new(data), 256);
}

/// The same with the real cryptography, which is a hundred times as slow.
pub fn run_for_real(data: &[u8]) {
    World::<RustCrypto>::new().run(&mut Input::new(data), 24);
}

/// A party and the other one it has a slot for.
#[derive(Clone, Copy, Debug)]
struct Place {
    who: usize,
    peer: usize,
}

/// What a party has of another.
struct Peer<C: Crypto> {
    remote: RemoteStatic<C>,
    slot: Handshake<C>,
    /// The byte that the preshared key consists of.
    preshared: u8,
    model: Slot,
}

struct Party<C: Crypto> {
    identity: StaticIdentity<C>,
    /// All parties, itself too, to which it never talks.
    peers: Vec<Peer<C>>,
}

/// What was found authentic and is not brought to its slot yet.
enum Pending<C: Crypto> {
    Initiation {
        place: Place,
        authentic: AuthenticatedInitiation<C>,
        number: usize,
        remote_index: u32,
    },
    Response {
        place: Place,
        authentic: AuthenticatedResponse<C>,
        initiation: usize,
        finished: Finished,
    },
}

struct World<C: Crypto> {
    parties: Vec<Party<C>>,
    sent: Vec<Sent>,
    pending: Vec<Pending<C>>,
    sessions: Vec<(usize, SessionKeys<C>)>,
    keys: HashSet<[u8; 32]>,
    boot: u64,
    wall: WallTime,
    serial: u32,
}

impl<C: Crypto> World<C> {
    fn new() -> Self {
        let identity = |n| StaticIdentity::from_private(key(1, n as u32)).unwrap();
        let publics = [0, 1, 2].map(|n| *identity(n).public());
        Self {
            parties: (0..PARTIES)
                .map(|n| Party::new(identity(n), &publics))
                .collect(),
            sent: Vec::new(),
            pending: Vec::new(),
            sessions: Vec::new(),
            keys: HashSet::new(),
            boot: 0,
            wall: WallTime {
                secs: 1_700_000_000,
                nanos: 0,
            },
            serial: 0,
        }
    }

    fn run(&mut self, input: &mut Input<'_>, steps: usize) {
        for _ in 0..steps {
            if input.is_empty() {
                break;
            }
            self.step(input);
            self.check_slots();
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 16 {
            0 | 1 => self.initiate(place(input)),
            2..=5 => self.deliver(input),
            6 => self.take_pending(input),
            7 | 8 => self.respond(place(input)),
            9 | 10 => self.begin_session(place(input)),
            11 => self.clear(place(input)),
            12 => self.set_preshared(place(input), input.u8() % 3),
            13 => self.boot += u64::from(input.u8()) * 1_000_000,
            14 => self.wall.secs += i64::from(input.u8() as i8),
            _ => self.wall.nanos = input.u32() % 1_000_000_000,
        }
    }

    /// A refused message, or one for another, has left no trace.
    fn check_slots(&self) {
        for peer in self.parties.iter().flat_map(|party| &party.peers) {
            let index = peer.slot.local_index().map(|index| index.0);
            assert_eq!(index, peer.model.local_index);
            let waits = peer.slot.snapshot().is_some();
            assert_eq!(waits, peer.model.initiation().is_some());
        }
    }

    fn boot(&self) -> BootTime {
        BootTime(self.boot)
    }

    fn fresh_serial(&mut self) -> u32 {
        self.serial += 1;
        self.serial
    }

    fn fresh_index(&mut self) -> Index {
        Index(self.fresh_serial() ^ 0xabcd_0000)
    }

    fn peer(&mut self, place: Place) -> &mut Peer<C> {
        &mut self.parties[place.who].peers[place.peer]
    }
}

impl<C: Crypto> Party<C> {
    fn new(identity: StaticIdentity<C>, publics: &[PublicKey]) -> Self {
        let peers = publics.iter().map(|public| Peer {
            remote: RemoteStatic::new(*public, Some(&identity)),
            slot: Handshake::new(),
            preshared: 0,
            model: Slot::default(),
        });
        Self {
            peers: peers.collect(),
            identity,
        }
    }
}

fn place(input: &mut Input<'_>) -> Place {
    let choice = input.below(PARTIES * (PARTIES - 1));
    let who = choice / 2;
    let peer = (who + 1 + choice % 2) % PARTIES;
    Place { who, peer }
}

fn key<C: Crypto>(kind: u8, serial: u32) -> Secret<C, 32> {
    let mut bytes = [kind; 32];
    bytes[4..8].copy_from_slice(&serial.to_be_bytes());
    Secret::from_bytes(bytes)
}
