// SPDX-License-Identifier: GPL-2.0

//! One peer of the device, played by us.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use wireguard_proto::cookie::{CookieChecker, CookieMaker, Load, MacState};
use wireguard_proto::crypto::Crypto;
use wireguard_proto::handshake::{Handshake, IncomingInitiation};
use wireguard_proto::identity::{RemoteStatic, StaticIdentity};
use wireguard_proto::messages::{
    parse, HandshakeMessage, Index, Initiation, Message, PublicKey, Response,
};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::{BootTime, WallTime};

use crate::dut::{self, inside4, inside6, Dut};
use crate::keys::{base64, random, random_key, Key};
use crate::packet::{echo, Header, Packet, ICMP};
use crate::session::Session;
use crate::tap::Result;
use crate::wire::Wire;

/// How long to wait for what must come: machines may be slow.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// How long to wait for what must not come, after what would be later has come.
pub const A_MOMENT: Duration = Duration::from_millis(50);

/// How long to wait between two initiations of one peer: sooner ones are taken for a flood. The clock by
/// which the device sees that may be coarse.
const SPACING: Duration = Duration::from_millis(40);

/// Our clock where time does not matter.
pub const NOW: BootTime = BootTime(1);

pub struct Peer<C: Crypto = RustCrypto> {
    pub number: u8,
    pub wire: Wire,
    /// Where the device is.
    pub dut: SocketAddr,
    pub remote: RemoteStatic<C>,
    pub identity: StaticIdentity<C>,
    pub cookies: CookieMaker<C>,
    checker: CookieChecker<C>,
    /// Seconds of the next timestamp: each is newer, whatever the time.
    pub clock: i64,
    /// When the last initiation was made.
    initiated: Option<Instant>,
    echoes: u16,
}

impl<C: Crypto> Peer<C> {
    /// Makes up a peer, without telling the device.
    pub fn stranger(dut: &Dut, number: u8, private: Key<C>) -> Result<Self> {
        let wire = Wire::bind((dut::OURS4, 0))?;
        Self::of(
            dut.public,
            dut.address(dut::OUTSIDE4),
            wire,
            number,
            private,
        )
    }

    /// The peer of any device, known by its public key and where it listens.
    pub fn of(
        device: PublicKey,
        address: SocketAddr,
        wire: Wire,
        number: u8,
        private: Key<C>,
    ) -> Result<Self> {
        let identity = StaticIdentity::from_private(private).ok_or("no identity")?;
        let mut checker = CookieChecker::new();
        checker.set_identity(Some(identity.public()));
        Ok(Self {
            number,
            wire,
            dut: address,
            remote: RemoteStatic::new(device, Some(&identity)),
            cookies: CookieMaker::new(&device),
            checker,
            identity,
            clock: 1_700_000_000,
            initiated: None,
            echoes: 0,
        })
    }

    pub fn public(&self) -> &PublicKey {
        self.identity.public()
    }

    /// Makes the peer known to the device, with one address of either family.
    pub fn join(&self, dut: &Dut) -> Result {
        let allowed = format!("{}/32,{}/128", inside4(self.number), inside6(self.number));
        dut.wg_peer(self.public(), &["allowed-ips", &allowed])
    }

    /// Makes up a preshared key, for handshakes from now on.
    pub fn agree_on_preshared_key(&mut self, dut: &Dut) -> Result {
        let key = random_key();
        dut.wg_preshared_key(self.public(), &base64(key.as_bytes()))?;
        self.remote.set_preshared_key(key);
        Ok(())
    }

    /// Tells the device where we are.
    pub fn set_endpoint(&self, dut: &Dut) -> Result {
        let endpoint = self.wire.address().to_string();
        dut.wg_peer(self.public(), &["endpoint", &endpoint])
    }

    /// Moves to another address of our own, on the same side of the cable.
    pub fn move_to(&mut self, address: impl Into<IpAddr>, dut: &Dut) -> Result {
        let address = address.into();
        self.wire = Wire::bind((address, 0))?;
        self.dut = match address {
            IpAddr::V4(_) => dut.address(dut::OUTSIDE4),
            IpAddr::V6(_) => dut.address(dut::OUTSIDE6),
        };
        Ok(())
    }

    pub fn send(&self, datagram: &[u8]) -> Result {
        self.wire.send(datagram, self.dut)
    }

    // --- handshakes

    /// An initiation with the next timestamp, and the slot that waits for its answer.
    pub fn initiation(&mut self) -> Result<(Initiation, Handshake<C>)> {
        self.initiation_with(random_key())
    }

    pub fn initiation_with(&mut self, ephemeral: Key<C>) -> Result<(Initiation, Handshake<C>)> {
        self.clock += 1;
        self.initiated = Some(Instant::now());
        let wall = WallTime {
            secs: self.clock,
            nanos: 0,
        };
        let mut slot = Handshake::new();
        let index = Index(u32::from_le_bytes(random()));
        let created =
            slot.create_initiation(&self.identity, &self.remote, ephemeral, index, wall)?;
        let mut message = created.message;
        self.cookies.add_macs(&mut message, NOW);
        Ok((message, slot))
    }

