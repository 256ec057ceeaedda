// SPDX-License-Identifier: GPL-2.0

//! Context: softirq, on the CPU that the message came to, and without a lock but that of one source's
//!          tokens; once more in a worker, which may sleep, if a load has come up meanwhile.
//! Input:   a handshake message, or a cookie reply.
//! Output:  those that are worth a worker's time, and what is known of their senders.
//! Next:    [`super::handshake`] by way of a parallel queue.
//!
//! What a stranger can make us do is bounded by what he has shown (5.3). Who does not know our public
//! key costs a hash. Who knows it may have a key exchange, as long as there is no load and his address
//! does not ask for too many. Then he has to show that the address is his, and gets no more from there
//! than some a second.

use core::net::SocketAddr;

use kernel::{
    alloc::flags::{GFP_ATOMIC, __GFP_NOWARN},
    new_mutex,
    prelude::*,
    sync::{ArcBorrow, Mutex}, //
};

use super::{
    handshake::{self, Content, Incoming},
    undress::Undressed, //
};
use crate::{
    crypto::{KernelCrypto, Key},
    device::Device,
    devices,
    kapi::{
        array::Array,
        log::debug_ratelimited,
        net::{
            addr::ShowSocketAddr,
            skbuff::SkBuff,
            udp_tunnel::{self, Datagram}, //
        },
        random,
        sync::{
            atomic::{AtomicU64, Ordering},
            bh::BhDisabled,
            rcu::{Rcu, RcuArc, RcuCell}, //
        }, //
    },
    proto::{
        constants::{MAX_QUEUED_HANDSHAKES, UNDER_LOAD_HOLD, UNDER_LOAD_QUEUE_LEN},
        cookie::{self, CookieSecret},
        messages::{self, CookieReply, HandshakeMessage, Message},
        time::BootTime,
        token_bucket::{spend_allowance, Source}, //
    },
    queue::backlog::Backlog,
    spread::Spread,
    time::boot_now,
    wardrobe::Fits, //
};

/// How many allowances a device keeps, a power of two.
const ALLOWANCES: usize = 1024;

/// How many messages may wait before one of a sender that has proved nothing is refused: as in each
/// ring, a quarter is for others.
const MAX_UNPROVEN: usize = MAX_QUEUED_HANDSHAKES - MAX_QUEUED_HANDSHAKES / 4;

/// What is known of the sender of a message that knows our public key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Sender {
    /// Nothing more, and there was no need to.
    Unasked,
    /// His address may be anybody's, and he has to be told to come back with a cookie.
    Unproven,
    /// His address is his, and he has not asked too often from there.
    Proven,
}

/// How busy a device is with handshakes.
pub(crate) struct Load {
    jobs: Backlog,
    /// When the device was last found busy, in nanoseconds; zero if never.
    last_busy: AtomicU64,
    allowances: Allowances,
}

impl Load {
    /// Nothing to do.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            jobs: Backlog::new(),
            last_busy: AtomicU64::new(0),
            allowances: Allowances::new()?,
        })
    }

    /// Says that a message has been processed.
    pub(super) fn leave(&self) {
        self.jobs.leave(1);
    }

    /// Whether senders must prove their addresses now.
    pub(super) fn now(&self, now: BootTime) -> cookie::Load {
        if self.jobs.len() >= UNDER_LOAD_QUEUE_LEN as u64 {
            self.last_busy.store(now.0, Ordering::Relaxed);
            return cookie::Load::UnderLoad;
        }
        match self.last_busy.load(Ordering::Relaxed) {
            0 => cookie::Load::Normal,
            then if BootTime(then).is_older_than(UNDER_LOAD_HOLD, now) => cookie::Load::Normal,
            _ => cookie::Load::UnderLoad,
        }
    }
}

/// How many handshakes sources may still ask for without a cookie.
///
/// Sources share them by a hash with a secret. Who has spent another's allowance, or who was spent
/// for under his address, has nothing to fear but to be asked for a cookie.
struct Allowances {
    /// When each is whole again.
    whole_at: Array<AtomicU64>,
    spread: Spread,
}

impl Allowances {
    fn new() -> Result<Self> {
        Ok(Self {
            whole_at: Array::try_repeat_with(ALLOWANCES, || Ok(AtomicU64::new(0)))?,
            spread: Spread::new(),
        })
    }

