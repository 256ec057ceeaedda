// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Limits how often one source may start a handshake while we are under load (5.3).

use core::net::IpAddr;

use super::constants::{
    ALLOWANCE_BURST, ALLOWANCE_PER_SECOND, RATE_BURST, RATE_PACKETS_PER_SECOND,
};
use super::time::BootTime;

/// Credit one packet costs, in nanoseconds.
const COST: u64 = 1_000_000_000 / RATE_PACKETS_PER_SECOND as u64;
/// Most credit a silent source gathers.
const FULL: u64 = COST * RATE_BURST as u64;
/// A bucket untouched this long is full again and may be forgotten.
const IDLE: u64 = 1_000_000_000;

/// What counts as one source: an IPv4 address, or an IPv6 /64, which one host easily owns.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Source {
    /// An IPv4 address, in host order.
    V4(u32),
    /// The upper half of an IPv6 address, in host order.
    V6(u64),
}

impl Source {
    /// The source an address belongs to.
    #[must_use]
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }

    /// A number for it. No IPv6 network in use has that of an IPv4 address.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::V4(address) => address as u64,
            Self::V6(network) => network,
        }
    }
}

/// The credit of one source.
#[derive(Clone, Copy, Debug)]
pub struct TokenBucket {
    credit: u64,
    updated: BootTime,
}

impl TokenBucket {
    /// The bucket of a source first seen now, whose packet passes and is paid for.
    #[must_use]
    pub const fn first(now: BootTime) -> Self {
        Self {
            credit: FULL - COST,
            updated: now,
        }
    }

    /// Whether another packet may pass now; if so it is paid for.
    pub fn allow(&mut self, now: BootTime) -> bool {
        let earned = now.0.saturating_sub(self.updated.0);
        let credit = self.credit.saturating_add(earned).min(FULL);
        self.updated = self.updated.max(now);
        let left = credit.checked_sub(COST);
        self.credit = left.unwrap_or(credit);
        left.is_some()
    }

    /// Whether the bucket may be forgotten: a new one would say the same.
    #[must_use]
    pub const fn is_idle(&self, now: BootTime) -> bool {
        now.0.saturating_sub(self.updated.0) > IDLE
    }
}

/// What one message costs of an allowance, in nanoseconds.
const ALLOWANCE_COST: u64 = 1_000_000_000 / ALLOWANCE_PER_SECOND as u64;
/// How far an allowance can be spent.
const ALLOWANCE_FULL: u64 = ALLOWANCE_COST * ALLOWANCE_BURST as u64;

/// Spends one message's worth of an allowance that would be whole again at `whole_at`, and returns
/// when it is now; [`None`] if nothing is left.
///
/// That time is all there is to an allowance: it fits into a word, and one that has passed is as good
/// as any other.
#[must_use]
pub fn spend_allowance(whole_at: BootTime, now: BootTime) -> Option<BootTime> {
    let spent = whole_at.max(now).0.saturating_add(ALLOWANCE_COST);
    (spent.saturating_sub(now.0) <= ALLOWANCE_FULL).then_some(BootTime(spent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use core::net::{Ipv4Addr, Ipv6Addr};

    const MS: u64 = 1_000_000;

    #[test]
    fn burst_then_rate() {
        let start = 77 * MS;
        let mut bucket = TokenBucket::first(BootTime(start));
        for _ in 0..4 {
            assert!(bucket.allow(BootTime(start)));
        }
        assert!(!bucket.allow(BootTime(start)));
        assert!(!bucket.allow(BootTime(start + 49 * MS)));
        assert!(bucket.allow(BootTime(start + 50 * MS)));
        assert!(!bucket.allow(BootTime(start + 50 * MS)));
        assert!(bucket.allow(BootTime(start + 150 * MS)));
        assert!(bucket.allow(BootTime(start + 150 * MS)));
        assert!(!bucket.allow(BootTime(start + 150 * MS)));
    }

    #[test]
    fn credit_is_capped() {
        let mut bucket = TokenBucket::first(BootTime(0));
        let later = BootTime(3_600_000 * MS);
        for _ in 0..5 {
            assert!(bucket.allow(later));
        }
        assert!(!bucket.allow(later));
    }

    #[test]
    fn clock_going_back_gives_nothing_twice() {
        let mut bucket = TokenBucket::first(BootTime(1000 * MS));
        while bucket.allow(BootTime(1000 * MS)) {}
        assert!(!bucket.allow(BootTime(0)));
        assert!(!bucket.allow(BootTime(1000 * MS)));
    }

    #[test]
    fn idle_after_a_second() {
        let bucket = TokenBucket::first(BootTime(5));
        assert!(!bucket.is_idle(BootTime(1_000_000_005)));
        assert!(bucket.is_idle(BootTime(1_000_000_006)));
    }

    #[test]
    fn an_allowance_is_spent_and_comes_back() {
        let second = 1000 * MS;
        let mut whole_at = BootTime(0);
        let mut spend = |now| {
            let next = spend_allowance(whole_at, BootTime(now));
            whole_at = next.unwrap_or(whole_at);
            next.is_some()
        };
        let mut spend_all = |now| (0..2000).filter(|_| spend(now)).count();
        assert_eq!(spend_all(77 * second), 1024);
        assert_eq!(spend_all(77 * second), 0);
        assert_eq!(spend_all(78 * second), 512);
        assert_eq!(spend_all(1000 * second), 1024);
        assert_eq!(spend_all(999 * second), 0);
        assert!(spend_allowance(BootTime(u64::MAX), BootTime(u64::MAX)).is_some());
    }

    #[test]
    fn ipv6_sources_are_networks() {
        let host = |low| IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 1, 2, low, 1, 1, 1));
        assert_eq!(Source::of(host(1)), Source::of(host(0xffff)));
        assert_eq!(Source::of(host(1)), Source::V6(0x2001_0db8_0001_0002));
        assert_eq!(
            Source::of(IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1))),
            Source::V4(0x0a00_0001)
        );
    }
}
