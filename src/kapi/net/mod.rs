// SPDX-License-Identifier: GPL-2.0

//! Networking.

pub(crate) mod addr;
pub(crate) mod genetlink;
pub(crate) mod icmp;
pub(crate) mod route;
pub(crate) mod skbuff;
