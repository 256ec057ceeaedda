// SPDX-License-Identifier: GPL-2.0

//! Where a peer is: nowhere.

use kernel::prelude::*;

use crate::kapi::net::route::DstCache;

pub(crate) struct EndpointCell(DstCache);

impl EndpointCell {
    pub(crate) fn new(routes: DstCache) -> impl PinInit<Self> {
        Self(routes)
    }

    pub(crate) fn show(&self) -> &'static str {
        "(none)"
    }
}
