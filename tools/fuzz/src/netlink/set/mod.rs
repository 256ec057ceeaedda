// SPDX-License-Identifier: GPL-2.0

//! A request to change a device, as the driver reads it.

#[path = "../../../../../src/netlink/set/guise.rs"]
mod guise;
#[path = "../../../../../src/netlink/set/profiles.rs"]
mod profiles;
#[path = "../../../../../src/netlink/set/request.rs"]
mod request;

/// Of the module's, what is said where memory lacks.
mod supplies {
    pub(super) const NO_MEMORY: &std::ffi::CStr = c"out of memory";
}

use kernel::prelude::*;

use self::request::{AllowedIpRequest, Blamable, DeviceRequest, Intent, PeerRequest};
use super::{
    oracle::{AllowedIp, Device, Fate, Peer},
    policy, uapi,
};
use crate::{
    config::{Configuration, NewWardrobe},
    crypto::Key,
    dscp::Dscp,
    kapi::{
        net::genetlink::{Attr, Info, Message},
        sync::rcu::RcuArc,
    },
    wardrobe::Wardrobe,
};

/// All that a request says, or the error that refuses it.
pub(crate) fn read(message: &Message) -> Result<Device> {
    let info = Info::parse(message, &policy::SET_DEVICE)?;
    let device = read_device(&info)?;
    assert!(profiles::prepare(&info, &Configuration(&None))?.is_none());
    Ok(device)
}

/// What an AmneziaWG device and its peers look like, if that was ever said.
type Worn = Option<RcuArc<Wardrobe>>;

/// An error, and where in the request that begins which is to blame, if anything is.
pub(crate) type Refused = (Error, Option<usize>);

/// All that a request says to an AmneziaWG device, and what that and its peers look like afterwards.
pub(crate) fn read_amneziawg(message: &Message, before: &Worn) -> Result<(Device, Worn), Refused> {
    let info = Info::parse(message, &policy::SET_AMNEZIAWG).map_err(|error| (error, None))?;
    read_worn(&info, before).map_err(|error| (error, info.blamed(message)))
}

fn read_worn(info: &Info<'_>, before: &Worn) -> Result<(Device, Worn)> {
    let device = read_device(info)?;
    let config = Configuration(before);
    let new = profiles::prepare(info, &config)?;
    for element in request::elements(info.attr(uapi::WGDEVICE_A_PEERS)) {
        let peer = PeerRequest::read(info, element)?;
        if peer.intent() == Intent::Ensure {
            profiles::check(info, &peer, new.as_ref(), &config)?;
        }
    }
    let after = new.map_or_else(|| before.clone(), |NewWardrobe(after)| after);
    Ok((device, after))
}

fn read_device(info: &Info<'_>) -> Result<Device> {
    let device = DeviceRequest::read(info)?;
    let private_key = device.private_key();
    check_blamed(&device, private_key.as_ref());
    Ok(Device {
        listen_port: device.listen_port.as_ref().map(|port| port.value),
        fwmark: device.fwmark.as_ref().map(|mark| mark.value),
        bind_ifindex: device.bind_ifindex.as_ref().map(|ifindex| ifindex.value),
        listen_addresses: device
            .listen_addresses
            .as_ref()
            .map(|list| list.value.each().collect()),
        dscp: device.dscp.as_ref().map(|dscp| show_dscp(&dscp.value)),
        hold_unknown: device.hold_unknown.as_ref().map(|hold| hold.value),
        private_key: private_key.map(|key| *key.value.as_bytes()),
        replaces_peers: device.replaces_peers(),
        carrier: device.carrier,
        path_mtu: device.path_mtu,
        event_classes: device.event_classes,
        peers: device.peers().map(|element| peer(info, element)).collect(),
    })
}

