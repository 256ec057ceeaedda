// SPDX-License-Identifier: GPL-2.0

//! A cache of routes that nobody looks up.

use kernel::{alloc::attempt, prelude::*};

pub(crate) struct DstCache(());

impl DstCache {
    pub(crate) fn new() -> Result<Self> {
        attempt()?;
        Ok(Self(()))
    }
}
