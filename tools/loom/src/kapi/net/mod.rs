// SPDX-License-Identifier: GPL-2.0

//! Networking.

pub(crate) mod device;
#[path = "../../../../../src/kapi/net/napi.rs"]
pub(crate) mod napi;
pub(crate) mod skbuff;
