// SPDX-License-Identifier: GPL-2.0

//! Where a device listens, and what it sends by.

use core::net::{
    IpAddr,
    Ipv4Addr,
    Ipv6Addr, //
};

use kernel::prelude::*;

/// What the sockets of a device are bound to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Binding {
    /// Zero for any that is free.
    pub(crate) port: u16,
    /// The index of an interface or a VRF, which all comes from and goes to; zero for none.
    pub(crate) ifindex: u32,
    pub(crate) addresses: ListenAddresses,
}

impl Binding {
    /// Of a new device: all addresses.
    pub(crate) const NEW: Self = Self {
        port: 0,
        ifindex: 0,
        addresses: ListenAddresses::ALL,
    };

    /// Whether an address means nothing without an interface, and there is none.
    pub(crate) fn lacks_interface(&self) -> bool {
        let is_link_local = |addr: Ipv6Addr| addr.segments().starts_with(&[0xfe80]);
        self.ifindex == 0 && self.addresses.v6.is_some_and(is_link_local)
    }
}

/// The addresses that are listened on: all, or one of a family at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenAddresses {
    v4: Option<Ipv4Addr>,
    v6: Option<Ipv6Addr>,
}

/// Why something is not listened on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    /// It is no address.
    Length,
    /// There is one of its family already.
    Second,
    Unspecified,
    Multicast,
    Broadcast,
    /// It is one of IPv4 that is written as one of IPv6.
    Mapped,
}

impl ListenAddresses {
    /// All of them.
    pub(crate) const ALL: Self = Self { v4: None, v6: None };

    /// Adds an address, as its bytes are sent.
    pub(crate) fn add(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        match *bytes {
            [a, b, c, d] => self.add_v4(Ipv4Addr::new(a, b, c, d)),
            _ => {
                let octets: [u8; 16] = bytes.try_into().map_err(|_| Unfit::Length)?;
                self.add_v6(octets.into())
            }
        }
    }

    fn add_v4(&mut self, addr: Ipv4Addr) -> Result<(), Unfit> {
        if addr.is_unspecified() {
            return Err(Unfit::Unspecified);
        }
        if addr.is_multicast() {
            return Err(Unfit::Multicast);
        }
        if addr.is_broadcast() {
            return Err(Unfit::Broadcast);
        }
        put(&mut self.v4, addr)
    }

    fn add_v6(&mut self, addr: Ipv6Addr) -> Result<(), Unfit> {
        if addr.is_unspecified() {
            return Err(Unfit::Unspecified);
        }
        if addr.is_multicast() {
            return Err(Unfit::Multicast);
        }
        if addr.to_ipv4_mapped().is_some() {
            return Err(Unfit::Mapped);
        }
        put(&mut self.v6, addr)
    }

    /// Whether all are listened on.
    pub(crate) fn are_all(&self) -> bool {
        *self == Self::ALL
    }

    /// That of IPv4 to bind to, which may be the unspecified one; [`None`] if none is listened on.
    pub(crate) fn v4(&self) -> Option<IpAddr> {
        let any = self.are_all().then_some(Ipv4Addr::UNSPECIFIED);
        self.v4.or(any).map(IpAddr::V4)
    }

    /// That of IPv6, likewise.
    pub(crate) fn v6(&self) -> Option<IpAddr> {
        let any = self.are_all().then_some(Ipv6Addr::UNSPECIFIED);
        self.v6.or(any).map(IpAddr::V6)
    }

    /// Those that have been added.
    pub(crate) fn each(&self) -> impl Iterator<Item = IpAddr> {
        [self.v4.map(IpAddr::V4), self.v6.map(IpAddr::V6)]
            .into_iter()
            .flatten()
    }

    /// Whether one of IPv6 has been added.
    pub(crate) fn has_v6(&self) -> bool {
        self.v6.is_some()
    }
}

fn put<T>(place: &mut Option<T>, addr: T) -> Result<(), Unfit> {
    if place.is_some() {
        return Err(Unfit::Second);
    }
    *place = Some(addr);
    Ok(())
}
