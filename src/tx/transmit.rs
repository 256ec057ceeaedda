// SPDX-License-Identifier: GPL-2.0

//! Context: where the batch was encrypted, bottom halves disabled; for one peer on one CPU at a time.
//! Input:   encrypted batches of a peer, in order.
//! Output:  datagrams to its endpoint.
//! Next:    the UDP tunnel layer.

use kernel::prelude::*;

use super::{
    encrypt::Encrypt,
    handshake,
    path,
    trace,
    Fate,
    Note,
    TxBatch,
    TxHeader, //
};
use crate::{
    drops::{Drops, Reason},
    kapi::{
        net::{
            skbuff::{PacketList, SkBuff},
            udp_tunnel::Unsent, //
        },
        sync::{
            bh::{self, BhDisabled},
            rcu::RcuArc, //
        }, //
    },
    peer::Peer,
    proto::timers::{
        Leaving,
        Retry, //
    },
    queue::ordered::{Drainer, Duty},
    session::Session,
    time::boot_now,
    timers, //
};

/// How many batches to send in one go. Who sends may be on its way to something else, with bottom
/// halves disabled, and others may go on encrypting meanwhile.
const MAX_IN_ONE_GO: usize = 16;

/// Takes an encrypted batch, and sends all of its peer that is ready.
pub(super) fn complete(batch: TxBatch) {
    let session = batch.session.clone();
    if let Some((first, drainer)) = session.lanes.tx_order.complete(batch) {
        drain(&session, Some(first), drainer);
    }
}

/// Goes on with what was put off.
pub(super) fn resume(session: &RcuArc<Session>, duty: Duty) {
    drain(session, None, session.lanes.tx_order.resume(duty));
}

/// Sends what is ready, and leaves to a worker what is too much.
fn drain(
    session: &RcuArc<Session>,
    mut first: Option<TxBatch>,
    mut drainer: Drainer<'_, TxHeader>,
) {
    loop {
        for _ in 0..MAX_IN_ONE_GO {
            let Some(batch) = first.take().or_else(|| drainer.next()) else {
                return;
            };
            let bh = bh::disable();
            send(batch, bh.token());
        }
        // If there is no room for that, who sends is the worker.
        let device = &session.peer.device;
        if let Some(entrance) = device.encrypt.enter_empty() {
            let job = Encrypt::Send(session.clone(), drainer.put_off());
            return entrance.submit(&device.crypt_queue, job);
        }
    }
}

fn send(batch: TxBatch, bh: BhDisabled<'_>) {
    trace::transmit(&batch);
    let (header, packets) = batch.into_parts();
    let session = &header.session;
    let peer = &session.peer;
    let (packets, leaving) = look_through(peer, packets);
    if packets.is_empty() {
        return;
    }
    // Before they are sent: what comes back may want an answer of its own, or be the answer.
    let begins = timers::packets_leave(peer.borrow(), leaving);
    let has_sent_data = send_all(session, packets, bh);
    if begins && !has_sent_data {
        timers::data_refused(peer.borrow());
    }
    keep_fresh(peer, bh);
}

/// Drops the packets that could not be made messages, and says what the others hold.
fn look_through(peer: &Peer, packets: PacketList) -> (PacketList, Leaving) {
    let mut has_failed = false;
    let mut leaving = Leaving::NoData;
    packets.for_each(|skb| match Note::of(skb).fate {
        Fate::NoMemory | Fate::Unsealable => has_failed = true,
        Fate::NoData => {}
        Fate::Send => leaving = Leaving::Data,
    });
    if has_failed {
        (without_failed(peer, packets), leaving)
    } else {
        (packets, leaving)
    }
}

#[cold]
fn without_failed(peer: &Peer, mut packets: PacketList) -> PacketList {
    let mut rest = PacketList::new();
    while let Some(skb) = packets.pop() {
        let note = Note::of(&skb);
        match note.fate.reason() {
            None => rest.push(skb),
            Some(reason) => {
                peer.device.dev.tx_dropped(note.messages.into());
                peer.discard_messages(skb, note.messages.into(), reason);
            }
        }
    }
    rest
}

