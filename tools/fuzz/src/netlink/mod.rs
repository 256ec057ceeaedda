// SPDX-License-Identifier: GPL-2.0

//! The module's generic netlink family, as far as it reads requests.

pub(crate) mod looks;
pub(crate) mod message;
pub(crate) mod oracle;
#[path = "../../../../src/netlink/policy.rs"]
mod policy;
pub(crate) mod set;
#[path = "../../../../src/netlink/uapi.rs"]
mod uapi;
