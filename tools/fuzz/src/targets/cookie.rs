// SPDX-License-Identifier: GPL-2.0

//! Both sides of cookies over time, against the formulas of the paper (5.4.4, 5.4.7), written down
//! once more with other libraries, and bookkeeping of who has which cookie since when.

use std::net::{IpAddr, SocketAddr};

use blake2::digest::typenum::{U16, U32};
use blake2::digest::{FixedOutput, Update};
use blake2::Blake2sMac;
use chacha20poly1305::aead::{AeadInOut, KeyInit};
use chacha20poly1305::XChaCha20Poly1305;
use wireguard_proto::cookie::{CookieChecker, CookieError, CookieMaker, Load, MacState, NoReply};
use wireguard_proto::crypto::Secret;
use wireguard_proto::messages::{
    parse, CookieReply, HandshakeMessage, Initiation, Message, PublicKey, Response,
};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::BootTime;
use zerocopy::IntoBytes;

use crate::input::Input;

const SECOND: u64 = 1_000_000_000;

/// The public keys there are: that of the checker, of which the maker knows, and another.
const PUBLIC: [PublicKey; 2] = [PublicKey([7; 32]), PublicKey([8; 32])];

/// An initiation or a response, whatever is in it.
#[derive(Clone, Copy)]
enum Handshake {
    Initiation(Initiation),
    Response(Response),
}

/// Has the same said to either.
macro_rules! each {
    ($handshake:expr, $message:ident => $value:expr) => {
        match $handshake {
            Handshake::Initiation($message) => $value,
            Handshake::Response($message) => $value,
        }
    };
}

struct World {
    checker: CookieChecker<RustCrypto>,
    maker: CookieMaker<RustCrypto>,
    /// Which public key the checker has.
    identity: Option<usize>,
    secret: Option<([u8; 32], u64)>,
    cookie: Option<([u8; 16], u64)>,
    last_mac1: Option<[u8; 16]>,
    message: Handshake,
    replies: Vec<CookieReply>,
    now: u64,
}

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let mut checker = CookieChecker::new();
    checker.set_identity(Some(&PUBLIC[0]));
    let mut world = World {
        checker,
        maker: CookieMaker::new(&PUBLIC[0]),
        identity: Some(0),
        secret: None,
        cookie: None,
        last_mac1: None,
        message: message(&mut input),
        replies: Vec::new(),
        now: 0,
    };
    for _ in 0..64 {
        if input.is_empty() {
            break;
        }
        world.step(&mut input);
    }
}

fn message(input: &mut Input<'_>) -> Handshake {
    let (kind, sender, body) = (input.u8() % 2, input.u32(), input.array::<16>());
    let mut bytes = vec![0x5a; [148, 92][usize::from(kind)]];
    bytes[..4].copy_from_slice(&[kind + 1, 0, 0, 0]);
    bytes[4..8].copy_from_slice(&sender.to_le_bytes());
    bytes[8..24].copy_from_slice(&body);
    match parse(&bytes) {
        Ok(Message::Initiation(message)) => Handshake::Initiation(*message),
        Ok(Message::Response(message)) => Handshake::Response(*message),
        _ => unreachable!("types and lengths are right"),
    }
}

fn source(input: &mut Input<'_>) -> SocketAddr {
    let port = u16::from(input.u8() % 4) * 257;
    match input.u8() % 4 {
        last @ 0..2 => ([192, 0, 2, last], port).into(),
        last => (
            [0, 0, 0, 0, 0, 0xffff, 0xc000, 0x0200 + u16::from(last)],
            port,
        )
            .into(),
    }
}

impl World {
    fn step(&mut self, input: &mut Input<'_>) {
        match input.u8() % 10 {
            0 => self.now += u64::from(input.u8()) * SECOND,
            1 => self.now += input.u64() % (2 * SECOND),
            2 => self.set_secret(input.u8()),
            3 => self.set_identity(input.below(3)),
            4 => self.message = message(input),
            5 => self.damage(input),
            6 => self.add_macs(),
            7 => self.check(&source(input)),
            8 => self.reply(&source(input), input.u8()),
            _ => self.consume(input),
        }
        let is_stale = self.fresh_secret().is_none();
        assert_eq!(self.checker.needs_secret(BootTime(self.now)), is_stale);
    }

    fn set_secret(&mut self, byte: u8) {
        let secret = [byte; 32];
        let now = BootTime(self.now);
        self.checker.set_secret(Secret::from_bytes(secret), now);
        self.secret = Some((secret, self.now));
    }

    fn set_identity(&mut self, choice: usize) {
        self.identity = (choice < 2).then_some(choice);
        self.checker
            .set_identity(self.identity.map(|choice| &PUBLIC[choice]));
    }

    fn damage(&mut self, input: &mut Input<'_>) {
        let bytes = each!(&mut self.message, message => HandshakeMessage::as_mut_bytes(message));
        let at = 4 + usize::from(input.u8()) % (bytes.len() - 4);
        bytes[at] ^= input.u8();
    }

    fn add_macs(&mut self) {
        let now = BootTime(self.now);
        each!(&mut self.message, message => self.maker.add_macs(message, now));
        let (body, macs) = split(&self.message);
        let mac1 = mac1(&PUBLIC[0], body);
        assert_eq!(macs[..16], mac1);
        let expected = match &self.cookie {
            Some((cookie, birth)) if self.now - birth < 115 * SECOND => mac2(cookie, body, &mac1),
            _ => [0; 16],
        };
        assert_eq!(macs[16..], expected);
        self.last_mac1 = Some(mac1);
    }