    /// Spends one of a source's, unless nothing is left of them.
    fn spend(&self, source: Source, now: BootTime) -> bool {
        // A device's sources are all in one namespace.
        let place = self.spread.place(0, source, ALLOWANCES.ilog2());
        let Some(whole_at) = self.whole_at.get(place) else {
            return false;
        };
        let mut seen = whole_at.load(Ordering::Relaxed);
        while let Some(BootTime(spent)) = spend_allowance(BootTime(seen), now) {
            match whole_at.compare_exchange(seen, spent, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => return true,
                Err(other) => seen = other,
            }
        }
        false
    }
}

/// The secret of a device that cookies come from.
///
/// It is read without a lock, and made when a cookie is needed that the last one is too old for.
#[pin_data]
pub(crate) struct Cookies {
    secret: RcuCell<CookieSecret<KernelCrypto>>,
    /// Held by who makes a new one.
    #[pin]
    renewal: Mutex<()>,
}

impl Cookies {
    /// No secret yet.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            secret: RcuCell::empty(),
            renewal <- new_mutex!((), "wg_cookies"),
        })
    }

    /// Whether a message comes from where it says.
    fn prove(
        &self,
        message: &impl HandshakeMessage,
        source: &SocketAddr,
        now: BootTime,
        rcu: Rcu<'_>,
    ) -> bool {
        self.secret
            .load(rcu)
            .is_some_and(|secret| secret.is_mac2_valid(message, source, now))
    }

    /// The secret for cookies that are given now. May sleep.
    fn fresh(&self, now: BootTime) -> Result<RcuArc<CookieSecret<KernelCrypto>>> {
        if let Some(secret) = self.get_fresh(now) {
            return Ok(secret);
        }
        let _renewal = self.renewal.lock();
        if let Some(secret) = self.get_fresh(now) {
            return Ok(secret);
        }
        let key = Key::fill_with(|key| random::fill(key));
        let secret = RcuArc::new(CookieSecret::new(key, now), GFP_KERNEL)?;
        self.secret.replace(Some(secret.clone()));
        Ok(secret)
    }

    fn get_fresh(&self, now: BootTime) -> Option<RcuArc<CookieSecret<KernelCrypto>>> {
        self.secret.get().filter(|secret| secret.is_fresh(now))
    }
}

/// Has a message processed by some CPU, if it is worth it and can be.
pub(super) fn receive(device: ArcBorrow<'_, Device>, skb: SkBuff, bh: BhDisabled<'_>) {
    let Some(datagram) = udp_tunnel::datagram_of(&skb) else {
        return;
    };
    // Whoever has no randomness yet cannot answer.
    let queued = match random::is_ready().then(|| examine(&device, &skb, &datagram, bh)) {
        Some(Some(sender)) => queue(device, Content::Packet(skb, sender)).is_ok(),
        Some(None) => return,
        None => false,
    };
    if !queued {
        report_dropped(&device, &datagram);
    }
}

/// The same for a message that was undressed, and is for us.
pub(super) fn receive_undressed(
    device: ArcBorrow<'_, Device>,
    undressed: &Undressed,
    bh: BhDisabled<'_>,
) {
    let Some(message) = undressed.message() else {
        return;
    };
    let (datagram, fits) = (&undressed.datagram, undressed.fits);
    let source = datagram.origin.source();
    let queued = match random::is_ready().then(|| weigh(&device, &message, &source, fits, bh)) {
        Some(Some(sender)) => KBox::new(*undressed, GFP_ATOMIC | __GFP_NOWARN)
            .is_ok_and(|undressed| queue(device, Content::Undressed(undressed, sender)).is_ok()),
        Some(None) => return,
        None => false,
    };
    if !queued {
        report_dropped(&device, datagram);
    }
}

#[cold]
fn report_dropped(device: &Device, datagram: &Datagram) {
    debug_ratelimited!(
        device.dev,
        "Dropping handshake packet from {}",
        ShowSocketAddr(datagram.origin.source())
    );
}

/// Who sent a message, if anything is to come of it.
fn examine(
    device: &Device,
    skb: &SkBuff,
    datagram: &Datagram,
    bh: BhDisabled<'_>,
) -> Option<Sender> {
    let message = messages::parse(skb.linear()).ok()?;
    let source = datagram.origin.source();
    if is_for_us(device, &message, bh) {
        return weigh(device, &message, &source, Fits::OWN, bh);
    }
    match message {
        Message::Initiation(_) | Message::Response(_) => report_invalid_mac(device, &source),
        Message::CookieReply(_) => handshake::report_cookie(device, source),
        Message::Data(_) => {}
    }
    None
}

