// SPDX-License-Identifier: GPL-2.0

//! As much of a device as its peers use.

use std::{pin::Pin, sync::LazyLock};

use kernel::prelude::*;

use crate::{
    census::Census,
    kapi::{
        net::device::NetDevice,
        workqueue::{flags, Workqueue}, //
    },
    queue::parallel::Parallel,
    session::IndexTable,
    tx::encrypt::Encrypt, //
};

pub(crate) struct Device {
    pub(crate) dev: NetDevice,
    pub(crate) census: Census,
    pub(crate) index_table: Pin<KBox<IndexTable>>,
    pub(crate) encrypt: Parallel<Encrypt>,
    /// A thread, which only some models have.
    pub(crate) crypt_queue: LazyLock<Workqueue>,
}

impl Device {
    pub(crate) fn new() -> Result<Self> {
        Ok(Self {
            dev: NetDevice::default(),
            census: Census::new()?,
            index_table: KBox::try_pin_init(IndexTable::new(1), GFP_KERNEL)?,
            encrypt: Parallel::new(4)?,
            crypt_queue: LazyLock::new(|| Workqueue::new(c"wg", c"crypt", flags::PERCPU).unwrap()),
        })
    }
}
