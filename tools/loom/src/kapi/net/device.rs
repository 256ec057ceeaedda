// SPDX-License-Identifier: GPL-2.0

//! A network device that counts, beside the model, what is dropped.

use std::{
    cell::Cell,
    ptr,
    rc::Rc, //
};

use crate::{bindings, kapi::sync::bh::BhDisabled};

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(1) };
}

/// Sets how many devices and tunnels are at sending wherever packets are sent.
pub(crate) fn set_xmit_depth(depth: u32) {
    DEPTH.set(depth);
}

pub(crate) fn may_xmit_here(max_depth: u32, _bh: BhDisabled<'_>) -> bool {
    DEPTH.get() <= max_depth
}

/// The number of packets that were dropped.
#[derive(Clone, Default)]
pub(crate) struct NetDevice(Rc<Cell<usize>>);

// SAFETY: One thread of the host runs all threads of a model, one at a time.
unsafe impl Send for NetDevice {}
// SAFETY: As above.
unsafe impl Sync for NetDevice {}

impl NetDevice {
    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        ptr::null_mut()
    }

    pub(crate) fn name(&self) -> &'static str {
        "wg"
    }

    pub(crate) fn mtu(&self) -> u32 {
        1420
    }

    pub(crate) fn tx_dropped(&self, packets: u32) {
        self.0.set(self.0.get() + packets as usize);
    }

    /// How many packets were dropped.
    pub(crate) fn dropped(&self) -> usize {
        self.0.get()
    }
}
