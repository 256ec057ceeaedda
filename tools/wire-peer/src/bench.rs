// SPDX-License-Identifier: GPL-2.0

//! What tests work with: the device under test and its peers.

use std::time::{Duration, Instant};

use wireguard_proto::crypto::Crypto;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::dut::Dut;
use crate::keys::{random_key, LowOrder};
use crate::peer::Peer;
use crate::tap::{report, Result};

/// Numbers of peers begin here: lower ones are the device and the script's own.
const FIRST: u8 = 10;

pub struct Bench {
    pub dut: Dut,
    next: u8,
    failures: usize,
}

impl Bench {
    pub fn new() -> Result<Self> {
        Ok(Self {
            dut: Dut::create()?,
            next: FIRST,
            failures: 0,
        })
    }

    /// A peer that the device knows, but not where it is.
    pub fn peer(&mut self) -> Result<Peer> {
        self.peer_of()
    }

    /// A peer that can cheat.
    pub fn cheat(&mut self) -> Result<Peer<LowOrder>> {
        self.peer_of()
    }

    fn peer_of<C: Crypto>(&mut self) -> Result<Peer<C>> {
        let peer = self.newcomer_of()?;
        peer.join(&self.dut)?;
        Ok(peer)
    }

    /// A peer that the device does not know yet.
    pub fn newcomer(&mut self) -> Result<Peer> {
        self.newcomer_of()
    }

    fn newcomer_of<C: Crypto>(&mut self) -> Result<Peer<C>> {
        let number = self.next;
        self.next = self.next.checked_add(1).ok_or("too many peers")?;
        Peer::stranger(&self.dut, number, random_key())
    }

    /// A peer that the device can send to.
    pub fn known_peer(&mut self) -> Result<Peer> {
        let peer = self.peer()?;
        peer.set_endpoint(&self.dut)?;
        Ok(peer)
    }

    /// Somebody whom the device does not know.
    pub fn stranger(&self) -> Result<Peer<RustCrypto>> {
        Peer::stranger(&self.dut, 0, random_key())
    }

    /// Runs one test and prints its result.
    pub fn test(&mut self, name: &str, test: impl FnOnce(&mut Self) -> Result) {
        let started = Instant::now();
        let result = test(self);
        if !report(name, result) {
            self.fail();
        }
        let took = started.elapsed();
        if took > Duration::from_secs(10) {
            println!("# that took {} s", took.as_secs());
        }
    }

    /// Counts a failure that has been reported.
    pub fn fail(&mut self) {
        self.failures += 1;
    }

    pub fn has_passed(&self) -> bool {
        self.failures == 0
    }
}
