// SPDX-License-Identifier: GPL-2.0

//! The way out: packets are sent in the order of their counters wherever they are encrypted, none is
//! left that nobody will take, and a peer that is removed meanwhile is freed.

use kernel::{model, sync::Arc};
use loom::thread;

use super::peers::{install, Ends};
use crate::{
    device::Device,
    kapi::{
        net::device::set_xmit_depth,
        sync::{bh, rcu::RcuArc}, //
    },
    peer::Peer,
    proto::handshake::Role,
    session::Session,
    tx::{self, stage, streak},
};

/// How many jobs a ring has room for.
const ROOM: usize = 4;

/// A peer, and its device, whose worker has been started.
fn stranger(room: usize) -> (RcuArc<Peer>, Arc<Device>) {
    let peer = Ends::with_room(room).peer;
    let device = peer.device.clone();
    device.crypt_queue.flush();
    (peer, device)
}

/// The same with a session.
fn peer(room: usize) -> (RcuArc<Peer>, Arc<Device>) {
    let (peer, device) = stranger(room);
    install(&peer, Role::Initiator).unwrap();
    (peer, device)
}

fn send(peer: &RcuArc<Peer>, packets: usize) {
    let bh = bh::disable();
    tx::xmit(peer.borrow(), packets, bh.token());
}

fn flush(peer: &RcuArc<Peer>) {
    let bh = bh::disable();
    stage::flush(peer.borrow(), bh.token());
}

/// How many packets are staged, which are not any more then.
fn staged(peer: &Peer) -> usize {
    peer.stage.lock().take().messages as usize
}

/// All that was ever staged has been sent, by way of whatever worker was called.
fn assert_sent(peer: &RcuArc<Peer>, device: &Device, packets: u64) {
    device.crypt_queue.flush();
    let all: Vec<_> = (0..packets).collect();
    assert_eq!(staged(peer), 0, "a packet is left that nobody will take");
    assert_eq!(device.sockets.sent(), all);
    assert_eq!(device.dev.dropped(), 0);
    Peer::close(peer);
}

/// Two senders at once: so many packets in one piece, and such pieces one after the other.
fn two_senders(room: usize, theirs: usize, mine: &'static [usize]) {
    model::check(2, move || {
        let (peer, device) = peer(room);
        let other = thread::spawn({
            let peer = peer.clone();
            move || send(&peer, theirs)
        });
        mine.iter().for_each(|packets| send(&peer, *packets));
        other.join().unwrap();
        let all = theirs + mine.iter().sum::<usize>();
        assert_sent(&peer, &device, all as u64);
    });
}

#[test]
fn encrypted_by_workers() {
    set_xmit_depth(4);
    two_senders(ROOM, 2, &[1]);
}

#[test]
fn encrypted_at_once() {
    two_senders(ROOM, 2, &[1]);
}

#[test]
fn encrypted_here_and_there() {
    kernel::cpu::set_count(2);
    two_senders(ROOM, 3, &[1]);
}

/// Packets that others stage are left to the worker that was called, and it takes them.
#[test]
fn a_worker_is_called() {
    streak::set(true);
    two_senders(ROOM, 1, &[1, 1]);
}

/// Then who could not call it does its work.
#[test]
fn no_worker_can_be_called() {
    streak::set(true);
    two_senders(0, 1, &[1, 1]);
}

/// What goes to a worker and what is sent at once are in one order.
#[test]
fn a_keepalive_meanwhile() {
    streak::set(true);
    model::check(2, || {
        let (peer, device) = peer(ROOM);
        let other = thread::spawn({
            let peer = peer.clone();
            move || {
                let bh = bh::disable();
                stage::send_keepalive(peer.borrow(), bh.token());
            }
        });
        send(&peer, 1);
        other.join().unwrap();
        device.crypt_queue.flush();
        // It isn't needed if there is a packet.
        let count = device.sockets.sent().len() as u64;
        assert!(count == 1 || count == 2);
        assert_sent(&peer, &device, count);
    });
}

/// A session comes, after something else, while a packet is sent: that is sent in the end.
fn sent_when_a_session_comes(peer: &RcuArc<Peer>, device: &Device, after: impl FnOnce()) {
    let other = thread::spawn({
        let peer = peer.clone();
        move || send(&peer, 1)
    });
    after();
    install(peer, Role::Initiator).unwrap();
    flush(peer);
    other.join().unwrap();
    device.crypt_queue.flush();
    assert_eq!(
        device.sockets.sent(),
        [0],
        "a packet still waits for a session"
    );
}

