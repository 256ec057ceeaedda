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
    drops::{Drops, Reason},
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
        return device.discard(skb, Reason::RxBadHeader);
    };
    let examined = check_randomness().and_then(|()| examine(&device, &skb, &datagram, bh));
    let (skb, reason) = match examined {
        Ok(sender) => match queue(device, Content::Packet(skb, sender)) {
            Err(Content::Packet(skb, _)) => (skb, Reason::HsQueueFull),
            Ok(()) | Err(Content::Undressed(..) | Content::Held(_)) => return,
        },
        Err(reason) => (skb, reason),
    };
    report_dropped(&device, &datagram, reason);
    device.discard(skb, reason);
}

/// Whoever has no randomness yet cannot answer.
fn check_randomness() -> Result<(), Reason> {
    random::is_ready()
        .then_some(())
        .ok_or(Reason::HsNoRandomness)
}

/// The same for a message that was undressed, and is for us. Says why it is dropped, if it is; [`None`] if
/// it is no message.
pub(super) fn receive_undressed(
    device: ArcBorrow<'_, Device>,
    undressed: &Undressed,
    bh: BhDisabled<'_>,
) -> Option<Result<(), Reason>> {
    let message = undressed.message()?;
    let (datagram, fits) = (&undressed.datagram, undressed.fits);
    let source = datagram.origin.source();
    let queued = check_randomness()
        .and_then(|()| weigh(&device, &message, &source, fits, bh))
        .and_then(|sender| {
            let undressed = KBox::new(*undressed, GFP_ATOMIC | __GFP_NOWARN);
            let undressed = undressed.map_err(|_| Reason::HsNoMemory)?;
            let content = Content::Undressed(undressed, sender);
            queue(device, content).map_err(|_| Reason::HsQueueFull)
        });
    if let Err(reason) = queued {
        report_dropped(&device, datagram, reason);
    }
    Some(queued)
}

/// Says that a message is dropped, unless that was said in other words.
#[cold]
fn report_dropped(device: &Device, datagram: &Datagram, reason: Reason) {
    if !matches!(
        reason,
        Reason::HsNoRandomness | Reason::HsNoMemory | Reason::HsQueueFull
    ) {
        return;
    }
    debug_ratelimited!(
        device.dev,
        "Dropping handshake packet from {}",
        ShowSocketAddr(datagram.origin.source())
    );
}

/// Who sent a message, or why nothing is to come of it.
fn examine(
    device: &Device,
    skb: &SkBuff,
    datagram: &Datagram,
    bh: BhDisabled<'_>,
) -> Result<Sender, Reason> {
    let message = messages::parse(skb.linear()).map_err(|_| Reason::RxUnknownType)?;
    let source = datagram.origin.source();
    if is_for_us(device, &message, bh) {
        return weigh(device, &message, &source, Fits::OWN, bh);
    }
    match message {
        Message::Initiation(_) | Message::Response(_) => report_invalid_mac(device, &source),
        Message::CookieReply(_) => handshake::report_cookie(device, source),
        Message::Data(_) => {}
    }
    Err(match message {
        Message::CookieReply(_) => Reason::HsUnknownIndex,
        _ if device.identity.is_none() => Reason::HsNoPrivateKey,
        _ => Reason::HsBadMac1,
    })
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

/// What the sender of a message for us has to prove, and has. It is an error if he comes too often.
fn weigh(
    device: &Device,
    message: &Message<'_>,
    source: &SocketAddr,
    fits: Fits,
    bh: BhDisabled<'_>,
) -> Result<Sender, Reason> {
    match message {
        Message::Initiation(message) => weigh_sender(device, *message, source, fits, bh),
        Message::Response(message) => weigh_sender(device, *message, source, fits, bh),
        Message::CookieReply(_) => Ok(Sender::Unasked),
        Message::Data(_) => Err(Reason::RxUnknownType),
    }
}

fn weigh_sender(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    fits: Fits,
    bh: BhDisabled<'_>,
) -> Result<Sender, Reason> {
    let now = boot_now();
    let is_one_of_few = || device.load.allowances.spend(Source::of(source.ip()), now);
    // Without cookies nobody could prove anything: then it is load alone that matters.
    if device.load.now(now) == cookie::Load::Normal
        && (!handshake::has_cookies(device, fits) || is_one_of_few())
    {
        return Ok(Sender::Unasked);
    }
    ask(device, message, source, now, bh.rcu())
}

/// Looks again at who did not have to prove anything when a message came, if there is a load now.
pub(super) fn reconsider(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    sender: Sender,
) -> Result<Sender, Reason> {
    let now = boot_now();
    if sender != Sender::Unasked || device.load.now(now) == cookie::Load::Normal {
        return Ok(sender);
    }
    let guard = kernel::sync::rcu::read_lock();
    ask(device, message, source, now, (&guard).into())
}

/// What a sender can prove. It is an error if his address is his, but he comes too often.
fn ask(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
    now: BootTime,
    rcu: Rcu<'_>,
) -> Result<Sender, Reason> {
    if !device.cookies.prove(message, source, now, rcu) {
        return Ok(Sender::Unproven);
    }
    let net = device.creating_net.id();
    if devices::is_within_rate(net, source.ip(), now, rcu) {
        return Ok(Sender::Proven);
    }
    report_invalid_mac(device, source);
    Err(Reason::HsRatelimited)
}

fn report_invalid_mac(device: &Device, source: &SocketAddr) {
    debug_ratelimited!(
        device.dev,
        "Invalid MAC of handshake, dropping packet from {}",
        ShowSocketAddr(*source)
    );
}

/// The reply that tells the sender of a message to come back with a cookie, or why there is none. May sleep.
pub(super) fn create_reply(
    device: &Device,
    message: &impl HandshakeMessage,
    source: &SocketAddr,
) -> Result<CookieReply, Reason> {
    let now = boot_now();
    let identity = device.identity.get().ok_or(Reason::HsNoPrivateKey)?;
    let secret = device.cookies.fresh(now).map_err(|_| Reason::HsNoMemory)?;
    let keys = identity.cookie_keys();
    keys.create_reply(&secret, message, source, random::bytes(), now)
        .map_err(|_| Reason::HsOvertaken)
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
