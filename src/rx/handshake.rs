// SPDX-License-Identifier: GPL-2.0

//! Context: a worker of the parallel queue, one per CPU; may sleep.
//! Input:   a handshake message, or a cookie reply, and what is known of its sender.
//! Output:  a response, a session, a cookie, a reply that asks for one.
//! Next:    [`crate::tx::handshake`].

use core::net::SocketAddr;

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::{
    admission::{
        self,
        Sender, //
    },
    stranger,
    undress::Undressed, //
};
use crate::{
    crypto::KernelCrypto,
    device::Device,
    devices,
    identity::Identity,
    index_table::Entry,
    kapi::{
        crypto::without_traces,
        log::debug_ratelimited,
        net::{
            addr::ShowSocketAddr,
            skbuff::SkBuff,
            udp_tunnel::{self, Datagram, Origin}, //
        },
        sync::{bh, rcu::RcuArc}, //
    },
    peer::Peer,
    proto::{
        constants::{
            INITIATION_LEN,
            RESPONSE_LEN, //
        },
        cookie::{self, CookieError},
        handshake::IncomingInitiation,
        identity::RemoteStatic,
        messages::{self, CookieReply, HandshakeMessage, Initiation, Message, PublicKey, Response},
    },
    queue::{parallel::Job, share::Share},
    strangers::Held,
    time::{boot_now, mono_now, wall_now},
    timers::{self, Draws},
    tx::{self, stage},
    wardrobe::Fits, //
};

/// A message to be processed.
pub(crate) struct Incoming {
    device: Arc<Device>,
    content: Content,
}

pub(super) enum Content {
    Packet(SkBuff, Sender),
    /// What was in a packet that did not look like one.
    Undressed(KBox<Undressed>, Sender),
    /// An initiation that was let through before, when its sender was unknown.
    Held(KBox<Held>),
}

impl Incoming {
    /// A message that has a place in the device's load, which it gives back in the end.
    pub(super) fn new(device: Arc<Device>, content: Content) -> Self {
        Self { device, content }
    }
}

/// Has the initiation of a peer processed that was held because the peer was unknown, if there is one.
pub(crate) fn resume(device: &Arc<Device>, key: &PublicKey) {
    if let Some(held) = device.strangers.take(key, boot_now()) {
        // If it is lost, the sender tries again, as after any other loss.
        let _ = admission::queue(device.as_arc_borrow(), Content::Held(held));
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.device.load.leave();
    }
}

impl Job for Incoming {
    fn share(&self) -> Share {
        match self.device.load.now(boot_now()) {
            cookie::Load::Normal => Share::Whole,
            cookie::Load::UnderLoad => Share::Most,
        }
    }

    fn run(self) -> Option<Self> {
        devices::relax(boot_now());
        match &self.content {
            Content::Packet(skb, sender) => {
                let message = messages::parse(skb.linear()).ok();
                if let Some((message, datagram)) = message.zip(udp_tunnel::datagram_of(skb)) {
                    let came = Came {
                        datagram,
                        len: skb.len() as usize,
                        fits: Fits::OWN,
                    };
                    let _ = process(&self.device, message, &came, *sender);
                }
            }
            Content::Undressed(undressed, sender) => {
                if let Some(message) = undressed.message() {
                    let came = Came {
                        datagram: undressed.datagram,
                        len: undressed.datagram_len,
                        fits: undressed.fits,
                    };
                    let _ = process(&self.device, message, &came, *sender);
                }
            }
            Content::Held(held) => {
                without_traces(|| {
                    receive_initiation(&self.device, &held.message, &held.origin, held.fits)
                });
            }
        }
        None
    }
}

/// How a message has come.
struct Came {
    datagram: Datagram,
    /// How long the datagram was.
    len: usize,
    fits: Fits,
}

