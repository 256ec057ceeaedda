// SPDX-License-Identifier: GPL-2.0

//! As much of a device as its peers use.

use std::{pin::Pin, sync::LazyLock};

use kernel::prelude::*;

use crate::{
    census::Census,
    dscp::Dscp,
    endpoint::Routing,
    identity::Identity,
    kapi::{
        net::device::NetDevice,
        sync::{
            atomic::{AtomicBool, Ordering},
            rcu::RcuCell,
            roster::Roster, //
        },
        workqueue::{flags, Workqueue}, //
    },
    liveness::Alive,
    peer::Peer,
    queue::{here::Here, parallel::Parallel},
    session::IndexTable,
    socket::Sockets,
    tx::encrypt::Encrypt, //
};

pub(crate) struct Device {
    pub(crate) dev: NetDevice,
    pub(crate) census: Census,
    pub(crate) alive: Alive,
    pub(crate) awake: Roster<Peer>,
    pub(crate) routing: Routing,
    is_up: AtomicBool,
    pub(crate) identity: RcuCell<Identity>,
    pub(crate) dscp: RcuCell<Dscp>,
    pub(crate) index_table: Pin<KBox<IndexTable>>,
    pub(crate) sockets: Sockets,
    pub(crate) encrypt: Parallel<Encrypt>,
    pub(crate) encrypt_here: Here,
    /// A thread, which only some models have.
    pub(crate) crypt_queue: LazyLock<Workqueue>,
}

impl Device {
    /// A device with rings for so many jobs.
    pub(crate) fn new(capacity: usize) -> Result<Self> {
        let Ok(awake) = Roster::new().make();
        Ok(Self {
            dev: NetDevice::default(),
            census: Census::new(),
            alive: Alive::new(),
            awake,
            routing: Routing,
            is_up: AtomicBool::new(true),
            identity: RcuCell::new(None),
            dscp: RcuCell::new(None),
            index_table: KBox::try_pin_init(IndexTable::new(8), GFP_KERNEL)?,
            sockets: Sockets::default(),
            encrypt: Parallel::new(capacity)?,
            encrypt_here: Here::new()?,
            crypt_queue: LazyLock::new(|| Workqueue::new(c"wg", c"crypt", flags::PERCPU).unwrap()),
        })
    }

    pub(crate) fn set_up(&self, is_up: bool) {
        self.is_up.store(is_up, Ordering::Relaxed);
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }
}
