// SPDX-License-Identifier: GPL-2.0

//! Datagrams that are no messages.

use super::Stage;
use crate::bench::Bench;
use crate::dut::OUTSIDE4;
use crate::suites::datagrams::noise;

/// How many datagrams there are in a train.
const TRAIN: u64 = 32;

pub fn run(bench: &mut Bench, stage: &mut Stage) {
    let cases = [
        ("an empty datagram", vec![], "rx_too_short"),
        ("one byte", noise(1, 1), "rx_too_short"),
        ("fifteen bytes", noise(4, 15), "rx_too_short"),
        ("a message of type 0", noise(0, 148), "rx_unknown_type"),
        ("a message of type 5", noise(5, 148), "rx_unknown_type"),
        ("a message of type 255", noise(255, 92), "rx_unknown_type"),
        ("data of 31 bytes", noise(4, 31), "rx_bad_length"),
        ("an initiation of 147 bytes", noise(1, 147), "rx_bad_length"),
        ("an initiation of 149 bytes", noise(1, 149), "rx_bad_length"),
        ("a response of 91 bytes", noise(2, 91), "rx_bad_length"),
        ("a cookie reply of 65 bytes", noise(3, 65), "rx_bad_length"),
        ("an initiation of noise", noise(1, 148), "hs_bad_mac1"),
        ("a response of noise", noise(2, 92), "hs_bad_mac1"),
        ("a cookie reply of noise", noise(3, 64), "hs_unknown_index"),
        ("data of noise", noise(4, 1452), "rx_no_session"),
    ];
    for (name, datagram, reason) in cases {
        stage.fault(bench, name, &[(reason, 1)], |scene, bench| {
            scene.attack(bench, &datagram)?;
            Ok(None)
        });
    }
    for at in 1..4 {
        let name = format!("data with reserved byte {at} set");
        stage.fault(bench, &name, &[("rx_unknown_type", 1)], |scene, _| {
            let mut message = scene.session.seal(b"reserved");
            message[at] = 0x80;
            scene.peer.send(&message)?;
            Ok(None)
        });
    }
    // In a train, each of them is a packet by itself then, but for those that are too short for that; and one
    // whose messages are all of one session stays one.
    let trains = [
        (
            "of single bytes",
            1,
            noise(4, TRAIN as usize),
            "rx_too_short",
            0,
        ),
        (
            "of 31 bytes each",
            31,
            noise(4, 31).repeat(TRAIN as usize),
            "rx_bad_length",
            TRAIN,
        ),
        (
            "of responses",
            92,
            noise(2, 92).repeat(TRAIN as usize),
            "hs_bad_mac1",
            TRAIN,
        ),
        (
            "to an index that nobody has",
            32,
            noise(4, 32).repeat(TRAIN as usize),
            "rx_no_session",
            1,
        ),
    ];
    for (name, len, train, reason, packets) in trains {
        let name = format!("a train {name}");
        let (counts, packets) = ([(reason, TRAIN)], [(reason, packets)]);
        let packets = if packets[0].1 == 0 { &[][..] } else { &packets };
        stage.fault_of(bench, &name, &counts, packets, |scene, bench| {
            let dut = bench.dut.address(OUTSIDE4);
            scene.attacker.send_train(&train, len, dut)?;
            Ok(None)
        });
    }
}
