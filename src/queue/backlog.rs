// SPDX-License-Identifier: GPL-2.0

//! Bounds how much is under way.

use crate::kapi::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// How much is under way.
pub(crate) struct Backlog(AtomicU64);

impl Backlog {
    /// Nothing.
    pub(crate) const fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Makes room for one more, unless `limit` are there.
    #[inline]
    pub(crate) fn enter(&self, limit: u64) -> Option<Place<'_>> {
        self.enter_all(1, limit)
    }

    /// Makes room for `count` more, unless `limit` are there already.
    #[inline]
    pub(crate) fn enter_all(&self, count: u64, limit: u64) -> Option<Place<'_>> {
        let place = Place {
            backlog: self,
            count,
        };
        (self.0.fetch_add(count, Ordering::Relaxed) < limit).then_some(place)
    }

    /// How many are there now.
    #[inline]
    pub(crate) fn len(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Says that so many are through.
    #[inline]
    pub(crate) fn leave(&self, count: u64) {
        self.0.fetch_sub(count, Ordering::Relaxed);
    }
}

/// Room for some, given back when it is dropped.
pub(crate) struct Place<'a> {
    backlog: &'a Backlog,
    count: u64,
}

impl Place<'_> {
    /// Keeps the room, to be given back by [`Backlog::leave`].
    #[inline]
    pub(crate) fn keep(self) {
        core::mem::forget(self);
    }
}

impl Drop for Place<'_> {
    #[inline]
    fn drop(&mut self) {
        self.backlog.leave(self.count);
    }
}