fn process(device: &Arc<Device>, message: Message<'_>, came: &Came, sender: Sender) -> Option<()> {
    let origin = &came.datagram.origin;
    match message {
        Message::Initiation(message) => {
            admit(device, message, came, sender)?;
            without_traces(|| receive_initiation(device, message, origin, came.fits));
        }
        Message::Response(message) => {
            admit(device, message, came, sender)?;
            without_traces(|| receive_response(device, message, origin, came.fits));
        }
        Message::CookieReply(message) => {
            without_traces(|| receive_cookie(device, message, &came.datagram));
        }
        Message::Data(_) => {}
    }
    Some(())
}

/// Lets a message through that is worth the work, and tells its sender to come back with a cookie if
/// that is why it is not.
fn admit(
    device: &Device,
    message: &impl HandshakeMessage,
    came: &Came,
    sender: Sender,
) -> Option<()> {
    let source = came.datagram.origin.source();
    match admission::reconsider(device, message, &source, sender)? {
        Sender::Unasked | Sender::Proven => Some(()),
        Sender::Unproven => {
            if !has_cookies(device, came.fits) {
                return None;
            }
            let reply = admission::create_reply(device, message, &source)?;
            tx::handshake::send_cookie(device, &came.datagram, reply, came.len, came.fits);
            None
        }
    }
}

/// Whether senders of messages that come so are told to come back with a cookie.
pub(super) fn has_cookies(device: &Device, fits: Fits) -> bool {
    let wardrobe = device.wardrobe();
    wardrobe.is_none_or(|wardrobe| {
        let settings = wardrobe.of(fits.first()).profile().settings();
        !settings.disable_cookies
    })
}

fn receive_initiation(device: &Arc<Device>, message: &Initiation, origin: &Origin, fits: Fits) {
    let peer = match consume_initiation(device, message, origin, fits) {
        Ok(peer) => peer,
        Err(Refusal::Held) => return,
        Err(Refusal::Invalid) => {
            debug_ratelimited!(
                device.dev,
                "Invalid handshake initiation from {}",
                ShowSocketAddr(origin.source())
            );
            return;
        }
    };
    peer.endpoint.set_from_datagram(origin, &device.routing);
    // The response goes out in what the peer understands.
    peer.learn_profile(fits);
    debug_ratelimited!(
        device.dev,
        "Receiving handshake initiation from peer {} ({})",
        peer.id,
        peer.endpoint.show()
    );
    // Even if there is no response, the peer was heard of.
    let _ = tx::handshake::send_response(&peer);
    count(&peer, INITIATION_LEN);
}

/// Why an initiation has no effect on a peer.
enum Refusal {
    Invalid,
    /// There is no such peer yet.
    Held,
}

fn consume_initiation(
    device: &Arc<Device>,
    message: &Initiation,
    origin: &Origin,
    fits: Fits,
) -> Result<RcuArc<Peer>, Refusal> {
    let identity = device.identity.get().ok_or(Refusal::Invalid)?;
    let incoming =
        IncomingInitiation::open(identity.keys(), message).map_err(|_| Refusal::Invalid)?;
    let Some(peer) = device.peers.find(incoming.remote_static()) else {
        let held = stranger::meet(device, &identity, incoming, message, origin, fits);
        return Err(if held.is_some() {
            Refusal::Held
        } else {
            Refusal::Invalid
        });
    };
    accept_initiation(&peer, &identity, incoming).ok_or(Refusal::Invalid)?;
    Ok(peer)
}

fn accept_initiation(
    peer: &RcuArc<Peer>,
    identity: &RcuArc<Identity>,
    incoming: IncomingInitiation<'_, KernelCrypto>,
) -> Option<()> {
    // If it is not known yet it costs a Diffie-Hellman, which a stranger can ask for: not under the
    // lock, and not kept for him.
    let known = peer.noise.lock().remote(identity);
    let remote = known.unwrap_or_else(|| RemoteStatic::new(peer.public_key, Some(identity.keys())));
    let authentic = incoming.authenticate(&remote).ok()?;
    let mut noise = peer.noise.lock();
    // The key may have been changed meanwhile, or be changed next: then the peer is to be found awake.
    let is_there = Peer::wake(peer.borrow());
    let ours = peer.device.identity.get();
    let is_accepted = is_there
        && ours.is_some_and(|ours| ours.ptr_eq(identity))
        && noise
            .accept_initiation(identity, remote, authentic, boot_now())
            .is_ok();
    drop(noise);
    if !is_accepted {
        // Who sends old ones once more keeps nobody awake.
        Peer::settle(peer);
    }
    is_accepted.then_some(())
}

