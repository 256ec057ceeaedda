// SPDX-License-Identifier: GPL-2.0

//! Context: a worker of the parallel queue, one per CPU; may sleep.
//! Input:   a handshake message, or a cookie reply.
//! Output:  a response, a session, a cookie.
//! Next:    [`crate::tx::handshake`].

use kernel::{
    prelude::*,
    sync::Arc, //
};

use super::stranger;
use crate::{
    crypto::{KernelCrypto, Key},
    device::Device,
    devices,
    endpoint::{Endpoint, ShowEndpoint},
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
        random,
        sync::{
            atomic::{AtomicU64, Ordering},
            bh,
            rcu::RcuArc, //
        }, //
    },
    peer::Peer,
    proto::{
        constants::{
            INITIATION_LEN,
            MAX_QUEUED_HANDSHAKES,
            RESPONSE_LEN,
            UNDER_LOAD_HOLD,
            UNDER_LOAD_QUEUE_LEN, //
        },
        cookie::{self, CookieError, MacState},
        handshake::IncomingInitiation,
        identity::RemoteStatic,
        messages::{self, CookieReply, HandshakeMessage, Initiation, Message, PublicKey, Response},
        time::BootTime, //
    },
    queue::{backlog::Backlog, parallel::Job},
    strangers::Held,
    time::{boot_now, mono_now, wall_now},
    timers,
    tx::{self, stage}, //
};

/// A message to be processed.
pub(crate) struct Incoming {
    device: Arc<Device>,
    content: Content,
}

enum Content {
    Packet(SkBuff),
    /// An initiation that was let through before, when its sender was unknown.
    Held(KBox<Held>),
}

/// How busy a device is with handshakes.
pub(crate) struct Load {
    jobs: Backlog,
    /// When the device was last found busy, in nanoseconds; zero if never.
    last_busy: AtomicU64,
}

impl Load {
    /// Nothing to do.
    pub(crate) const fn new() -> Self {
        Self {
            jobs: Backlog::new(),
            last_busy: AtomicU64::new(0),
        }
    }

    /// Whether senders must prove their addresses now.
    fn now(&self, now: BootTime) -> cookie::Load {
        if self.jobs.len() >= UNDER_LOAD_QUEUE_LEN as u64 {
            self.last_busy.store(now.0, Ordering::Relaxed);
            return cookie::Load::UnderLoad;
        }
        match self.last_busy.load(Ordering::Relaxed) {
            0 => cookie::Load::Normal,
            then if BootTime(then).is_older_than(UNDER_LOAD_HOLD, now) => {
                self.last_busy.store(0, Ordering::Relaxed);
                devices::relax(now);
                cookie::Load::Normal
            }
            _ => cookie::Load::UnderLoad,
        }
    }
}

/// Has a message processed by some CPU, if it can be.
pub(super) fn submit(device: Arc<Device>, skb: SkBuff) {
    if let Err(Content::Packet(skb)) = try_submit(&device, Content::Packet(skb)) {
        debug_ratelimited!(
            device.dev,
            "Dropping handshake packet from {}",
            ShowEndpoint(
                udp_tunnel::datagram_of(&skb)
                    .as_ref()
                    .map(|datagram| Endpoint::from_origin(&datagram.origin))
            )
        );
    }
}

/// Has the initiation of a peer processed that was held because the peer was unknown, if there is one.
pub(crate) fn resume(device: &Arc<Device>, key: &PublicKey) {
    if let Some(held) = device.strangers.take(key, boot_now()) {
        // If it is lost, the sender tries again, as after any other loss.
        let _ = try_submit(device, Content::Held(held));
    }
}

fn try_submit(device: &Arc<Device>, content: Content) -> Result<(), Content> {
    if !random::is_ready() {
        return Err(content);
    }
    let Some(place) = device.load.jobs.enter(MAX_QUEUED_HANDSHAKES as u64) else {
        return Err(content);
    };
    let Some(entrance) = device.handshakes.enter_empty() else {
        return Err(content);
    };
    place.keep();
    let job = Incoming {
        device: device.clone(),
        content,
    };
    entrance.submit(&device.receive_queue, job);
    Ok(())
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.device.load.jobs.leave(1);
    }
}

impl Job for Incoming {
    fn run(self) -> Option<Self> {
        match &self.content {
            Content::Packet(skb) => {
                let _ = process(&self.device, skb);
            }
            Content::Held(held) => {
                without_traces(|| receive_initiation(&self.device, &held.message, &held.origin));
            }
        }
        None
    }
}

fn process(device: &Arc<Device>, skb: &SkBuff) -> Option<()> {
    let datagram = udp_tunnel::datagram_of(skb)?;
    match messages::parse(skb.linear()).ok()? {
        Message::Initiation(message) => {
            admit(device, message, &datagram)?;
            without_traces(|| receive_initiation(device, message, &datagram.origin));
        }
        Message::Response(message) => {
            admit(device, message, &datagram)?;
            without_traces(|| receive_response(device, message, &datagram));
        }
        Message::CookieReply(message) => {
            without_traces(|| receive_cookie(device, message, &datagram));
        }
        Message::Data(_) => {}
    }
    Some(())
}

/// Lets a message through that is worth the work: made for us, and under load also from where it
/// says and not one of too many from there.
fn admit(device: &Device, message: &impl HandshakeMessage, datagram: &Datagram) -> Option<()> {
    match check_macs(device, message, datagram) {
        Admission::Granted => return Some(()),
        Admission::CookieNeeded => {}
        Admission::Denied => debug_ratelimited!(
            device.dev,
            "Invalid MAC of handshake, dropping packet from {}",
            ShowSocketAddr(datagram.origin.source())
        ),
    }
    None
}

