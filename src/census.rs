// SPDX-License-Identifier: GPL-2.0

//! Counts the peers of a device that are not freed yet.

use crate::kapi::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// How many peers there are, closed ones included.
pub(crate) struct Census(AtomicU64);

impl Census {
    /// None.
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Counts one in.
    pub(crate) fn enter(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one out that is being freed, in a callback of RCU. It refers to the device until that
    /// returns.
    pub(crate) fn leave(&self) {
        self.0.fetch_sub(1, Ordering::Release);
    }

    /// Whether the last one is being freed or has been.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}
