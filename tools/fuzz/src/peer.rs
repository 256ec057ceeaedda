// SPDX-License-Identifier: GPL-2.0

//! As much of the module's `peer` as a wardrobe speaks of.

use crate::{
    kapi::sync::{atomic::AtomicU8, rcu::RcuCell},
    wardrobe::Wardrobe,
};

pub(crate) struct Peer {
    pub(crate) device: Device,
    pub(crate) profile: AtomicU8,
}

pub(crate) struct Device {
    pub(crate) wardrobe: RcuCell<Wardrobe>,
}
