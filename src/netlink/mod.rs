// SPDX-License-Identifier: GPL-2.0

//! The generic netlink families by which devices are configured: `wireguard`, and `amneziawg` for those of
//! that kind, which is the same with more attributes.
//!
//! Both commands name a device that lives in the network namespace of the requester's socket, and
//! both are for its administrators only, since they carry keys.
//!
//! Locks: the core's generic netlink mutex, then the device's configuration lock. RTNL is not taken, so
//! nobody who changes links, addresses or routes waits for a large configuration; but for a moment after
//! a change of how long data messages are, to change the MTU.

mod events;
mod get;
mod policy;
mod set;
mod uapi;

use kernel::{
    module::this_module,
    prelude::*,
    sync::Arc, //
};

pub(crate) use self::events::{
    announce_event,
    announce_to_auth,
    announce_unknown_peer,
    has_auth_listeners,
    has_event_listeners,
    has_unknown_peer_listeners, //
};

use self::{get::GetDevice, set::SetDevice, uapi::*};
use crate::{
    device::{Device, LinkKind},
    kapi::net::{
        device::{self, Id, NetDeviceRef},
        genetlink::{Family, Group, Info, Op, Policy, Step}, //
    },
    liveness::Failure, //
};

/// The family of WireGuard's devices.
static WIREGUARD: Family = Family::new(
    this_module::<crate::WireGuard>(),
    WG_GENL_NAME,
    WG_GENL_VERSION,
    &WIREGUARD_OPS,
    &WIREGUARD_GROUPS,
);

/// The family of AmneziaWG's.
static AMNEZIAWG: Family = Family::new(
    this_module::<crate::WireGuard>(),
    AWG_GENL_NAME,
    AWG_GENL_VERSION,
    &AMNEZIAWG_OPS,
    &AMNEZIAWG_GROUPS,
);

static WIREGUARD_OPS: [Op; 2] = ops::<WireGuard>();
static AMNEZIAWG_OPS: [Op; 2] = ops::<AmneziaWg>();

const fn ops<D: Dialect>() -> [Op; 2] {
    [
        Op::new_dump::<GetDevice<D>>(WG_CMD_GET_DEVICE).require_net_admin(),
        Op::new_do::<SetDevice<D>>(WG_CMD_SET_DEVICE).require_net_admin(),
    ]
}

static WIREGUARD_GROUPS: [Group; 5] = [
    group(UNKNOWN_PEERS),
    group(CONFIG),
    group(SESSION),
    group(ENDPOINT),
    group(LIVENESS),
];
static AMNEZIAWG_GROUPS: [Group; 6] = [
    group(UNKNOWN_PEERS),
    group(CONFIG),
    group(SESSION),
    group(ENDPOINT),
    group(LIVENESS),
    group(AUTH),
];

const fn group(name: &CStr) -> Group {
    Group::new(name).require_net_admin()
}

/// The places of the groups.
const UNKNOWN_PEERS_GROUP: usize = 0;
const CONFIG_GROUP: usize = 1;
const SESSION_GROUP: usize = 2;
const ENDPOINT_GROUP: usize = 3;
const LIVENESS_GROUP: usize = 4;
const AUTH_GROUP: usize = 5;

/// What one family has other than the other.
trait Dialect: Send + 'static {
    /// Of the devices that it configures.
    const KIND: LinkKind;

    const SET_DEVICE: &'static [Policy];

    /// Ways to what is secret in a request to set a device.
    const SECRETS: &'static [&'static [Step]];
}

/// The dialect of `wireguard`.
enum WireGuard {}

impl Dialect for WireGuard {
    const KIND: LinkKind = LinkKind::WireGuard;
    const SET_DEVICE: &'static [Policy] = &policy::SET_DEVICE;
    const SECRETS: &'static [&'static [Step]] = &[PRIVATE_KEY, PRESHARED_KEYS];
}

/// The dialect of `amneziawg`.
enum AmneziaWg {}

impl Dialect for AmneziaWg {
    const KIND: LinkKind = LinkKind::AmneziaWg;
    const SET_DEVICE: &'static [Policy] = &policy::SET_AMNEZIAWG;
    const SECRETS: &'static [&'static [Step]] = &[
        PRIVATE_KEY,
        PRESHARED_KEYS,
        HEADER_PROTECTION_KEY,
        THOSE_OF_PROFILES,
    ];
}

const PRIVATE_KEY: &[Step] = &[Step::Type(WGDEVICE_A_PRIVATE_KEY)];
const PRESHARED_KEYS: &[Step] = &[
    Step::Type(WGDEVICE_A_PEERS),
    Step::Element,
    Step::Type(WGPEER_A_PRESHARED_KEY),
];
const HEADER_PROTECTION_KEY: &[Step] = &[Step::Type(WGDEVICE_A_HEADER_PROTECTION_KEY)];
const THOSE_OF_PROFILES: &[Step] = &[
    Step::Type(WGDEVICE_A_PROFILES),
    Step::Element,
    Step::Type(WGDEVICE_A_HEADER_PROTECTION_KEY),
];

impl LinkKind {
    /// By which devices of the kind are configured. Its registration opens it to user space.
    pub(crate) fn family(self) -> &'static Family {
        match self {
            Self::WireGuard => &WIREGUARD,
            Self::AmneziaWg => &AMNEZIAWG,
        }
    }
}

/// Why the last handshake that we began came to nothing, as users are told.
fn failure_number(failure: Failure) -> u32 {
    match failure {
        Failure::None => WGFAILURE_NONE,
        Failure::NoAnswer => WGFAILURE_NO_ANSWER,
        Failure::NoEndpoint => WGFAILURE_NO_ENDPOINT,
        Failure::Unreachable => WGFAILURE_UNREACHABLE,
        Failure::NoKey => WGFAILURE_NO_KEY,
        Failure::NoMemory => WGFAILURE_NO_MEMORY,
    }
}

/// The device of a kind that a request names, by index or by name.
fn lookup(request: &Info<'_>, kind: LinkKind) -> Result<(NetDeviceRef, Arc<Device>)> {
    let id = match (
        request.attr(WGDEVICE_A_IFINDEX),
        request.attr(WGDEVICE_A_IFNAME),
    ) {
        (Some(index), None) => Id::Index(index.u32()?),
        (None, Some(name)) => Id::Name(name.string()?),
        _ => return Err(request.refuse(EBADR, c"name the interface either by index or by name")),
    };
    device::lookup(kind.link(), request.net(), id).map_err(|error| match (error, kind) {
        (ENODEV, _) => request.refuse(error, c"no such interface"),
        (_, LinkKind::WireGuard) => request.refuse(error, c"not a WireGuard interface"),
        (_, LinkKind::AmneziaWg) => request.refuse(error, c"not an AmneziaWG interface"),
    })
}
