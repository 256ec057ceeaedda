// SPDX-License-Identifier: GPL-2.0

//! Where a peer is, and which of our addresses it knows.

mod address;

use core::sync::atomic::{AtomicBool, AtomicU16, AtomicU32, Ordering};

use kernel::{
    alloc::flags::{GFP_ATOMIC, __GFP_NOWARN},
    prelude::*, //
};

use crate::{
    events,
    kapi::{
        net::{
            device::NetDevice,
            route::KnownRoute,
            udp_tunnel::{Marking, Origin, Route, UdpHandler}, //
        },
        sync::{bh::BhDisabled, new_spinlock_bh, rcu::RcuArc, SpinLockBh, SpinLockBhGuard},
    },
    peer::Peer,
    proto::awg::{INITIAL_TRAILER_WINDOW, MAX_DATAGRAM_LEN},
    socket::SocketPair,
    tx::path::Told, //
};

pub(crate) use address::{Endpoint, ShowEndpoint};

/// What the ways to a device's peers depend on, besides their endpoints.
pub(crate) struct Routing {
    /// The mark of all packets that are sent.
    mark: AtomicU32,
    /// How often all ways have been forgotten.
    changes: AtomicU32,
    /// Whether senders are told what the paths to peers take.
    path_mtu_follows: AtomicBool,
    /// And when they were.
    pub(crate) told: Told,
}

impl Routing {
    /// Of a new device.
    pub(crate) const fn new() -> Self {
        Self {
            mark: AtomicU32::new(0),
            changes: AtomicU32::new(0),
            path_mtu_follows: AtomicBool::new(true),
            told: Told::new(),
        }
    }

    /// Whether senders are told what the paths to peers take.
    pub(crate) fn path_mtu_follows(&self) -> bool {
        self.path_mtu_follows.load(Ordering::Relaxed)
    }

    /// Says whether they are, and returns whether they were.
    pub(crate) fn replace_path_mtu_follows(&self, follows: bool) -> bool {
        self.path_mtu_follows.swap(follows, Ordering::Relaxed)
    }

    /// The mark of all packets that are sent.
    #[inline]
    pub(crate) fn mark(&self) -> u32 {
        self.mark.load(Ordering::Relaxed)
    }

    /// What packets get to a peer that has a marking of its own, of which nothing may be set.
    fn marking(&self, own: Marking) -> Marking {
        match own.mark {
            0 => Marking {
                mark: self.mark(),
                ..own
            },
            _ => own,
        }
    }

    /// Changes the mark, and returns the one before.
    pub(crate) fn replace_mark(&self, mark: u32) -> u32 {
        self.mark.swap(mark, Ordering::Relaxed)
    }

    /// Makes all ways worth nothing that peers remember, and all source addresses.
    pub(crate) fn change(&self) {
        self.changes.fetch_add(1, Ordering::Relaxed);
    }
}

/// What stands for a path of which nothing is known.
const PATH_UNKNOWN: u16 = u16::MAX;

/// A peer's endpoint, and the way to it.
///
/// Both are under one lock, which is held during the lookup of a route, but not while packets are
/// sent along it.
#[pin_data]
pub(crate) struct EndpointCell {
    /// Whether the endpoint is known; it never becomes unknown again.
    known: AtomicBool,
    /// How often all ways had been forgotten when a source address was learned last, or a way. To a
    /// peer that sleeps nobody comes to have it forget the former. There is room for the lower bits of that
    /// alone; a source that is not forgotten for once is found out where it does not hold.
    as_of: AtomicU16,
    /// The length of the longest data message that has gone there or come from there, if the device has
    /// a guise. It may be noted twice at once, and one of both be lost: there will be others.
    longest: AtomicU16,
    /// How long a packet may be for the way to take it whole, as was seen when a long message was sent
    /// last; [`PATH_UNKNOWN`] before, and zero if that may be wrong by now.
    path_mtu: AtomicU16,
    /// Whether the peer is only where users say it is.
    is_fixed: AtomicBool,
    #[pin]
    state: SpinLockBh<State>,
}

struct State {
    endpoint: Option<Endpoint>,
    /// There since something was sent, unless there was no memory: it only saves time.
    way: Option<KBox<Way>>,
}

