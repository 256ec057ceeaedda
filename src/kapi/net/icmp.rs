// SPDX-License-Identifier: GPL-2.0

//! ICMP errors about packets that a device was to transmit.
//!
//! C headers: [`include/net/icmp.h`](srctree/include/net/icmp.h),
//! [`include/linux/icmpv6.h`](srctree/include/linux/icmpv6.h)

use crate::{
    bindings,
    kapi::{
        net::{device::NetDevice, skbuff::SkBuff},
        sync::bh::BhDisabled, //
    }, //
};

/// Tells the sender of an IP packet that `dev` was to transmit that its destination cannot be reached.
///
/// That is "host unreachable" for IPv4 and "address unreachable" for IPv6; the sender is the one
/// before address translation, if conntrack knows it. Nothing is sent unless the device is up, and
/// for IPv4 the packet still has its route. Rate limits of the network stack apply.
pub(crate) fn unreachable(skb: &mut SkBuff, dev: &NetDevice, _bh: BhDisabled<'_>) {
    // SAFETY: The packet is valid and ours, and both senders check its headers' bounds; they may
    // replace its data, which `&mut` allows for. A device that is seen running keeps its namespace
    // while bottom halves are disabled.
    unsafe { bindings::icmp_unreachable(skb.as_ptr(), dev.as_ptr()) };
}

/// Tells the sender of an IP packet that `dev` was to transmit how long it may be: "fragmentation needed"
/// for IPv4 and "packet too big" for IPv6. All else is as for [`unreachable`].
pub(crate) fn too_big(skb: &mut SkBuff, dev: &NetDevice, mtu: u32, _bh: BhDisabled<'_>) {
    // SAFETY: As in `unreachable`.
    unsafe { bindings::icmp_too_big(skb.as_ptr(), dev.as_ptr(), mtu) };
}
