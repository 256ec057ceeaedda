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
    drops::{Drops, Reason},
    endpoint::EndpointCell,
    events,
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
        handshake::{HandshakeError, IncomingInitiation, Role},
        identity::RemoteStatic,
        messages::{self, CookieReply, HandshakeMessage, Initiation, Message, PublicKey, Response},
        time::BootTime,
    },
    queue::{parallel::Job, share::Share},
    strangers::Held,
    time::{boot_now, mono_now, wall_now},
    timers::{self, Draws},
    trace,
    tx::{self, stage},
    wardrobe::Fits, //
};

/// A message to be processed.
pub(crate) struct Incoming {
    content: Content,
    place: Place,
}

/// A place in the load of a device, which is given back by dropping it.
struct Place(Arc<Device>);

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
        let place = Place(device);
        Self { content, place }
    }

    /// Drops a message whose device goes down.
    pub(crate) fn abandon(self) {
        let Self { content, place } = self;
        content.end(&place.0, Err(Reason::HsDown.into()));
    }
}

impl Content {
    /// Ends the packet that the message came in, if it is still there, and counts a message that is lost.
    fn end(self, device: &Device, processed: Result<(), Lost>) {
        match (self, processed) {
            (Self::Packet(skb, _), Ok(())) => skb.consume(),
            (Self::Packet(skb, _), Err(Lost { reason, peer })) => match peer {
                Some(peer) => peer.discard(skb, reason),
                None => device.discard(skb, reason),
            },
            (Self::Undressed(..) | Self::Held(_), Ok(())) => {}
            (Self::Undressed(..) | Self::Held(_), Err(Lost { reason, peer })) => match peer {
                Some(peer) => peer.count_drops(1, reason),
                None => device.count_drops(1, reason),
            },
        }
    }
}

/// Why nothing comes of a message, and whose it was, if that is known.
struct Lost {
    reason: Reason,
    peer: Option<RcuArc<Peer>>,
}

impl From<Reason> for Lost {
    fn from(reason: Reason) -> Self {
        Self { reason, peer: None }
    }
}

impl Lost {
    fn of(peer: &RcuArc<Peer>, reason: Reason) -> Self {
        Self {
            reason,
            peer: Some(peer.clone()),
        }
    }
}

/// Why a message is dropped that is not what it should be.
pub(super) fn reason_for(error: HandshakeError) -> Reason {
    match error {
        HandshakeError::DegenerateSharedSecret => Reason::HsBadPoint,
        HandshakeError::Unauthentic => Reason::HsUnauthentic,
        HandshakeError::WrongState => Reason::HsUnexpected,
    }
}

