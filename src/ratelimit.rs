// SPDX-License-Identifier: GPL-2.0

//! Limits how often each source may start a handshake while we are under load (5.3).
//!
//! Some limiters serve all devices, each a part of the sources and behind a lock of its own. They have
//! no background work: every use looks at a few buckets and forgets those that have filled up again.

use core::num::NonZeroUsize;

use kernel::{
    alloc::flags::*,
    rbtree::RBTree, //
};

use crate::proto::{
    time::BootTime,
    token_bucket::{
        Source,
        TokenBucket, //
    }, //
};

/// Memory of the machine for each source we are ready to remember.
const RAM_PER_SOURCE: usize = 16 * 1024;
const MIN_SOURCES: usize = 128;
const MAX_SOURCES: usize = 65536;

/// Buckets looked at per use. More than the one that a use may add, so that the sweep gains.
const SWEEP: usize = 4;

/// The bucket of each source.
pub(crate) type Buckets = RBTree<Key, TokenBucket>;

/// The buckets of all sources seen lately.
pub(crate) struct RateLimiter {
    buckets: Buckets,
    len: usize,
    max: usize,
    /// Where the sweep goes on.
    hand: Key,
    /// The latest use, as the bucket of a source that is always there.
    latest: TokenBucket,
}

/// A source within the network namespace of a device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    netns: u64,
    is_v6: bool,
    bits: u64,
}

impl Key {
    const FIRST: Self = Self {
        netns: 0,
        is_v6: false,
        bits: 0,
    };

    fn new(netns: u64, source: Source) -> Self {
        let (is_v6, bits) = match source {
            Source::V4(address) => (false, u64::from(address)),
            Source::V6(network) => (true, network),
        };
        Self { netns, is_v6, bits }
    }
}

impl RateLimiter {
    /// One of `count` limiters for as many sources as a machine with `ram` bytes of memory can
    /// afford.
    pub(crate) fn for_ram(ram: usize, count: NonZeroUsize) -> Self {
        let affordable = ram / RAM_PER_SOURCE;
        Self::new(affordable.clamp(MIN_SOURCES, MAX_SOURCES) / count)
    }

    /// A limiter that remembers up to `max` sources and refuses further ones.
    pub(crate) fn new(max: usize) -> Self {
        Self {
            buckets: RBTree::new(),
            len: 0,
            max,
            hand: Key::FIRST,
            latest: TokenBucket::first(BootTime(0)),
        }
    }

    /// Whether `source` may start a handshake now, with a device in the namespace `netns`. Takes a
    /// bounded time.
    pub(crate) fn allow(&mut self, netns: u64, source: Source, now: BootTime) -> bool {
        self.latest = TokenBucket::first(now);
        for _ in 0..SWEEP {
            self.sweep(now);
        }
        let key = Key::new(netns, source);
        match self.buckets.get_mut(&key) {
            Some(bucket) => bucket.allow(now),
            None => self.admit(key, now),
        }
    }

    /// Forgets everybody at once if nobody has come for a second, and returns the buckets to be
    /// dropped, which takes its time. Worth a call when the load is over, so that the memory does not
    /// wait for the next time.
    pub(crate) fn relax(&mut self, now: BootTime) -> Option<Buckets> {
        if self.len == 0 || !self.latest.is_idle(now) {
            return None;
        }
        self.len = 0;
        Some(core::mem::replace(&mut self.buckets, RBTree::new()))
    }

    /// How many sources are remembered.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    fn admit(&mut self, key: Key, now: BootTime) -> bool {
        if self.len >= self.max {
            return false;
        }
        let bucket = TokenBucket::first(now);
        let is_admitted = self
            .buckets
            .try_create_and_insert(key, bucket, GFP_ATOMIC | __GFP_NOWARN)
            .is_ok();
        self.len = self.len.saturating_add(usize::from(is_admitted));
        is_admitted
    }

    /// Looks at one bucket, and starts over after the last one.
    fn sweep(&mut self, now: BootTime) {
        let Some(cursor) = self.buckets.cursor_lower_bound_mut(&self.hand) else {
            self.hand = Key::FIRST;
            return;
        };
        self.hand = cursor.peek_next().map_or(Key::FIRST, |(key, _)| *key);
        if cursor.current().1.is_idle(now) {
            cursor.remove_current();
            self.len = self.len.saturating_sub(1);
        }
    }
}
