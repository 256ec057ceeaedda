// SPDX-License-Identifier: GPL-2.0

//! A prefix of either family.

use core::net::IpAddr;

use crate::proto::prefix::{
    InvalidCidr,
    Prefix, //
};

/// A network of addresses that one peer may use. Bits behind the prefix are zero.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum AllowedIp {
    /// An IPv4 network.
    V4(Prefix<u32>),
    /// An IPv6 network.
    V6(Prefix<u128>),
}

impl AllowedIp {
    /// The network of `cidr` bits that `address` is in.
    pub(crate) fn new(address: IpAddr, cidr: u8) -> Result<Self, InvalidCidr> {
        match address {
            IpAddr::V4(ip) => Prefix::v4(ip, cidr).map(Self::V4),
            IpAddr::V6(ip) => Prefix::v6(ip, cidr).map(Self::V6),
        }
    }

    /// The lowest address.
    pub(crate) fn ip(&self) -> IpAddr {
        match self {
            Self::V4(prefix) => IpAddr::V4(prefix.ip()),
            Self::V6(prefix) => IpAddr::V6(prefix.ip()),
        }
    }

    /// The length in bits.
    pub(crate) fn cidr(&self) -> u8 {
        match self {
            Self::V4(prefix) => prefix.len(),
            Self::V6(prefix) => prefix.len(),
        }
    }
}
