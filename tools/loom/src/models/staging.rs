// SPDX-License-Identifier: GPL-2.0

//! Staging packets: they are sent in the order of their counters, none is lost track of, and a peer
//! that is removed meanwhile is freed.

use kernel::{model, sync::Arc};
use loom::thread;

use super::peers::{install, Ends};
use crate::{
    device::Device,
    kapi::{
        net::skbuff::PacketList,
        sync::{bh, rcu::RcuArc}, //
    },
    peer::Peer,
    proto::handshake::Role,
    tx::stage::stage,
};

/// A peer with a session, and its device, whose worker has been started.
fn peer() -> (RcuArc<Peer>, Arc<Device>) {
    let peer = Ends::new().peer;
    let device = peer.device.clone();
    install(&peer, Role::Initiator).unwrap();
    device.crypt_queue.flush();
    (peer, device)
}

fn send(peer: &RcuArc<Peer>, packets: usize) {
    let bh = bh::disable();
    stage(peer.borrow(), PacketList::of(packets), bh.token());
}

#[test]
fn counters_go_out_in_order() {
    model::check(2, || {
        let (peer, device) = peer();
        let other = thread::spawn({
            let peer = peer.clone();
            move || send(&peer, 2)
        });
        send(&peer, 1);
        other.join().unwrap();
        device.crypt_queue.flush();
        assert_eq!(device.dev.fates(), (vec![0, 1, 2], 0));
        Peer::close(&peer);
    });
}

/// What is sent or dropped after all, or still staged when the peer is freed, is all there was.
#[test]
fn removed_while_packets_come() {
    model::check(2, || {
        let (peer, device) = peer();
        let other = thread::spawn({
            let peer = peer.clone();
            move || send(&peer, 2)
        });
        Peer::close(&peer);
        other.join().unwrap();
        device.crypt_queue.flush();
        let (sent, dropped) = device.dev.fates();
        let left = peer.staged.lock().len();
        assert!(sent.is_empty() || sent == [0, 1]);
        assert_eq!(sent.len() + dropped + left, 2);
    });
}
