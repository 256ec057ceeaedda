// SPDX-License-Identifier: GPL-2.0

//! Events: what happens to peers, for whoever listens.
//!
//! What a request changes is told as it is carried out. All else happens where nobody may wait, so it is
//! noted, and told by a work item of the device: in the order in which it happened, each peer's
//! whereabouts and liveness as they are by then, however often they have changed meanwhile. There is
//! room for so many events and no more, and they are told no faster than somebody can read. What is
//! lost is counted in the numbers that events have, so whoever reads them sees that something is
//! missing.
//!
//! Nothing of all that is done for a class that nobody listens to.

mod class;

use core::{
    sync::atomic::{AtomicU32, AtomicU64, Ordering},
    time::Duration, //
};

use kernel::{
    impl_has_work,
    new_work,
    prelude::*,
    sync::Arc,
    time::{delay::fsleep, Delta},
    workqueue::{Work, WorkItem}, //
};

use crate::{
    carrier::Carrier,
    device::Device,
    endpoint::Endpoint,
    kapi::{
        array::Array,
        net::netns::Net,
        sync::{new_spinlock_bh, rcu::RcuArc, SpinLockBh}, //
    },
    liveness::Failure,
    netlink,
    peer::Peer,
    proto::{handshake::Role, time::BootTime, token_bucket::spend_allowance},
    time::boot_now, //
};

pub(crate) use class::Class;

/// How many events of a device may wait to be told.
const PLACES: usize = 128;

/// How long it takes from one time that events are told to the next. What changes faster is told as it
/// is then.
const PAUSE: Duration = Duration::from_millis(20);

/// How long to wait where events have come faster than they may be told.
const WAIT: Delta = Delta::from_millis(2);

/// Of how many peers a request may be told that it has changed them.
const MAX_TOLD: u32 = 256;

/// How many classes there are.
const CLASSES: usize = 4;

/// What has happened.
#[derive(Clone, Copy)]
pub(crate) enum Event {
    PeerAdded,
    PeerChanged,
    PeerRemoved,
    DeviceChanged,
    /// There is a session, where there was none.
    Begun(Handshake),
    /// There is another session in the place of one that could still be used.
    Rekeyed(Handshake),
    /// A handshake that we began is given up.
    GaveUp,
    /// There is no session any more.
    Ended(End),
    /// The peer is somewhere else.
    Roamed {
        from: Option<Endpoint>,
    },
    Silent,
    Back,
}

/// A handshake that is complete.
#[derive(Clone, Copy)]
pub(crate) struct Handshake {
    /// Ours in it.
    pub(crate) role: Role,
    /// From our first initiation, or from our response, until we knew.
    pub(crate) took: Duration,
}

/// Why sessions have ended.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// There was no other handshake for too long.
    Expired,
    /// The system is about to sleep.
    Suspended,
}

impl Event {
    /// What it is about.
    pub(crate) fn class(&self) -> Class {
        match self {
            Self::PeerAdded | Self::PeerChanged | Self::PeerRemoved | Self::DeviceChanged => {
                Class::Config
            }
            Self::Begun(_) | Self::Rekeyed(_) | Self::GaveUp | Self::Ended(_) => Class::Session,
            Self::Roamed { .. } => Class::Endpoint,
            Self::Silent | Self::Back => Class::Liveness,
        }
    }

    /// Whether the event says all that `earlier` does, if both are of one peer; then it takes its place.
    fn replaces(&self, earlier: &Self) -> bool {
        let class = self.class();
        matches!(class, Class::Endpoint | Class::Liveness) && class == earlier.class()
    }
}

/// What of a device's events is under way, and how many there have been.
#[pin_data]
pub(crate) struct Events {
    /// Which classes there are events of.
    classes: AtomicU32,
    counts: [Count; CLASSES],
    #[pin]
    waiting: SpinLockBh<Waiting>,
    /// When events were told last.
    told: AtomicU64,
    #[pin]
    work: Work<Events>,
}

impl_has_work! {
    impl HasWork<Events> for Events { self.work }
}

/// How many events of a class there have been, and how many there may be.
struct Count {
    number: AtomicU32,
    /// When its allowance will be whole again, in nanoseconds since boot.
    whole_at: AtomicU64,
}

impl Count {
    const fn new() -> Self {
        Self {
            number: AtomicU32::new(0),
            whole_at: AtomicU64::new(0),
        }
    }

    /// The number of the next event.
    fn next(&self) -> u32 {
        self.number.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Counts one that is not told.
    fn lose(&self) {
        self.next();
    }

    /// Whether another event may be told now. One at a time.
    fn spend(&self, now: BootTime) -> bool {
        let whole_at = BootTime(self.whole_at.load(Ordering::Relaxed));
        let spent = spend_allowance(whole_at, now);
        if let Some(whole_at) = spent {
            self.whole_at.store(whole_at.0, Ordering::Relaxed);
        }
        spent.is_some()
    }
}

/// Events that wait, in a ring.
///
/// `first` is the place of the first of them, and `len` at most the number of places; so sums of both are
/// small.
struct Waiting {
    places: Array<Option<(RcuArc<Peer>, Event)>>,
    first: usize,
    len: usize,
}

impl Waiting {
    fn place(&self, number: usize) -> Option<usize> {
        self.first
            .wrapping_add(number)
            .checked_rem(self.places.len())
    }

