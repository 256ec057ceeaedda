// SPDX-License-Identifier: GPL-2.0

//! Networking.

pub(crate) mod addr;
pub(crate) mod device;
pub(crate) mod genetlink;
pub(crate) mod icmp;
pub(crate) mod napi;
pub(crate) mod netns;
pub(crate) mod route;
pub(crate) mod rtnl;
pub(crate) mod skbuff;
mod stats;
pub(crate) mod udp_tunnel;
