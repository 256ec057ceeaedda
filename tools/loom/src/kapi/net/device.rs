// SPDX-License-Identifier: GPL-2.0

//! A network device that notes, beside the model, what has become of packets.

use std::{
    cell::RefCell,
    ptr,
    rc::Rc, //
};

use crate::bindings;

#[derive(Clone, Default)]
pub(crate) struct NetDevice(Rc<RefCell<Fates>>);

// SAFETY: One thread of the host runs all threads of a model, one at a time.
unsafe impl Send for NetDevice {}
// SAFETY: As above.
unsafe impl Sync for NetDevice {}

#[derive(Default)]
struct Fates {
    /// The counters that packets were sent with, in that order.
    sent: Vec<u64>,
    dropped: usize,
}

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
        self.0.borrow_mut().dropped += packets as usize;
    }

    /// Notes that packets were sent.
    pub(crate) fn sent(&self, first_counter: u64, packets: usize) {
        let counters = first_counter..first_counter + packets as u64;
        self.0.borrow_mut().sent.extend(counters);
    }

    /// The counters that were sent, and how many packets were dropped.
    pub(crate) fn fates(&self) -> (Vec<u64>, usize) {
        let fates = self.0.borrow();
        (fates.sent.clone(), fates.dropped)
    }
}
