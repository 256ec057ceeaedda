// SPDX-License-Identifier: GPL-2.0

//! What is known of datagrams.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddrV4, SocketAddrV6};

pub(crate) const KNOWS_IPV6: bool = true;

/// Nothing is received.
pub(crate) enum Origin {}

impl Origin {
    pub(crate) fn addresses(&self) -> Addresses {
        match *self {}
    }
}

#[expect(dead_code, reason = "no datagram has any")]
pub(crate) enum Addresses {
    V4 {
        source: SocketAddrV4,
        local: Source4,
    },
    V6 {
        source: SocketAddrV6,
        local: Ipv6Addr,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source4 {
    pub(crate) addr: Ipv4Addr,
    pub(crate) ifindex: i32,
}
