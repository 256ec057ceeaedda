// SPDX-License-Identifier: GPL-2.0

//! Authentic messages of a peer that lies about what is in them: counted, and no further.

use std::net::Ipv4Addr;

use super::Scene;
use crate::bench::Bench;
use crate::dut::{inside4, inside6};
use crate::packet::{echo, Header, ICMP};
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// What is counted, as [`Counters::of`](crate::dut::Counters::of) takes it.
type Errors = &'static [(&'static str, u64)];

const FRAME: Errors = &[("rx errors", 1), ("rx frame_errors", 1)];
const LENGTH: Errors = &[("rx errors", 1), ("rx length_errors", 1)];

/// Changes a good packet.
type Spoil = fn(&mut Vec<u8>);

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    let four: [(&str, Errors, Spoil); 8] = [
        ("IPv4: longer than it is", LENGTH, |packet| packet[2] = 1),
        ("IPv4: shorter than its header", LENGTH, |packet| {
            packet[3] = 19
        }),
        ("IPv4: of length zero", LENGTH, |packet| packet[3] = 0),
        ("IPv4: less than a header", FRAME, |packet| {
            packet.truncate(19)
        }),
        ("a packet of one byte", FRAME, |packet| packet.truncate(1)),
        ("a packet of version 0", FRAME, |packet| packet[0] = 5),
        ("a packet of version 5", FRAME, |packet| packet[0] = 0x55),
        ("a packet of version 15", FRAME, |packet| packet[0] = 0xf5),
    ];
    for (name, errors, spoil) in four {
        scene.silent(bench, name, errors, |scene, _| {
            let request = echo(scene.peer.header(), 1, 32);
            send_spoilt(scene, request, spoil)
        });
    }
    let six: [(&str, Errors, Spoil); 3] = [
        ("IPv6: longer than it is", LENGTH, |packet| packet[4] = 1),
        ("IPv6: less than a header", FRAME, |packet| {
            packet.truncate(39)
        }),
        ("IPv6 called IPv4", LENGTH, |packet| packet[0] = 0x45),
    ];
    for (name, errors, spoil) in six {
        scene.silent(bench, name, errors, |scene, _| {
            let number = scene.peer.number;
            let request = echo(Header::new(inside6(number), inside6(1), ICMP), 1, 32);
            send_spoilt(scene, request, spoil)
        });
    }
    sources(bench, scene);
    bench.test("what is behind the packet's end is cut off", |_| {
        let (mut request, number) = scene.peer.echo();
        request.extend([0xaa; 300]);
        scene.peer.send(&scene.session.seal(&request))?;
        let replies = scene.peer.replies_until(&scene.session, number)?;
        ensure_eq!(replies.len(), 1, "replies");
        Ok(())
    });
}

fn sources(bench: &mut Bench, scene: &mut Scene) {
    let fence = scene.fences[0].number;
    let (nobody4, nobody6) = (inside4(250), inside6(250));
    let headers = [
        (
            "from nobody's address",
            Header::new(nobody4, inside4(1), ICMP),
        ),
        (
            "from another peer's address",
            Header::new(inside4(fence), inside4(1), ICMP),
        ),
        (
            "from the device's own address",
            Header::new(inside4(1), inside4(1), ICMP),
        ),
        (
            "from nobody's IPv6 address",
            Header::new(nobody6, inside6(1), ICMP),
        ),
        (
            "from another peer's IPv6 address",
            Header::new(inside6(fence), inside6(1), ICMP),
        ),
    ];
    for (name, header) in headers {
        let name = format!("a packet {name}");
        scene.silent(bench, &name, FRAME, |scene, _| {
            let request = echo(header, 1, 32);
            send_spoilt(scene, request, |_| ())
        });
    }
    nested(bench, scene);
    bench.test("a peer that lies about its source still roams", |bench| {
        let old = std::mem::replace(
            &mut scene.peer.wire,
            crate::wire::Wire::bind((crate::dut::OURS4, 0))?,
        );
        let request = echo(Header::new(nobody4, inside4(1), ICMP), 1, 32);
        send_spoilt(scene, request, |_| ())?;
        // What the device's host sends now goes to the new place.
        let new = scene.peer.wire.address();
        let end = std::time::Instant::now() + crate::peer::PATIENCE;
        while bench.dut.endpoint(scene.peer.public())? != new {
            ensure!(std::time::Instant::now() < end, "the endpoint stays");
        }
        drop(old);
        scene.fence()
    });
}

/// A peer that has a network may not speak for those of its addresses that are another peer's.
fn nested(bench: &mut Bench, scene: &mut Scene) {
    let own = Ipv4Addr::new(10, 8, 2, 1);
    let fences = Ipv4Addr::new(10, 8, 1, 1);
    bench.test(
        "a peer is given a network, another one a part of it",
        |bench| {
            let fence = scene.fences[0].public();
            bench
                .dut
                .wg_peer(scene.peer.public(), &["allowed-ips", "+10.8.0.0/16"])?;
            bench.dut.wg_peer(fence, &["allowed-ips", "+10.8.1.0/24"])
        },
    );
    scene.silent(
        bench,
        "a packet from another peer's part of it",
        FRAME,
        |scene, _| {
            let request = echo(Header::new(fences, inside4(1), ICMP), 1, 32);
            send_spoilt(scene, request, |_| ())
        },
    );
    scene.silent(
        bench,
        "a packet from the rest of it is nothing to complain of",
        &[],
        |scene, _| {
            let request = echo(Header::new(own, inside4(1), ICMP), 1, 32);
            send_spoilt(scene, request, |_| ())
        },
    );
}

/// Sends a packet as the next message of the session, and without padding: its length is the lie.
fn send_spoilt(scene: &mut Scene, mut packet: Vec<u8>, spoil: Spoil) -> Result {
    spoil(&mut packet);
    let counter = scene.session.counter;
    scene.session.counter += 1;
    let message = scene.session.seal_as(counter, &packet);
    scene.peer.send(&message)
}