/// What is remembered of the way to an endpoint.
struct Way {
    route: KnownRoute,
    /// Where the last datagram of the peer's came from. The endpoint is still just that if it has a
    /// source.
    heard: Option<Origin>,
    /// What packets get that are sent there.
    marking: Marking,
}

impl Way {
    /// Nothing but the marking; [`None`] if there is no memory. Does not sleep.
    fn new(marking: Marking) -> Option<KBox<Self>> {
        let way = Self {
            route: KnownRoute::new(),
            heard: None,
            marking,
        };
        KBox::new(way, GFP_ATOMIC | __GFP_NOWARN).ok()
    }
}

impl State {
    /// Moves the peer, and returns whether it was elsewhere.
    fn set(&mut self, endpoint: Endpoint) -> bool {
        if let Some(way) = &mut self.way {
            way.heard = None;
        }
        if self.endpoint == Some(endpoint) {
            return false;
        }
        self.endpoint = Some(endpoint);
        if let Some(way) = &mut self.way {
            way.route.forget();
        }
        true
    }

    /// Whether the endpoint is still where that datagram came from.
    #[inline]
    fn is_at(&self, origin: &Origin) -> bool {
        let has_source = self.endpoint.as_ref().is_some_and(Endpoint::has_source);
        let heard = self.way.as_ref().and_then(|way| way.heard.as_ref());
        has_source && heard == Some(origin)
    }
}

