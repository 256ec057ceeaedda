// SPDX-License-Identifier: GPL-2.0

//! Where a peer is: nowhere.

use kernel::prelude::*;

/// What the way there depends on.
pub(crate) struct Routing;

pub(crate) struct EndpointCell;

impl EndpointCell {
    pub(crate) fn new() -> impl PinInit<Self> {
        Self
    }

    pub(crate) fn rest(&self) {}

    pub(crate) fn is_at_rest(&self) -> bool {
        true
    }

    pub(crate) fn show(&self) -> &'static str {
        "(none)"
    }
}
