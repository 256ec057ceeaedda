// SPDX-License-Identifier: GPL-2.0

//! What of a packet's class of service shows outside.

use kernel::prelude::*;

/// How many code points there are.
const POINTS: usize = 64;

/// Where the code point is in a DS byte; ECN is behind it.
const SHIFT: u32 = 2;

/// Which code point the message has that a packet becomes, by the packet's own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dscp {
    outer: [u8; POINTS],
    /// Whether it was given as one for all packets.
    is_fixed: bool,
}

/// Why something is no such map.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unfit {
    Length,
    /// There are no code points beyond 63.
    Point,
}

impl Dscp {
    /// Reads one code point for all packets, or one for each of those that they may have. [`None`] is
    /// zero for all, by no bytes.
    pub(crate) fn read(bytes: &[u8]) -> Result<Option<Self>, Unfit> {
        let (outer, is_fixed) = match *bytes {
            [] => return Ok(None),
            [point] => ([point; POINTS], true),
            _ => (bytes.try_into().map_err(|_| Unfit::Length)?, false),
        };
        if outer.iter().any(|&point| usize::from(point) >= POINTS) {
            return Err(Unfit::Point);
        }
        Ok(Some(Self { outer, is_fixed }))
    }

    /// As it was read.
    pub(crate) fn bytes(&self) -> &[u8] {
        match self.outer.first_chunk::<1>() {
            Some(point) if self.is_fixed => point,
            _ => &self.outer,
        }
    }

    /// The DS byte of the message that a packet with the DS byte `inner` becomes, but for ECN.
    pub(crate) fn carry(&self, inner: u8) -> u8 {
        let point = self.outer.get(usize::from(inner >> SHIFT));
        point.copied().unwrap_or(0) << SHIFT
    }
}