/// What becomes of a message by its MACs.
enum Admission {
    Granted,
    /// Its sender has been told to come back with a cookie.
    CookieNeeded,
    Denied,
}

fn check_macs(device: &Device, message: &impl HandshakeMessage, datagram: &Datagram) -> Admission {
    let now = boot_now();
    let load = device.load.now(now);
    let mut cookies = device.cookies.lock();
    if load == cookie::Load::UnderLoad && cookies.needs_secret(now) {
        cookies.set_secret(Key::fill_with(|key| random::fill(key)), now);
    }
    let source = datagram.origin.source();
    match (cookies.check(message, &source, now, load), load) {
        (MacState::Invalid, _) => Admission::Denied,
        (MacState::ValidMac1 | MacState::ValidMac2, cookie::Load::Normal) => Admission::Granted,
        (MacState::ValidMac1, cookie::Load::UnderLoad) => {
            let reply = cookies.create_reply(message, &source, random::bytes(), now);
            drop(cookies);
            if let Ok(reply) = reply {
                tx::handshake::send_cookie(device, datagram, &reply);
            }
            Admission::CookieNeeded
        }
        (MacState::ValidMac2, cookie::Load::UnderLoad) => {
            drop(cookies);
            let net = device.creating_net.id();
            if devices::is_within_rate(net, source.ip(), now) {
                Admission::Granted
            } else {
                Admission::Denied
            }
        }
    }
}

fn receive_initiation(device: &Arc<Device>, message: &Initiation, origin: &Origin) {
    let peer = match consume_initiation(device, message, origin) {
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
    peer.endpoint.set_from_datagram(origin);
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
) -> Result<RcuArc<Peer>, Refusal> {
    let identity = device.identity.get().ok_or(Refusal::Invalid)?;
    let incoming =
        IncomingInitiation::open(identity.keys(), message).map_err(|_| Refusal::Invalid)?;
    let Some(peer) = device.peers.find(incoming.remote_static()) else {
        let is_held = stranger::meet(device, &identity, incoming, message, origin).is_some();
        return Err(if is_held {
            Refusal::Held
        } else {
            Refusal::Invalid
        });
    };
    accept_initiation(&peer, &identity, incoming).ok_or(Refusal::Invalid)?;
    Ok(peer)
}

fn accept_initiation(
    peer: &Peer,
    identity: &RcuArc<Identity>,
    incoming: IncomingInitiation<'_, KernelCrypto>,
) -> Option<()> {
    let mut noise = peer.noise.lock();
    // The key may have been changed meanwhile.
    noise
        .identity
        .as_ref()
        .filter(|ours| ours.ptr_eq(identity))?;
    let authentic = incoming.authenticate(&noise.remote).ok()?;
    noise
        .handshake
        .accept_initiation(authentic, boot_now())
        .ok()
}

fn receive_response(device: &Device, message: &Response, datagram: &Datagram) {
    let Some((peer, session)) = consume_response(device, message, &datagram.origin) else {
        debug_ratelimited!(
            device.dev,
            "Invalid handshake response from {}",
            ShowSocketAddr(datagram.origin.source())
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
            timers.session_derived(mono_now());
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
fn consume_response(
    device: &Device,
    message: &Response,
    origin: &Origin,
) -> Option<(RcuArc<Peer>, Result)> {
    let peer = match device.entry(message.receiver())? {
        Entry::Handshake(peer) => peer,
        Entry::Session(_) => return None,
    };
    // The costly part is done on copies: a stranger may ask for it, and must not hold the lock.
    let (identity, remote, pending) = {
        let noise = peer.noise.lock();
        let mut remote = RemoteStatic::new(peer.public_key, None);
        remote.set_preshared_key(noise.remote.preshared_key().duplicate());
        (noise.identity.clone()?, remote, noise.handshake.snapshot()?)
    };
    let authentic = pending
        .open_response(identity.keys(), &remote, message)
        .ok()?;
    let session = {
        let mut noise = peer.noise.lock();
        noise.handshake.accept_response(authentic).ok()?;
        // What is sent in the new session goes there.
        peer.endpoint.set_from_datagram(origin);
        tx::handshake::begin_session(&peer, &mut noise)
    };
    Some((peer, session))
}

fn receive_cookie(device: &Device, message: &CookieReply, datagram: &Datagram) {
    debug_ratelimited!(
        device.dev,
        "Receiving cookie response from {}",
        ShowSocketAddr(datagram.origin.source())
    );
    let peer = match device.entry(message.receiver()) {
        Some(Entry::Handshake(peer)) => peer,
        Some(Entry::Session(session)) => session.peer.clone(),
        None => return,
    };
    let consumed = peer.noise.lock().cookie.consume_reply(message, boot_now());
    if let Err(CookieError::Unauthentic) = consumed {
        debug_ratelimited!(device.dev, "Could not decrypt invalid cookie response");
    }
}

/// Counts a handshake message that was accepted.
fn count(peer: &RcuArc<Peer>, len: usize) {
    let bh = bh::disable();
    peer.count_received(len as u64);
    peer.device.dev.count_rx(1, len as u32, bh.token());
    timers::packets_received(peer.borrow(), 0);
}
