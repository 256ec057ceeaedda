// SPDX-License-Identifier: GPL-2.0

//! What is told to whoever listens, without being asked.
//!
//! A message names peers in the same way as a dump does.

use kernel::prelude::*;

use super::{uapi::*, FAMILY, UNKNOWN_PEERS_GROUP};
use crate::{
    endpoint::Endpoint,
    kapi::net::{device::NetDevice, netns::Net},
    proto::{messages::PublicKey, tai64n::Timestamp}, //
};

/// Whether anybody in a network namespace wants to hear of unknown peers.
pub(crate) fn has_unknown_peer_listeners(net: &Net) -> bool {
    FAMILY.has_listeners(net, UNKNOWN_PEERS_GROUP)
}

/// Tells them of one: its key, where it is, and when by its own clock it has made the initiation.
pub(crate) fn announce_unknown_peer(
    net: &Net,
    netdev: &NetDevice,
    key: &PublicKey,
    time: &Timestamp,
    endpoint: Endpoint,
) -> Result {
    FAMILY.announce(net, UNKNOWN_PEERS_GROUP, WG_CMD_UNKNOWN_PEER, |message| {
        message.put_u32(WGDEVICE_A_IFINDEX, netdev.ifindex())?;
        message.put_string(WGDEVICE_A_IFNAME, netdev.name().as_c_str())?;
        let mut list = message.nest(WGDEVICE_A_PEERS)?;
        let mut nest = list.nest(ELEMENT)?;
        nest.put(WGPEER_A_PUBLIC_KEY, &key.0)?;
        nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())?;
        nest.put(WGPEER_A_INITIATION_TIME, &time.0)?;
        nest.end()?;
        list.end()
    })
}
