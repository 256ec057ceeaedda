// SPDX-License-Identifier: GPL-2.0

//! Bounds a queue by time: it holds as many bytes as its worker has of late worked off in some
//! milliseconds.
//!
//! A fixed bound is too much for a slow worker, so that all who come later wait for what a greedy
//! sender has put there, and too little for a fast one. As it is time that counts, the bound follows
//! the pace.

/// For how long the worker may have something to do, as a power of two of nanoseconds: some eight
/// thousandths of a second.
const WINDOW: u32 = 23;

/// The least bound, in bytes: more than one socket sends at once by default, which is not lost so.
const LEAST: u32 = 256 << 10;

/// The bound as long as nothing is known of the pace, in bytes.
const FIRST: u32 = 1 << 20;

/// The greatest bound, in bytes.
const MOST: u32 = 64 << 20;

/// How many bytes may come at once for a sender not to be one of those who fill the queue: less than
/// the packets of a stream have.
const SMALL: u32 = 1 << 10;

/// How many bytes there is room for when the queue is full to the others, for what is small.
const SPARE: u32 = 64 << 10;

/// How many bytes may wait, and the worker's pace that this comes from.
#[derive(Debug)]
pub(crate) struct Bound {
    bytes: u32,
    /// What the worker has done and how long it took, in bytes and nanoseconds, of late.
    done: u32,
    took: u32,
    /// When the worker began to do what it does now, in nanoseconds; zero if it rests.
    since: u64,
}

impl Bound {
    /// The bound of a queue whose worker rests.
    pub(crate) const fn new() -> Self {
        Self {
            bytes: FIRST,
            done: 0,
            took: 0,
            since: 0,
        }
    }

    /// Whether there is room for so many bytes when others wait. What is small finds some when what
    /// is large does not; when nothing waits, there is room for anything.
    #[inline]
    pub(crate) fn admits(&self, bytes: u64, waiting: u64) -> bool {
        let spare = if bytes <= SMALL.into() { SPARE } else { 0 };
        waiting < self.bytes.saturating_add(spare).into()
    }

    /// Notes that the worker has done so many bytes and goes on, at this time of a monotonic clock.
    #[inline]
    pub(crate) fn passed(&mut self, bytes: u64, now: u64) {
        let since = core::mem::replace(&mut self.since, now);
        if since == 0 {
            return;
        }
        self.done = self.done.saturating_add(saturate(bytes));
        self.took = self
            .took
            .saturating_add(saturate(now.saturating_sub(since)));
        let windows = self.took >> WINDOW;
        if windows > 0 {
            // Rounded to a power of two: it is by little more than one as a rule.
            let pace = self.done >> windows.ilog2();
            let kept = self.bytes.saturating_sub(self.bytes / 4);
            self.bytes = kept.saturating_add(pace / 4).clamp(LEAST, MOST);
            self.done = 0;
            self.took = 0;
        }
    }

    /// Notes that the worker rests.
    #[inline]
    pub(crate) fn rests(&mut self) {
        self.since = 0;
    }
}

fn saturate(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}
