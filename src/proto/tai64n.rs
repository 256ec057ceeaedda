// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The timestamp of an initiation (5.1): TAI64N, made coarse so that it tells less.

use super::constants::{TIMESTAMP_GRANULARITY, TIMESTAMP_LEN};
use super::time::WallTime;

/// TAI64N label of the UNIX epoch: 2^62 and the ten leap seconds of 1970.
const TAI64_EPOCH: u64 = 0x4000_0000_0000_000a;

/// Twelve bytes that sort by time: seconds, then nanoseconds, both big-endian.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub struct Timestamp(pub [u8; TIMESTAMP_LEN]);

impl Timestamp {
    /// The label of `wall`, nanoseconds rounded down to a multiple of 2^24.
    #[must_use]
    pub fn new(wall: WallTime) -> Self {
        // Wraps only more than 2^62 seconds before 1970.
        let secs = TAI64_EPOCH.wrapping_add_signed(wall.secs).to_be_bytes();
        let nanos = (wall.nanos & !(TIMESTAMP_GRANULARITY - 1)).to_be_bytes();
        let mut label = [0; TIMESTAMP_LEN];
        for (to, from) in label.iter_mut().zip(secs.iter().chain(&nanos)) {
            *to = *from;
        }
        Self(label)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(secs: i64, nanos: u32) -> [u8; 12] {
        Timestamp::new(WallTime { secs, nanos }).0
    }

    #[test]
    fn epoch() {
        assert_eq!(label(0, 0), [0x40, 0, 0, 0, 0, 0, 0, 0x0a, 0, 0, 0, 0]);
        assert_eq!(
            label(-11, 0)[..8],
            [0x3f, 255, 255, 255, 255, 255, 255, 255]
        );
    }

    #[test]
    fn nanoseconds_round_down() {
        assert_eq!(label(1, 16_777_215)[8..], [0, 0, 0, 0]);
        assert_eq!(label(1, 16_777_216)[8..], [1, 0, 0, 0]);
        assert_eq!(label(1, 999_999_999)[8..], [0x3b, 0, 0, 0]);
    }

    #[test]
    fn sorts_by_time() {
        let early = Timestamp::new(WallTime {
            secs: 0x1ff,
            nanos: 999_999_999,
        });
        let late = Timestamp::new(WallTime {
            secs: 0x200,
            nanos: 0,
        });
        assert!(early < late);
        assert!(Timestamp::default() < early);
    }
}
