// SPDX-License-Identifier: GPL-2.0

//! What is told to whoever listens, without being asked.
//!
//! A message names peers in the same way as a dump does.

use kernel::prelude::*;

use super::{uapi::*, AUTH_GROUP, UNKNOWN_PEERS_GROUP};
use crate::{
    device::{Device, LinkKind},
    endpoint::Endpoint,
    kapi::net::{genetlink::Writer, netns::Net},
    proto::{messages::PublicKey, tai64n::Timestamp}, //
};

/// Whether anybody in a network namespace wants to hear of unknown peers, which wait for an answer.
pub(crate) fn has_unknown_peer_listeners(net: &Net, device: &Device) -> bool {
    device.kind.family().has_listeners(net, UNKNOWN_PEERS_GROUP)
}

/// Tells them of one: its key, where it is, and when by its own clock it has made the initiation.
pub(crate) fn announce_unknown_peer(
    net: &Net,
    device: &Device,
    key: &PublicKey,
    time: &Timestamp,
    endpoint: Endpoint,
) -> Result {
    let family = device.kind.family();
    family.announce(net, UNKNOWN_PEERS_GROUP, WG_CMD_UNKNOWN_PEER, |message| {
        put_device(message, device)?;
        let mut list = message.nest(WGDEVICE_A_PEERS)?;
        let mut nest = list.nest(ELEMENT)?;
        put_peer(&mut nest, key, endpoint)?;
        nest.put(WGPEER_A_INITIATION_TIME, &time.0)?;
        nest.end()?;
        list.end()
    })
}

/// Whether anybody in a network namespace wants to hear of unknown peers of an AmneziaWG device, which
/// do not wait.
pub(crate) fn has_auth_listeners(net: &Net, device: &Device) -> bool {
    device.kind == LinkKind::AmneziaWg && device.kind.family().has_listeners(net, AUTH_GROUP)
}

/// Tells them of one, as AmneziaWG does.
pub(crate) fn announce_to_auth(
    net: &Net,
    device: &Device,
    key: &PublicKey,
    endpoint: Endpoint,
) -> Result {
    let family = device.kind.family();
    family.announce(net, AUTH_GROUP, AWG_CMD_UNKNOWN_PEER, |message| {
        put_device(message, device)?;
        let mut nest = message.nest(WGDEVICE_A_PEER)?;
        put_peer(&mut nest, key, endpoint)?;
        nest.put(WGPEER_A_ADVANCED_SECURITY, &[])?;
        nest.end()
    })
}

fn put_device(message: &mut Writer<'_>, device: &Device) -> Result {
    message.put_u32(WGDEVICE_A_IFINDEX, device.dev.ifindex())?;
    message.put_string(WGDEVICE_A_IFNAME, device.dev.name().as_c_str())
}

fn put_peer(nest: &mut Writer<'_>, key: &PublicKey, endpoint: Endpoint) -> Result {
    nest.put(WGPEER_A_PUBLIC_KEY, &key.0)?;
    nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())
}
