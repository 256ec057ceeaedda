// SPDX-License-Identifier: GPL-2.0

//! Keys are wiped when they are given up: the machine's memory is searched for them.
//!
//! All keys that are looked for have come into the kernel through our own messages: `wg` would leave
//! copies behind in its memory, and a dump in its buffers.

use std::process::Command;
use std::time::{Duration, Instant};

use wireguard_proto::crypto::Crypto;
use wireguard_proto::identity::StaticIdentity;
use wireguard_proto::rustcrypto::RustCrypto;

use crate::bench::Bench;
use crate::dut::{DEVICE, NAMESPACE};
use crate::keys::{random, random_key, Key};
use crate::memory::{Bytes, Memory};
use crate::netlink::{Message, Socket, ACK, REQUEST};
use crate::peer::{Peer, PATIENCE};
use crate::session::Session;
use crate::tap::Result;
use crate::uapi::{
    HEADER_PROTECTION_KEY, JC, NAME, PEERS, PEER_KEY, PREFIXES, PRESHARED_KEY, PRIVATE_KEY,
    PROFILES, PROFILE_FLAGS, PROFILE_NUMBER, REMOVE_PROFILE, SET_DEVICE,
};
use crate::wire::within;
use crate::{ensure, ensure_eq};

/// How long it may take until all who use a key have let it go: a grace period or two.
const SOON: Duration = Duration::from_secs(60);

/// A device of the other kind, and that kind, which is also its family's name.
const OTHER: &str = "awg0";
const OTHER_KIND: &str = "amneziawg";

/// What is needed to set keys and to look for them.
struct Scene {
    memory: Memory,
    socket: Socket,
    family: u16,
    /// That of devices of the kind `amneziawg`, if there is one.
    disguises: Option<u16>,
    /// All that has been given up so far.
    past: Vec<(&'static str, Bytes)>,
}

pub fn run(bench: &mut Bench) {
    let mut scene = None;
    bench.test("set the scene", |_| {
        scene = Some(Scene::new()?);
        Ok(())
    });
    let Some(mut scene) = scene else { return };
    let scene = &mut scene;
    bench.test("a private key that is in use is found", |bench| {
        let key = set_identity(bench, scene)?;
        scene.are_there(&[key])?;
        set_identity(bench, scene)?;
        scene.give_up(&[("a replaced private key", key)])
    });
    bench.test("keys of a refused request are gone", |_| refused(scene));
    bench.test("a preshared key that was replaced is gone", |bench| {
        let mut peer = bench.known_peer()?;
        let key = set_psk(scene, &mut peer)?;
        scene.are_there(&[key])?;
        set_psk(scene, &mut peer)?;
        scene.give_up(&[("a replaced preshared key", key)])
    });
    bench.test("sessions that were replaced are gone", |bench| {
        rekey(bench, scene)
    });
    bench.test(
        "sessions that the device began are gone when it goes down",
        |bench| down(bench, scene),
    );
    bench.test("of a peer that was removed nothing is left", |bench| {
        removal(bench, scene)
    });
    bench.test("of a device that was deleted nothing is left", |bench| {
        deletion(bench, scene)
    });
    // The C driver has none of it.
    if scene.disguises.is_some() {
        header_protection(bench, scene);
    }
    bench.test("of a module that was unloaded nothing is left", |_| {
        ensure!(
            Command::new("rmmod").arg("wireguard").status()?.success(),
            "rmmod"
        );
        scene.gone()
    });
}

impl Scene {
    fn new() -> Result<Self> {
        let socket = within(NAMESPACE, || Ok(Socket::generic()?))?;
        let family = socket.wireguard()?;
        let disguises = socket.family(OTHER_KIND).ok().map(|family| family.id);
        Ok(Self {
            memory: Memory::open()?,
            socket,
            family,
            disguises,
            past: Vec::new(),
        })
    }

    /// A request to the device of that name, with what `fill` adds.
    fn set(&self, device: &str, fill: impl FnOnce(&mut Message)) -> nix::Result<()> {
        self.set_by(self.family, device, fill)
    }

    /// The same to the other device.
    fn disguise(&self, fill: impl FnOnce(&mut Message)) -> nix::Result<()> {
        self.set_by(self.disguises.unwrap_or_default(), OTHER, fill)
    }

    fn set_by(
        &self,
        family: u16,
        device: &str,
        fill: impl FnOnce(&mut Message),
    ) -> nix::Result<()> {
        let mut message = Message::generic(family, REQUEST | ACK, SET_DEVICE);
        message.text(NAME, device);
        fill(&mut message);
        self.socket.ask(message).map(drop)
    }