/// Sends messages by one route, and returns whether any data were among those that IP took.
fn send_all(session: &Session, mut packets: PacketList, bh: BhDisabled<'_>) -> bool {
    let peer = &session.peer;
    let device = &peer.device;
    let (dev, routing) = (&device.dev, || Peer::routing(peer));
    // A route is not small: it stays where it is.
    let mut route = device.sockets.route(dev, &peer.endpoint, routing, bh);
    let route = match &mut route {
        Ok(route) => route,
        Err(error) => {
            let reason = reason_for(*error);
            peer.discard_all(packets, messages_of, reason);
            return false;
        }
    };
    let mut has_data = false;
    let mut bytes = 0u64;
    let mut short = path::SHORT;
    let mut count = |len: u32, is_data, sent: Result<(), Unsent>| match sent {
        Ok(()) => {
            bytes = bytes.wrapping_add(len.into());
            has_data |= is_data;
        }
        Err(unsent) => lose(peer, unsent),
    };
    while let Some(skb) = packets.pop() {
        let (len, Note { ds, fate, .. }) = (skb.len(), Note::of(&skb));
        let is_data = fate == Fate::Send;
        if len > short {
            path::look(session, route, &skb, ds);
            // Once is enough.
            short = u32::MAX;
        }
        if packets.is_empty() {
            count(len, is_data, route.send_last(skb, dev, ds));
            break;
        }
        count(len, is_data, route.send(skb, dev, ds));
    }
    peer.count_sent(bytes);
    has_data
}

/// Drops what could not be sent, once that was tried.
#[cold]
fn lose(peer: &Peer, Unsent { skb, error }: Unsent) {
    let messages = messages_of(&skb);
    peer.discard_messages(skb, messages, reason_for(error));
}

/// How many messages a packet is made of.
fn messages_of(skb: &SkBuff) -> u32 {
    Note::of(skb).messages.into()
}

/// Why a message is dropped that could not be sent.
pub(super) fn reason_for(error: Error) -> Reason {
    match error {
        ENETDOWN => Reason::TxDown,
        ENOTCONN => Reason::TxNoSocket,
        EDESTADDRREQ => Reason::TxNoEndpoint,
        ENONET | EAFNOSUPPORT => Reason::TxFamilyUnsupported,
        EMSGSIZE => Reason::TxTooLong,
        ENOMEM => Reason::TxNoMemory,
        _ => Reason::TxNoRoute,
    }
}

/// Sends a handshake message behind what precedes it, by one route.
#[cold]
pub(super) fn send_messages(
    peer: &RcuArc<Peer>,
    mut packets: PacketList,
    bh: BhDisabled<'_>,
) -> Result {
    let (sockets, dev) = (&peer.device.sockets, &peer.device.dev);
    let routing = || Peer::routing(peer);
    let mut route = match sockets.route(dev, &peer.endpoint, routing, bh) {
        Ok(route) => route,
        Err(error) => {
            peer.discard_all(packets, |_| 1, reason_for(error));
            return Err(error);
        }
    };
    let mut outcome = Ok(());
    while let Some(skb) = packets.pop() {
        let len = skb.len();
        let sent = if packets.is_empty() {
            route.send_last(skb, dev, 0)
        } else {
            route.send(skb, dev, 0)
        };
        outcome = match sent {
            Ok(()) => {
                peer.count_sent(len.into());
                Ok(())
            }
            Err(Unsent { skb, error }) => {
                peer.discard(skb, reason_for(error));
                Err(error)
            }
        };
    }
    outcome
}

/// Sends a handshake message.
pub(super) fn send_message(peer: &RcuArc<Peer>, skb: SkBuff, ds: u8, bh: BhDisabled<'_>) -> Result {
    let device = &peer.device;
    let routing = || Peer::routing(peer);
    let sent = device
        .sockets
        .send(&device.dev, &peer.endpoint, skb, ds, routing, bh);
    match sent {
        Ok(len) => {
            peer.count_sent(u64::from(len));
            Ok(())
        }
        Err(Unsent { skb, error }) => {
            peer.discard(skb, reason_for(error));
            Err(error)
        }
    }
}

/// Asks for a new session when the current one gets old.
fn keep_fresh(peer: &RcuArc<Peer>, bh: BhDisabled<'_>) {
    let is_due = peer
        .sessions
        .current(bh.rcu())
        .is_some_and(|session| session.is_rekey_due_after_send(boot_now));
    if is_due {
        handshake::request(peer.borrow(), Retry::No);
    }
}
