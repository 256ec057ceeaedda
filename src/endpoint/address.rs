// SPDX-License-Identifier: GPL-2.0

//! The address of a peer, as users and datagrams give it.

use core::net::{Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use kernel::fmt;

use crate::kapi::net::{
    addr::{ShowSocketAddr, SockAddr},
    udp_tunnel::{Addresses, Origin, Source4, KNOWS_IPV6}, //
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
    /// The address itself is not judged: it may be unspecified, or a multicast group. `None` if it is
    /// of a family that the kernel does not know.
    pub(crate) fn from_sockaddr(bytes: &[u8]) -> Option<Self> {
        let sockaddr = SockAddr::from_bytes(bytes)?;
        if sockaddr.addr().is_ipv6() && !KNOWS_IPV6 {
            return None;
        }
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
    pub(crate) fn from_origin(origin: &Origin) -> Self {
        match origin.addresses() {
            Addresses::V4 { source, local } => Self::V4 {
                addr: source,
                source: Some(local),
                padding: [0; 8],
            },
            Addresses::V6 { source, local } => Self::V6 {
                addr: source,
                source: Some(local),
            },
        }
    }

    /// Whether both are the same address, whichever of ours the peer has reached.
    pub(super) fn is_same_place(&self, other: &Self) -> bool {
        let (mut this, mut other) = (*self, *other);
        this.clear_source();
        other.clear_source();
        this == other
    }

    /// Whether it is known which of our addresses the peer knows.
    pub(super) fn has_source(&self) -> bool {
        match self {
            Self::V4 { source, .. } => source.is_some(),
            Self::V6 { source, .. } => source.is_some(),
        }
    }

    pub(super) fn clear_source(&mut self) {
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
