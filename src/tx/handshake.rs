// SPDX-License-Identifier: GPL-2.0

//! Context: requests come from anywhere; messages are made in process context.
//! Input:   the wish for a session, or an initiation that was accepted.
//! Output:  handshake messages and cookie replies.
//! Next:    the UDP tunnel layer.

mod create;
mod dressed;

use kernel::{
    prelude::*,
    workqueue::WorkItem, //
};

use self::{
    create::{
        create_initiation,
        create_response, //
    },
    dressed::{
        dressed,
        vanguard, //
    },
};
use super::{
    dress::pick_type,
    transmit,
    HEADROOM, //
};
use crate::{
    carrier::Carrier,
    device::Device,
    drops::{Drops, Reason},
    events::{self, End},
    guise::Guise,
    kapi::{
        crypto::without_traces,
        log::{debug, debug_ratelimited},
        net::{
            addr::ShowSocketAddr,
            skbuff::{PacketList, SkBuff},
            udp_tunnel::{Datagram, Unsent}, //
        },
        random,
        sync::{
            atomic::Ordering,
            bh,
            rcu::{RcuArc, RcuRef}, //
        }, //
    },
    liveness::Failure,
    peer::Peer,
    proto::{
        awg::{Dice, INITIAL_TRAILER_WINDOW},
        constants::{COOKIE_REPLY_LEN, HANDSHAKE_DS},
        messages::{CookieReply, HandshakeMessage, MessageType},
        timers::Retry, //
    },
    time::{boot_now, mono_now},
    timers::{self, Draws},
    wardrobe::Fits, //
};

pub(crate) use self::create::begin_session;

/// Asks for a new session, unless a handshake message went out a moment ago.
pub(crate) fn request(peer: RcuRef<'_, Peer>, retry: Retry) {
    let is_due = Peer::lock_timers(peer).initiation_requested(retry, boot_now());
    if !is_due || peer.is_closed() || !peer.device.is_up() {
        return;
    }
    if let Some(peer) = peer.try_get() {
        peer.is_to_initiate.store(true, Ordering::Release);
        call_worker(peer);
    }
}

/// Has all keys of a peer erased.
pub(crate) fn forget_keys_later(peer: RcuArc<Peer>) {
    if !peer.is_closed() {
        peer.is_to_forget.store(true, Ordering::Release);
        call_worker(peer);
    }
}

/// Has a worker do what is due. One that is called already will look.
fn call_worker(peer: RcuArc<Peer>) {
    let device = peer.device.clone();
    let _ = device.handshake_queue.enqueue(peer);
}

impl WorkItem for Peer {
    type Pointer = RcuArc<Self>;

    fn run(this: RcuArc<Self>) {
        if this.is_to_forget.swap(false, Ordering::AcqRel) {
            forget_keys(&this);
        }
        if this.is_to_initiate.swap(false, Ordering::AcqRel) {
            without_traces(|| send_initiation(&this));
        }
    }
}

fn forget_keys(peer: &RcuArc<Peer>) {
    debug!(
        peer.device.dev,
        "Zeroing out all keys for peer {} ({}), since we haven't received a new one in {} seconds",
        peer.show(),
        peer.endpoint.show(),
        Draws(peer).zero_keys_after().as_secs()
    );
    events::end_sessions(peer, End::Expired);
    Peer::forget_keys(peer);
    Carrier::update(&peer.device);
    Peer::settle(peer);
}

fn send_initiation(peer: &RcuArc<Peer>) {
    let draws = Draws(peer);
    if random::wait_until_ready().is_err() {
        return;
    }
    let is_again = {
        let mut timers = peer.timers.lock();
        if !timers.begin_initiation(boot_now(), &draws) {
            return;
        }
        timers.is_trying()
    };
    debug_ratelimited!(
        peer.device.dev,
        "Sending handshake initiation to peer {} ({})",
        peer.show(),
        peer.endpoint.show()
    );
    let wardrobe = peer.device.wardrobe();
    let guise = wardrobe.as_deref();
    let guise = guise.and_then(|wardrobe| wardrobe.disguise(peer.profile()));
    let kind = guise.map(|guise| pick_type(guise, MessageType::Initiation));
    let message = create_initiation(peer, kind, is_again);
    if let Err(error) = message {
        peer.liveness.fail(match error {
            ENOMEM => Failure::NoMemory,
            _ => Failure::NoKey,
        });
    }
    // For want of memory it is as if the message had been lost: there will be another.
    if matches!(message, Err(error) if error != ENOMEM) {
        return;
    }
    // In this order: when the timer expires, the five seconds have passed by the other clock too.
    let boot = boot_now();
    timers::with(peer.borrow(), |timers| {
        timers.handshake_initiated(mono_now(), boot, &draws);
    });
    let Ok(message) = message else {
        return peer.count_drops(1, Reason::TxNoMemory);
    };
    let message = HandshakeMessage::as_bytes(&message);
    let sent = match guise {
        None => send_to_peer(peer, message),
        Some(guise) => send_dressed(peer, guise, MessageType::Initiation, message),
    };
    match sent {
        Ok(()) => peer.liveness.has_sent(),
        Err(ENOMEM) => peer.liveness.fail(Failure::NoMemory),
        Err(EDESTADDRREQ) => peer.liveness.fail(Failure::NoEndpoint),
        Err(_) => peer.liveness.fail(Failure::Unreachable),
    }
}

