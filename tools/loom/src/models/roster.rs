// SPDX-License-Identifier: GPL-2.0

//! Peers wake and fall asleep beside each other and beside what happens to their device: whoever
//! comes to those that are awake misses none that has something to be stopped or forgotten.

use kernel::{model, sync::Arc};
use loom::thread;

use super::peers::{identity, Ends};
use crate::{
    device::Device,
    kapi::sync::rcu::RcuArc,
    peer::Peer,
    proto::time::MonoTime,
    tx::create, //
};

/// Something happens that a timer is set for.
fn happen(peer: &RcuArc<Peer>) {
    Peer::lock_timers(peer.borrow()).session_derived(MonoTime(1), &|| 0);
}

fn is_due(peer: &Peer) -> bool {
    peer.timers.lock().next_deadline().is_some()
}

/// What `device.rs` does to timers when the device goes down.
fn go_down(device: &Device) {
    device.set_up(false);
    device.awake.walk().for_each(|peer| peer.stop());
}

fn awake(device: &Device) -> Vec<u64> {
    device.awake.walk().map(|peer| peer.id).collect()
}

fn is_awake(peer: &Peer) -> bool {
    awake(&peer.device).contains(&peer.id)
}

/// A peer that sleeps, and its device.
fn sleeper() -> (RcuArc<Peer>, Arc<Device>) {
    let peer = Ends::new().peer;
    let device = peer.device.clone();
    (peer, device)
}

/// A peer that is awake, for no reason any more.
fn drowsy() -> (RcuArc<Peer>, Arc<Device>) {
    let (peer, device) = sleeper();
    assert!(Peer::wake(peer.borrow()));
    (peer, device)
}

/// Runs `work` in a thread of its own.
fn aside(peer: &RcuArc<Peer>, work: fn(&RcuArc<Peer>)) -> thread::JoinHandle<()> {
    let peer = peer.clone();
    thread::spawn(move || work(&peer))
}

/// Nothing is due in a device that is down, whatever happens while it goes.
#[test]
fn down_while_a_peer_wakes() {
    model::check(3, || {
        let (peer, device) = sleeper();
        let other = aside(&peer, happen);
        go_down(&device);
        other.join().unwrap();
        assert!(!is_due(&peer), "a timer runs in a device that is down");
        Peer::close(&peer);
    });
}

/// Also if the peer was awake already, and about to sleep.
#[test]
fn down_while_a_peer_settles() {
    model::check(2, || {
        let (peer, device) = drowsy();
        let others = [aside(&peer, happen), aside(&peer, Peer::settle)];
        go_down(&device);
        for other in others {
            other.join().unwrap();
        }
        assert!(!is_due(&peer), "a timer runs in a device that is down");
        Peer::close(&peer);
    });
}

/// A peer for which something is due does not fall asleep.
#[test]
fn settles_while_something_happens() {
    model::check(3, || {
        let (peer, _device) = drowsy();
        let other = aside(&peer, happen);
        Peer::settle(&peer);
        other.join().unwrap();
        assert!(is_due(&peer));
        assert!(is_awake(&peer), "a peer sleeps for which something is due");
        Peer::close(&peer);
    });
}

/// One that has been removed does not wake, and is freed.
#[test]
fn removed_while_it_wakes() {
    model::check(3, || {
        let (peer, device) = sleeper();
        let other = aside(&peer, happen);
        Peer::close(&peer);
        other.join().unwrap();
        assert!(
            awake(&device).is_empty(),
            "a peer is awake that was removed"
        );
        assert!(!is_due(&peer), "a timer runs for a peer that was removed");
    });
}

/// No handshake goes on with a private key that the device no longer has.
#[test]
fn another_identity_while_a_handshake_begins() {
    model::check(3, || {
        let (peer, device) = sleeper();
        let other = aside(&peer, |peer| {
            let _ = create::create_initiation(peer, None, false);
        });
        let before = device.identity.replace(Some(identity(9))).unwrap();
        device
            .awake
            .walk()
            .for_each(|peer| Peer::forget_identity(&peer));
        other.join().unwrap();
        let known = peer.noise.lock().remote(&before).is_some();
        assert!(!known, "a peer is told of an identity that is gone");
        Peer::close(&peer);
    });
}

/// A walk comes once to who stays, also while others come and go.
#[test]
fn walks_while_others_come_and_go() {
    model::check(2, || {
        let (stays, device) = drowsy();
        let goes = Ends::of(device.clone(), 3).peer;
        assert!(Peer::wake(goes.borrow()));
        let other = aside(&goes, |goes| {
            Peer::settle(goes);
            happen(goes);
        });
        let met = awake(&device);
        other.join().unwrap();
        let times = met.iter().filter(|id| **id == stays.id).count();
        assert_eq!(times, 1, "a walk came to a peer {times} times");
        assert!(met.len() <= 2);
        assert!(is_awake(&goes) && is_awake(&stays));
        Peer::close(&stays);
        Peer::close(&goes);
        assert!(awake(&device).is_empty());
    });
}
