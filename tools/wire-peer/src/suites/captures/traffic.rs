// SPDX-License-Identifier: GPL-2.0

//! What goes through the tunnel: everything that is sent must arrive as it was.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use wireguard_proto::messages::PublicKey;

use super::gateway::Gateway;
use super::{Family, FAR};
use crate::dut::{Dut, NAMESPACE};
use crate::peer::PATIENCE;
use crate::tap::Result;
use crate::wire::{within, Wire};
use crate::{ensure, ensure_eq};

/// Bytes of a stream: enough for trains, little enough for emulation.
const STREAM: usize = 120_000;

/// Sizes of segments, how many of them, and that of the last one.
const TRAINS: [(usize, usize, usize); 6] = [
    (1372, 20, 1372),
    (1200, 30, 7),
    (1001, 25, 1000),
    (333, 40, 1),
    (64, 60, 63),
    (1, 3, 1),
];

/// Both ends of the tunnel.
pub struct Ends<'a> {
    pub dut: &'a Dut,
    /// The peer.
    pub public: PublicKey,
    pub number: u8,
    pub gateway: &'a Gateway,
}

/// Somewhere inside the tunnel.
#[derive(Clone, Copy)]
struct Place {
    namespace: &'static str,
    number: u8,
}

impl Ends<'_> {
    const DEVICE: Place = Place {
        namespace: NAMESPACE,
        number: 1,
    };

    fn peer(&self) -> Place {
        Place {
            namespace: FAR,
            number: self.number,
        }
    }

    /// Waits for so many keepalives, with one wanted every second.
    pub fn keepalives(&self, count: usize) -> Result {
        self.dut
            .wg_peer(&self.public, &["persistent-keepalive", "1"])?;
        let end = Instant::now() + PATIENCE;
        while self.gateway.keepalives.load(Ordering::Relaxed) < count {
            ensure!(Instant::now() < end, "keepalives do not come");
            thread::sleep(Duration::from_millis(20));
        }
        self.dut
            .wg_peer(&self.public, &["persistent-keepalive", "off"])
    }

    pub fn stream_to_peer(&self, family: Family) -> Result {
        stream(Self::DEVICE, self.peer(), family)
    }

    pub fn stream_to_device(&self, family: Family) -> Result {
        stream(self.peer(), Self::DEVICE, family)
    }

    /// Datagrams of all small sizes, one by one, and back.
    pub fn datagrams(&self, family: Family, count: usize) -> Result {
        let here = Self::DEVICE.wire(family)?;
        let there = self.peer().wire(family)?;
        for size in 0..count {
            let datagram = vec![size as u8; size];
            here.send(&datagram, there.address())?;
            ensure_eq!(received(&there)?, datagram, "at the peer");
            there.send(&datagram, here.address())?;
            ensure_eq!(received(&here)?, datagram, "at the device");
        }
        Ok(())
    }

    /// Datagrams that are one packet until they are cut inside, each of a kind of its own.
    pub fn trains(&self, family: Family) -> Result {
        let here = Self::DEVICE.wire(family)?;
        let there = self.peer().wire(family)?;
        for (size, count, last) in TRAINS {
            let bytes = pattern(size * (count - 1) + last);
            here.send_train(&bytes, size as u16, there.address())?;
            for segment in bytes.chunks(size) {
                let is_right = received(&there)? == segment;
                ensure!(is_right, "a segment of {size} bytes is another one");
            }
        }
        Ok(())
    }

    /// Datagrams of which nobody knows which of them arrive.
    pub fn unheard(&self, family: Family, count: usize) -> Result {
        let here = Self::DEVICE.wire(family)?;
        let there = self.peer().wire(family)?;
        for number in 0..count {
            here.send(&pattern(40 + number), there.address())?;
        }
        Ok(())
    }

    /// Has the link out of the device's namespace do something to packets, but not to the handshake.
    pub fn disturbed(&self, how: &str, traffic: impl FnOnce(&Self) -> Result) -> Result {
        self.datagrams(Family::V4, 1)?;
        self.netem("replace", how)?;
        let result = traffic(self);
        self.gateway.await_silence();
        self.netem("del", "")?;
        result
    }

    fn netem(&self, verb: &str, how: &str) -> Result {
        let words = format!("qdisc {verb} dev to-peers root netem {how}");
        self.dut
            .run("tc", &words.split_whitespace().collect::<Vec<_>>(), "")
            .map(drop)
    }
}

impl Place {
    fn address(self, family: Family) -> SocketAddr {
        (family.inside(self.number), 0).into()
    }

    fn wire(self, family: Family) -> Result<Wire> {
        within(self.namespace, || Wire::bind(self.address(family)))
    }
}

fn received(wire: &Wire) -> Result<Vec<u8>> {
    let (datagram, _) = wire.receive(PATIENCE)?.ok_or("a datagram did not arrive")?;
    Ok(datagram)
}

/// Bytes that repeat late, and in no message of another kind's beginning.
fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| 0x80 | (at % 101) as u8).collect()
}

/// A stream of TCP, its bytes and its end.
fn stream(from: Place, to: Place, family: Family) -> Result {
    let listener = within(to.namespace, || Ok(TcpListener::bind(to.address(family))?))?;
    let address = listener.local_addr()?;
    let mut sender = within(from.namespace, || {
        Ok(TcpStream::connect_timeout(&address, PATIENCE)?)
    })?;
    let (mut receiver, _) = listener.accept()?;
    receiver.set_read_timeout(Some(PATIENCE))?;
    sender.set_write_timeout(Some(PATIENCE))?;
    let sent = pattern(STREAM);
    let mut arrived = Vec::new();
    thread::scope(|scope| -> Result {
        let sending = scope.spawn(|| sender.write_all(&sent));
        let mut receiver = (&mut receiver).take(STREAM as u64);
        receiver.read_to_end(&mut arrived)?;
        sending.join().map_err(|_| "the sender panicked")??;
        Ok(())
    })?;
    ensure!(arrived == sent, "other bytes arrived than were sent");
    drop(sender);
    ensure_eq!(receiver.read(&mut [0])?, 0, "bytes after the end");
    Ok(())
}