/// The code point of the message that each packet becomes.
fn show_dscp(dscp: &Option<Dscp>) -> Vec<u8> {
    let bytes = dscp.as_ref().map_or(&[][..], Dscp::bytes);
    let read = Dscp::read(bytes).expect("it was read before");
    assert!(read == *dscp);
    let carry = |inner| dscp.as_ref().map_or(0, |dscp| dscp.carry(inner));
    // ECN has no say in it.
    (0..=255).for_each(|ds| assert_eq!(carry(ds), carry(ds & !3) & !3));
    (0..64).map(|point| carry(point << 2) >> 2).collect()
}

/// Each value comes with the attribute that it is from.
fn check_blamed(device: &DeviceRequest<'_>, private_key: Option<&Blamable<'_, Key>>) {
    if let Some(port) = &device.listen_port {
        assert_eq!(port.attr.payload(), port.value.to_ne_bytes());
    }
    if let Some(mark) = &device.fwmark {
        assert_eq!(mark.attr.payload(), mark.value.to_ne_bytes());
    }
    if let Some(ifindex) = &device.bind_ifindex {
        assert_eq!(ifindex.attr.payload(), ifindex.value.to_ne_bytes());
    }
    if let Some(hold) = &device.hold_unknown {
        assert_eq!(hold.attr.payload(), hold.value.to_ne_bytes());
    }
    if let Some(key) = private_key {
        assert_eq!(key.attr.payload(), key.value.as_bytes());
    }
}

/// What was read once must read the same again.
fn peer(info: &Info<'_>, element: Attr<'_>) -> Peer {
    let peer = PeerRequest::read(info, element).expect("it was read before");
    let endpoint = peer
        .endpoint
        .map(|endpoint| endpoint.to_sockaddr().to_vec());
    let profile = peer.profile.as_ref().map(|profile| {
        assert_eq!(profile.attr.payload(), [profile.value]);
        profile.value
    });
    let fate = match peer.intent() {
        Intent::Remove => Fate::Removed,
        Intent::Update => Fate::ChangedIfThere,
        Intent::Ensure => Fate::There,
    };
    let result = Peer {
        public_key: peer.public_key.0,
        preshared_key: peer.preshared_key().map(|key| *key.as_bytes()),
        fate,
        endpoint,
        keepalive: peer.persistent_keepalive.map(|span| (span.lo, span.hi)),
        label: peer
            .label
            .map(|label| label.to_str().expect("it is text").into()),
        is_fixed: peer.fixed_endpoint,
        priority: peer.priority,
        mark: peer.mark,
        profile,
        replaces_allowed_ips: peer.replaces_allowed_ips(),
        allowed_ips: peer
            .allowed_ips()
            .map(|element| allowed_ip(info, element))
            .collect(),
    };
    check_whole(&result, peer.into_whole());
    result
}

fn check_whole(peer: &Peer, whole: PeerRequest<'_>) {
    assert!(whole.replaces_allowed_ips());
    let key = whole.preshared_key().map(|key| *key.as_bytes());
    assert_eq!(key, Some(peer.preshared_key.unwrap_or([0; 32])));
    let keepalive = whole.persistent_keepalive.map(|span| (span.lo, span.hi));
    assert_eq!(keepalive, Some(peer.keepalive.unwrap_or((0, 0))));
    let label = whole.label.map(|label| label.to_str().expect("it is text"));
    assert_eq!(label, Some(peer.label.as_deref().unwrap_or_default()));
    assert_eq!(whole.fixed_endpoint, Some(peer.is_fixed.unwrap_or(false)));
    assert_eq!(whole.priority, Some(peer.priority.unwrap_or(0)));
    assert_eq!(whole.mark, Some(peer.mark.unwrap_or(0)));
}

fn allowed_ip(info: &Info<'_>, element: Attr<'_>) -> AllowedIp {
    let request = AllowedIpRequest::read(info, element).expect("it was read before");
    AllowedIp {
        network: request.ip.ip(),
        cidr: request.ip.cidr(),
        is_removed: request.is_removal,
    }
}
