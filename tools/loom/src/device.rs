// SPDX-License-Identifier: GPL-2.0

//! As much of a device as its peers use.

use std::pin::Pin;

use kernel::prelude::*;

use crate::{
    census::Census,
    kapi::net::device::NetDevice,
    session::IndexTable, //
};

pub(crate) struct Device {
    pub(crate) dev: NetDevice,
    pub(crate) census: Census,
    pub(crate) index_table: Pin<KBox<IndexTable>>,
}