/// Has the initiation of a peer processed that was held because the peer was unknown, if there is one.
pub(crate) fn resume(device: &Arc<Device>, key: &PublicKey) {
    if let Some(held) = device.strangers.take(key, boot_now()) {
        // If it is lost, the sender tries again, as after any other loss.
        if admission::queue(device.as_arc_borrow(), Content::Held(held)).is_err() {
            device.count_drops(1, Reason::HsQueueFull);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.load.leave();
    }
}

impl Job for Incoming {
    fn share(&self) -> Share {
        match self.place.0.load.now(boot_now()) {
            cookie::Load::Normal => Share::Whole,
            cookie::Load::UnderLoad => Share::Most,
        }
    }

    fn run(self) -> Option<Self> {
        devices::relax(boot_now());
        let Self { content, place } = self;
        let Place(device) = &place;
        let processed = content.process(device);
        content.end(device, processed);
        None
    }
}

impl Content {
    fn process(&self, device: &Arc<Device>) -> Result<(), Lost> {
        match self {
            Self::Packet(skb, sender) => {
                let message = messages::parse(skb.linear()).ok();
                let found = message.zip(udp_tunnel::datagram_of(skb));
                let (message, datagram) = found.ok_or(Reason::RxBadHeader)?;
                let came = Came {
                    datagram,
                    len: skb.len() as usize,
                    fits: Fits::OWN,
                };
                process(device, message, &came, *sender)
            }
            Self::Undressed(undressed, sender) => {
                let came = Came {
                    datagram: undressed.datagram,
                    len: undressed.datagram_len,
                    fits: undressed.fits,
                };
                let message = undressed.message().ok_or(Reason::RxJunk)?;
                process(device, message, &came, *sender)
            }
            Self::Held(held) => {
                let Held {
                    message,
                    origin,
                    fits,
                    ..
                } = &**held;
                without_traces(|| receive_initiation(device, message, origin, *fits))
            }
        }
    }
}

/// How a message has come.
struct Came {
    datagram: Datagram,
    /// How long the datagram was.
    len: usize,
    fits: Fits,
}

fn process(
    device: &Arc<Device>,
    message: Message<'_>,
    came: &Came,
    sender: Sender,
) -> Result<(), Lost> {
    let origin = &came.datagram.origin;
    match message {
        Message::Initiation(message) => {
            admit(device, message, came, sender)?;
            without_traces(|| receive_initiation(device, message, origin, came.fits))
        }
        Message::Response(message) => {
            admit(device, message, came, sender)?;
            without_traces(|| receive_response(device, message, origin, came.fits))
        }
        Message::CookieReply(message) => {
            without_traces(|| receive_cookie(device, message, &came.datagram))
        }
        Message::Data(_) => Err(Reason::RxUnknownType.into()),
    }
}

/// Lets a message through that is worth the work, and tells its sender to come back with a cookie if
/// that is why it is not.
fn admit(
    device: &Device,
    message: &impl HandshakeMessage,
    came: &Came,
    sender: Sender,
) -> Result<(), Reason> {
    let source = came.datagram.origin.source();
    match admission::reconsider(device, message, &source, sender)? {
        Sender::Unasked | Sender::Proven => Ok(()),
        Sender::Unproven => {
            if !has_cookies(device, came.fits) {
                return Err(Reason::HsUnderLoad);
            }
            let reply = admission::create_reply(device, message, &source)?;
            tx::handshake::send_cookie(device, &came.datagram, reply, came.len, came.fits);
            Err(Reason::HsCookieRequired)
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

fn receive_initiation(
    device: &Arc<Device>,
    message: &Initiation,
    origin: &Origin,
    fits: Fits,
) -> Result<(), Lost> {
    let peer = match consume_initiation(device, message, origin, fits) {
        Ok(Some(peer)) => peer,
        Ok(None) => return Ok(()),
        Err(lost) => {
            debug_ratelimited!(
                device.dev,
                "Invalid handshake initiation from {}",
                ShowSocketAddr(origin.source())
            );
            return Err(lost);
        }
    };
    EndpointCell::set_from_datagram(&peer, origin);
    // The response goes out in what the peer understands.
    peer.learn_profile(fits);
    debug_ratelimited!(
        device.dev,
        "Receiving handshake initiation from peer {} ({})",
        peer.show(),
        peer.endpoint.show()
    );
    // Even if there is no response, the peer was heard of.
    let responded = tx::handshake::send_response(&peer);
    count(&peer, INITIATION_LEN);
    responded.map_err(|error| Lost::of(&peer, reason_without_session(error)))
}

/// Why no session has come of an authentic message.
fn reason_without_session(error: Error) -> Reason {
    match error {
        ENOMEM => Reason::HsNoMemory,
        _ => Reason::HsOvertaken,
    }
}

/// The peer that an initiation is of. None if it is held, since there is no such peer yet.
fn consume_initiation(
    device: &Arc<Device>,
    message: &Initiation,
    origin: &Origin,
    fits: Fits,
) -> Result<Option<RcuArc<Peer>>, Lost> {
    let identity = device.identity.get().ok_or(Reason::HsNoPrivateKey)?;
    let incoming =
        IncomingInitiation::open(identity.keys(), message).map_err(|error| match error {
            HandshakeError::Unauthentic => Reason::HsBadStatic,
            other => reason_for(other),
        })?;
    let Some(peer) = device.peers.find(incoming.remote_static()) else {
        stranger::meet(device, &identity, incoming, message, origin, fits)?;
        return Ok(None);
    };
    match accept_initiation(&peer, &identity, incoming) {
        Ok(()) => Ok(Some(peer)),
        Err(reason) => Err(Lost::of(&peer, reason)),
    }
}

fn accept_initiation(
    peer: &RcuArc<Peer>,
    identity: &RcuArc<Identity>,
    incoming: IncomingInitiation<'_, KernelCrypto>,
) -> Result<(), Reason> {
    // If it is not known yet it costs a Diffie-Hellman, which a stranger can ask for: not under the
    // lock, and not kept for him.
    let known = peer.noise.lock().remote(identity);
    let remote = known.unwrap_or_else(|| RemoteStatic::new(peer.public_key, Some(identity.keys())));
    let authentic = incoming.authenticate(&remote).map_err(reason_for)?;
    let mut noise = peer.noise.lock();
    // The key may have been changed meanwhile, or be changed next: then the peer is to be found awake.
    let is_there = Peer::wake(peer.borrow());
    let ours = peer.device.identity.get();
    let old = noise.phase();
    let accepted = if is_there && ours.is_some_and(|ours| ours.ptr_eq(identity)) {
        noise.accept_initiation(identity, remote, authentic, boot_now())
    } else {
        Err(Reason::HsOvertaken)
    };
    if accepted.is_ok() {
        trace::handshake(peer, old, noise.phase(), None);
    }
    drop(noise);
    if accepted.is_err() {
        // Who sends old ones once more keeps nobody awake.
        Peer::settle(peer);
    }
    accepted
}

fn receive_response(
    device: &Device,
    message: &Response,
    origin: &Origin,
    fits: Fits,
) -> Result<(), Lost> {
    let (peer, session, begun) = match consume_response(device, message, origin, fits) {
        Ok(found) => found,
        Err(lost) => {
            debug_ratelimited!(
                device.dev,
                "Invalid handshake response from {}",
                ShowSocketAddr(origin.source())
            );
            return Err(lost);
        }
    };
    debug_ratelimited!(
        device.dev,
        "Receiving handshake response from peer {} ({})",
        peer.show(),
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
        events::handshake_complete(&peer, Role::Initiator, begun.unwrap_or_else(boot_now));
    }
    session.map_err(|error| Lost::of(&peer, reason_without_session(error)))
}

/// Completes a handshake of ours, and returns whether a session came of it, and since when we have tried.
///
/// The response may have come in something else than the initiation went out in: its keys say whose it is.
fn consume_response(
    device: &Device,
    message: &Response,
    origin: &Origin,
    fits: Fits,
) -> Result<(RcuArc<Peer>, Result, Option<BootTime>), Lost> {
    let peer = match device.entry(message.receiver()) {
        Some(Entry::Handshake(peer)) => peer,
        Some(Entry::Session(session)) => {
            return Err(Lost::of(&session.peer, Reason::HsUnexpected));
        }
        None => return Err(Reason::HsUnknownIndex.into()),
    };
    match complete(&peer, message, origin, fits) {
        Ok((session, begun)) => Ok((peer, session, begun)),
        Err(reason) => Err(Lost::of(&peer, reason)),
    }
}

fn complete(
    peer: &RcuArc<Peer>,
    message: &Response,
    origin: &Origin,
    fits: Fits,
) -> Result<(Result, Option<BootTime>), Reason> {
    // The costly part is done on copies: a stranger may ask for it, and must not hold the lock.
    let (identity, remote, pending) = {
        let mut noise = peer.noise.lock();
        let exchange = noise.exchange().ok_or(Reason::HsOvertaken)?;
        (
            exchange.identity.clone().ok_or(Reason::HsOvertaken)?,
            exchange.remote.duplicate(),
            exchange.handshake.snapshot().ok_or(Reason::HsUnexpected)?,
        )
    };
    let authentic = pending
        .open_response(identity.keys(), &remote, message)
        .map_err(reason_for)?;
    let mut noise = peer.noise.lock();
    let exchange = noise.exchange().ok_or(Reason::HsOvertaken)?;
    let handshake = &mut exchange.handshake;
    let old = handshake.phase();
    handshake.accept_response(authentic).map_err(reason_for)?;
    let begun = exchange.begun.take();
    trace::handshake(peer, old, handshake.phase(), handshake.local_index());
    // What is sent in the new session goes there.
    EndpointCell::set_from_datagram(peer, origin);
    peer.learn_profile(fits);
    Ok((tx::handshake::begin_session(peer, &mut noise), begun))
}

fn receive_cookie(device: &Device, message: &CookieReply, datagram: &Datagram) -> Result<(), Lost> {
    report_cookie(device, datagram.origin.source());
    let peer = match device.entry(message.receiver()) {
        Some(Entry::Handshake(peer)) => peer,
        Some(Entry::Session(session)) => session.peer.clone(),
        None => return Err(Reason::HsUnknownIndex.into()),
    };
    let mut noise = peer.noise.lock();
    let consumed = match noise.exchange() {
        Some(exchange) => exchange.cookie.consume_reply(message, boot_now()),
        None => Err(CookieError::Unasked),
    };
    drop(noise);
    consumed.map_err(|error| match error {
        CookieError::Unasked => Lost::of(&peer, Reason::HsCookieUnasked),
        CookieError::Unauthentic => {
            debug_ratelimited!(device.dev, "Could not decrypt invalid cookie response");
            Lost::of(&peer, Reason::HsCookieForged)
        }
    })
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
