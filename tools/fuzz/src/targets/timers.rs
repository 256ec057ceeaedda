// SPDX-License-Identifier: GPL-2.0

//! Two parties in virtual time, on a network that loses, repeats, delays and reorders, with all that
//! may happen to them: restarts, suspend, clocks set by hand, load, interfaces that go down and up.
//!
//! At all times
//!
//! - packets come out once at most, and only those that went in;
//! - there are five seconds at least between two initiations of one party;
//! - no key that is too old is sent under, and no nonce is used twice with a key (the cryptography
//!   itself watches over that: see [`cheap`]);
//! - timers fire, and messages go out that carry nothing, about as often as something happens, and a
//!   few times a second besides.
//!
//! Once the network works and somebody talks, packets arrive again before long. Once nobody talks,
//! all falls silent and all secrets are forgotten.

use std::cell::RefCell;
use std::collections::HashSet;
use std::rc::Rc;
use std::time::Duration;

use wireguard_proto::awg::Span;
use wireguard_proto::constants::{REJECT_AFTER_TIME, REKEY_TIMEOUT};
use wireguard_proto::cookie::Load;

use crate::cheap::{self, Cheap};
use crate::common::{Party, Random, S};
use crate::input::Input;
use crate::sim::{World, DELAY};

/// Seconds after which packets must arrive again: fifteen of silence until the sender believes that
/// its session is broken, and an initiation every five, the first two of which earn a cookie each
/// way. A third of a second of jitter is added to each.
const RECOVERY: u64 = 15 + 5 * 5 + 2;

/// Seconds after which nothing is left of a session: the last handshake is given up, and the keys
/// live three times 180.
const OBLIVION: u64 = 110 + 540 + 10;

/// How often a timer may fire in a second in which nothing happens: once for each of the five, and
/// early now and then. So many messages may go out, too.
const IDLE: u64 = 8;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    cheap::forget_nonces();
    let mut life = Life::new(input.u32());
    for _ in 0..40 {
        if input.is_empty() {
            break;
        }
        life.step(&mut input);
    }
    life.recover(input.u8());
    life.fall_silent();
}

/// How bad the network is.
#[derive(Clone, Copy)]
struct Quality {
    /// Of 256 datagrams, so many are lost, and so many come twice.
    lost: u8,
    repeated: u8,
    /// What delay varies by, in nanoseconds.
    jitter: u64,
}

const PERFECT: Quality = Quality {
    lost: 0,
    repeated: 0,
    jitter: 0,
};

struct Life {
    world: World<Cheap>,
    quality: Rc<RefCell<Quality>>,
    /// How many packets each party was given to send.
    said: [u64; 2],
    heard: [HashSet<Vec<u8>>; 2],
    /// The most that a wall clock was ahead.
    wall_ahead: i64,
    /// What each party had done when it was last looked at.
    seen: [Activity; 2],
}

/// Counts of one party.
#[derive(Clone, Copy, Default)]
struct Activity {
    /// Packets and datagrams that it was given.
    given: u64,
    fired: u64,
    /// Messages without packets.
    sent: u64,
}

impl Life {
    fn new(seed: u32) -> Self {
        let mut world = World::of(Party::pair_of());
        let quality = Rc::new(RefCell::new(PERFECT));
        let (network, mut dice) = (quality.clone(), Random(seed.into()));
        world.copies = Box::new(move || copies(*network.borrow(), &mut dice));
        Self {
            world,
            quality,
            said: [0; 2],
            heard: Default::default(),
            wall_ahead: 0,
            seen: Default::default(),
        }
    }

    fn step(&mut self, input: &mut Input<'_>) {
        let (kind, who, value) = (input.u8(), input.below(2), input.u8());
        match kind % 16 {
            0..3 => self.say(who),
            3 => (0..value % 8).for_each(|_| self.say(who)),
            4 => (0..value % 32).for_each(|_| {
                self.say(who);
                self.pass(S);
            }),
            5 => self.world.at(who, |node| node.erase()),
            6 => self.world.nodes[who].suspended += u64::from(value) * 4 * S,
            7 => self.set_wall(who, value),
            8 => self.world.nodes[who].load = load(value),
            9 => self.set_keepalive(who, u16::from(value)),
            10 => self.world.at(who, |node| node.stop()),
            11 => self.world.at(who, |node| node.start()),
            12 => self.quality.borrow_mut().lost = value,
            13 => self.quality.borrow_mut().repeated = value,
            14 => self.quality.borrow_mut().jitter = u64::from(value) * S / 32,
            _ => {}
        }
        self.pass(match input.u8() {
            seconds @ 0..128 => u64::from(seconds) * S,
            tenths @ 128..192 => u64::from(tenths - 128) * S / 10,
            millis => u64::from(millis - 192) * S / 1000,
        });
    }

