// SPDX-License-Identifier: GPL-2.0

//! A device's carrier, which follows its peers if that is wanted: there is one while any is alive.

use core::sync::atomic::{fence, AtomicBool, Ordering};

use kernel::prelude::*;

use crate::{
    device::Device,
    kapi::{
        net::rtnl::RtnlHeld,
        sync::{bh, new_spinlock_bh, SpinLockBh}, //
    }, //
};

/// What becomes of the carrier.
#[pin_data]
pub(crate) struct Carrier {
    /// What `state` says, for those without its lock.
    follows: AtomicBool,
    #[pin]
    state: SpinLockBh<State>,
}

struct State {
    follows: bool,
    /// Whether it is off because nobody was alive.
    is_off: bool,
}

impl Carrier {
    /// It is there, whoever is alive.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            follows: AtomicBool::new(false),
            state <- new_spinlock_bh!(
                State {
                    follows: false,
                    is_off: false,
                },
                "wg_carrier"
            ),
        })
    }

    /// Whether it follows the peers.
    pub(crate) fn follows(&self) -> bool {
        self.follows.load(Ordering::Relaxed)
    }

    /// Has it follow the peers of the device, or not.
    pub(crate) fn set_follows(device: &Device, follows: bool) {
        let carrier = &device.carrier;
        carrier.follows.store(follows, Ordering::Relaxed);
        fence(Ordering::SeqCst);
        carrier.state.lock().follows = follows;
        Self::settle(device);
    }

    /// A peer of the device has come to life or ceased to be alive.
    pub(crate) fn update(device: &Device) {
        // Who has it follow looks afterwards who is alive.
        fence(Ordering::SeqCst);
        if device.carrier.follows() {
            Self::settle(device);
        }
    }

    /// There is none any more: the namespace of the device's sockets is gone, and was cleared.
    pub(crate) fn end(device: &Device, rtnl: &RtnlHeld) {
        let _state = device.carrier.state.lock();
        device.dev.carrier_off(rtnl);
    }

    /// Makes the carrier what it is to be. A device that is down has none to speak of: this is called
    /// again when it comes up.
    pub(crate) fn settle(device: &Device) {
        let mut state = device.carrier.state.lock();
        // Whoever comes to this lock last has seen all that was counted before.
        let is_off = state.follows && !device.alive.is_any();
        let bh = bh::disable();
        // Without a namespace for its sockets it stays off for good.
        if is_off != state.is_off
            && device.creating_net.id() != 0
            && device.dev.replace_carrier(!is_off, bh.token())
        {
            state.is_off = is_off;
        }
    }
}
