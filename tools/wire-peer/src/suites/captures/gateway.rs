// SPDX-License-Identifier: GPL-2.0

//! A played peer that carries packets between its tunnel and the namespace behind it, and tells its
//! keys.

use std::fs::File;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::{self, ScopedJoinHandle};
use std::time::{Duration, Instant};

use wireguard_proto::handshake::Handshake;
use wireguard_proto::messages::{parse, HandshakeMessage, Message};
use wireguard_proto::rustcrypto::RustCrypto;

use super::{Family, Initiator};
use crate::keys::{base64, random_key, Key};
use crate::packet::Packet;
use crate::peer::{Peer, PATIENCE};
use crate::session::Session;
use crate::tap::Result;
use crate::wire::{Raw, Tap, Wire};

/// When nothing has come for so long, nothing will.
const SILENCE: Duration = Duration::from_millis(100);

/// The keys of the sessions, in the form that Wireshark reads.
pub struct Keys(File);

impl Keys {
    pub fn create(path: &str) -> Result<Self> {
        Ok(Self(File::create(path)?))
    }

    /// Tells what opens the messages of a handshake, and of its session. Preshared keys go with the
    /// ephemeral key before them.
    fn tell(&self, peer: &Peer, ephemeral: &Key) -> Result {
        let keys = [
            (
                "LOCAL_STATIC_PRIVATE_KEY",
                peer.identity.private().as_bytes(),
            ),
            ("REMOTE_STATIC_PUBLIC_KEY", &peer.remote.public().0),
            ("LOCAL_EPHEMERAL_PRIVATE_KEY", ephemeral.as_bytes()),
            ("PRESHARED_KEY", peer.remote.preshared_key().as_bytes()),
        ];
        keys.into_iter()
            .try_for_each(|(name, key)| Ok(writeln!(&self.0, "{name} = {}", base64(key))?))
    }
}

pub struct Gateway {
    number: u8,
    wire: Wire,
    dut: SocketAddr,
    raw: Raw,
    /// The last one is sent with.
    sessions: Mutex<Vec<Session>>,
    /// Packets carried, in both directions.
    carried: AtomicUsize,
    pub keepalives: AtomicUsize,
    is_over: AtomicBool,
}

impl Gateway {
    /// Is at work while `traffic` runs, and fails if anything comes that the peer cannot make sense
    /// of.
    pub fn during(
        peer: &mut Peer,
        keys: &Keys,
        initiator: Initiator,
        traffic: impl FnOnce(&Self) -> Result,
    ) -> Result {
        let gateway = Self {
            number: peer.number,
            wire: peer.wire.duplicate()?,
            dut: peer.dut,
            raw: Raw::open()?,
            sessions: Mutex::default(),
            carried: AtomicUsize::new(0),
            keepalives: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        };
        let gateway = &gateway;
        let (tap4, tap6) = (Tap::open4()?, Tap::open6()?);
        thread::scope(|scope| {
            let outside = scope.spawn(move || told(gateway.outside(peer, keys, initiator)));
            let inside4 = scope.spawn(move || told(gateway.inside(&tap4)));
            let inside6 = scope.spawn(move || told(gateway.inside(&tap6)));
            let result = match initiator {
                Initiator::Device => traffic(gateway),
                Initiator::Peer => gateway.await_session().and_then(|()| traffic(gateway)),
            };
            gateway.is_over.store(true, Ordering::Release);
            // What went wrong here is why traffic did not arrive.
            [outside, inside4, inside6]
                .into_iter()
                .try_for_each(joined)?;
            result
        })
    }

    /// Waits until nothing is carried any more.
    pub fn await_silence(&self) {
        loop {
            let before = self.carried.load(Ordering::Relaxed);
            thread::sleep(SILENCE);
            if self.carried.load(Ordering::Relaxed) == before {
                return;
            }
        }
    }

