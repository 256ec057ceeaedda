// SPDX-License-Identifier: GPL-2.0

//! A network device that nobody sees.

use std::ptr;

use crate::bindings;

#[derive(Clone)]
pub(crate) struct NetDevice;

impl NetDevice {
    pub(crate) fn as_ptr(&self) -> *mut bindings::net_device {
        ptr::null_mut()
    }

    pub(crate) fn name(&self) -> &'static str {
        "wg"
    }

    pub(crate) fn tx_dropped(&self, _packets: u32) {}
}