/// Whether who sent a message knows our public key. A cookie reply, which has no MACs, is an answer or
/// nothing.
pub(super) fn is_for_us(device: &Device, message: &Message<'_>, bh: BhDisabled<'_>) -> bool {
    match message {
        Message::Initiation(message) => is_mac1_valid(device, *message, bh),
        Message::Response(message) => is_mac1_valid(device, *message, bh),
        Message::CookieReply(message) => {
            let receiver = device.index_table.lookup(bh.rcu(), message.receiver());
            receiver.is_some()
        }
        Message::Data(_) => false,
    }
}

fn is_mac1_valid(device: &Device, message: &impl HandshakeMessage, bh: BhDisabled<'_>) -> bool {
    let identity = device.identity.load(bh.rcu());
    identity.is_some_and(|identity| identity.cookie_keys().is_mac1_valid(message))
}

/// What the sender of a message for us has to prove, and has. [`None`] if he comes too often.
fn weigh(
    device: &Device,
    message: &Message<'_>,
    source: &SocketAddr,
    fits: Fits,
    bh: BhDisabled<'_>,
) -> Option<Sender> {
    match message {
        Message::Initiation(message) => weigh_sender(device, *message, source, fits, bh),
        Message::Response(message) => weigh_sender(device, *message, source, fits, bh),
        Message::CookieReply(_) => Some(Sender::Unasked),
        Message::Data(_) => None,
    }
}

fn weigh_sender(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    fits: Fits,
    bh: BhDisabled<'_>,
) -> Option<Sender> {
    let now = boot_now();
    let is_one_of_few = || device.load.allowances.spend(Source::of(source.ip()), now);
    // Without cookies nobody could prove anything: then it is load alone that matters.
    if device.load.now(now) == cookie::Load::Normal
        && (!handshake::has_cookies(device, fits) || is_one_of_few())
    {
        return Some(Sender::Unasked);
    }
    ask(device, message, source, now, bh.rcu())
}

/// Looks again at who did not have to prove anything when a message came, if there is a load now.
pub(super) fn reconsider(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    sender: Sender,
) -> Option<Sender> {
    let now = boot_now();
    if sender != Sender::Unasked || device.load.now(now) == cookie::Load::Normal {
        return Some(sender);
    }
    let guard = kernel::sync::rcu::read_lock();
    ask(device, message, source, now, (&guard).into())
}

/// What a sender can prove. [`None`] is that his address is his, but he comes too often.
fn ask(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    now: BootTime,
    rcu: Rcu<'_>,
) -> Option<Sender> {
    if !device.cookies.prove(message, source, now, rcu) {
        return Some(Sender::Unproven);
    }
    let net = device.creating_net.id();
    if devices::is_within_rate(net, source.ip(), now, rcu) {
        return Some(Sender::Proven);
    }
    report_invalid_mac(device, source);
    None
}

fn report_invalid_mac(device: &Device, source: &SocketAddr) {
    debug_ratelimited!(
        device.dev,
        "Invalid MAC of handshake, dropping packet from {}",
        ShowSocketAddr(*source)
    );
}

/// The reply that tells the sender of a message to come back with a cookie. May sleep.
pub(super) fn create_reply(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
) -> Option<CookieReply> {
    let now = boot_now();
    let identity = device.identity.get()?;
    let secret = device.cookies.fresh(now).ok()?;
    let keys = identity.cookie_keys();
    keys.create_reply(&secret, message, source, random::bytes(), now)
        .ok()
}

/// Queues a message, or gives it back if there is no room.
pub(super) fn queue(device: ArcBorrow<'_, Device>, content: Content) -> Result<(), Content> {
    // Who has proved something finds room, however many come who have not.
    let has_proof = match content {
        Content::Packet(_, Sender::Proven)
        | Content::Undressed(_, Sender::Proven)
        | Content::Held(_) => true,
        Content::Packet(_, Sender::Unasked | Sender::Unproven)
        | Content::Undressed(_, Sender::Unasked | Sender::Unproven) => false,
    };
    let most = if has_proof {
        MAX_QUEUED_HANDSHAKES
    } else {
        MAX_UNPROVEN
    };
    let Some(place) = device.load.jobs.enter(most as u64) else {
        return Err(content);
    };
    let enter = || {
        if has_proof {
            device.handshakes.enter_empty()
        } else {
            device.handshakes.enter_spare()
        }
    };
    // One CPU may be slower than the next.
    let Some(entrance) = enter().or_else(enter) else {
        return Err(content);
    };
    place.keep();
    let job = Incoming::new(device.into(), content);
    entrance.submit(&device.receive_queue, job);
    Ok(())
}
