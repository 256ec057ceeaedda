// SPDX-License-Identifier: GPL-2.0

//! Handshake messages that come to nothing.

use std::thread::sleep;

use wireguard_proto::messages::HandshakeMessage;

use super::{Before, Stage};
use crate::bench::Bench;
use crate::dut::Counters;
use crate::ensure;
use crate::keys::{random, Key, LowOrder, CHEAT, LOW_ORDER_POINTS};
use crate::peer::{is_response, NOW, PATIENCE};
use crate::suites::datagrams::handshakes::{accept, called, send_spoilt};
use crate::suites::datagrams::SPACING;

/// How often to try what is a matter of speed.
const TRIES: usize = 20;

pub fn run(bench: &mut Bench, stage: &mut Stage) {
    initiations(bench, stage);
    responses(bench, stage);
    cookies(bench, stage);
}

fn initiations(bench: &mut Bench, stage: &mut Stage) {
    // What is damaged, whether the macs cover it, and whether it is known then whose it is.
    let spoilt = [
        (
            "an initiation with a wrong first mac",
            116,
            false,
            "hs_bad_mac1",
            false,
        ),
        (
            "an initiation whose index is changed",
            4,
            false,
            "hs_bad_mac1",
            false,
        ),
        (
            "an initiation with another ephemeral key",
            8,
            true,
            "hs_bad_static",
            false,
        ),
        (
            "an initiation whose static key is damaged",
            40,
            true,
            "hs_bad_static",
            false,
        ),
        (
            "an initiation whose timestamp is damaged",
            88,
            true,
            "hs_unauthentic",
            true,
        ),
    ];
    for (name, at, with_macs, reason, is_known) in spoilt {
        stage.fault(bench, name, &[(reason, 1)], |_, bench| {
            let mut peer = bench.peer()?;
            let (mut message, _) = peer.initiation()?;
            message.as_mut_bytes()[at] ^= 1;
            if with_macs {
                peer.cookies.add_macs(&mut message, NOW);
            }
            peer.send(message.as_bytes())?;
            Ok(is_known.then_some(*peer.public()))
        });
    }
    stage.fault(
        bench,
        "an initiation of a stranger",
        &[("hs_unknown_peer", 1)],
        |_, bench| {
            let mut stranger = bench.stranger()?;
            let (message, _) = stranger.initiation()?;
            stranger.send(message.as_bytes())?;
            Ok(None)
        },
    );
    for (at, point) in LOW_ORDER_POINTS.into_iter().enumerate() {
        let name = format!("an initiation with low-order ephemeral key {at}");
        stage.fault(bench, &name, &[("hs_bad_point", 1)], |_, bench| {
            let mut peer = bench.cheat()?;
            LowOrder::choose(point);
            let (message, _) = peer.initiation_with(Key::from_bytes(CHEAT))?;
            peer.send(message.as_bytes())?;
            Ok(None)
        });
    }
    for (name, back) in [
        ("sent again", 0),
        ("with the same timestamp", 1),
        ("with an older one", 1000),
    ] {
        let name = format!("an initiation {name}");
        stage.fault(bench, &name, &[("hs_replayed", 1)], |_, bench| {
            let mut peer = bench.peer()?;
            let (mut message, slot) = peer.initiation()?;
            peer.send(message.as_bytes())?;
            let response = peer.await_message(PATIENCE, is_response)?;
            peer.begin(slot, &response)?;
            sleep(SPACING);
            if back > 0 {
                peer.clock -= back;
                message = peer.initiation()?.0;
            }
            peer.send(message.as_bytes())?;
            Ok(Some(*peer.public()))
        });
    }
    bench.test("two initiations of one peer at once", |bench| {
        for _ in 0..TRIES {
            let before = Before::now()?;
            let mut peer = bench.peer()?;
            let messages = [peer.initiation()?.0, peer.initiation()?.0];
            for message in &messages {
                peer.send(message.as_bytes())?;
            }
            stage.scene.fence()?;
            let counted = before.device()?;
            // It may take long until the second is looked at, and it may be overtaken.
            if counted == Counters::of(&[("hs_flood", 1)]) {
                return Ok(());
            }
            println!("# counted: {counted:?}");
        }
        Err("the second was never taken for a flood".into())
    });
    stage.faults += 1;
}

