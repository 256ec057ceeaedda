// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Arithmetic of allowed IPs: prefixes of addresses in host order, most significant bit first.

use core::net::{Ipv4Addr, Ipv6Addr};

/// An address as an unsigned number.
pub trait Address: Copy + Eq {
    /// Bits of an address.
    const BITS: u8;

    /// The first `len` bits, the others cleared. `len` beyond the end changes nothing.
    #[must_use]
    fn masked(self, len: u8) -> Self;

    /// How many leading bits both have in common.
    #[must_use]
    fn common_bits(self, other: Self) -> u8;

    /// Bit `at`, counted from the most significant; clear beyond the end.
    #[must_use]
    fn bit(self, at: u8) -> bool;
}

macro_rules! impl_address {
    ($int:ty) => {
        impl Address for $int {
            const BITS: u8 = <$int>::BITS as u8;

            #[inline]
            fn masked(self, len: u8) -> Self {
                let host_bits = <Self as Address>::BITS.saturating_sub(len);
                let mask = Self::MAX.checked_shl(u32::from(host_bits)).unwrap_or(0);
                self & mask
            }

            #[inline]
            fn common_bits(self, other: Self) -> u8 {
                (self ^ other).leading_zeros() as u8
            }

            #[inline]
            fn bit(self, at: u8) -> bool {
                let from_right = <Self as Address>::BITS
                    .checked_sub(at)
                    .and_then(|n| n.checked_sub(1));
                from_right.is_some_and(|n| (self >> n) & 1 == 1)
            }
        }
    };
}

impl_address!(u32);
impl_address!(u128);

/// The length of a prefix exceeds the bits of its address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct InvalidCidr;

/// A network: the first `len` bits of an address, all others zero.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Prefix<A> {
    address: A,
    len: u8,
}

impl<A: Address> Prefix<A> {
    /// The network of `len` bits that `address` is in.
    pub fn new(address: A, len: u8) -> Result<Self, InvalidCidr> {
        if len > A::BITS {
            return Err(InvalidCidr);
        }
        Ok(Self {
            address: address.masked(len),
            len,
        })
    }

    /// The network that is one address.
    #[must_use]
    pub fn host(address: A) -> Self {
        Self {
            address,
            len: A::BITS,
        }
    }

    /// The lowest address.
    #[must_use]
    pub const fn address(&self) -> A {
        self.address
    }

    /// The length in bits, also called CIDR.
    #[must_use]
    #[allow(
        clippy::len_without_is_empty,
        reason = "a length in bits, not a container's"
    )]
    pub const fn len(&self) -> u8 {
        self.len
    }

    /// Whether `address` is in the network.
    #[inline]
    #[must_use]
    pub fn contains(&self, address: A) -> bool {
        self.address.common_bits(address) >= self.len
    }

    /// Whether `other` is this network or a part of it.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        self.len <= other.len && self.contains(other.address)
    }

    /// The longest network that covers both.
    #[must_use]
    pub fn common(&self, other: &Self) -> Self {
        let bits = self.address.common_bits(other.address);
        let len = bits.min(self.len).min(other.len);
        Self {
            address: self.address.masked(len),
            len,
        }
    }

    /// The half of this network that `address`, which is in it, falls in: the bit after the prefix.
    #[inline]
    #[must_use]
    pub fn branch(&self, address: A) -> bool {
        address.bit(self.len)
    }
}

impl Prefix<u32> {
    /// An IPv4 network.
    pub fn v4(address: Ipv4Addr, len: u8) -> Result<Self, InvalidCidr> {
        Self::new(address.to_bits(), len)
    }

    /// The lowest address.
    #[must_use]
    pub const fn ip(&self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address)
    }
}

impl Prefix<u128> {
    /// An IPv6 network.
    pub fn v6(address: Ipv6Addr, len: u8) -> Result<Self, InvalidCidr> {
        Self::new(address.to_bits(), len)
    }

    /// The lowest address.
    #[must_use]
    pub const fn ip(&self) -> Ipv6Addr {
        Ipv6Addr::from_bits(self.address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v4(a: u8, b: u8, c: u8, d: u8) -> u32 {
        Ipv4Addr::new(a, b, c, d).to_bits()
    }

    #[test]
    fn host_bits_are_cleared() {
        let network = Prefix::v4(Ipv4Addr::new(192, 95, 5, 93), 27).unwrap();
        assert_eq!(network.ip(), Ipv4Addr::new(192, 95, 5, 64));
        let network = Prefix::v6(
            "2607:5300:6d8a:6bf8:dab1:f1df:c05f:1523".parse().unwrap(),
            83,
        );
        assert_eq!(
            network.unwrap().ip(),
            "2607:5300:6d8a:6bf8:dab1:e000::"
                .parse::<Ipv6Addr>()
                .unwrap()
        );
    }

    #[test]
    fn ends_of_the_range() {
        assert_eq!(Prefix::new(0u32, 33), Err(InvalidCidr));
        assert_eq!(Prefix::new(0u128, 129), Err(InvalidCidr));
        let all = Prefix::new(u32::MAX, 0).unwrap();
        assert_eq!(all.address(), 0);
        assert!(all.contains(0) && all.contains(u32::MAX));
        let one = Prefix::new(u128::MAX, 128).unwrap();
        assert!(one.contains(u128::MAX) && !one.contains(u128::MAX - 1));
        assert_eq!(one, Prefix::host(u128::MAX));
    }

    #[test]
    fn agrees_with_comparing_bits() {
        let addresses = [
            0,
            1,
            0x8000_0000,
            v4(10, 1, 2, 3),
            v4(10, 1, 3, 3),
            u32::MAX,
        ];
        for a in addresses {
            for b in addresses {
                for len in 0..=32 {
                    let same = (0..len).all(|at| a.bit(at) == b.bit(at));
                    assert_eq!(Prefix::new(a, len).unwrap().contains(b), same);
                }
            }
        }
    }

    #[test]
    fn bits_count_from_the_left() {
        assert!(0x8000_0000u32.bit(0) && !0x8000_0000u32.bit(1));
        assert!(1u32.bit(31) && !1u32.bit(32) && !u32::MAX.bit(255));
        assert!(1u128.bit(127) && !u128::MAX.bit(128));
    }

    #[test]
    fn common_network() {
        let a = Prefix::new(v4(10, 0, 0, 0), 25).unwrap();
        let b = Prefix::new(v4(10, 0, 0, 128), 25).unwrap();
        assert_eq!(a.common(&b), Prefix::new(v4(10, 0, 0, 0), 24).unwrap());
        assert_eq!(a.common(&a), a);
        assert!(a.common(&b).covers(&a) && !a.covers(&a.common(&b)) && !a.covers(&b));
        assert!(!a.common(&b).branch(a.address()) && a.common(&b).branch(b.address()));
    }
}