    /// A whole handshake that we begin. The session is not confirmed yet.
    pub fn initiate(&mut self) -> Result<Session> {
        if let Some(last) = self.initiated {
            std::thread::sleep((last + SPACING).saturating_duration_since(Instant::now()));
        }
        let (message, slot) = self.initiation()?;
        self.send(message.as_bytes())?;
        let response = self.await_message(PATIENCE, is_response)?;
        self.begin(slot, &response)
    }

    /// The session that a response begins.
    pub fn begin(&self, mut slot: Handshake<C>, response: &Response) -> Result<Session> {
        let pending = slot.snapshot().ok_or("no handshake is under way")?;
        let authentic = pending.open_response(&self.identity, &self.remote, response)?;
        slot.accept_response(authentic)?;
        Ok(Session::new(&slot.begin_session()?))
    }

    /// A session that the device has seen proof of.
    pub fn connect(&mut self) -> Result<Session> {
        let mut session = self.initiate()?;
        self.ping(&mut session)?;
        Ok(session)
    }

    /// Opens an initiation of the device and makes the response.
    pub fn answer(&mut self, initiation: &Initiation) -> Result<(Response, Session)> {
        self.answer_with(initiation, random_key())
    }

    pub fn answer_with(
        &mut self,
        initiation: &Initiation,
        ephemeral: Key<C>,
    ) -> Result<(Response, Session)> {
        let incoming = IncomingInitiation::open(&self.identity, initiation)?;
        if incoming.remote_static() != self.remote.public() {
            return Err("an initiation of somebody else".into());
        }
        let mut slot = Handshake::new();
        slot.accept_initiation(incoming.authenticate(&self.remote)?, NOW)
            .map_err(|error| error.to_string())?;
        let index = Index(u32::from_le_bytes(random()));
        let mut response = slot
            .create_response(&self.remote, ephemeral, index)?
            .message;
        self.cookies.add_macs(&mut response, NOW);
        Ok((response, Session::new(&slot.begin_session()?)))
    }

    /// The next initiation of the device.
    pub fn await_initiation(&self, patience: Duration) -> Result<Initiation> {
        let found = self.await_message(patience, |message| match message {
            Message::Initiation(initiation) => Some(**initiation),
            _ => None,
        })?;
        match self.mac_state(&found, Load::Normal) {
            MacState::Invalid => Err("the initiation's first mac is wrong".into()),
            MacState::ValidMac1 | MacState::ValidMac2 => Ok(found),
        }
    }

    /// Waits for the device's initiation and answers it.
    pub fn respond(&mut self) -> Result<Session> {
        let initiation = self.await_initiation(PATIENCE)?;
        let (response, session) = self.answer(&initiation)?;
        self.send(response.as_bytes())?;
        Ok(session)
    }

    /// Under load we want a cookie; the secret behind it is made on first use.
    pub fn cookie_checker(&mut self) -> &CookieChecker<C> {
        if self.checker.needs_secret(NOW) {
            self.checker.set_secret(random_key(), NOW);
        }
        &self.checker
    }

    pub fn mac_state(&self, message: &impl HandshakeMessage, load: Load) -> MacState {
        self.checker.check(message, &self.dut, NOW, load)
    }

    // --- what comes in

    /// The next message that `wanted` finds something in; others are skipped.
    pub fn await_message<T>(
        &self,
        patience: Duration,
        mut wanted: impl FnMut(&Message<'_>) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + patience;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            let Some((datagram, _)) = self.wire.receive(left)? else {
                break;
            };
            let message = parse(&datagram).map_err(|error| error.to_string())?;
            if let Some(found) = wanted(&message) {
                return Ok(found);
            }
        }
        Err("what was expected did not come".into())
    }

    /// The next packet in the session; its keepalives are empty.
    pub fn await_packet(&self, session: &Session, patience: Duration) -> Result<Vec<u8>> {
        let (datagram, _) = self
            .wire
            .receive(patience)?
            .ok_or("no message came in the session")?;
        Ok(session.open(&datagram)?.1)
    }

    // --- pings

    /// An echo request from us to the device, and its number.
    pub fn echo(&mut self) -> (Vec<u8>, u16) {
        let (number, header) = (self.number, self.header());
        self.echoes += 1;
        let echo_number = (u16::from(number) << 8) | (self.echoes & 0xff);
        (echo(header, echo_number, 32), echo_number)
    }

    /// The header of a packet from us to the device.
    pub fn header(&self) -> Header {
        Header::new(inside4(self.number), inside4(1), ICMP)
    }

    /// Sends an echo request and returns the numbers of all echo replies up to its own.
    pub fn ping(&mut self, session: &mut Session) -> Result<Vec<u16>> {
        let (request, number) = self.echo();
        self.send(&session.seal(&request))?;
        self.replies_until(session, number)
    }

    /// The numbers of echo replies, the last of which is `number`.
    pub fn replies_until(&mut self, session: &Session, number: u16) -> Result<Vec<u16>> {
        let mut replies = Vec::new();
        let end = Instant::now() + PATIENCE;
        while replies.last() != Some(&number) {
            let left = end.saturating_duration_since(Instant::now());
            let packet = self.await_packet(session, left)?;
            replies.extend(Packet::parse(&packet).and_then(|packet| packet.echo_reply()));
        }
        Ok(replies)
    }
}

pub fn is_response(message: &Message<'_>) -> Option<Response> {
    match message {
        Message::Response(response) => Some(**response),
        _ => None,
    }
}
