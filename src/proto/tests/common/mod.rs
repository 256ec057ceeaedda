// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What the tests share: short names, random numbers that repeat, and a party to a handshake.
#![allow(dead_code, reason = "each test uses its part")]

use wireguard_proto::crypto::{Crypto, Secret};
use wireguard_proto::handshake::{
    AuthenticatedInitiation, AuthenticatedResponse, Handshake, HandshakeError, IncomingInitiation,
    SessionKeys,
};
use wireguard_proto::identity::{RemoteStatic, StaticIdentity};
use wireguard_proto::messages::{
    parse, HandshakeMessage, Index, Initiation, Message, PublicKey, Response,
};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, WallTime};

pub type Key = Secret<RustCrypto, 32>;
pub type Session = SessionKeys<RustCrypto>;

pub const S: u64 = 1_000_000_000;

pub fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32])
}

pub fn boot(secs: u64) -> BootTime {
    BootTime(secs * S)
}

pub fn wall(secs: i64) -> WallTime {
    WallTime { secs, nanos: 0 }
}

/// SplitMix64: small, and the same on every run.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub fn bytes(&mut self) -> [u8; 32] {
        std::array::from_fn(|_| self.next() as u8)
    }

    pub fn key<C: Crypto>(&mut self) -> Secret<C, 32> {
        Secret::from_bytes(self.bytes())
    }
}

/// One side, with one peer.
pub struct Party<C: Crypto = RustCrypto> {
    pub identity: StaticIdentity<C>,
    pub remote: RemoteStatic<C>,
    pub slot: Handshake<C>,
}

impl Party {
    /// Two parties that know each other and share a preshared key.
    pub fn pair() -> (Self, Self) {
        Self::pair_of()
    }

    pub fn new(private: [u8; 32], remote_private: [u8; 32]) -> Self {
        Self::knowing(private, remote_private)
    }

    pub fn toward(private: [u8; 32], remote: PublicKey) -> Self {
        Self::addressing(private, remote)
    }
}

impl<C: Crypto> Party<C> {
    /// Like [`Party::pair`], with any cryptography.
    pub fn pair_of() -> (Self, Self) {
        let (alice, bob) = ([1; 32], [2; 32]);
        let mut pair = (Self::knowing(alice, bob), Self::knowing(bob, alice));
        pair.0.remote.set_preshared_key(Secret::from_bytes([3; 32]));
        pair.1.remote.set_preshared_key(Secret::from_bytes([3; 32]));
        pair
    }

    fn knowing(private: [u8; 32], remote_private: [u8; 32]) -> Self {
        let remote = StaticIdentity::<C>::from_private(Secret::from_bytes(remote_private));
        Self::addressing(private, *remote.unwrap().public())
    }

    fn addressing(private: [u8; 32], remote: PublicKey) -> Self {
        let identity = StaticIdentity::from_private(Secret::from_bytes(private)).unwrap();
        Self {
            remote: RemoteStatic::new(remote, Some(&identity)),
            identity,
            slot: Handshake::new(),
        }
    }

    pub fn initiate(&mut self, ephemeral: u8, index: u32, secs: i64) -> Initiation {
        self.slot
            .create_initiation(
                &self.identity,
                &self.remote,
                Secret::from_bytes([ephemeral; 32]),
                Index(index),
                wall(secs),
            )
            .unwrap()
            .message
    }

    pub fn open(
        &self,
        initiation: &Initiation,
    ) -> Result<AuthenticatedInitiation<C>, HandshakeError> {
        let incoming = IncomingInitiation::open(&self.identity, initiation)?;
        assert_eq!(incoming.remote_static(), self.remote.public());
        incoming.authenticate(&self.remote)
    }

    pub fn accept(&mut self, initiation: &Initiation, now: BootTime) {
        let authentic = self.open(initiation).unwrap();
        self.slot.accept_initiation(authentic, now).unwrap();
    }

    pub fn respond(&mut self, ephemeral: u8, index: u32) -> Response {
        self.slot
            .create_response(
                &self.remote,
                Secret::from_bytes([ephemeral; 32]),
                Index(index),
            )
            .unwrap()
            .message
    }

    pub fn open_response(
        &self,
        response: &Response,
    ) -> Result<AuthenticatedResponse<C>, HandshakeError> {
        let pending = self.slot.snapshot().expect("we wait for a response");
        pending.open_response(&self.identity, &self.remote, response)
    }
}

/// A whole handshake; both sessions.
pub fn sessions(alice: &mut Party, bob: &mut Party) -> (Session, Session) {
    let initiation = alice.initiate(4, 40, 1000);
    bob.accept(&initiation, boot(1));
    let response = bob.respond(5, 50);
    let authentic = alice.open_response(&response).unwrap();
    alice.slot.accept_response(authentic).unwrap();
    (
        alice.slot.begin_session().unwrap(),
        bob.slot.begin_session().unwrap(),
    )
}

/// The initiation in these bytes.
pub fn initiation(bytes: &[u8]) -> Initiation {
    match parse(bytes) {
        Ok(Message::Initiation(message)) => *message,
        _ => panic!("not an initiation"),
    }
}

/// The response in these bytes.
pub fn response(bytes: &[u8]) -> Response {
    match parse(bytes) {
        Ok(Message::Response(message)) => *message,
        _ => panic!("not a response"),
    }
}

/// Every message that differs from this one in one bit.
pub fn flipped(message: &impl HandshakeMessage) -> impl Iterator<Item = (usize, Vec<u8>)> {
    let original = message.as_bytes().to_vec();
    (0..original.len() * 8).map(move |bit| {
        let mut bytes = original.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        (bit / 8, bytes)
    })
}