/// What waits for a session is sent when there is one, and so is what comes afterwards.
fn a_session_comes() {
    model::check(2, || {
        let (peer, device) = stranger(ROOM);
        sent_when_a_session_comes(&peer, &device, || ());
        send(&peer, 1);
        assert_sent(&peer, &device, 2);
    });
}

#[test]
fn a_session_comes_for_what_is_sent_at_once() {
    a_session_comes();
}

#[test]
fn a_session_comes_for_a_worker() {
    streak::set(true);
    a_session_comes();
}

/// The worker that is called for one session may come when that is gone, and before there is another.
#[test]
fn a_session_follows_another_for_a_worker() {
    streak::set(true);
    model::check(2, || {
        let (peer, device) = peer(ROOM);
        sent_when_a_session_comes(&peer, &device, || {
            peer.sessions.clear(&device.index_table);
        });
        send(&peer, 1);
        device.crypt_queue.flush();
        assert_eq!(staged(&peer), 0, "a packet is left that nobody will take");
        assert_eq!(device.sockets.sent().len(), 2);
        Peer::close(&peer);
    });
}

/// What is sent or dropped after all, or still staged when the peer is freed, is all there was.
fn removed_while_packets_come(packets: usize) {
    model::check(2, move || {
        let (peer, device) = peer(ROOM);
        let other = thread::spawn({
            let peer = peer.clone();
            move || send(&peer, packets)
        });
        Peer::close(&peer);
        other.join().unwrap();
        device.crypt_queue.flush();
        let (sent, dropped) = (device.sockets.sent(), device.dev.dropped());
        let all: Vec<_> = (0..packets as u64).collect();
        assert!(sent.is_empty() || sent == all);
        assert_eq!(sent.len() + dropped + staged(&peer), packets);
    });
}

#[test]
fn removed_while_packets_are_given_to_a_worker() {
    set_xmit_depth(4);
    removed_while_packets_come(2);
}

#[test]
fn removed_while_packets_are_sent() {
    removed_while_packets_come(2);
}

#[test]
fn removed_while_a_worker_is_called() {
    streak::set(true);
    removed_while_packets_come(1);
}

fn current(peer: &Peer) -> RcuArc<Session> {
    let bh = bh::disable();
    let current = peer.sessions.current(bh.token().rcu());
    current.unwrap().try_get().unwrap()
}

/// What one session sends goes out behind what the one before has sent, whatever is encrypted first.
#[test]
fn a_session_sends_behind_another() {
    model::check(2, || {
        let (peer, device) = peer(ROOM);
        let [early, late] = [0, 1].map(|counter| {
            let session = current(&peer);
            let number = session.lanes.tx_order.issue(2).unwrap();
            install(&peer, Role::Initiator).unwrap();
            tx::sealed(&session, number, counter)
        });
        let other = thread::spawn(move || tx::complete(late));
        tx::complete(early);
        other.join().unwrap();
        assert_sent(&peer, &device, 2);
    });
}

/// More batches become ready at once than one sends in one go: a worker sends the rest, and what is
/// completed meanwhile.
fn many_at_once(room: usize) {
    /// One more than go.
    const MANY: u64 = 17;
    model::check(2, move || {
        let (peer, device) = peer(room);
        let session = current(&peer);
        let mut batches = (0..=MANY).map(|counter| {
            let number = session.lanes.tx_order.issue(MANY + 1).unwrap();
            tx::sealed(&session, number, counter)
        });
        let first = batches.next().unwrap();
        let mut others: Vec<_> = batches.collect();
        let last = others.pop().unwrap();
        others.into_iter().for_each(tx::complete);
        let other = thread::spawn(move || tx::complete(first));
        tx::complete(last);
        other.join().unwrap();
        drop(session);
        assert_sent(&peer, &device, MANY + 1);
    });
}

#[test]
fn what_is_too_much_is_put_off() {
    many_at_once(ROOM);
}

#[test]
fn what_cannot_be_put_off_is_sent() {
    many_at_once(0);
}