    /// Adds an event, or puts it in the place of an earlier one. Returns whether there was room.
    fn push(&mut self, peer: &RcuArc<Peer>, event: Event) -> bool {
        for (other, earlier) in self.places.iter_mut().flatten() {
            if other.ptr_eq(peer) && event.replaces(earlier) {
                // Where the peer was at first; the rest is told as it is then.
                if !matches!(event, Event::Roamed { .. }) {
                    *earlier = event;
                }
                return true;
            }
        }
        if self.len >= self.places.len() {
            return false;
        }
        let place = self.place(self.len);
        let Some(place) = place.and_then(|place| self.places.get_mut(place)) else {
            return false;
        };
        *place = Some((peer.clone(), event));
        self.len = self.len.wrapping_add(1);
        true
    }

    /// Whose events they are, if there are any.
    fn device(&self) -> Option<Arc<Device>> {
        let (peer, _) = self.places.get(self.first)?.as_ref()?;
        Some(peer.device.clone())
    }

    fn pop(&mut self) -> Option<(RcuArc<Peer>, Event)> {
        let next = self.place(1)?;
        let taken = self.places.get_mut(self.first)?.take()?;
        self.first = next;
        self.len = self.len.wrapping_sub(1);
        Some(taken)
    }
}

impl Events {
    /// None yet.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new() -> Result<Arc<Self>> {
        let waiting = Waiting {
            places: Array::try_repeat_with(PLACES, || Ok(None))?,
            first: 0,
            len: 0,
        };
        Arc::pin_init(
            pin_init!(Self {
                classes: AtomicU32::new(Class::ALL),
                counts: [const { Count::new() }; CLASSES],
                waiting <- new_spinlock_bh!(waiting, "wg_events"),
                told: AtomicU64::new(0),
                work <- new_work!("wg_events"),
            }),
            GFP_KERNEL,
        )
    }

    /// Of which classes there are events.
    pub(crate) fn classes(&self) -> u32 {
        self.classes.load(Ordering::Relaxed)
    }

    /// Says of which classes there shall be any.
    pub(crate) fn set_classes(&self, classes: u32) {
        self.classes.store(classes, Ordering::Relaxed);
    }

    fn count(&self, class: Class) -> &Count {
        let [config, session, endpoint, liveness] = &self.counts;
        match class {
            Class::Config => config,
            Class::Session => session,
            Class::Endpoint => endpoint,
            Class::Liveness => liveness,
        }
    }

    /// Whether somebody in a network namespace listens to a class that there are events of.
    fn is_heard(&self, net: &Net, device: &Device, class: Class) -> bool {
        self.classes() & class.bit() != 0 && netlink::has_event_listeners(net, device, class)
    }

    /// Tells the event that waits, unless the device is down by then.
    fn tell(&self, peer: &RcuArc<Peer>, event: Event) {
        // That it is gone has been told.
        if peer.is_closed() {
            return;
        }
        let device = &peer.device;
        let count = self.count(event.class());
        // A burst is told over some time.
        while !count.spend(boot_now()) {
            if !device.is_up() {
                return count.lose();
            }
            fsleep(WAIT);
        }
        let number = count.next();
        // Nobody waits for what a listener has missed.
        if let Some(net) = device.dev.net() {
            let _ = netlink::announce_event(&net, device, number, &event, Some(peer), None);
        }
    }
}

impl WorkItem for Events {
    type Pointer = Arc<Self>;

    fn run(this: Arc<Self>) {
        let told = BootTime(this.told.load(Ordering::Relaxed));
        let device = this.waiting.lock().device();
        // Who takes the device down waits for this, but for no pause.
        while device.as_ref().is_some_and(|device| device.is_up())
            && !told.is_older_than(PAUSE, boot_now())
        {
            fsleep(WAIT);
        }
        // From here on the peers keep it: who destroys it waits for those.
        drop(device);
        // No more than wait now: others come later, all at once.
        let mut left = this.waiting.lock().len;
        while left > 0 {
            let Some((peer, event)) = this.waiting.lock().pop() else {
                break;
            };
            this.tell(&peer, event);
            left = left.wrapping_sub(1);
        }
        this.told.store(boot_now().0, Ordering::Relaxed);
    }
}

/// Notes what has happened to a peer, if anybody wants to hear of it. In any context but a hard
/// interrupt.
#[cold]
#[inline(never)]
fn note(peer: &RcuArc<Peer>, event: Event) {
    let device = &peer.device;
    let events = &device.events;
    let class = event.class();
    let net = device.dev.net();
    if !net.is_some_and(|net| events.is_heard(&net, device, class)) {
        return;
    }
    if !events.waiting.lock().push(peer, event) {
        events.count(class).lose();
    }
    // If it is queued already, it will look.
    let _ = device.handshake_queue.enqueue(events.clone());
}

