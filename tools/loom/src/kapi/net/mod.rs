// SPDX-License-Identifier: GPL-2.0

//! Networking.

pub(crate) mod device;
#[path = "../../../../../src/kapi/net/napi.rs"]
pub(crate) mod napi;
pub(crate) mod skbuff;

pub(crate) mod udp_tunnel {
    //! What comes back of what was not sent.

    use kernel::prelude::*;

    use super::skbuff::SkBuff;

    pub(crate) struct Unsent {
        pub(crate) skb: SkBuff,
        pub(crate) error: Error,
    }
}
