// SPDX-License-Identifier: GPL-2.0

//! ICMP errors about packets that a device was to transmit.
//!
//! C headers: [`include/net/icmp.h`](srctree/include/net/icmp.h),
//! [`include/linux/icmpv6.h`](srctree/include/linux/icmpv6.h)

use crate::{
    bindings,
    kapi::net::skbuff::SkBuff, //
};

/// Tells the sender of an IP packet that its destination cannot be reached.
///
/// That is "host unreachable" for IPv4 and "address unreachable" for IPv6; the sender is the one
/// before address translation, if conntrack knows it. Nothing is sent unless the packet still has
/// its device, and for IPv4 its route. Rate limits of the network stack apply.
pub(crate) fn unreachable(skb: &mut SkBuff) {
    // SAFETY: The packet is valid and ours, and both senders check its headers' bounds; they may
    // replace its data, which `&mut` allows for.
    unsafe { bindings::icmp_unreachable(skb.as_ptr()) };
}
