// SPDX-License-Identifier: GPL-2.0

//! Many datagrams that come as one packet, of shapes and mixtures that no honest peer sends: only the
//! bad ones among them are lost.

use wireguard_proto::constants::INITIATION_LEN;
use wireguard_proto::messages::{parse, HandshakeMessage, Message};

use super::{noise, Scene};
use crate::bench::Bench;
use crate::dut::{run as run_command, Dut, NAMESPACE, OUTSIDE4};
use crate::keys::random;
use crate::peer::{Peer, PATIENCE};
use crate::session::OVERHEAD;
use crate::tap::Result;
use crate::{ensure, ensure_eq};

/// How many messages there are in a train of echo requests.
const LEN: usize = 12;

/// Of a message with an echo request.
const MESSAGE_LEN: usize = 96;

/// The device's end of the cable.
const CABLE: &str = "to-peers";

/// The other one.
const OUR_CABLE: &str = "to-dut";

/// Does something to the messages of a train.
type Spoil = fn(&mut Vec<Vec<u8>>);

/// How messages come to be in one packet.
#[derive(Clone, Copy)]
enum Way {
    /// The sender has made it one.
    Sent,
    /// The receiving end of the cable puts together what comes close behind each other.
    Merged,
}

pub fn run(bench: &mut Bench, scene: &mut Scene) {
    bench.test("trains come as one packet", |bench| {
        let before = datagrams(&bench.dut)?;
        ensure_eq!(replied(scene, Way::Sent, |_| ())?, [true; LEN], "replies");
        let came = datagrams(&bench.dut)? - before;
        ensure!(came < LEN as u64 / 2, "they came as {came} packets");
        Ok(())
    });
    echoes(bench, scene, Way::Sent, "a train");
    nonsense(bench, scene);
    two_peers(bench, scene);
    all_types(bench, scene);
    bench.test("the cable puts packets together", |bench| {
        merge(&bench.dut, true)?;
        // How many it catches is a matter of luck, but of so many it catches some.
        let before = datagrams(&bench.dut)?;
        for _ in 0..10 {
            let replies = replied(scene, Way::Merged, |_| ())?;
            ensure_eq!(replies, [true; LEN], "replies");
        }
        let came = datagrams(&bench.dut)? - before;
        ensure!(came < 10 * LEN as u64, "they came as {came} packets");
        Ok(())
    });
    echoes(bench, scene, Way::Merged, "packets put together");
    bench.test("the cable leaves packets alone", |bench| {
        merge(&bench.dut, false)
    });
}

/// Trains of echo requests, some of them spoilt: all others are replied to.
fn echoes(bench: &mut Bench, scene: &mut Scene, way: Way, what: &str) {
    let spoilt: [(&str, Spoil, &[usize]); 13] = [
        (
            "the last short of a byte",
            |train| train[LEN - 1].truncate(95),
            &[LEN - 1],
        ),
        (
            "the last shorter than any message",
            |train| train[LEN - 1].truncate(31),
            &[LEN - 1],
        ),
        (
            "the last a single byte",
            |train| train[LEN - 1].truncate(1),
            &[LEN - 1],
        ),
        ("one forged", |train| train[5][95] ^= 1, &[5]),
        ("the first forged", |train| train[0][40] ^= 1, &[0]),
        (
            "all but the last forged",
            |train| {
                train[..LEN - 1]
                    .iter_mut()
                    .for_each(|message| message[95] ^= 1)
            },
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
        ),
        ("one twice", |train| train[6] = train[2].clone(), &[6]),
        ("all numbers backwards", |train| train.reverse(), &[]),
        ("one of no type", |train| train[3][0] = 9, &[3]),
        (
            "the first a cookie reply by its type",
            |train| train[0][0] = 3,
            &[0],
        ),
        ("one with a reserved byte", |train| train[7][2] = 1, &[7]),
        (
            "one to an index that nobody has",
            |train| train[4][5] ^= 0x55,
            &[4],
        ),
        (
            "one of noise",
            |train| train[8] = random::<MESSAGE_LEN>().to_vec(),
            &[8],
        ),
    ];
    for (name, spoil, lost) in spoilt {
        scene.silent(bench, &format!("{what}, {name}"), &[], |scene, _| {
            let wanted: Vec<bool> = (0..LEN).map(|index| !lost.contains(&index)).collect();
            ensure_eq!(replied(scene, way, spoil)?, wanted, "replies");
            Ok(())
        });
    }
}

/// Sends echo requests in one train once `spoil` has had its way with their messages, and tells which
/// of them are replied to.
fn replied(
    scene: &mut Scene,
    way: Way,
    spoil: impl FnOnce(&mut Vec<Vec<u8>>),
) -> Result<Vec<bool>> {
    let mut messages = Vec::new();
    let mut numbers = Vec::new();
    for _ in 0..LEN {
        let (request, number) = scene.peer.echo();
        messages.push(scene.session.seal(&request));
        numbers.push(number);
    }
    spoil(&mut messages);
    let (wire, dut) = (&scene.peer.wire, scene.peer.dut);
    match way {
        Way::Sent => wire.send_train(&messages.concat(), MESSAGE_LEN as u16, dut)?,
        Way::Merged => messages
            .iter()
            .try_for_each(|message| wire.send(message, dut))?,
    }
    let replies = scene.peer.ping(&mut scene.session)?;
    Ok(numbers
        .iter()
        .map(|number| replies.contains(number))
        .collect())
}

