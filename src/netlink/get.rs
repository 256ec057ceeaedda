// SPDX-License-Identifier: GPL-2.0

//! `WG_CMD_GET_DEVICE`: a dump of a device, its peers and their allowed IPs.
//!
//! The first message has what belongs to the device; that one and all others have peers, in the
//! order of their creation. A peer whose allowed IPs do not fit goes on in the next message, as a
//! peer that has only its public key and more allowed IPs.
//!
//! Between two messages the configuration may change, which the dump survives, because it goes on
//! from numbers rather than from objects. User space is told that it has seen no consistent
//! picture. The interface may even be removed: nobody has to wait for a reader who takes his time,
//! or who has lost interest; the dump then ends with `ENODEV`.
//!
//! The private and all preshared keys are in the messages, and stay in their buffers until
//! those are freed: the kernel has no way to wipe what a reader has been given.

use kernel::{
    prelude::*,
    sync::Arc, //
};
use zerocopy::IntoBytes;

use super::{lookup, policy, uapi::*};
use crate::{
    allowed_ips::AllowedIp,
    config::Configuration,
    device::Device,
    kapi::net::{
        addr::Family,
        device::NetDevice,
        genetlink::{Dump, Info, Message, Policy, Progress, Writer}, //
    },
    peer::Peer, //
};

/// A dump under way.
pub(super) struct GetDevice {
    /// Does not keep the interface from being unregistered.
    device: Arc<Device>,
    next: Position,
}

/// Where a dump goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Position {
    /// At the very beginning.
    Device,
    /// At the first peer with this number or a higher one.
    Peer(u64),
    /// Within the peer of this number, at its first allowed IP with the other number or a higher one.
    AllowedIp(u64, u64),
}

impl Dump for GetDevice {
    const POLICY: &'static [Policy] = &policy::GET_DEVICE;

    fn start(request: &Info<'_>) -> Result<Self> {
        let (_netdev, device) = lookup(request)?;
        Ok(Self {
            device,
            next: Position::Device,
        })
    }

    fn dump(&mut self, message: &mut Message<'_>) -> Result<Progress> {
        let config = Device::configure(&self.device);
        config.check_there()?;
        message.set_generation(config.generation());
        let first = self.next;
        if self.next == Position::Device {
            put_device(message, &self.device.dev, &config)?;
            self.next = Position::Peer(0);
        }
        let progress = put_peers(message, &config, &mut self.next)?;
        if progress == Progress::More && self.next == first {
            // Not even an empty message has room for the next element.
            return Err(EMSGSIZE);
        }
        Ok(progress)
    }
}

fn put_device(message: &mut Writer<'_>, netdev: &NetDevice, config: &Configuration<'_>) -> Result {
    message.put_u16(WGDEVICE_A_LISTEN_PORT, config.listen_port())?;
    message.put_u32(WGDEVICE_A_FWMARK, config.fwmark())?;
    message.put_u32(WGDEVICE_A_IFINDEX, netdev.ifindex())?;
    message.put_string(WGDEVICE_A_IFNAME, netdev.name().as_c_str())?;
    if let Some(identity) = config.identity() {
        let keys = identity.keys();
        message.put(WGDEVICE_A_PRIVATE_KEY, keys.private().as_bytes())?;
        message.put(WGDEVICE_A_PUBLIC_KEY, &keys.public().0)?;
    }
    Ok(())
}

/// Writes peers from `next` on until there is no more room, and moves `next` on.
fn put_peers(
    message: &mut Writer<'_>,
    config: &Configuration<'_>,
    next: &mut Position,
) -> Result<Progress> {
    let mut list = message.nest(WGDEVICE_A_PEERS)?;
    let mut is_empty = true;
    let progress = loop {
        let (from, within) = match *next {
            Position::Device => (0, None),
            Position::Peer(from) => (from, None),
            Position::AllowedIp(peer, from) => (peer, Some(from)),
        };
        let Some(peer) = config.peer_from(from) else {
            break Progress::Done;
        };
        // A peer that was removed amid its allowed IPs is not the one found.
        let within = within.filter(|_| peer.place() == from);
        let Ok(rest) = put_peer(&mut list, config, &peer, within) else {
            break Progress::More;
        };
        is_empty = false;
        if let Some(from) = rest {
            *next = Position::AllowedIp(peer.place(), from);
            break Progress::More;
        }
        *next = Position::Peer(peer.place().saturating_add(1));
    };
    if is_empty {
        drop(list);
    } else {
        list.end()?;
    }
    Ok(progress)
}

