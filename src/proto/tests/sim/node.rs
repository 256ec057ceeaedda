// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! A peer as small as the protocol allows: one other peer, three sessions, no sockets.

use std::cell::Cell;
use std::net::SocketAddr;

use wireguard_proto::awg::pace::{Dice, Pace};
use wireguard_proto::awg::Span;
use wireguard_proto::cookie::{CookieChecker, CookieMaker, Load, MacState};
use wireguard_proto::crypto::Crypto;
use wireguard_proto::handshake::SessionKeys;
use wireguard_proto::messages::{
    parse, Counter, Data, HandshakeMessage, Index, Initiation, Message, Response,
};
use wireguard_proto::replay::ReplayWindow;
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, MonoTime, WallTime};
use wireguard_proto::timers::{Expired, KeepaliveChange, Leaving, Retry, Timers};
use wireguard_proto::transport::{self, Lifetime};

use super::super::common::{Party, Random, S};

/// What a node has sent, by kind.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Counts {
    pub initiations: u32,
    pub responses: u32,
    pub cookie_replies: u32,
    pub keepalives: u32,
    pub data: u32,
}

struct Live<C: Crypto> {
    keys: SessionKeys<C>,
    birth: BootTime,
    lifetime: Lifetime,
    counter: u64,
    window: ReplayWindow,
}

/// Draws of one event.
struct Draws {
    pace: Option<Pace>,
    seed: Cell<u64>,
}

impl Dice for Draws {
    fn pace(&self) -> Option<Pace> {
        self.pace
    }

    fn random(&self) -> u32 {
        let mut random = Random(self.seed.get());
        let drawn = random.next() as u32;
        self.seed.set(random.0);
        drawn
    }
}

pub struct Node<C: Crypto = RustCrypto> {
    party: Party<C>,
    pub timers: Timers,
    /// WireGuard's if there is none.
    pub pace: Option<Pace>,
    maker: CookieMaker<C>,
    checker: CookieChecker<C>,
    pub load: Load,
    previous: Option<Live<C>>,
    current: Option<Live<C>>,
    next: Option<Live<C>>,
    staged: Vec<Vec<u8>>,
    random: Random,
    pub now: u64,
    /// How long it was suspended: the clock of timers stands still then.
    pub suspended: u64,
    /// What its wall clock is ahead, in seconds.
    pub wall_ahead: i64,
    /// Datagrams to be carried away.
    pub outbox: Vec<Vec<u8>>,
    /// Packets that came in.
    pub delivered: Vec<Vec<u8>>,
    pub sent: Counts,
    pub gave_up: u32,
    pub sessions: u32,
    /// When it sent initiations, since it came up.
    pub initiated: Vec<BootTime>,
    /// The age in nanoseconds of the oldest key that it has sent anything under.
    pub oldest_key: u64,
    /// How often its timer fired.
    pub fired: u32,
    /// How many datagrams came in.
    pub received: u32,
}

impl<C: Crypto> Node<C> {
    pub fn new(party: Party<C>, seed: u64) -> Self {
        let mut checker = CookieChecker::new();
        checker.set_identity(Some(party.identity.public()));
        let mut timers = Timers::new();
        timers.start();
        Self {
            maker: CookieMaker::new(party.remote.public()),
            party,
            timers,
            pace: None,
            checker,
            load: Load::Normal,
            previous: None,
            current: None,
            next: None,
            staged: Vec::new(),
            random: Random(seed),
            now: 0,
            suspended: 0,
            wall_ahead: 0,
            outbox: Vec::new(),
            delivered: Vec::new(),
            sent: Counts::default(),
            gave_up: 0,
            sessions: 0,
            initiated: Vec::new(),
            oldest_key: 0,
            fired: 0,
            received: 0,
        }
    }

    fn boot(&self) -> BootTime {
        BootTime(self.now + self.suspended)
    }

    fn mono(&self) -> MonoTime {
        MonoTime(self.now)
    }

    fn wall(&self) -> WallTime {
        let since = self.boot().0;
        WallTime {
            secs: 1_700_000_000 + self.wall_ahead + (since / S) as i64,
            nanos: (since % S) as u32,
        }
    }

    fn fresh_index(&mut self) -> Index {
        Index(self.random.next() as u32)
    }

    fn dice(&mut self) -> Draws {
        Draws {
            pace: self.pace,
            seed: Cell::new(self.random.next()),
        }
    }

    /// Goes on to other random numbers.
    pub fn draw(&mut self, count: u32) {
        (0..count).for_each(|_| {
            self.random.next();
        });
    }

