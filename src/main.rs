// SPDX-License-Identifier: GPL-2.0

//! WireGuard, a secure network tunnel, as a network device driver.

#![crate_name = "wireguard"]
#![deny(unsafe_code)]
#![allow(dead_code, unused_imports, unused_macros)]

mod allowed_ips;
mod bindings;
mod crypto;
mod endpoint;
mod kapi;
mod proto;
mod queue;
mod socket;

use kernel::prelude::*;

module! {
    type: WireGuard,
    name: "wireguard",
    authors: ["WireGuard for Rust-for-Linux authors"],
    description: "WireGuard secure network tunnel",
    license: "GPL v2",
    alias: [
        "rtnl-link-wireguard",
        "net-pf-16-proto-16-family-wireguard",
    ],
}

struct WireGuard;

impl kernel::Module for WireGuard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        pr_info!("loaded\n");
        Ok(Self)
    }
}
