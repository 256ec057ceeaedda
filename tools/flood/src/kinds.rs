// SPDX-License-Identifier: GPL-2.0

//! The kinds of datagrams. Each has a stock of them, made beforehand: what limits the flood is the
//! kernel.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use wireguard_proto::{
    cookie::CookieMaker,
    handshake::Handshake,
    identity::{RemoteStatic, StaticIdentity},
    messages::{self, Index, Initiation, Message},
    noise::Key,
    rustcrypto::RustCrypto,
    time::{BootTime, WallTime},
};
use zerocopy::IntoBytes;

use crate::{arguments::Arguments, noise::Noise, wire::Wire};

/// How many datagrams are made beforehand.
const STOCK: usize = 512;

/// After how long another cookie is asked for. They hold for two minutes.
const COOKIE_AGE: Duration = Duration::from_secs(100);

/// How many initiations at once are to put the device under load, and how often that is tried.
const LOAD: usize = 1500;
const TRIES: usize = 100;

/// All cookies that are asked for are used before they get old by this clock.
const NOW: BootTime = BootTime(0);

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Random,
    Forged,
    Known,
    Spoofed,
    Replayed,
    Proven,
    Mix,
}

impl Kind {
    const NAMES: [(&'static str, Self); 7] = [
        ("random", Self::Random),
        ("forged", Self::Forged),
        ("known", Self::Known),
        ("spoofed", Self::Spoofed),
        ("replayed", Self::Replayed),
        ("proven", Self::Proven),
        ("mix", Self::Mix),
    ];

    pub fn of(name: &str) -> Option<Self> {
        let named = Self::NAMES.iter().find(|(known, _)| *known == name);
        named.map(|(_, kind)| *kind)
    }
}

/// Datagrams of one kind, over and over again.
pub struct Stream {
    to: SocketAddr,
    wire: Wire,
    stock: Vec<Vec<u8>>,
    next: usize,
    proof: Option<Proof>,
}

/// What it takes to have a valid mac2 in all of a stock.
struct Proof {
    macs: CookieMaker<RustCrypto>,
    since: Instant,
    noise: Noise,
}

/// The streams that a kind consists of.
pub fn streams(arguments: &Arguments) -> Result<Vec<Stream>, String> {
    let kinds = match arguments.kind {
        Kind::Mix => vec![
            Kind::Random,
            Kind::Forged,
            Kind::Spoofed,
            Kind::Replayed,
            Kind::Proven,
        ],
        kind => vec![kind],
    };
    let stream = |kind| Stream::new(kind, arguments);
    kinds.into_iter().map(stream).collect()
}

impl Stream {
    fn new(kind: Kind, arguments: &Arguments) -> Result<Self, String> {
        let mut noise = Noise::new(kind as u64 + 1);
        let mut macs = CookieMaker::<RustCrypto>::new(&arguments.public);
        let stock = match kind {
            Kind::Random => (0..STOCK).map(|_| random(&mut noise)).collect(),
            Kind::Forged => (0..STOCK).map(|_| bytes(noise.initiation())).collect(),
            Kind::Known | Kind::Spoofed | Kind::Proven | Kind::Mix => known(&mut noise, &mut macs),
            Kind::Replayed => vec![initiation_of_peer(arguments, &mut noise, &mut macs)?],
        };
        let wire = match kind {
            Kind::Spoofed => Wire::spoofed(arguments.sources),
            _ => Wire::own(arguments.to),
        };
        let mut this = Self {
            to: arguments.to,
            wire: wire.map_err(|error| format!("no socket to send from: {error}"))?,
            stock,
            next: 0,
            proof: None,
        };
        if kind == Kind::Proven {
            this.prove(macs, noise)?;
        }
        Ok(this)
    }

    pub fn send(&mut self) -> io::Result<()> {
        let datagram = &self.stock[self.next];
        self.next = (self.next + 1) % self.stock.len();
        self.wire.send(datagram, self.to)
    }

    /// Sees to it that cookies stay fresh.
    pub fn refresh(&mut self) -> Result<(), String> {
        match self.proof.take() {
            Some(proof) if proof.since.elapsed() > COOKIE_AGE => {
                self.prove(proof.macs, proof.noise)
            }
            other => {
                self.proof = other;
                Ok(())
            }
        }
    }

    /// Puts the device under load until it gives us a cookie, and uses that in all that is in stock.
    fn prove(&mut self, mut macs: CookieMaker<RustCrypto>, mut noise: Noise) -> Result<(), String> {
        let failed = |error: io::Error| format!("cannot ask for a cookie: {error}");
        // What answers the others must not leave the one that matters without room.
        let mut others = Wire::own(self.to).map_err(failed)?;
        for _ in 0..TRIES {
            for datagram in self.stock.iter().cycle().take(LOAD) {
                others.send(datagram, self.to).map_err(failed)?;
            }
            let mut question = noise.initiation();
            macs.add_macs(&mut question, NOW);
            self.wire
                .send(question.as_bytes(), self.to)
                .map_err(failed)?;
            thread::sleep(Duration::from_millis(100));
            while let Some(datagram) = self.wire.receive() {
                if is_cookie(&datagram, &mut macs) {
                    self.stock = known(&mut noise, &mut macs);
                    self.next = 0;
                    let since = Instant::now();
                    self.proof = Some(Proof { macs, since, noise });
                    return Ok(());
                }
            }
        }
        Err(format!(
            "{} gives no cookie, however many ask: is it the device's?",
            self.to
        ))
    }
}

fn is_cookie(datagram: &[u8], macs: &mut CookieMaker<RustCrypto>) -> bool {
    match messages::parse(datagram) {
        Ok(Message::CookieReply(reply)) => macs.consume_reply(reply, NOW).is_ok(),
        _ => false,
    }
}

/// Of any length up to some hundred bytes, and not one of the four kinds of messages.
fn random(noise: &mut Noise) -> Vec<u8> {
    let length = 1 + noise.word() as usize % 256;
    let mut bytes = noise.bytes(length);
    bytes[0] |= 0x80;
    bytes
}

/// Initiations with macs as good as there are.
fn known(noise: &mut Noise, macs: &mut CookieMaker<RustCrypto>) -> Vec<Vec<u8>> {
    let initiation = |_| {
        let mut message = noise.initiation();
        macs.add_macs(&mut message, NOW);
        bytes(message)
    };
    (0..STOCK).map(initiation).collect()
}

fn bytes(message: Initiation) -> Vec<u8> {
    message.as_bytes().to_vec()
}

/// An initiation that the device accepts, once.
fn initiation_of_peer(
    arguments: &Arguments,
    noise: &mut Noise,
    macs: &mut CookieMaker<RustCrypto>,
) -> Result<Vec<u8>, String> {
    let private = arguments.private.as_ref();
    let private = private.ok_or("what is to be replayed takes a peer's private key: key=FILE")?;
    let private = Key::fill_with(|key| key.copy_from_slice(private));
    let identity = StaticIdentity::from_private(private).ok_or("that private key is none")?;
    let remote = RemoteStatic::new(arguments.public, Some(&identity));
    let index = Index(noise.word() as u32);
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let wall = WallTime {
        secs: since.as_secs() as i64,
        nanos: since.subsec_nanos(),
    };
    let mut slot = Handshake::new();
    let created = slot
        .create_initiation(&identity, &remote, noise.key(), index, wall)
        .map_err(|_| "no handshake comes of these keys")?;
    let mut message = created.message;
    macs.add_macs(&mut message, NOW);
    Ok(bytes(message))
}
