// SPDX-License-Identifier: GPL-2.0

//! How much of its CPU a worker takes.
//!
//! A worker that others have flooded with jobs would have as much of its CPU as the scheduler gives to
//! any thread, for as long as the flood lasts. Softirqs go before it in any case; what is left is for
//! the applications that the packets are for, and for other workers.

use kernel::time::{
    delay::fsleep,
    Delta, //
};

use crate::kapi::time;

/// For how long a worker goes on that must leave some of its CPU, in nanoseconds.
const STRETCH: u64 = 6_000_000;

/// For how long it rests then, in milliseconds: a quarter of the time.
const REST: i64 = 2;

/// How much of its CPU a worker may take.
#[derive(Clone, Copy)]
pub(crate) enum Share {
    /// As much as it is given.
    Whole,
    /// Three quarters.
    Most,
}

/// What a worker does without a rest.
pub(super) struct Stretch {
    /// When it began, in nanoseconds of a monotonic clock.
    since: u64,
}

impl Stretch {
    /// It begins.
    pub(super) fn begin() -> Self {
        Self {
            since: time::monotonic_ns(),
        }
    }

    /// Takes a rest, if one is due by that share, and begins another stretch. May sleep.
    pub(super) fn end_after(&mut self, share: Share) {
        match share {
            Share::Whole => {}
            Share::Most if time::monotonic_ns().saturating_sub(self.since) < STRETCH => {}
            Share::Most => {
                fsleep(Delta::from_millis(REST));
                *self = Self::begin();
            }
        }
    }
}
