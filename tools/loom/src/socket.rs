// SPDX-License-Identifier: GPL-2.0

//! Sockets that note what is sent: the counters of messages, in that order.

use kernel::prelude::*;
use loom::cell::UnsafeCell;

use crate::{
    endpoint::{EndpointCell, Routing},
    kapi::{
        net::{device::NetDevice, skbuff::SkBuff, udp_tunnel::Unsent},
        sync::bh::BhDisabled, //
    },
    markings::Marking,
};

/// One peer sends at a time, and each comes after the one before, without a lock.
pub(crate) struct Sockets(UnsafeCell<Vec<u64>>);

// SAFETY: loom checks that it is one at a time.
unsafe impl Sync for Sockets {}

impl Default for Sockets {
    fn default() -> Self {
        Self(UnsafeCell::new(Vec::new()))
    }
}

pub(crate) struct Route<'a>(&'a Sockets);

impl Sockets {
    pub(crate) fn route<'a, 'r>(
        &'a self,
        _dev: &NetDevice,
        _endpoint: &EndpointCell,
        _routing: impl FnOnce() -> (&'r Routing, Marking),
        _bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        Ok(Route(self))
    }

    pub(crate) fn send<'r>(
        &self,
        _dev: &NetDevice,
        _endpoint: &EndpointCell,
        skb: SkBuff,
        _ds: u8,
        _routing: impl FnOnce() -> (&'r Routing, Marking),
        _bh: BhDisabled<'_>,
    ) -> Result<u32, Unsent> {
        Ok(skb.len())
    }

    /// The counters that were sent.
    pub(crate) fn sent(&self) -> Vec<u64> {
        // SAFETY: As above.
        self.0.with(|sent| unsafe { (*sent).clone() })
    }
}

impl Route<'_> {
    pub(crate) fn send_last(&mut self, skb: SkBuff, dev: &NetDevice, ds: u8) -> Result<(), Unsent> {
        self.send(skb, dev, ds)
    }

    pub(crate) fn send(&self, skb: SkBuff, _dev: &NetDevice, _ds: u8) -> Result<(), Unsent> {
        // SAFETY: As above.
        self.0
             .0
            .with_mut(|sent| unsafe { (*sent).push(skb.counter) });
        Ok(())
    }
}
