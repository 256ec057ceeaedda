// SPDX-License-Identifier: GPL-2.0

//! Malformed and hostile datagrams: each is dropped without a word, counted or not as the C driver
//! does, and harms nobody: one peer's session goes on between them, and pings through the tunnel of
//! another.

mod data;
pub(super) mod handshakes;
mod inner;
mod malformed;
mod outer;
mod trains;

use std::thread::sleep;
use std::time::Duration;

use crate::bench::Bench;
use crate::dut::{Counters, OURS4};
use crate::keys::random;
use crate::live::LiveTunnel;
use crate::peer::{Peer, A_MOMENT};
use crate::session::Session;
use crate::tap::Result;
use crate::wire::{Raw, Wire};
use crate::{ensure, ensure_eq};

/// A little more than the least time between two initiations of one peer.
pub(super) const SPACING: Duration = Duration::from_millis(30);

/// Random bytes that begin as a message of that type does.
pub(super) fn noise(kind: u8, len: usize) -> Vec<u8> {
    let mut bytes = random::<2048>()[..len].to_vec();
    bytes[..4.min(len)].copy_from_slice(&[kind, 0, 0, 0][..4.min(len)]);
    bytes
}

/// Who is there.
pub struct Scene {
    /// Has a session with the device.
    pub(super) peer: Peer,
    pub(super) session: Session,
    /// Sends garbage from an address nobody knows.
    pub(super) attacker: Wire,
    raw: Raw,
    /// Do handshakes in between, after which the device has seen whatever was sent before.
    pub(super) fences: [Peer; 2],
}

pub fn run(bench: &mut Bench) {
    let mut scene = None;
    bench.test("set the scene", |bench| {
        scene = Some(Scene::new(bench)?);
        Ok(())
    });
    let mut live = None;
    bench.test("begin pinging through another tunnel", |bench| {
        live = Some(LiveTunnel::start(&bench.dut)?);
        Ok(())
    });
    let (Some(mut scene), Some(live)) = (scene, live) else {
        return;
    };
    malformed::run(bench, &mut scene);
    outer::run(bench, &mut scene);
    handshakes::run(bench, &mut scene);
    data::run(bench, &mut scene);
    inner::run(bench, &mut scene);
    trains::run(bench, &mut scene);
    bench.test("no late answer to any of that", |_| {
        sleep(Duration::from_secs(1));
        ensure_eq!(
            scene.attacker.drain()?.len(),
            0,
            "datagrams to the attacker"
        );
        Ok(())
    });
    bench.test("the pings went on without a loss", |_| live.finish());
}

impl Scene {
    pub(super) fn new(bench: &mut Bench) -> Result<Self> {
        let mut peer = bench.known_peer()?;
        let session = peer.connect()?;
        Ok(Self {
            session,
            peer,
            attacker: Wire::bind((OURS4, 0))?,
            raw: Raw::open()?,
            fences: [bench.peer()?, bench.peer()?],
        })
    }

    /// What `act` sends is answered by nothing, and errors are counted as given.
    fn silent(
        &mut self,
        bench: &mut Bench,
        name: &str,
        errors: &[(&str, u64)],
        act: impl FnOnce(&mut Self, &mut Bench) -> Result,
    ) {
        bench.test(name, |bench| {
            let before = bench.dut.counters()?.errors();
            act(self, bench)?;
            self.fence()?;
            ensure_eq!(self.attacker.drain()?.len(), 0, "answers");
            let counted = bench.dut.counters()?.errors().since(&before);
            ensure_eq!(counted, Counters::of(errors), "errors counted");
            Ok(())
        });
    }

    /// Waits until the device has seen all handshake messages sent so far, and that the session
    /// still carries a ping, whose reply is the next.
    pub(super) fn fence(&mut self) -> Result {
        for fence in &mut self.fences {
            sleep(SPACING);
            fence.initiate()?;
        }
        let replies = self.peer.ping(&mut self.session)?;
        ensure!(replies.len() == 1, "a hostile packet was delivered");
        Ok(())
    }

    /// That the device sends nothing but initiations to a peer of this test.
    fn unanswered(&mut self, peer: &Peer<impl wireguard_proto::crypto::Crypto>) -> Result {
        self.fence()?;
        sleep(A_MOMENT);
        for datagram in peer.wire.drain()? {
            ensure!(
                datagram[0] == 1,
                "answered by a message of type {}",
                datagram[0]
            );
        }
        Ok(())
    }

    pub(super) fn attack(&self, bench: &Bench, datagram: &[u8]) -> Result {
        let dut = bench.dut.address(crate::dut::OUTSIDE4);
        self.attacker.send(datagram, dut)
    }
}