fn receive_response(device: &Device, message: &Response, origin: &Origin, fits: Fits) {
    let Some((peer, session)) = consume_response(device, message, origin, fits) else {
        debug_ratelimited!(
            device.dev,
            "Invalid handshake response from {}",
            ShowSocketAddr(origin.source())
        );
        return;
    };
    debug_ratelimited!(
        device.dev,
        "Receiving handshake response from peer {} ({})",
        peer.id,
        peer.endpoint.show()
    );
    if session.is_ok() {
        timers::with(peer.borrow(), |timers| {
            timers.session_derived(mono_now(), &Draws(&peer));
            timers.handshake_complete(wall_now());
        });
    }
    // Before anything is sent, which may want an answer of its own.
    count(&peer, RESPONSE_LEN);
    if session.is_ok() {
        // The responder cannot send before it has heard from us.
        let bh = bh::disable();
        stage::send_keepalive(peer.borrow(), bh.token());
    }
}

/// Completes a handshake of ours, and returns whether a session came of it.
///
/// The response may have come in something else than the initiation went out in: its keys say whose it is.
fn consume_response(
    device: &Device,
    message: &Response,
    origin: &Origin,
    fits: Fits,
) -> Option<(RcuArc<Peer>, Result)> {
    let peer = match device.entry(message.receiver())? {
        Entry::Handshake(peer) => peer,
        Entry::Session(_) => return None,
    };
    // The costly part is done on copies: a stranger may ask for it, and must not hold the lock.
    let (identity, remote, pending) = {
        let mut noise = peer.noise.lock();
        let exchange = noise.exchange()?;
        (
            exchange.identity.clone()?,
            exchange.remote.duplicate(),
            exchange.handshake.snapshot()?,
        )
    };
    let authentic = pending
        .open_response(identity.keys(), &remote, message)
        .ok()?;
    let session = {
        let mut noise = peer.noise.lock();
        noise
            .exchange()?
            .handshake
            .accept_response(authentic)
            .ok()?;
        // What is sent in the new session goes there.
        peer.endpoint.set_from_datagram(origin, &device.routing);
        peer.learn_profile(fits);
        tx::handshake::begin_session(&peer, &mut noise)
    };
    Some((peer, session))
}

fn receive_cookie(device: &Device, message: &CookieReply, datagram: &Datagram) {
    report_cookie(device, datagram.origin.source());
    let peer = match device.entry(message.receiver()) {
        Some(Entry::Handshake(peer)) => peer,
        Some(Entry::Session(session)) => session.peer.clone(),
        None => return,
    };
    let mut noise = peer.noise.lock();
    let Some(exchange) = noise.exchange() else {
        return;
    };
    let consumed = exchange.cookie.consume_reply(message, boot_now());
    drop(noise);
    if let Err(CookieError::Unauthentic) = consumed {
        debug_ratelimited!(device.dev, "Could not decrypt invalid cookie response");
    }
}

/// Notes that a cookie has come, whether or not anybody has asked for one.
pub(super) fn report_cookie(device: &Device, source: SocketAddr) {
    debug_ratelimited!(
        device.dev,
        "Receiving cookie response from {}",
        ShowSocketAddr(source)
    );
}

/// Counts a handshake message that was accepted.
fn count(peer: &RcuArc<Peer>, len: usize) {
    let bh = bh::disable();
    peer.count_received(len as u64);
    peer.device.dev.count_rx(1, len as u32, bh.token());
    timers::packets_received(peer.borrow(), 0);
}