/// Writes a peer, or with `within` only its allowed IPs from there on.
///
/// Returns where to go on within the peer, unless it is complete. On error nothing is written.
fn put_peer(
    list: &mut Writer<'_>,
    config: &Configuration<'_>,
    peer: &Peer,
    within: Option<u64>,
) -> Result<Option<u64>> {
    let mut nest = list.nest(ELEMENT)?;
    nest.put(WGPEER_A_PUBLIC_KEY, &peer.public_key.0)?;
    if within.is_none() {
        put_peer_state(&mut nest, peer)?;
    }
    let rest = put_allowed_ips(&mut nest, config, peer.id, within.unwrap_or(0))?;
    nest.end()?;
    Ok(rest)
}

fn put_peer_state(nest: &mut Writer<'_>, peer: &Peer) -> Result {
    peer.with_preshared_key(|key| nest.put(WGPEER_A_PRESHARED_KEY, key.as_bytes()))?;
    let handshake = peer.last_handshake();
    nest.put(
        WGPEER_A_LAST_HANDSHAKE_TIME,
        [handshake.secs, handshake.nanos.into()].as_bytes(),
    )?;
    nest.put_u16(
        WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL,
        peer.persistent_keepalive(),
    )?;
    let (received, sent) = peer.transfer();
    nest.put_u64(WGPEER_A_TX_BYTES, sent, WGPEER_A_UNSPEC)?;
    nest.put_u64(WGPEER_A_RX_BYTES, received, WGPEER_A_UNSPEC)?;
    nest.put_u32(WGPEER_A_PROTOCOL_VERSION, WG_PROTOCOL_VERSION)?;
    if let Some(endpoint) = peer.endpoint.snapshot() {
        nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())?;
    }
    Ok(())
}

/// Writes the allowed IPs of `peer` from number `from` on until there is no more room.
///
/// Returns the number of the first that did not fit, if one did not.
fn put_allowed_ips(
    nest: &mut Writer<'_>,
    config: &Configuration<'_>,
    peer: u64,
    from: u64,
) -> Result<Option<u64>> {
    let Some((mut seq, mut ip)) = config.allowed_ip_from(peer, from) else {
        return Ok(None);
    };
    let Ok(mut list) = nest.nest(WGPEER_A_ALLOWEDIPS) else {
        return Ok(Some(seq));
    };
    let first = seq;
    let rest = loop {
        if put_allowed_ip(&mut list, &ip).is_err() {
            break Some(seq);
        }
        match config.allowed_ip_from(peer, seq.saturating_add(1)) {
            Some(next) => (seq, ip) = next,
            None => break None,
        }
    };
    if rest != Some(first) {
        list.end()?;
    }
    Ok(rest)
}

fn put_allowed_ip(list: &mut Writer<'_>, ip: &AllowedIp) -> Result {
    let mut nest = list.nest(ELEMENT)?;
    nest.put_u8(WGALLOWEDIP_A_CIDR_MASK, ip.cidr())?;
    match ip {
        AllowedIp::V4(prefix) => {
            nest.put_u16(WGALLOWEDIP_A_FAMILY, Family::V4.number())?;
            nest.put(WGALLOWEDIP_A_IPADDR, &prefix.address().to_be_bytes())?;
        }
        AllowedIp::V6(prefix) => {
            nest.put_u16(WGALLOWEDIP_A_FAMILY, Family::V6.number())?;
            nest.put(WGALLOWEDIP_A_IPADDR, &prefix.address().to_be_bytes())?;
        }
    }
    nest.end()
}
