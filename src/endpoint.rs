// SPDX-License-Identifier: GPL-2.0

//! Where a peer is, and which of our addresses it knows.

use core::{
    net::{IpAddr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    sync::atomic::{AtomicBool, Ordering}, //
};

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    kapi::{
        net::{
            addr::{ShowSocketAddr, SockAddr},
            device::NetDevice,
            route::DstCache,
            udp_tunnel::{Datagram, Route, Source4, UdpHandler}, //
        },
        sync::{bh::BhDisabled, new_spinlock_bh, SpinLockBh},
    },
    socket::SocketPair, //
};

/// The address of a peer, and the one of ours that the peer reached us at last.
///
/// Answers leave from where the peer sent its packets to, for as long as that address is ours, so
/// that they pass the firewall or address translation between.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Endpoint {
    V4 {
        addr: SocketAddrV4,
        source: Option<Source4>,
        /// What the user left in `sin_zero`, who gets it back.
        padding: [u8; 8],
    },
    V6 {
        addr: SocketAddrV6,
        source: Option<Ipv6Addr>,
    },
}

impl Endpoint {
    /// Reads an endpoint that the user gives as a `sockaddr_in` or `sockaddr_in6`.
    ///
    /// The address itself is not judged: it may be unspecified, or a multicast group.
    pub(crate) fn from_sockaddr(bytes: &[u8]) -> Option<Self> {
        let sockaddr = SockAddr::from_bytes(bytes)?;
        Some(match sockaddr.addr() {
            SocketAddr::V4(addr) => Self::V4 {
                addr,
                source: None,
                padding: sockaddr.padding(),
            },
            SocketAddr::V6(addr) => Self::V6 { addr, source: None },
        })
    }

    /// The endpoint as a `sockaddr_in` or `sockaddr_in6`.
    pub(crate) fn to_sockaddr(self) -> SockAddr {
        match self {
            Self::V4 { addr, padding, .. } => SockAddr::from(&addr).with_padding(padding),
            Self::V6 { addr, .. } => SockAddr::from(&addr),
        }
    }

    /// The endpoint that a datagram came from.
    pub(crate) fn from_datagram(datagram: &Datagram) -> Self {
        match (datagram.source, datagram.local) {
            (SocketAddr::V4(addr), local) => Self::V4 {
                addr,
                source: match local {
                    IpAddr::V4(addr) => Some(Source4 {
                        addr,
                        ifindex: datagram.ifindex,
                    }),
                    IpAddr::V6(_) => None,
                },
                padding: [0; 8],
            },
            (SocketAddr::V6(addr), local) => Self::V6 {
                addr,
                source: match local {
                    IpAddr::V6(addr) => Some(addr),
                    IpAddr::V4(_) => None,
                },
            },
        }
    }

    fn clear_source(&mut self) {
        match self {
            Self::V4 { source, .. } => *source = None,
            Self::V6 { source, .. } => *source = None,
        }
    }
}

/// Shows an endpoint, or what C shows for one that is unknown.
pub(crate) struct ShowEndpoint(pub(crate) Option<Endpoint>);

impl fmt::Display for ShowEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let addr = match self.0 {
            Some(Endpoint::V4 { addr, .. }) => addr.into(),
            Some(Endpoint::V6 { addr, .. }) => addr.into(),
            None => return f.write_str("(einval)"),
        };
        fmt::Display::fmt(&ShowSocketAddr(addr), f)
    }
}

/// Whether a peer has stayed where it was: flow information and padding do not matter.
impl PartialEq for Endpoint {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::V4 { addr, source, .. },
                Self::V4 {
                    addr: other_addr,
                    source: other_source,
                    ..
                },
            ) => addr == other_addr && source == other_source,
            (
                Self::V6 { addr, source },
                Self::V6 {
                    addr: other_addr,
                    source: other_source,
                },
            ) => {
                addr.ip() == other_addr.ip()
                    && addr.port() == other_addr.port()
                    && addr.scope_id() == other_addr.scope_id()
                    && source == other_source
            }
            (Self::V4 { .. }, Self::V6 { .. }) | (Self::V6 { .. }, Self::V4 { .. }) => false,
        }
    }
}

/// A peer's endpoint, and the routes to it.
///
/// Both are under one lock, which is held during the lookup of a route, but not while packets are
/// sent along it.
#[pin_data]
pub(crate) struct EndpointCell {
    /// Whether the endpoint is known; it never becomes unknown again.
    known: AtomicBool,
    #[pin]
    state: SpinLockBh<State>,
}

struct State {
    endpoint: Option<Endpoint>,
    routes: DstCache,
}

impl EndpointCell {
    /// Creates a cell without an endpoint. May sleep.
    pub(crate) fn new(routes: DstCache) -> impl PinInit<Self> {
        pin_init!(Self {
            known: AtomicBool::new(false),
            state <- new_spinlock_bh!(
                State {
                    endpoint: None,
                    routes,
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
        let mut state = self.state.lock();
        if state.endpoint == Some(endpoint) {
            return;
        }
        state.endpoint = Some(endpoint);
        state.routes.reset();
        self.known.store(true, Ordering::Relaxed);
    }

    /// Moves the peer to where a datagram of its own came from.
    pub(crate) fn set_from_datagram(&self, datagram: &Datagram) {
        self.set(Endpoint::from_datagram(datagram));
    }

    /// Forgets which of our addresses the peer knows, and the routes.
    pub(crate) fn clear_source(&self) {
        let mut state = self.state.lock();
        if let Some(endpoint) = &mut state.endpoint {
            endpoint.clear_source();
        }
        state.routes.reset_now();
    }

    /// Looks up the way to the peer for packets of that mark.
    ///
    /// A source address that has turned out to be stale is forgotten. [`EDESTADDRREQ`] if the
    /// endpoint is unknown, [`ENONET`] without a socket of its family; or what the lookup says.
    pub(crate) fn route<'a, H: UdpHandler>(
        &self,
        dev: &NetDevice,
        sockets: &'a SocketPair<H>,
        mark: u32,
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let mut state = self.state.lock();
        let State { endpoint, routes } = &mut *state;
        let endpoint = endpoint.as_mut().ok_or(EDESTADDRREQ)?;
        sockets.route(dev, endpoint, mark, Some(routes), bh)
    }
}
