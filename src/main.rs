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
mod binding;
mod bindings;
mod by_peer;
mod carrier;
mod census;
mod changes;
mod config;
mod crypto;
mod device;
mod devices;
mod drops;
mod dscp;
mod endpoint;
mod events;
mod guise;
mod identity;
#[allow(dead_code, reason = "as above")]
mod index_table;
mod ip;
#[allow(
    dead_code,
    reason = "wrappers are whole, whatever this driver uses of them"
)]
mod kapi;
mod label;
mod labels;
mod liveness;
mod markings;
mod netlink;
mod noise;
mod peer;
mod peers;
mod pile;
#[allow(dead_code, unused_imports, reason = "this is a library, too")]
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
mod trace;
mod tx;
mod utf8;
mod wardrobe;

use kernel::prelude::*;

use crate::{
    device::{Device, LinkKind},
    kapi::net::{
        device::LinkRegistration,
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
        "rtnl-link-amneziawg",
        "net-pf-16-proto-16-family-amneziawg",
    ],
    params: {
        amneziawg: bool {
            default: true,
            description: "Whether there are links of kind amneziawg, and the family by which they are configured",
        },
    },
}

/// What the module registers, in the order in which it is taken back.
struct WireGuard {
    _amneziawg: Option<Registered>,
    _wireguard: Registered,
    _devices: devices::Registrations,
    /// Closes sockets that are still open.
    _sockets: udp_tunnel::Registration,
    /// Waits for what is still to be freed.
    _drain: Drain,
}

/// A kind of devices.
struct Registered {
    /// Deletes all of them.
    _link: LinkRegistration<Device>,
    /// They announce unknown peers by it.
    _family: genetlink::Registration,
}

impl Registered {
    fn new(kind: LinkKind) -> Result<Self> {
        let family = kind.family().register()?;
        let link = kind.link().register()?;
        Ok(Self {
            _link: link,
            _family: family,
        })
    }
}

impl kernel::Module for WireGuard {
    fn init(_module: &'static ThisModule) -> Result<Self> {
        // If one of the following fails, those before it are taken back, and this comes last.
        let drain = Drain;
        let sockets = udp_tunnel::Registration::new()?;
        let devices = devices::Registrations::new()?;
        let wireguard = Registered::new(LinkKind::WireGuard)?;
        let amneziawg = if module_parameters::amneziawg.value() {
            Some(Registered::new(LinkKind::AmneziaWg)?)
        } else {
            None
        };
        pr_info!("WireGuard 1.0.0 loaded. See www.wireguard.com for information.\n");
        pr_info!("Copyright (C) WireGuard for Rust-for-Linux authors. There is no warranty.\n");
        Ok(Self {
            _amneziawg: amneziawg,
            _wireguard: wireguard,
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