/// Answers the initiation that was accepted last, and begins the session.
pub(crate) fn send_response(peer: &RcuArc<Peer>) -> Result {
    debug_ratelimited!(
        peer.device.dev,
        "Sending handshake response to peer {} ({})",
        peer.show(),
        peer.endpoint.show()
    );
    let wardrobe = peer.device.wardrobe();
    let guise = wardrobe.as_deref();
    let guise = guise.and_then(|wardrobe| wardrobe.disguise(peer.profile()));
    let mut message = create_response(peer)?;
    if let Some(guise) = guise {
        message.set_type(pick_type(guise, MessageType::Response));
    }
    peer.noise
        .lock()
        .exchange()
        .ok_or(ESHUTDOWN)?
        .cookie
        .add_macs(&mut message, boot_now());
    let draws = Draws(peer);
    timers::with(peer.borrow(), |timers| {
        timers.session_derived(mono_now(), &draws);
        timers.handshake_responded(mono_now(), boot_now(), &draws);
    });
    let message = HandshakeMessage::as_bytes(&message);
    // Whether it leaves or is lost on its way, there is a session.
    let _ = match guise {
        None => send_to_peer(peer, message),
        Some(guise) => send_dressed(peer, guise, MessageType::Response, message),
    };
    Ok(())
}

/// Tells the sender of a message to prove its address first. The message came in `len` bytes: who has
/// yet to prove where he is gets no answer that is longer, and no trailer that would make it so. It goes
/// out in what the message came in.
pub(crate) fn send_cookie(
    device: &Device,
    datagram: &Datagram,
    mut reply: CookieReply,
    len: usize,
    fits: Fits,
) {
    let wardrobe = device.wardrobe();
    let guise = wardrobe.as_deref();
    let made = match guise.and_then(|wardrobe| wardrobe.disguise(fits.first())) {
        None => packet(zerocopy::IntoBytes::as_bytes(&reply)),
        Some(guise) => {
            let kind = MessageType::CookieReply;
            if guise
                .profile()
                .prefix_len(kind)
                .saturating_add(COOKIE_REPLY_LEN)
                > len
            {
                return;
            }
            reply.set_type(pick_type(guise, kind));
            let window = INITIAL_TRAILER_WINDOW.min(len);
            dressed(guise, kind, zerocopy::IntoBytes::as_bytes(&reply), window)
        }
    };
    debug_ratelimited!(
        device.dev,
        "Sending cookie response for denied handshake message for {}",
        ShowSocketAddr(datagram.origin.source())
    );
    let Ok(skb) = made else {
        return device.count_drops(1, Reason::TxNoMemory);
    };
    let bh = bh::disable();
    // The answer to a stranger is not worth an error.
    let mark = device.fwmark();
    let sent = device
        .sockets
        .send_reply(&device.dev, datagram, skb, mark, bh.token());
    if let Err(Unsent { skb, error }) = sent {
        device.discard(skb, transmit::reason_for(error));
    }
}

fn send_to_peer(peer: &RcuArc<Peer>, message: &[u8]) -> Result {
    let bh = bh::disable();
    match packet(message) {
        Ok(skb) => transmit::send_message(peer, skb, HANDSHAKE_DS, bh.token()),
        Err(error) => {
            peer.count_drops(1, Reason::TxNoMemory);
            Err(error)
        }
    }
}

/// Sends a message to a peer as a guise has it, behind what precedes it, from one socket and by one route.
#[cold]
fn send_dressed(peer: &RcuArc<Peer>, guise: &Guise, kind: MessageType, message: &[u8]) -> Result {
    let mut packets = match kind {
        MessageType::Initiation => vanguard(guise, peer),
        MessageType::Response | MessageType::CookieReply | MessageType::Data => PacketList::new(),
    };
    let window = peer.endpoint.trailer_window();
    match dressed(guise, kind, message, window) {
        Ok(skb) => {
            packets.push(skb);
            let bh = bh::disable();
            transmit::send_messages(peer, packets, bh.token())
        }
        Err(error) => {
            // What precedes it is not sent without it.
            peer.discard_all(packets, |_| 1, Reason::TxNoMemory);
            peer.count_drops(1, Reason::TxNoMemory);
            Err(error)
        }
    }
}

/// A packet with a message in it.
fn packet(message: &[u8]) -> Result<SkBuff> {
    let mut skb = SkBuff::new(HEADROOM, message.len() as u32)?;
    skb.put_bytes(message)?;
    Ok(skb)
}