    /// Makes sure that the search finds what is there.
    fn are_there(&mut self, keys: &[Bytes]) -> Result {
        let found = self.memory.find(keys)?;
        for (number, _) in keys.iter().enumerate() {
            let is_found = found.iter().any(|hit| hit.secret == number);
            ensure!(
                is_found,
                "of {} keys number {number} was not found",
                keys.len()
            );
        }
        Ok(())
    }

    /// From now on the keys must not be there.
    fn give_up(&mut self, keys: &[(&'static str, Bytes)]) -> Result {
        self.past.extend(keys);
        self.gone()
    }

    /// Whether nothing is there of all that has been given up.
    fn gone(&mut self) -> Result {
        let keys: Vec<_> = self.past.iter().map(|(_, key)| *key).collect();
        let end = Instant::now() + SOON;
        loop {
            let found = self.memory.find(&keys)?;
            if found.is_empty() {
                return Ok(());
            }
            if Instant::now() > end {
                let places = found
                    .iter()
                    .map(|hit| format!("{}: {hit}\n", self.past[hit.secret].0));
                return Err(places.collect::<String>().into());
            }
        }
    }
}

/// Gives the device a new private key.
fn set_identity(bench: &mut Bench, scene: &Scene) -> Result<Bytes> {
    let key: Key = random_key();
    let identity = StaticIdentity::<RustCrypto>::from_private(key).ok_or("a random key is zero")?;
    bench.dut.public = *identity.public();
    // The device clamps it as well.
    let bytes = *identity.private().as_bytes();
    scene.set(DEVICE, |message| message.attr(PRIVATE_KEY, &bytes))?;
    Ok(bytes)
}

fn put_psk(message: &mut Message, public: &Bytes, key: &Bytes) {
    message.nest(PEERS, |peers| {
        peers.nest(0, |peer| {
            peer.attr(PEER_KEY, public);
            peer.attr(PRESHARED_KEY, key);
        });
    });
}

/// Agrees on a preshared key with the device.
fn set_psk(scene: &Scene, peer: &mut Peer) -> Result<Bytes> {
    let key: Key = random_key();
    let bytes = *key.as_bytes();
    peer.remote.set_preshared_key(key);
    let public = peer.public().0;
    scene.set(DEVICE, |message| put_psk(message, &public, &bytes))?;
    Ok(bytes)
}

/// What the device computes once for each peer: the product of both static keys.
fn static_static(bench: &Bench, peer: &Peer) -> Result<Bytes> {
    let mut shared = [0; 32];
    RustCrypto::curve25519(
        &mut shared,
        peer.identity.private().as_bytes(),
        &bench.dut.public.0,
    )
    .map_err(|_| "degenerate")?;
    Ok(shared)
}

fn refused(scene: &mut Scene) -> Result {
    let keys: [Key; 2] = [random_key(), random_key()];
    let [private, psk] = keys.each_ref().map(|key| *key.as_bytes());
    let fill = |message: &mut Message| {
        message.attr(PRIVATE_KEY, &private);
        put_psk(message, &[9; 32], &psk);
    };
    ensure_eq!(
        scene.set("nobody", fill),
        Err(nix::errno::Errno::ENODEV),
        "no such device"
    );
    scene.give_up(&[
        ("a refused private key", private),
        ("a refused preshared key", psk),
    ])
}

fn named(session: &Session) -> [(&'static str, Bytes); 2] {
    let [send, receive] = session.keys();
    [
        ("a session's key to receive", send),
        ("a session's key to send", receive),
    ]
}

/// The device is the responder: a session is the next, the current, the previous, and gone.
fn rekey(bench: &mut Bench, scene: &mut Scene) -> Result {
    let mut peer = bench.known_peer()?;
    let first = peer.connect()?;
    scene.are_there(&first.keys())?;
    peer.connect()?;
    peer.connect()?;
    scene.give_up(&named(&first))
}

/// The device is the initiator.
fn down(bench: &mut Bench, scene: &mut Scene) -> Result {
    let mut peer = bench.known_peer()?;
    bench.dut.poke(peer.number, b"begin")?;
    let session = peer.respond()?;
    peer.await_packet(&session, PATIENCE)?;
    scene.are_there(&session.keys())?;
    bench.dut.down()?;
    scene.give_up(&named(&session))?;
    bench.dut.up()
}

/// All keys that a new peer and the device have in common, with two sessions among them.
fn acquaint(bench: &mut Bench, scene: &mut Scene) -> Result<(Peer, Vec<(&'static str, Bytes)>)> {
    let mut peer = bench.known_peer()?;
    let psk = set_psk(scene, &mut peer)?;
    let sessions = [peer.connect()?, peer.connect()?];
    let shared = static_static(bench, &peer)?;
    let mut keys = vec![
        ("a preshared key", psk),
        ("the product of static keys", shared),
    ];
    keys.extend(sessions.iter().flat_map(named));
    let bytes: Vec<_> = keys.iter().map(|(_, key)| *key).collect();
    scene.are_there(&bytes)?;
    Ok((peer, keys))
}

fn removal(bench: &mut Bench, scene: &mut Scene) -> Result {
    let (peer, keys) = acquaint(bench, scene)?;
    bench.dut.wg_peer(peer.public(), &["remove"])?;
    scene.give_up(&keys)
}

fn deletion(bench: &mut Bench, scene: &mut Scene) -> Result {
    let private = set_identity(bench, scene)?;
    let (_, mut keys) = acquaint(bench, scene)?;
    bench.dut.ip(&["link", "delete", DEVICE])?;
    keys.push(("the private key", private));
    scene.give_up(&keys)
}

/// A guise that masks headers, which takes the prefixes, too.
fn put_guise(message: &mut Message, key: &Bytes) {
    message.attr(HEADER_PROTECTION_KEY, key);
    for prefix in PREFIXES {
        message.u16(prefix, 20);
    }
}

fn put_profile(message: &mut Message, number: u8, fill: impl FnOnce(&mut Message)) {
    message.nest(PROFILES, |profiles| {
        profiles.nest(0, |profile| {
            profile.u8(PROFILE_NUMBER, number);
            fill(profile);
        });
    });
}

/// The key by which an AmneziaWG device masks headers, its own and that of a profile.
fn header_protection(bench: &mut Bench, scene: &mut Scene) {
    bench.test(
        "a key of header protection that was replaced is gone",
        |bench| {
            bench.dut.ip(&["link", "add", OTHER, "type", OTHER_KIND])?;
            let [first, second] = [random(), random()];
            scene.disguise(|message| put_guise(message, &first))?;
            scene.are_there(&[first])?;
            // The same again, which is thrown away.
            scene.disguise(|message| put_guise(message, &first))?;
            scene.disguise(|message| message.u16(JC, 3))?;
            scene.are_there(&[first])?;
            scene.disguise(|message| put_guise(message, &second))?;
            scene.are_there(&[second])?;
            scene.give_up(&[("a replaced key of header protection", first)])?;
            scene.disguise(|message| message.attr(HEADER_PROTECTION_KEY, &[0; 32]))?;
            scene.give_up(&[("a key of header protection that was unset", second)])
        },
    );
    bench.test("those of refused requests are gone", |_| {
        let [alone, beside, profile] = [random(), random(), random()];
        let refused = [
            // Without the prefixes that it takes.
            scene.disguise(|message| {
                message.attr(HEADER_PROTECTION_KEY, &alone);
                message.u16(PREFIXES[0], 0);
            }),
            scene.disguise(|message| {
                put_guise(message, &beside);
                message.u16(JC, u16::MAX);
            }),
            scene.disguise(|message| put_profile(message, 99, |it| put_guise(it, &profile))),
        ];
        let invalid = Err(nix::errno::Errno::EINVAL);
        ensure_eq!(refused, [invalid; 3], "answers");
        scene.give_up(&[
            ("a refused key of header protection", alone),
            ("one that was refused for something else", beside),
            ("a profile's that was refused", profile),
        ])
    });
    bench.test("those of profiles are gone with them", |_| {
        let [own, replaced, removed] = [random(), random(), random()];
        scene.disguise(|message| {
            put_guise(message, &own);
            put_profile(message, 1, |profile| put_guise(profile, &replaced));
        })?;
        scene.are_there(&[own, replaced])?;
        scene.disguise(|message| put_profile(message, 1, |it| put_guise(it, &removed)))?;
        scene.give_up(&[("a profile's key that was replaced", replaced)])?;
        scene.are_there(&[own, removed])?;
        scene.disguise(|message| {
            put_profile(message, 1, |profile| {
                profile.u32(PROFILE_FLAGS, REMOVE_PROFILE)
            });
        })?;
        scene.give_up(&[("a key of a profile that was removed", removed)])?;
        scene.are_there(&[own])?;
        scene
            .past
            .push(("a key of header protection of a device", own));
        Ok(())
    });
    bench.test("and with a device", |bench| {
        let profile = random();
        scene.disguise(|message| put_profile(message, 7, |it| put_guise(it, &profile)))?;
        scene.are_there(&[profile])?;
        bench.dut.ip(&["link", "delete", OTHER])?;
        scene.give_up(&[("a profile's key", profile)])
    });
}