    fn check(&self, source: &SocketAddr) {
        let (body, macs) = split(&self.message);
        let (mac1, valid1) = (&macs[..16], self.identity.map(|n| mac1(&PUBLIC[n], body)));
        let cookie = self.fresh_secret().map(|secret| cookie(secret, source));
        let mac2 = cookie.map(|cookie| mac2(&cookie, body, mac1));
        for load in [Load::Normal, Load::UnderLoad] {
            let now = BootTime(self.now);
            let expected = match load {
                _ if valid1.is_none_or(|valid| mac1 != valid) => MacState::Invalid,
                Load::UnderLoad if mac2.is_some_and(|mac2| macs[16..] == mac2) => {
                    MacState::ValidMac2
                }
                Load::Normal | Load::UnderLoad => MacState::ValidMac1,
            };
            let verdict =
                each!(&self.message, message => self.checker.check(message, source, now, load));
            assert_eq!(verdict, expected);
        }
    }

    fn reply(&mut self, source: &SocketAddr, nonce: u8) {
        let (nonce, now) = ([nonce; 24], BootTime(self.now));
        let reply =
            each!(&self.message, message => self.checker.create_reply(message, source, nonce, now));
        let (Some(identity), Some(secret)) = (self.identity, self.fresh_secret()) else {
            return assert_eq!(reply.err(), Some(NoReply));
        };
        let reply = reply.expect("an identity and a secret");
        let sender = each!(&self.message, message => message.sender_index());
        assert_eq!(reply.receiver(), sender);
        let (_, macs) = split(&self.message);
        let opened = open(&PUBLIC[identity], &reply, &macs[..16]);
        assert_eq!(opened, Some(cookie(secret, source)));
        self.replies.push(reply);
    }

    fn consume(&mut self, input: &mut Input<'_>) {
        if self.replies.is_empty() {
            return;
        }
        let choice = input.below(self.replies.len());
        let mut bytes = self.replies[choice].as_bytes().to_vec();
        if input.flag() {
            let at = 4 + input.below(60);
            bytes[at] ^= input.u8();
        }
        let Ok(Message::CookieReply(reply)) = parse(&bytes) else {
            unreachable!("type and length are as they were");
        };
        let opened = self.last_mac1.map(|mac1| open(&PUBLIC[0], reply, &mac1));
        let expected = match opened {
            None => Err(CookieError::Unasked),
            Some(None) => Err(CookieError::Unauthentic),
            Some(Some(_)) => Ok(()),
        };
        let now = BootTime(self.now);
        assert_eq!(self.maker.consume_reply(reply, now), expected);
        if let Some(Some(cookie)) = opened {
            self.cookie = Some((cookie, self.now));
            self.last_mac1 = None;
        }
    }

    fn fresh_secret(&self) -> Option<&[u8; 32]> {
        let (secret, birth) = self.secret.as_ref()?;
        (self.now - birth < 120 * SECOND).then_some(secret)
    }
}

/// What mac1 covers, and both macs.
fn split(message: &Handshake) -> (&[u8], &[u8]) {
    let bytes = each!(message, message => HandshakeMessage::as_bytes(message));
    bytes.split_at(bytes.len() - 32)
}

fn hash(label: &[u8; 8], public: &PublicKey) -> [u8; 32] {
    let mut state = Blake2sMac::<U32>::new_with_salt_and_personal(None, &[], &[]).unwrap();
    state.update(label);
    state.update(&public.0);
    state.finalize_fixed().into()
}

fn mac(key: &[u8], parts: &[&[u8]]) -> [u8; 16] {
    let mut state = Blake2sMac::<U16>::new_with_salt_and_personal(Some(key), &[], &[]).unwrap();
    parts.iter().for_each(|part| state.update(part));
    state.finalize_fixed().into()
}

fn mac1(public: &PublicKey, body: &[u8]) -> [u8; 16] {
    mac(&hash(b"mac1----", public), &[body])
}

fn mac2(cookie: &[u8; 16], body: &[u8], mac1: &[u8]) -> [u8; 16] {
    mac(cookie, &[body, mac1])
}

fn cookie(secret: &[u8; 32], source: &SocketAddr) -> [u8; 16] {
    let port = source.port().to_be_bytes();
    match source.ip() {
        IpAddr::V4(ip) => mac(secret, &[&ip.octets(), &port]),
        IpAddr::V6(ip) => mac(secret, &[&ip.octets(), &port]),
    }
}

fn open(public: &PublicKey, reply: &CookieReply, mac1: &[u8]) -> Option<[u8; 16]> {
    let bytes = reply.as_bytes();
    let cipher = XChaCha20Poly1305::new(&hash(b"cookie--", public).into());
    let nonce: [u8; 24] = bytes[8..32].try_into().unwrap();
    let tag: [u8; 16] = bytes[48..].try_into().unwrap();
    let mut cookie: [u8; 16] = bytes[32..48].try_into().unwrap();
    let text = cookie.as_mut_slice().into();
    let opened = cipher.decrypt_inout_detached(&nonce.into(), mac1, text, &tag.into());
    opened.ok().map(|()| cookie)
}