    fn say(&mut self, who: usize) {
        let packet = packet(who, self.said[who]);
        self.said[who] += 1;
        self.world.at(who, |node| node.send(packet));
    }

    /// A wall clock is set: ahead, or back to where it was at the start at most.
    fn set_wall(&mut self, who: usize, value: u8) {
        let ahead = i64::from(value) * 3;
        self.wall_ahead = self.wall_ahead.max(ahead);
        self.world.nodes[who].wall_ahead = ahead;
    }

    fn set_keepalive(&mut self, who: usize, secs: u16) {
        self.world.at(who, |node| {
            node.set_persistent_keepalive(Span::single(secs))
        });
    }

    /// Lets time pass, and looks at what it brought, second by second.
    fn pass(&mut self, nanos: u64) {
        let end = self.world.nanos() + nanos;
        loop {
            let next = end.min(self.world.nanos() + S);
            self.world.run_until_nanos(next);
            for who in 0..2 {
                self.check_activity(who);
                self.check_node(who);
                self.listen(who);
            }
            if next == end {
                break;
            }
        }
    }

    fn check_activity(&mut self, who: usize) {
        let (before, after) = (self.seen[who], self.activity(who));
        let most = IDLE + 2 * (after.given - before.given);
        let (fired, sent) = (after.fired - before.fired, after.sent - before.sent);
        assert!(fired <= most, "{fired} timers in a second");
        assert!(sent <= most, "{sent} messages in a second");
        self.seen[who] = after;
    }

    fn activity(&self, who: usize) -> Activity {
        let node = &self.world.nodes[who];
        let sent = node.sent;
        let handshakes = sent.initiations + sent.responses + sent.cookie_replies;
        Activity {
            given: self.said[who] + u64::from(node.received),
            fired: node.fired.into(),
            sent: (handshakes + sent.keepalives).into(),
        }
    }

    fn check_node(&self, who: usize) {
        let node = &self.world.nodes[who];
        let oldest = Duration::from_nanos(node.oldest_key);
        assert!(oldest < REJECT_AFTER_TIME, "sent under an expired key");
        let least = REKEY_TIMEOUT.as_nanos() as u64;
        for pair in node.initiated.windows(2) {
            assert!(pair[1].0 - pair[0].0 >= least, "too many initiations");
        }
    }

    fn listen(&mut self, who: usize) {
        for packet in std::mem::take(&mut self.world.nodes[who].delivered) {
            let number = u64::from_le_bytes(packet[1..].try_into().unwrap());
            assert_eq!(usize::from(packet[0]), 1 - who);
            assert!(number < self.said[1 - who], "a packet that nobody sent");
            assert!(self.heard[who].insert(packet), "a packet came twice");
        }
    }

    /// The network works, the clocks go right, and one or both talk.
    fn recover(&mut self, choice: u8) {
        *self.quality.borrow_mut() = PERFECT;
        for who in 0..2 {
            self.world.nodes[who].wall_ahead = self.wall_ahead;
            self.world.at(who, |node| node.start());
        }
        let talkers = [&[0][..], &[1], &[0, 1]][usize::from(choice % 3)];
        let mut last = [0; 2];
        for second in 0..RECOVERY + 3 {
            if second == RECOVERY {
                last = self.said;
            }
            talkers.iter().for_each(|who| self.say(*who));
            self.pass(S);
        }
        for who in talkers {
            for number in last[*who]..self.said[*who] {
                let is_heard = self.heard[1 - who].contains(&packet(*who, number));
                assert!(is_heard, "no way through after {RECOVERY} seconds");
            }
        }
    }

    fn fall_silent(&mut self) {
        for who in 0..2 {
            self.set_keepalive(who, 0);
        }
        self.pass(OBLIVION * S);
        for node in &self.world.nodes {
            assert!(!node.has_secrets(), "secrets outlive their time");
            assert_eq!(node.timers.next_deadline(), None);
        }
    }
}

fn packet(who: usize, number: u64) -> Vec<u8> {
    let mut packet = vec![who as u8];
    packet.extend(number.to_le_bytes());
    packet
}

fn load(value: u8) -> Load {
    match value % 2 {
        0 => Load::Normal,
        _ => Load::UnderLoad,
    }
}

/// How long each copy of a datagram is under way.
fn copies(quality: Quality, dice: &mut Random) -> Vec<u64> {
    if dice.below(256) < quality.lost.into() {
        return Vec::new();
    }
    let count = 1 + usize::from(dice.below(256) < quality.repeated.into());
    let delays = (0..count).map(|_| DELAY + dice.below(quality.jitter + 1));
    delays.collect()
}
