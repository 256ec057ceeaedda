// SPDX-License-Identifier: GPL-2.0

//! Socket addresses as C and user space lay them out.
//!
//! C headers: [`include/uapi/linux/in.h`](srctree/include/uapi/linux/in.h),
//! [`include/uapi/linux/in6.h`](srctree/include/uapi/linux/in6.h)

use core::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    ops::Deref, //
};

use kernel::fmt;

use crate::bindings;

/// The families of [`SocketAddr`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    /// `AF_INET`.
    V4,
    /// `AF_INET6`.
    V6,
}

impl Family {
    /// The family's number.
    pub(crate) const fn number(self) -> u16 {
        match self {
            Self::V4 => bindings::AF_INET as u16,
            Self::V6 => bindings::AF_INET6 as u16,
        }
    }

    fn from_number(number: u16) -> Option<Self> {
        [Self::V4, Self::V6]
            .into_iter()
            .find(|family| family.number() == number)
    }
}

impl From<&SocketAddr> for Family {
    fn from(addr: &SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(_) => Self::V4,
            SocketAddr::V6(_) => Self::V6,
        }
    }
}

/// The size of `struct sockaddr_in`.
const SOCKADDR_IN_LEN: usize = 16;

/// The size of `struct sockaddr_in6`.
const SOCKADDR_IN6_LEN: usize = 28;

const _: () = {
    assert!(size_of::<bindings::sockaddr_in>() == SOCKADDR_IN_LEN);
    assert!(size_of::<bindings::sockaddr_in6>() == SOCKADDR_IN6_LEN);
};

/// A `struct sockaddr_in` or `struct sockaddr_in6`, byte for byte.
///
/// Unlike [`SocketAddr`] it keeps the bytes that C calls `sin_zero`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SockAddr {
    bytes: [u8; SOCKADDR_IN6_LEN],
    family: Family,
}

impl SockAddr {
    /// Reads an address of either family.
    ///
    /// Returns [`None`] unless `bytes` is exactly as long as its family says.
    pub(crate) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (family, _) = bytes.split_first_chunk()?;
        let family = Family::from_number(u16::from_ne_bytes(*family))?;
        let mut addr = Self {
            bytes: [0; SOCKADDR_IN6_LEN],
            family,
        };
        if bytes.len() != Self::len(family) {
            return None;
        }
        for (to, from) in addr.bytes.iter_mut().zip(bytes) {
            *to = *from;
        }
        Some(addr)
    }

    fn len(family: Family) -> usize {
        match family {
            Family::V4 => SOCKADDR_IN_LEN,
            Family::V6 => SOCKADDR_IN6_LEN,
        }
    }

    /// The address without what [`SocketAddr`] has no room for.
    pub(crate) fn addr(&self) -> SocketAddr {
        match self.family {
            Family::V4 => self.v4().into(),
            Family::V6 => self.v6().into(),
        }
    }

    /// What C calls `sin_zero`; nothing for IPv6.
    pub(crate) fn padding(&self) -> [u8; 8] {
        let [_, _, _, _, _, _, _, _, padding @ .., _, _, _, _, _, _, _, _, _, _, _, _] = self.bytes;
        match self.family {
            Family::V4 => padding,
            Family::V6 => [0; 8],
        }
    }

    /// The same address with other contents of `sin_zero`; unchanged for IPv6.
    pub(crate) fn with_padding(mut self, padding: [u8; 8]) -> Self {
        if self.family == Family::V4 {
            for (to, from) in self.bytes.iter_mut().skip(8).zip(padding) {
                *to = from;
            }
        }
        self
    }

    fn v4(&self) -> SocketAddrV4 {
        let [_, _, p0, p1, a, b, c, d, ..] = self.bytes;
        SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), u16::from_be_bytes([p0, p1]))
    }

    fn v6(&self) -> SocketAddrV6 {
        let [_, _, p0, p1, f0, f1, f2, f3, ip @ .., s0, s1, s2, s3] = self.bytes;
        SocketAddrV6::new(
            Ipv6Addr::from(ip),
            u16::from_be_bytes([p0, p1]),
            u32::from_ne_bytes([f0, f1, f2, f3]),
            u32::from_ne_bytes([s0, s1, s2, s3]),
        )
    }
}

/// Lays the address out as C does, with zeros where C says so.
///
/// The flow information of an IPv6 address is in network byte order, as C keeps it.
impl From<&SocketAddr> for SockAddr {
    fn from(addr: &SocketAddr) -> Self {
        match addr {
            SocketAddr::V4(addr) => addr.into(),
            SocketAddr::V6(addr) => addr.into(),
        }
    }
}

impl From<&SocketAddrV4> for SockAddr {
    fn from(addr: &SocketAddrV4) -> Self {
        let [f0, f1] = Family::V4.number().to_ne_bytes();
        let [p0, p1] = addr.port().to_be_bytes();
        let [a, b, c, d] = addr.ip().octets();
        let mut bytes = [0; SOCKADDR_IN6_LEN];
        for (to, from) in bytes.iter_mut().zip([f0, f1, p0, p1, a, b, c, d]) {
            *to = from;
        }
        Self {
            bytes,
            family: Family::V4,
        }
    }
}

impl From<&SocketAddrV6> for SockAddr {
    fn from(addr: &SocketAddrV6) -> Self {
        let fields = Family::V6
            .number()
            .to_ne_bytes()
            .into_iter()
            .chain(addr.port().to_be_bytes())
            .chain(addr.flowinfo().to_ne_bytes())
            .chain(addr.ip().octets())
            .chain(addr.scope_id().to_ne_bytes());
        let mut bytes = [0; SOCKADDR_IN6_LEN];
        for (to, from) in bytes.iter_mut().zip(fields) {
            *to = from;
        }
        Self {
            bytes,
            family: Family::V6,
        }
    }
}

/// The bytes of the address: 16 or 28 of them.
impl Deref for SockAddr {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(..Self::len(self.family)).unwrap_or_default()
    }
}

/// Shows an address and port as C does by `%pISpfsc`.
pub(crate) struct ShowSocketAddr(pub(crate) SocketAddr);

impl fmt::Display for ShowSocketAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            SocketAddr::V4(addr) => core::fmt::Display::fmt(&addr, f),
            SocketAddr::V6(addr) => write!(
                f,
                "[{}]:{}/{}%{}",
                addr.ip(),
                addr.port(),
                u32::from_be(addr.flowinfo()) & 0x0fff_ffff,
                addr.scope_id(),
            ),
        }
    }
}

/// Shows an address, in its short form.
pub(crate) struct ShowIp(pub(crate) IpAddr);

impl fmt::Display for ShowIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        core::fmt::Display::fmt(&self.0, f)
    }
}

/// Shows an address, in its long form: as C does by `%pI4` and `%pI6`.
pub(crate) struct ShowWholeIp(pub(crate) IpAddr);

impl fmt::Display for ShowWholeIp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let IpAddr::V6(addr) = self.0 else {
            return fmt::Display::fmt(&ShowIp(self.0), f);
        };
        for (index, segment) in addr.segments().iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{segment:04x}")?;
        }
        Ok(())
    }
}

/// An IPv4 address as a `__be32`.
#[inline]
pub(in crate::kapi) fn to_be32(addr: Ipv4Addr) -> bindings::__be32 {
    u32::from_ne_bytes(addr.octets())
}

/// A `struct in6_addr`.
#[inline]
pub(in crate::kapi) fn to_in6_addr(addr: Ipv6Addr) -> bindings::in6_addr {
    let mut raw = bindings::in6_addr::default();
    raw.in6_u.u6_addr8 = addr.octets();
    raw
}