fn responses(bench: &mut Bench, stage: &mut Stage) {
    let spoilt = [
        (
            "a response with a wrong first mac",
            60,
            false,
            "hs_bad_mac1",
            false,
        ),
        (
            "a response to another index",
            8,
            true,
            "hs_unknown_index",
            false,
        ),
        (
            "a response with another ephemeral key",
            12,
            true,
            "hs_unauthentic",
            true,
        ),
        (
            "a response whose proof is damaged",
            44,
            true,
            "hs_unauthentic",
            true,
        ),
    ];
    for (name, at, with_macs, reason, is_known) in spoilt {
        stage.fault(bench, name, &[(reason, 1)], |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let (response, session) = peer.answer(&initiation)?;
            send_spoilt(&mut peer, response, at, with_macs)?;
            scene.fence()?;
            accept(&peer, response.as_bytes(), &session)?;
            Ok(is_known.then_some(*peer.public()))
        });
    }
    stage.fault(
        bench,
        "a response with another preshared key",
        &[("hs_unauthentic", 1)],
        |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            peer.remote.set_preshared_key(Key::from_bytes(random()));
            let (response, _) = peer.answer(&initiation)?;
            peer.send(response.as_bytes())?;
            scene.fence()?;
            peer.remote.set_preshared_key(Key::from_bytes([0; 32]));
            let (response, session) = peer.answer(&initiation)?;
            accept(&peer, response.as_bytes(), &session)?;
            Ok(Some(*peer.public()))
        },
    );
    stage.fault(
        bench,
        "a response sent again",
        &[("hs_unexpected", 1)],
        |_, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let (response, session) = peer.answer(&initiation)?;
            accept(&peer, response.as_bytes(), &session)?;
            peer.send(response.as_bytes())?;
            Ok(Some(*peer.public()))
        },
    );
    for (at, point) in LOW_ORDER_POINTS.into_iter().enumerate() {
        let name = format!("a response with low-order ephemeral key {at}");
        let counts = [("hs_bad_point", 1), ("tx_peer_removed", 1)];
        // The peer is gone, and has taken its counts along.
        stage.fault(bench, &name, &counts, |scene, bench| {
            let mut peer = bench.cheat()?;
            let initiation = called(bench, &mut peer)?;
            LowOrder::choose(point);
            let (response, _) = peer.answer_with(&initiation, Key::from_bytes(CHEAT))?;
            peer.send(response.as_bytes())?;
            scene.fence()?;
            bench.dut.wg_peer(peer.public(), &["remove"])?;
            Ok(None)
        });
    }
}

fn cookies(bench: &mut Bench, stage: &mut Stage) {
    stage.fault(
        bench,
        "a forged cookie reply",
        &[("hs_cookie_forged", 1)],
        |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let dut = peer.dut;
            let checker = peer.cookie_checker();
            let mut reply = checker.create_reply(&initiation, &dut, random(), NOW)?;
            zerocopy::IntoBytes::as_mut_bytes(&mut reply)[63] ^= 1;
            peer.send(zerocopy::IntoBytes::as_bytes(&reply))?;
            scene.fence()?;
            let (response, session) = peer.answer(&initiation)?;
            accept(&peer, response.as_bytes(), &session)?;
            Ok(Some(*peer.public()))
        },
    );
    stage.fault(
        bench,
        "a cookie reply too many",
        &[("hs_cookie_unasked", 1)],
        |scene, bench| {
            let mut peer = bench.peer()?;
            let initiation = called(bench, &mut peer)?;
            let dut = peer.dut;
            let checker = peer.cookie_checker();
            let reply = checker.create_reply(&initiation, &dut, random(), NOW)?;
            for _ in 0..2 {
                peer.send(zerocopy::IntoBytes::as_bytes(&reply))?;
                // One after the other.
                scene.fence()?;
            }
            let (response, session) = peer.answer(&initiation)?;
            accept(&peer, response.as_bytes(), &session)?;
            Ok(Some(*peer.public()))
        },
    );
}

/// What happens without a private key; sessions end when it is taken away.
pub fn without_key(bench: &mut Bench, stage: &mut Stage) {
    bench.test("an initiation to a device without a key", |bench| {
        let mut peer = bench.peer()?;
        let (message, _) = peer.initiation()?;
        let before = Before::now()?;
        bench.dut.set_private_key(false)?;
        peer.send(message.as_bytes())?;
        // There is nobody to fence with.
        sleep(SPACING);
        bench.dut.set_private_key(true)?;
        let counted = before.device()?;
        let wanted = Counters::of(&[("hs_no_private_key", 1)]);
        ensure!(counted == wanted, "wanted {wanted:?}, found {counted:?}");
        Ok(())
    });
    stage.faults += 1;
}