    fn await_session(&self) -> Result {
        let end = Instant::now() + PATIENCE;
        while self.sessions().is_empty() {
            if Instant::now() > end {
                return Err("there is no session".into());
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn sessions(&self) -> MutexGuard<'_, Vec<Session>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From the cable to the namespace behind.
    fn outside(&self, peer: &mut Peer, keys: &Keys, initiator: Initiator) -> Result {
        let mut handshake = match initiator {
            Initiator::Device => None,
            Initiator::Peer => Some(initiate(peer, keys)?),
        };
        loop {
            let Some((datagram, _)) = self.wire.receive(SILENCE)? else {
                if self.is_over.load(Ordering::Acquire) {
                    return Ok(());
                }
                continue;
            };
            match parse(&datagram).map_err(|error| error.to_string())? {
                Message::Initiation(initiation) => {
                    let ephemeral = random_key();
                    keys.tell(peer, &ephemeral)?;
                    let (response, session) = peer.answer_with(initiation, ephemeral)?;
                    self.sessions().push(session);
                    peer.send(response.as_bytes())?;
                }
                Message::Response(response) => {
                    let slot = handshake.take().ok_or("a response to nothing")?;
                    let session = peer.begin(slot, response)?;
                    self.sessions().push(session);
                    // The device does not send before it has proof of the session.
                    self.send(&[])?;
                }
                Message::Data(_) => self.receive(&datagram)?,
                Message::CookieReply(_) => return Err("a cookie reply without load".into()),
            }
        }
    }

    fn receive(&self, datagram: &[u8]) -> Result {
        let opened = self
            .sessions()
            .iter()
            .rev()
            .find_map(|session| session.open(datagram).ok());
        let (_, padded) = opened.ok_or("a message that no session opens")?;
        if padded.is_empty() {
            self.keepalives.fetch_add(1, Ordering::Relaxed);
            return Ok(());
        }
        let packet = Packet::parse(&padded).ok_or("no packet inside")?;
        self.raw
            .send(&padded[..padded.len() - packet.trailer.len()])?;
        self.carried.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    /// From the namespace behind into the tunnel.
    fn inside(&self, tap: &Tap) -> Result {
        let is_inside = |address, number| {
            [Family::V4, Family::V6]
                .iter()
                .any(|family| family.inside(number) == address)
        };
        while !self.is_over.load(Ordering::Acquire) {
            let Some(bytes) = tap.next_bytes(SILENCE)? else {
                continue;
            };
            let Some(packet) = Packet::parse(&bytes) else {
                continue;
            };
            if is_inside(packet.source, self.number) && is_inside(packet.destination, 1) {
                self.send(&bytes)?;
                self.carried.fetch_add(1, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Sends in the newest session; without one the packet is lost.
    fn send(&self, packet: &[u8]) -> Result {
        let mut sessions = self.sessions();
        let Some(session) = sessions.last_mut() else {
            return Ok(());
        };
        let message = session.seal(packet);
        // Still with the lock, so that counters ascend on the cable.
        self.wire.send(&message, self.dut)
    }
}

fn initiate(peer: &mut Peer, keys: &Keys) -> Result<Handshake<RustCrypto>> {
    let ephemeral = random_key::<RustCrypto>();
    keys.tell(peer, &ephemeral)?;
    let (message, slot) = peer.initiation_with(ephemeral)?;
    peer.send(message.as_bytes())?;
    Ok(slot)
}

/// Errors do not go from thread to thread, words do.
fn told(result: Result) -> std::result::Result<(), String> {
    result.map_err(|error| error.to_string())
}

fn joined(thread: ScopedJoinHandle<'_, std::result::Result<(), String>>) -> Result {
    Ok(thread.join().map_err(|_| "a thread panicked")??)
}

impl Family {
    pub fn inside(self, number: u8) -> IpAddr {
        match self {
            Self::V4 => crate::dut::inside4(number).into(),
            Self::V6 => crate::dut::inside6(number).into(),
        }
    }
}
