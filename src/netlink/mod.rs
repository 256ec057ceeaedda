// SPDX-License-Identifier: GPL-2.0

//! The generic netlink family by which devices are configured.
//!
//! Both commands name a device that lives in the network namespace of the requester's socket, and
//! both are for its administrators only, since they carry keys.
//!
//! Locks: the core's generic netlink mutex, then the device's configuration lock. RTNL is not taken, so
//! nobody who changes links, addresses or routes waits for a large configuration.

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
    announce_unknown_peer,
    has_unknown_peer_listeners, //
};

use self::{get::GetDevice, set::SetDevice, uapi::*};
use crate::{
    device::Device,
    kapi::net::{
        device::{self, Id, NetDeviceRef},
        genetlink::{Family, Group, Info, Op}, //
    },
};

/// The family. Its registration opens it to user space.
pub(crate) static FAMILY: Family = Family::new(
    this_module::<crate::WireGuard>(),
    WG_GENL_NAME,
    WG_GENL_VERSION,
    &OPS,
    &GROUPS,
);

static GROUPS: [Group; 1] = [Group::new(UNKNOWN_PEERS).require_net_admin()];

/// The place of that group among them.
const UNKNOWN_PEERS_GROUP: usize = 0;

static OPS: [Op; 2] = [
    Op::new_dump::<GetDevice>(WG_CMD_GET_DEVICE).require_net_admin(),
    Op::new_do::<SetDevice>(WG_CMD_SET_DEVICE).require_net_admin(),
];

/// The device that a request names, by index or by name.
fn lookup(request: &Info<'_>) -> Result<(NetDeviceRef, Arc<Device>)> {
    let id = match (
        request.attr(WGDEVICE_A_IFINDEX),
        request.attr(WGDEVICE_A_IFNAME),
    ) {
        (Some(index), None) => Id::Index(index.u32()?),
        (None, Some(name)) => Id::Name(name.string()?),
        _ => return Err(request.refuse(EBADR, c"name the interface either by index or by name")),
    };
    device::lookup(request.net(), id).map_err(|error| match error {
        ENODEV => request.refuse(error, c"no such interface"),
        _ => request.refuse(error, c"not a WireGuard interface"),
    })
}
