// SPDX-License-Identifier: GPL-2.0

//! `WG_CMD_SET_DEVICE`: changes to a device, its peers and their allowed IPs.
//!
//! A request is carried out whole or not at all. It is read three times out of the same bytes, so
//! nothing is allocated to hold it: [`request`] judges it to its last allowed IP; [`supplies`] goes
//! through what will happen and gets all that it takes, memory and sockets; and [`apply`], which
//! cannot fail any more, carries it out. The last two are under the same lock, that of the configuration.

mod apply;
mod guise;
mod profiles;
mod request;
mod supplies;

use core::marker::PhantomData;

use kernel::prelude::*;

use self::{request::DeviceRequest, supplies::Supplies};
use super::{lookup, Dialect};
use crate::{
    config::Configuration,
    device::{self, Device, LinkKind},
    kapi::net::genetlink::{Do, Info, Policy, Step}, //
};

/// The handler of `WG_CMD_SET_DEVICE`.
pub(super) struct SetDevice<D>(PhantomData<D>);

impl<D: Dialect> Do for SetDevice<D> {
    const POLICY: &'static [Policy] = D::SET_DEVICE;

    const SECRETS: &'static [&'static [Step]] = D::SECRETS;

    fn run(request: &Info<'_>) -> Result {
        set_device(request, D::KIND)
    }
}

fn set_device(request: &Info<'_>, kind: LinkKind) -> Result {
    let (_netdev, device) = lookup(request, kind)?;
    let wanted = DeviceRequest::read(request)?;
    let mut config = Device::configure(&device);
    config.check_there()?;
    let supplies = Supplies::gather(request, &wanted, &config)?;
    let mtu = default_mtu(&config);
    config.tell_listeners(request.net().try_get());
    apply::apply(request, &wanted, supplies, &mut config)?;
    config.conclude();
    let new_mtu = default_mtu(&config);
    // Whoever takes RTNL as well takes it before.
    drop(config);
    if new_mtu != mtu {
        device.dev.replace_mtu(mtu, new_mtu);
    }
    Ok(())
}

/// The MTU of a device whose user has not set another.
fn default_mtu(config: &Configuration<'_>) -> u32 {
    device::default_mtu(config.data_overhead())
}
