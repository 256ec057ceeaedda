// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Two nodes, a network that delays, loses and repeats, and a clock that jumps from event to event.
#![allow(dead_code, reason = "each user uses its part")]

mod node;

pub use node::{Counts, Node};

use std::net::SocketAddr;

use wireguard_proto::crypto::Crypto;
use wireguard_proto::rustcrypto::RustCrypto;

use super::common::{Party, S};

/// One way through the network.
pub const DELAY: u64 = S / 50;

struct Flight {
    arrival: u64,
    to: usize,
    datagram: Vec<u8>,
}

/// Decides what is lost: by time, sender and datagram.
pub type Loss = Box<dyn FnMut(u64, usize, &[u8]) -> bool>;

/// How long each copy of a datagram is under way.
pub type Copies = Box<dyn FnMut() -> Vec<u64>>;

pub struct World<C: Crypto = RustCrypto> {
    pub nodes: [Node<C>; 2],
    now: u64,
    flights: Vec<Flight>,
    /// What the kernel's timer of each node is set to.
    timers: [Option<u64>; 2],
    pub loss: Loss,
    pub copies: Copies,
}

impl World {
    pub fn new() -> Self {
        Self::of(Party::pair())
    }
}

impl<C: Crypto> World<C> {
    pub fn of((alice, bob): (Party<C>, Party<C>)) -> Self {
        Self {
            nodes: [Node::new(alice, 1), Node::new(bob, 2)],
            now: 0,
            flights: Vec::new(),
            timers: [None; 2],
            loss: Box::new(|_, _, _| false),
            copies: Box::new(|| vec![DELAY]),
        }
    }

    /// Has a node do something now.
    pub fn at<T>(&mut self, who: usize, act: impl FnOnce(&mut Node<C>) -> T) -> T {
        let node = &mut self.nodes[who];
        node.now = self.now;
        let result = act(node);
        self.settle(who);
        result
    }

    /// Lets all happen until this second.
    pub fn run_until(&mut self, secs: u64) {
        self.run_until_nanos(secs * S);
    }

    /// Lets all happen until this nanosecond.
    pub fn run_until_nanos(&mut self, end: u64) {
        while let Some(next) = self.next_event().filter(|next| *next <= end) {
            self.now = next;
            self.step();
        }
        self.now = end;
    }

    /// Has each listed node send one packet every second, up to a second; returns how many each.
    pub fn talk(&mut self, senders: &[usize], until: u64) -> u32 {
        let mut count = 0;
        while self.now < until * S {
            for who in senders {
                let packet = format!("{who} says {}", self.now / S).into_bytes();
                self.at(*who, |node| node.send(packet));
            }
            count += 1;
            self.run_until(self.now / S + 1);
        }
        count
    }

    pub fn seconds(&self) -> u64 {
        self.now / S
    }

    pub fn nanos(&self) -> u64 {
        self.now
    }

    fn next_event(&self) -> Option<u64> {
        let arrivals = self.flights.iter().map(|flight| flight.arrival);
        arrivals.chain(self.timers.iter().copied().flatten()).min()
    }

    fn step(&mut self) {
        for who in 0..2 {
            if self.timers[who].take_if(|at| *at <= self.now).is_some() {
                self.at(who, Node::fire);
            }
        }
        let (landed, flying) = std::mem::take(&mut self.flights)
            .into_iter()
            .partition::<Vec<_>, _>(|flight| flight.arrival <= self.now);
        self.flights = flying;
        for flight in landed {
            let source: SocketAddr = ([192, 0, 2, 1 - flight.to as u8], 51820).into();
            self.at(flight.to, |node| node.receive(&flight.datagram, &source));
        }
    }

    /// Takes the mail and sets the timer of a node that did something.
    fn settle(&mut self, who: usize) {
        for datagram in std::mem::take(&mut self.nodes[who].outbox) {
            if (self.loss)(self.now, who, &datagram) {
                continue;
            }
            let flights = (self.copies)().into_iter().map(|delay| Flight {
                arrival: self.now + delay,
                to: 1 - who,
                datagram: datagram.clone(),
            });
            self.flights.extend(flights);
        }
        if !self.nodes[who].timers.is_running() {
            self.timers[who] = None;
        }
        if let Some(deadline) = self.nodes[who].timers.arm() {
            self.timers[who] = Some(deadline.0);
        }
    }
}