/// Trains in which nothing makes sense.
fn nonsense(bench: &mut Bench, scene: &mut Scene) {
    let trains = [
        ("of single bytes", 1, random::<64>().to_vec()),
        ("of 31 bytes each", 31, noise(4, 31).repeat(64)),
        ("to an index that nobody has", 32, noise(4, 32).repeat(64)),
        ("of cookie replies", 64, noise(3, 64).repeat(32)),
        ("of responses", 92, noise(2, 92).repeat(32)),
        ("of initiations of noise", 148, noise(1, 148).repeat(20)),
        ("as long as can be", 1400, noise(4, 1400).repeat(46)),
    ];
    for (name, len, train) in trains {
        scene.silent(bench, &format!("a train {name}"), &[], |scene, bench| {
            let dut = bench.dut.address(OUTSIDE4);
            scene.attacker.send_train(&train, len, dut)
        });
    }
}

/// One packet with messages of two peers' sessions in turn. Both count, and both peers are there now.
fn two_peers(bench: &mut Bench, scene: &mut Scene) {
    bench.test("a train of two peers", |bench| {
        let mut other = bench.peer()?;
        let mut session = other.connect()?;
        let before = received(bench, scene, &other)?;
        let mut train = Vec::new();
        for _ in 0..LEN {
            train.extend(scene.session.seal(&[]));
            train.extend(session.seal(&[]));
        }
        let (wire, dut) = (&scene.peer.wire, scene.peer.dut);
        wire.send_train(&train, 32, dut)?;
        scene.fence()?;
        let after = received(bench, scene, &other)?;
        // The fence is a ping of one of them.
        let wanted = [
            before[0] + (32 * LEN + MESSAGE_LEN) as u64,
            before[1] + 32 * LEN as u64,
        ];
        ensure_eq!(after, wanted, "bytes received");
        let endpoint = bench.dut.endpoint(other.public())?;
        ensure_eq!(endpoint, scene.peer.wire.address(), "the other's endpoint");
        Ok(())
    });
}

fn received(bench: &Bench, scene: &Scene, other: &Peer) -> Result<[u64; 2]> {
    Ok([
        bench.dut.transfer(scene.peer.public())?.0,
        bench.dut.transfer(other.public())?.0,
    ])
}

/// One packet with an initiation, data, and messages of the right types in the wrong length.
fn all_types(bench: &mut Bench, scene: &mut Scene) {
    /// How many messages of data there are, each followed by one of another kind.
    const DATA: u8 = 6;
    bench.test("a train of all types", |bench| {
        let mut other = bench.peer()?;
        let (initiation, slot) = other.initiation()?;
        let mut train = Vec::new();
        for kind in 0..DATA {
            let (mut request, _) = scene.peer.echo();
            request.resize(INITIATION_LEN - OVERHEAD, 0);
            train.extend(scene.session.seal_as(scene.session.counter, &request));
            scene.session.counter += 1;
            match kind {
                1 => train.extend(initiation.as_bytes()),
                _ => train.extend(noise(kind, INITIATION_LEN)),
            }
        }
        other
            .wire
            .send_train(&train, INITIATION_LEN as u16, other.dut)?;
        // They came from there, so the replies go there as well.
        let (mut response, mut replies) = (None, 0);
        while response.is_none() || replies < DATA {
            let next = other.wire.receive(PATIENCE)?;
            let (datagram, _) = next.ok_or("an answer is missing")?;
            match parse(&datagram) {
                Ok(Message::Response(found)) => response = Some(*found),
                _ => replies += u8::from(scene.session.open(&datagram).is_ok()),
            }
        }
        other.begin(slot, &response.ok_or("no response")?)?;
        scene.fence()
    });
}

/// Datagrams that the device's namespace has received, in packets of the stack.
fn datagrams(dut: &Dut) -> Result<u64> {
    let counters = dut.run("cat", &["/proc/net/snmp"], "")?;
    let line = counters
        .lines()
        .filter_map(|line| line.strip_prefix("Udp: "))
        .nth(1);
    let count = line.and_then(|line| line.split(' ').next());
    Ok(count.ok_or("UDP counts nothing")?.parse()?)
}

/// Has the cable put packets together, for which it waits some milliseconds, or no longer. It does not
/// where the sender might do it.
fn merge(dut: &Dut, is_on: bool) -> Result {
    let (gro, tso, timeout) = match is_on {
        true => ("on", "off", "5000000"),
        false => ("off", "on", "0"),
    };
    run_command("ethtool", &["-K", OUR_CABLE, "tso", tso], "")?;
    dut.run("ethtool", &["-K", CABLE, "gro", gro], "")?;
    let set = format!("echo {timeout} >/sys/class/net/{CABLE}/gro_flush_timeout");
    run_command("ip", &["netns", "exec", NAMESPACE, "sh", "-c", &set], "").map(drop)
}
