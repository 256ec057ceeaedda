// SPDX-License-Identifier: GPL-2.0

//! Networking.

#[path = "../../../../../src/kapi/net/addr.rs"]
pub(crate) mod addr;
pub(crate) mod genetlink;
pub(crate) mod udp_tunnel;
