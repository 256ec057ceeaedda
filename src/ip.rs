// SPDX-License-Identifier: GPL-2.0

//! What crypto-key routing reads in the headers of inner packets.

use core::net::{
    IpAddr,
    Ipv4Addr,
    Ipv6Addr, //
};

use crate::{
    allowed_ips::AllowedIps,
    kapi::{
        net::skbuff::IpProtocol,
        sync::rcu::{Rcu, RcuRef}, //
    },
    peer::Peer, //
};

/// The length of an IPv4 header without options.
pub(crate) const V4_HEADER_LEN: u32 = 20;

/// The length of an IPv6 header without extensions.
pub(crate) const V6_HEADER_LEN: u32 = 40;

/// Which address of a header.
#[derive(Clone, Copy)]
pub(crate) enum Which {
    Source,
    Destination,
}

impl Which {
    /// Where it is in the header, in bytes.
    #[inline]
    const fn offset(self, protocol: IpProtocol) -> usize {
        match (protocol, self) {
            (IpProtocol::V4, Self::Source) => 12,
            (IpProtocol::V4, Self::Destination) => 16,
            (IpProtocol::V6, Self::Source) => 8,
            (IpProtocol::V6, Self::Destination) => 24,
        }
    }
}

/// The peer that an address in a header belongs to.
#[inline]
pub(crate) fn owner<'a>(
    table: &AllowedIps<Peer>,
    rcu: Rcu<'a>,
    protocol: IpProtocol,
    header: &[u8],
    which: Which,
) -> Option<RcuRef<'a, Peer>> {
    match protocol {
        IpProtocol::V4 => table.lookup_v4(rcu, v4(header, which.offset(protocol))?),
        IpProtocol::V6 => table.lookup_v6(rcu, v6(header, which.offset(protocol))?),
    }
}

/// The length of a packet as its header says it, if that can be.
#[inline]
pub(crate) fn total_len(protocol: IpProtocol, header: &[u8]) -> Option<u32> {
    match protocol {
        IpProtocol::V4 => Some(u16_at(header, 2)?).filter(|len| *len >= V4_HEADER_LEN),
        IpProtocol::V6 => u16_at(header, 4)?.checked_add(V6_HEADER_LEN),
    }
}

/// An address in a header, for a message.
pub(crate) fn address(protocol: IpProtocol, header: &[u8], which: Which) -> Option<IpAddr> {
    let at = which.offset(protocol);
    Some(match protocol {
        IpProtocol::V4 => Ipv4Addr::from(v4(header, at)?).into(),
        IpProtocol::V6 => Ipv6Addr::from(v6(header, at)?).into(),
    })
}

fn bytes<const N: usize>(header: &[u8], at: usize) -> Option<[u8; N]> {
    header.get(at..)?.first_chunk().copied()
}

fn v4(header: &[u8], at: usize) -> Option<u32> {
    bytes(header, at).map(u32::from_be_bytes)
}

fn v6(header: &[u8], at: usize) -> Option<u128> {
    bytes(header, at).map(u128::from_be_bytes)
}

fn u16_at(header: &[u8], at: usize) -> Option<u32> {
    bytes(header, at).map(|bytes| u16::from_be_bytes(bytes).into())
}
