// SPDX-License-Identifier: GPL-2.0

//! WireGuard, a secure network tunnel, as a network device driver.

#![crate_name = "wireguard"]
#![deny(unsafe_code)]
// A panic in the kernel is the end of the machine.
#![deny(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used
)]

#[allow(
    dead_code,
    reason = "tested in a module of its own, which uses more of it"
)]
mod allowed_ips;
mod bindings;
mod census;
mod changes;
mod config;
mod crypto;
mod device;
mod devices;
mod endpoint;
mod identity;
#[allow(dead_code, reason = "as above")]
mod index_table;
mod ip;
#[allow(
    dead_code,
    reason = "wrappers are whole, whatever this driver uses of them"
)]
mod kapi;
mod netlink;
mod noise;
mod peer;
mod peers;
mod pile;
#[allow(dead_code, reason = "this is a library, too")]
mod proto;
mod queue;
#[allow(dead_code, reason = "as above")]
mod ratelimit;
mod rx;
mod session;
mod socket;
mod spread;
mod strangers;
mod time;
mod timers;
mod tx;

use kernel::prelude::*;

use crate::{
    device::Device,
    kapi::net::{
        device::{LinkOps, LinkRegistration},
        genetlink,
        udp_tunnel, //
    }, //
};

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

/// What the module registers, in the order in which it is taken back.
struct WireGuard {
    /// Deletes all devices.
    _link: LinkRegistration<Device>,
    /// Devices announce unknown peers by it.
    _netlink: genetlink::Registration,
    _devices: devices::Registrations,
    /// Closes sockets that are still open.
    _sockets: udp_tunnel::Registration,
    /// Waits for what is still to be freed.
    _drain: Drain,
}

impl kernel::Module for WireGuard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // If one of the following fails, those before it are taken back, and this comes last.
        let drain = Drain;
        let sockets = udp_tunnel::Registration::new()?;
        let devices = devices::Registrations::new()?;
        let netlink = netlink::FAMILY.register()?;
        let link = Device::link().register()?;
        pr_info!("WireGuard 1.0.0 loaded. See www.wireguard.com for information.\n");
        pr_info!("Copyright (C) WireGuard for Rust-for-Linux authors. There is no warranty.\n");
        Ok(Self {
            _link: link,
            _netlink: netlink,
            _devices: devices,
            _sockets: sockets,
            _drain: drain,
        })
    }
}

/// Waits, when it is dropped, until all that was given up is freed: the module's code does that.
struct Drain;

impl Drop for Drain {
    fn drop(&mut self) {
        kapi::sync::rcu::drain();
    }
}