    pub fn has_secrets(&self) -> bool {
        let sessions = [&self.previous, &self.current, &self.next];
        sessions.iter().any(|slot| slot.is_some()) || self.party.slot.local_index().is_some()
    }

    /// Forgets all sessions, as a restart does.
    pub fn erase(&mut self) {
        (self.previous, self.current, self.next) = (None, None, None);
        self.party.slot.clear();
    }

    /// The interface goes down.
    pub fn stop(&mut self) {
        self.timers.stop();
        self.timers.forget_last_handshake_sent();
        self.initiated.clear();
        self.staged.clear();
        self.erase();
    }

    /// The interface comes up.
    pub fn start(&mut self) {
        self.timers.start();
        if !self.timers.persistent_keepalive().is_zero() {
            self.send_keepalive();
        }
    }

    pub fn set_persistent_keepalive(&mut self, secs: Span<u16>) {
        let change = self.timers.set_persistent_keepalive(secs);
        if change == KeepaliveChange::SendNow && self.timers.is_running() {
            self.send_keepalive();
        }
    }

    /// A packet from above.
    pub fn send(&mut self, packet: Vec<u8>) {
        if self.timers.is_running() {
            self.staged.push(packet);
            self.flush();
        }
    }

    fn send_keepalive(&mut self) {
        if self.staged.is_empty() {
            self.staged.push(Vec::new());
        }
        self.flush();
    }

    fn flush(&mut self) {
        let (mono, boot, count) = (self.mono(), self.boot(), self.staged.len() as u64);
        if count == 0 {
            return;
        }
        let Some(session) = self.current.as_mut().filter(|session| {
            transport::may_send(&session.lifetime, boot, session.counter)
                && transport::may_number(session.counter, count)
        }) else {
            return self.request_initiation(Retry::No);
        };
        let mut leaving = Leaving::NoData;
        for packet in self.staged.drain(..) {
            let mut message = vec![0; transport::message_len(packet.len()).unwrap()];
            let (keys, counter) = (&session.keys, Counter(session.counter));
            transport::seal(
                &mut message,
                &keys.send,
                keys.remote_index,
                counter,
                &packet,
            )
            .unwrap();
            session.counter += 1;
            if transport::is_keepalive(message.len()) {
                self.sent.keepalives += 1;
            } else {
                self.sent.data += 1;
                leaving = Leaving::Data;
            }
            self.outbox.push(message);
        }
        let (role, birth, counter) = (session.keys.role, session.birth, session.counter);
        let lifetime = session.lifetime;
        self.oldest_key = self.oldest_key.max(boot.0.saturating_sub(birth.0));
        let dice = self.dice();
        self.timers.packets_leave(mono, leaving, &dice);
        if transport::rekey_due_after_send(role, &lifetime, || boot, counter) {
            self.request_initiation(Retry::No);
        }
    }

    fn request_initiation(&mut self, retry: Retry) {
        if self.timers.initiation_requested(retry, self.boot()) {
            self.initiate();
        }
    }

    fn initiate(&mut self) {
        let dice = self.dice();
        if !self.timers.begin_initiation(self.boot(), &dice) {
            return;
        }
        let (ephemeral, index, now) = (self.random.key(), self.fresh_index(), self.wall());
        let party = &mut self.party;
        let created = party
            .slot
            .create_initiation(&party.identity, &party.remote, ephemeral, index, now)
            .unwrap();
        self.post(created.message);
        self.sent.initiations += 1;
        self.initiated.push(self.boot());
        self.timers
            .handshake_initiated(self.mono(), self.boot(), &dice);
    }

    fn post(&mut self, mut message: impl HandshakeMessage) {
        self.maker.add_macs(&mut message, self.boot());
        self.outbox.push(message.as_bytes().to_vec());
    }

    /// A datagram from the other side.
    pub fn receive(&mut self, datagram: &[u8], source: &SocketAddr) {
        if !self.timers.is_running() {
            return;
        }
        self.received += 1;
        match parse(datagram).unwrap() {
            Message::Initiation(message) => {
                if self.is_welcome(message, source) {
                    self.receive_initiation(message);
                }
            }
            Message::Response(message) => {
                if self.is_welcome(message, source) {
                    self.receive_response(message);
                }
            }
            Message::CookieReply(reply) => {
                let _ = self.maker.consume_reply(reply, self.boot());
            }
            Message::Data(data) => self.receive_data(&data),
        }
    }

