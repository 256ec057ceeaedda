// SPDX-License-Identifier: GPL-2.0

//! What is known of datagrams.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Datagram {
    pub(crate) source: SocketAddr,
    pub(crate) local: IpAddr,
    pub(crate) ifindex: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source4 {
    pub(crate) addr: Ipv4Addr,
    pub(crate) ifindex: i32,
}
