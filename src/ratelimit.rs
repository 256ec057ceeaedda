// SPDX-License-Identifier: GPL-2.0

//! Limits how often each source may start a handshake while we are under load (5.3).
//!
//! One limiter serves all devices, behind a mutex. It has no background work: every use looks at a
//! few buckets and forgets those that have filled up again.

use kernel::{
    prelude::*,
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

/// The buckets of all sources seen lately.
pub(crate) struct RateLimiter {
    buckets: RBTree<Key, TokenBucket>,
    len: usize,
    max: usize,
    /// Where the sweep goes on.
    hand: Key,
    /// The latest use, as the bucket of a source that is always there.
    latest: TokenBucket,
}

/// A source within the network namespace of a device.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Key {
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
    /// A limiter for as many sources as a machine with `ram` bytes of memory can afford.
    pub(crate) fn for_ram(ram: usize) -> Self {
        let affordable = ram / RAM_PER_SOURCE;
        Self::new(affordable.clamp(MIN_SOURCES, MAX_SOURCES))
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

    /// Whether `source` may start a handshake now, with a device in the namespace `netns`.
    ///
    /// May sleep.
    pub(crate) fn allow(&mut self, netns: u64, source: Source, now: BootTime) -> bool {
        self.relax(now);
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

    /// Forgets everybody at once if nobody has come for a second. Worth a call when the load is
    /// over, so that the memory does not wait for the next time.
    pub(crate) fn relax(&mut self, now: BootTime) {
        if self.len != 0 && self.latest.is_idle(now) {
            self.buckets = RBTree::new();
            self.len = 0;
        }
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
            .try_create_and_insert(key, bucket, GFP_KERNEL)
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