    fn is_welcome(&mut self, message: &impl HandshakeMessage, source: &SocketAddr) -> bool {
        let boot = self.boot();
        if self.checker.needs_secret(boot) {
            self.checker.set_secret(self.random.key(), boot);
        }
        match (
            self.checker.check(message, source, boot, self.load),
            self.load,
        ) {
            (MacState::Invalid, _) => panic!("our own peers know us"),
            (MacState::ValidMac2, _) | (MacState::ValidMac1, Load::Normal) => true,
            (MacState::ValidMac1, Load::UnderLoad) => {
                let nonce = std::array::from_fn(|_| self.random.next() as u8);
                let reply = self.checker.create_reply(message, source, nonce, boot);
                let reply = reply.unwrap();
                self.outbox
                    .push(zerocopy::IntoBytes::as_bytes(&reply).to_vec());
                self.sent.cookie_replies += 1;
                false
            }
        }
    }

    fn receive_initiation(&mut self, message: &Initiation) {
        let authentic = self.party.open(message).unwrap();
        if self
            .party
            .slot
            .accept_initiation(authentic, self.boot())
            .is_err()
        {
            return;
        }
        let (ephemeral, index) = (self.random.key(), self.fresh_index());
        let party = &mut self.party;
        let created = party
            .slot
            .create_response(&party.remote, ephemeral, index)
            .unwrap();
        let session = self.begin_session();
        self.next = Some(session);
        self.previous = None;
        self.post(created.message);
        self.sent.responses += 1;
        let dice = self.dice();
        self.timers
            .handshake_responded(self.mono(), self.boot(), &dice);
        self.timers.packets_received(self.mono(), 0, &dice);
    }

    fn begin_session(&mut self) -> Live<C> {
        let dice = self.dice();
        self.timers.session_derived(self.mono(), &dice);
        self.sessions += 1;
        Live {
            keys: self.party.slot.begin_session().unwrap(),
            birth: self.boot(),
            lifetime: Lifetime::begin(self.boot(), &dice),
            counter: 0,
            window: ReplayWindow::new(),
        }
    }

    fn receive_response(&mut self, message: &Response) {
        let party = &self.party;
        let Some(pending) = party.slot.snapshot() else {
            return;
        };
        let Ok(authentic) = pending.open_response(&party.identity, &party.remote, message) else {
            return;
        };
        self.party.slot.accept_response(authentic).unwrap();
        let session = self.begin_session();
        self.previous = self.next.take().or(self.current.take());
        self.current = Some(session);
        self.timers.handshake_complete(self.wall());
        let dice = self.dice();
        self.timers.packets_received(self.mono(), 0, &dice);
        self.send_keepalive();
    }

    fn receive_data(&mut self, data: &Data<'_>) {
        let boot = self.boot();
        let slots = [&mut self.previous, &mut self.current, &mut self.next];
        let Some(session) = slots
            .into_iter()
            .flatten()
            .find(|session| session.keys.local_index == data.header.receiver())
        else {
            return;
        };
        if !transport::may_receive(&session.lifetime, boot, session.window.next()) {
            return;
        }
        let mut packet = vec![0; data.ciphertext.len() - 16];
        transport::open(&mut packet, &session.keys.receive, data).unwrap();
        if !session.window.accept(data.header.counter()) {
            return;
        }
        self.confirm(data.header.receiver());
        self.rekey_if_last_minute();
        let is_data = !packet.is_empty();
        let dice = self.dice();
        self.timers
            .packets_received(self.mono(), usize::from(is_data), &dice);
        if is_data {
            self.delivered.push(packet);
        }
    }

    /// The first data of a session we responded to makes it current.
    fn confirm(&mut self, index: Index) {
        if let Some(session) = self
            .next
            .take_if(|session| session.keys.local_index == index)
        {
            self.previous = self.current.replace(session);
            self.timers.handshake_complete(self.wall());
            self.flush();
        }
    }

    fn rekey_if_last_minute(&mut self) {
        let boot = self.boot();
        let is_due = self.current.as_ref().is_some_and(|session| {
            transport::may_send(&session.lifetime, boot, session.counter)
                && transport::rekey_due_after_receive(session.keys.role, &session.lifetime, || boot)
        });
        if is_due && self.timers.take_last_minute() {
            self.request_initiation(Retry::No);
        }
    }

    /// The one timer fired.
    pub fn fire(&mut self) {
        self.timers.fired();
        self.fired += 1;
        let dice = self.dice();
        while let Some(expired) = self.timers.expire(self.mono(), &dice) {
            match expired {
                Expired::RetransmitHandshake { .. } => self.request_initiation(Retry::Yes),
                Expired::GiveUp { .. } => {
                    self.gave_up += 1;
                    self.staged.clear();
                }
                Expired::SendKeepalive | Expired::PersistentKeepalive => self.send_keepalive(),
                Expired::NewHandshake => self.request_initiation(Retry::No),
                Expired::ZeroKeys => self.erase(),
            }
        }
    }
}