impl EndpointCell {
    /// Creates a cell without an endpoint.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            known: AtomicBool::new(false),
            as_of: AtomicU16::new(0),
            longest: AtomicU16::new(0),
            path_mtu: AtomicU16::new(PATH_UNKNOWN),
            is_fixed: AtomicBool::new(false),
            state <- new_spinlock_bh!(
                State {
                    endpoint: None,
                    way: None,
                },
                "endpoint"
            ),
        })
    }

    /// Whether the peer's address is known.
    #[inline]
    pub(crate) fn has_address(&self) -> bool {
        self.known.load(Ordering::Relaxed)
    }

    /// The endpoint as it is now.
    pub(crate) fn snapshot(&self) -> Option<Endpoint> {
        self.state.lock().endpoint
    }

    /// The endpoint as it is now, for a message: showing it takes no lock.
    pub(crate) fn show(&self) -> ShowEndpoint {
        ShowEndpoint(self.snapshot())
    }

    /// Moves the peer, unless it is there already.
    pub(crate) fn set(&self, endpoint: Endpoint) {
        if self.state.lock().set(endpoint) {
            self.moved();
        }
    }

    /// Notes that the peer is somewhere else.
    fn moved(&self) {
        self.known.store(true, Ordering::Relaxed);
        self.longest.store(0, Ordering::Relaxed);
        self.forget_path_mtu();
    }

    /// How long a packet may be for the way to take it whole, as was seen last.
    #[inline]
    pub(crate) fn path_mtu(&self) -> Option<u16> {
        let mtu = self.path_mtu_as_noted();
        (mtu != PATH_UNKNOWN && mtu != 0).then_some(mtu)
    }

    /// What packets are compared with: if nothing is known, more than any has, and if it may be wrong,
    /// nothing.
    #[inline]
    pub(crate) fn path_mtu_as_noted(&self) -> u16 {
        self.path_mtu.load(Ordering::Relaxed)
    }

    /// Notes how long a packet may be, or zero.
    pub(crate) fn note_path_mtu(&self, mtu: u32) {
        let mtu = mtu.min((PATH_UNKNOWN - 1).into()) as u16;
        // Most often it is the same, and others read it for each packet.
        if mtu != self.path_mtu_as_noted() {
            self.path_mtu.store(mtu, Ordering::Relaxed);
        }
    }

    /// Whether anything is known of the path.
    pub(crate) fn is_path_known(&self) -> bool {
        self.path_mtu_as_noted() != PATH_UNKNOWN
    }

    /// Forgets how long a packet may be: the way is another.
    pub(crate) fn forget_path_mtu(&self) {
        self.path_mtu.store(PATH_UNKNOWN, Ordering::Relaxed);
    }

    /// Notes the length of a data message to the peer or from there.
    pub(crate) fn note_length(&self, len: u32) {
        let len = len.min(MAX_DATAGRAM_LEN as u32) as u16;
        if len > self.longest.load(Ordering::Relaxed) {
            self.longest.store(len, Ordering::Relaxed);
        }
    }

    /// How long a handshake message with a trailer may be.
    pub(crate) fn trailer_window(&self) -> usize {
        usize::from(self.longest.load(Ordering::Relaxed)).max(INITIAL_TRAILER_WINDOW)
    }

    /// Whether the peer is only where users say it is.
    pub(crate) fn is_fixed(&self) -> bool {
        self.is_fixed.load(Ordering::Relaxed)
    }

    /// Says whether it is.
    pub(crate) fn set_fixed(&self, is_fixed: bool) {
        let mut state = self.state.lock();
        self.is_fixed.store(is_fixed, Ordering::Relaxed);
        // Where it was heard last decides nothing any more.
        if let Some(way) = &mut state.way {
            way.heard = None;
        }
    }

    /// Moves a peer to where a datagram of its own came from.
    #[inline]
    pub(crate) fn set_from_datagram(peer: &RcuArc<Peer>, origin: &Origin) {
        let state = peer.endpoint.state.lock();
        if !state.is_at(origin) {
            Self::follow(peer, state, origin);
        }
    }

    #[cold]
    #[inline(never)]
    fn follow(peer: &RcuArc<Peer>, mut state: SpinLockBhGuard<'_, State>, origin: &Origin) {
        let this = &peer.endpoint;
        let before = state.endpoint;
        let now = Endpoint::from_origin(origin);
        let stays = before.is_some_and(|before| before.is_same_place(&now));
        if stays || !this.is_fixed() {
            this.catch_up(&peer.device.routing);
            if state.set(now) {
                this.moved();
            }
            if let Some(way) = &mut state.way {
                way.heard = Some(*origin);
            }
        }
        let has_moved = !stays && !this.is_fixed();
        drop(state);
        events::heard_anew(peer, has_moved, before);
    }

    /// Forgets which of our addresses the peer knows, and the way to it.
    pub(crate) fn clear_source(&self) {
        let mut state = self.state.lock();
        if let Some(endpoint) = &mut state.endpoint {
            endpoint.clear_source();
        }
        state.way = None;
        self.forget_path_mtu();
    }

    /// Forgets the way to the peer, which has been idle for long.
    pub(crate) fn rest(&self) {
        self.state.lock().way = None;
        self.forget_path_mtu();
    }

    /// Whether no way to the peer is remembered.
    pub(crate) fn is_at_rest(&self) -> bool {
        self.state.lock().way.is_none()
    }

    /// Returns whether all ways have been forgotten since this was last asked. Under the lock.
    fn catch_up(&self, routing: &Routing) -> bool {
        let changes = routing.changes.load(Ordering::Relaxed) as u16;
        let is_late = self.as_of.load(Ordering::Relaxed) != changes;
        self.as_of.store(changes, Ordering::Relaxed);
        is_late
    }

    /// Looks up the way to the peer.
    ///
    /// What that depends on, and the peer's own marking, are asked for under the lock, if no way is
    /// remembered: who changes them has the way forgotten then, which is never remembered for another
    /// mark.
    ///
    /// A source address that has turned out to be stale is forgotten. [`EDESTADDRREQ`] if the
    /// endpoint is unknown, [`ENONET`] without a socket of its family; or what the lookup says.
    pub(crate) fn route<'a, 'r, H: UdpHandler>(
        &self,
        dev: &NetDevice,
        sockets: &'a SocketPair<H>,
        are_current: impl FnOnce() -> bool,
        routing: impl FnOnce() -> (&'r Routing, Marking),
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let mut state = self.state.lock();
        let State { endpoint, way } = &mut *state;
        let endpoint = endpoint.as_mut().ok_or(EDESTADDRREQ)?;
        let mut marking = Marking::default();
        if way.is_none() {
            let (routing, own) = routing();
            marking = routing.marking(own);
            if self.catch_up(routing) {
                endpoint.clear_source();
            }
            // By sockets that are about to be closed others may not send.
            if are_current() {
                *way = Way::new(marking);
            }
        }
        let known = match way {
            Some(way) => {
                marking = way.marking;
                Some(&mut way.route)
            }
            None => None,
        };
        sockets.route(dev, endpoint, marking, known, bh)
    }
}
