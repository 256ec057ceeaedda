// SPDX-License-Identifier: GPL-2.0

//! Statistics of network devices.
//!
//! Packets and bytes are counted per CPU, errors in one place for all.
//!
//! C header: [`include/linux/netdevice.h`](srctree/include/linux/netdevice.h)

use crate::{
    bindings,
    kapi::{
        net::device::NetDevice,
        sync::bh::BhDisabled, //
    },
};

impl NetDevice {
    /// Counts packets that were received and their bytes.
    ///
    /// What a device receives that is no longer up is not counted: the core may have freed the
    /// counters.
    #[inline]
    pub(crate) fn count_rx(&self, packets: u32, bytes: u32, _bh: BhDisabled<'_>) {
        // SAFETY: The device is valid by the invariants of `NetDevice`, and the CPU doesn't change.
        unsafe { bindings::dev_sw_netstats_rx_add(self.as_ptr(), packets, bytes) };
    }

    /// Counts packets that could not be received.
    pub(crate) fn rx_errors(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_rx_errors(self.as_ptr(), packets) };
    }

    /// Counts packets that could have been received, but there was no room.
    pub(crate) fn rx_dropped(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_rx_dropped(self.as_ptr(), packets) };
    }

    /// Counts packets with errors of framing, a kind of receive errors, and not counted there.
    pub(crate) fn rx_frame_errors(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_rx_frame_errors(self.as_ptr(), packets) };
    }

    /// Counts packets with a wrong length, a kind of receive errors, and not counted there.
    pub(crate) fn rx_length_errors(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_rx_length_errors(self.as_ptr(), packets) };
    }

    /// Counts packets that could not be sent.
    pub(crate) fn tx_errors(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_tx_errors(self.as_ptr(), packets) };
    }

    /// Counts packets that could have been sent, but there was no room.
    pub(crate) fn tx_dropped(&self, packets: u32) {
        // SAFETY: The device is valid by the invariants of `NetDevice`.
        unsafe { bindings::dev_stats_tx_dropped(self.as_ptr(), packets) };
    }
}
