// SPDX-License-Identifier: GPL-2.0

//! Counts the peers of a device that are not freed yet.

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::kapi::sync::atomic::{
    AtomicU64,
    Ordering, //
};

/// How many peers there are, closed ones included.
pub(crate) struct Census(Arc<AtomicU64>);

impl Census {
    /// None.
    pub(crate) fn new() -> Result<Self> {
        Ok(Self(Arc::new(AtomicU64::new(0), GFP_KERNEL)?))
    }

    /// Counts one in.
    pub(crate) fn enter(&self) -> Alive {
        self.0.fetch_add(1, Ordering::Relaxed);
        Alive(self.0.clone())
    }

    /// Whether the last one has been freed, and all that it referred to has been let go.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::Acquire) == 0
    }
}

/// Counts one out when it is dropped.
///
/// The count does not belong to the device, which is let go of before.
pub(crate) struct Alive(Arc<AtomicU64>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Release);
    }
}