/// A handshake is complete, which has begun then. In any context but a hard interrupt.
#[cold]
#[inline(never)]
pub(crate) fn handshake_complete(peer: &RcuArc<Peer>, role: Role, begun: BootTime) {
    let now = boot_now();
    peer.liveness.fail(Failure::None);
    live(peer);
    let handshake = Handshake {
        role,
        took: Duration::from_nanos(now.0.saturating_sub(begun.0)),
    };
    let guard = kernel::sync::rcu::read_lock();
    let is_rekey = peer.sessions.has_predecessor((&guard).into(), now);
    drop(guard);
    note(
        peer,
        if is_rekey {
            Event::Rekeyed(handshake)
        } else {
            Event::Begun(handshake)
        },
    );
}

/// An authentic message has come that was not expected from where it came: the peer has been elsewhere
/// if `moved`, or nothing was heard of it since the way to it was forgotten.
#[cold]
#[inline(never)]
pub(crate) fn heard_anew(peer: &RcuArc<Peer>, moved: bool, from: Option<Endpoint>) {
    if peer.liveness.end_silence() {
        if !peer.sessions.are_empty() {
            live(peer);
        }
        note(peer, Event::Back);
    }
    if moved {
        note(peer, Event::Roamed { from });
    }
}

/// Nothing has come back from a peer for too long.
#[cold]
#[inline(never)]
pub(crate) fn fell_silent(peer: &RcuArc<Peer>) {
    let is_new = peer.liveness.fall_silent();
    cease(peer);
    if is_new {
        note(peer, Event::Silent);
    }
}

/// A handshake with a peer is given up.
#[cold]
#[inline(never)]
pub(crate) fn gave_up(peer: &RcuArc<Peer>) {
    cease(peer);
    note(peer, Event::GaveUp);
}

/// The sessions with a peer are about to be forgotten, if there are any.
#[cold]
#[inline(never)]
pub(crate) fn end_sessions(peer: &RcuArc<Peer>, end: End) {
    if !peer.sessions.are_empty() {
        note(peer, Event::Ended(end));
    }
}

/// The peer is alive.
fn live(peer: &RcuArc<Peer>) {
    let device = &peer.device;
    device.alive.enter(&peer.liveness, || {
        !peer.is_closed() && device.is_up() && !peer.sessions.are_empty()
    });
    Carrier::update(device);
}

/// The peer is not alive any more.
fn cease(peer: &RcuArc<Peer>) {
    peer.device.alive.leave(&peer.liveness);
    Carrier::update(&peer.device);
}

/// Tells of what one request changes, while it is carried out: under the lock of the configuration.
pub(crate) struct Bulletin {
    /// Where anybody listens; [`None`] if nobody does.
    net: Option<Net>,
    /// Of how many peers may still be told.
    left: u32,
    /// The peer that was told of last, if it has only changed.
    last: Option<u64>,
    /// Whether the device has changed, or more peers than were told of.
    is_device_changed: bool,
}

impl Bulletin {
    /// One that nobody reads.
    pub(crate) const fn unread() -> Self {
        Self {
            net: None,
            left: 0,
            last: None,
            is_device_changed: false,
        }
    }

    /// One for those who listen in a network namespace, where the device is.
    pub(crate) fn for_listeners(net: Option<Net>, device: &Device) -> Self {
        Self {
            net: net.filter(|net| device.events.is_heard(net, device, Class::Config)),
            left: MAX_TOLD,
            ..Self::unread()
        }
    }

    /// Whether anybody reads it.
    pub(crate) fn is_read(&self) -> bool {
        self.net.is_some()
    }

    /// Notes that the device is not as it was.
    pub(crate) fn note_device(&mut self) {
        self.is_device_changed = true;
    }

    /// Tells of a peer.
    pub(crate) fn tell_peer(&mut self, peer: &Peer, event: Event, generation: u64) {
        let Some(net) = self.net.as_ref() else {
            return;
        };
        // One change of a peer is told, however much of it there is.
        let is_change = matches!(event, Event::PeerChanged);
        if is_change && self.last == Some(peer.id) {
            return;
        }
        self.last = is_change.then_some(peer.id);
        let count = peer.device.events.count(Class::Config);
        if self.left == 0 || !count.spend(boot_now()) {
            // Whoever reads on sees that there is more to be asked for.
            self.is_device_changed = true;
            return count.lose();
        }
        self.left = self.left.wrapping_sub(1);
        let (device, number) = (&peer.device, count.next());
        let _ = netlink::announce_event(net, device, number, &event, Some(peer), Some(generation));
    }

    /// Tells of the device, if need be: the last of what is told.
    pub(crate) fn conclude(&mut self, device: &Device, generation: u64) {
        let is_changed = core::mem::take(&mut self.is_device_changed);
        if let Some(net) = self.net.take().filter(|_| is_changed) {
            let number = device.events.count(Class::Config).next();
            let event = Event::DeviceChanged;
            let _ = netlink::announce_event(&net, device, number, &event, None, Some(generation));
        }
    }
}
