// SPDX-License-Identifier: GPL-2.0

//! What is told to whoever listens, without being asked.
//!
//! A message names peers in the same way as a dump does.

use core::time::Duration;

use kernel::prelude::*;

use super::{
    failure_number,
    uapi::*,
    AUTH_GROUP,
    CONFIG_GROUP,
    ENDPOINT_GROUP,
    LIVENESS_GROUP,
    SESSION_GROUP,
    UNKNOWN_PEERS_GROUP, //
};
use crate::{
    device::{Device, LinkKind},
    endpoint::Endpoint,
    events::{Class, End, Event, Handshake},
    kapi::net::{genetlink::Writer, netns::Net},
    labels::Labels,
    peer::Peer,
    proto::{handshake::Role, messages::PublicKey, tai64n::Timestamp},
    time::boot_now, //
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

/// Whether anybody in a network namespace listens to events of a class.
pub(crate) fn has_event_listeners(net: &Net, device: &Device, class: Class) -> bool {
    device.kind.family().has_listeners(net, group_of(class))
}

fn group_of(class: Class) -> usize {
    match class {
        Class::Config => CONFIG_GROUP,
        Class::Session => SESSION_GROUP,
        Class::Endpoint => ENDPOINT_GROUP,
        Class::Liveness => LIVENESS_GROUP,
    }
}

/// Tells them of an event, which has that number in its class: of a peer, if it is one of those, and by
/// which generation the configuration has changed, if it has.
pub(crate) fn announce_event(
    net: &Net,
    device: &Device,
    number: u32,
    event: &Event,
    peer: Option<&Peer>,
    generation: Option<u64>,
) -> Result {
    let family = device.kind.family();
    let group = group_of(event.class());
    family.announce(net, group, WG_CMD_EVENT, |message| {
        put_device(message, device)?;
        message.put_u32(WGDEVICE_A_EVENT, number_of(event))?;
        message.put_u32(WGDEVICE_A_EVENT_SEQ, number)?;
        if let Some(generation) = generation {
            message.put_u64(WGDEVICE_A_GENERATION, generation, WGDEVICE_A_UNSPEC)?;
        }
        let Some(peer) = peer else {
            return Ok(());
        };
        let mut list = message.nest(WGDEVICE_A_PEERS)?;
        let mut nest = list.nest(ELEMENT)?;
        nest.put(WGPEER_A_PUBLIC_KEY, &peer.public_key.0)?;
        if let Some(label) = Labels::of(peer) {
            nest.put_string(WGPEER_A_LABEL, label.as_c_str())?;
        }
        if let Some(endpoint) = peer.endpoint.snapshot() {
            nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())?;
        }
        put_details(&mut nest, peer, event)?;
        nest.end()?;
        list.end()
    })
}

fn number_of(event: &Event) -> u32 {
    match event {
        Event::PeerAdded => WGEVENT_PEER_ADDED,
        Event::PeerChanged => WGEVENT_PEER_CHANGED,
        Event::PeerRemoved => WGEVENT_PEER_REMOVED,
        Event::DeviceChanged => WGEVENT_DEVICE_CHANGED,
        Event::Begun(_) => WGEVENT_SESSION_BEGUN,
        Event::Rekeyed(_) => WGEVENT_SESSION_REKEYED,
        Event::Ended(_) => WGEVENT_SESSION_ENDED,
        Event::GaveUp => WGEVENT_HANDSHAKE_GIVEN_UP,
        Event::Roamed { .. } => WGEVENT_ROAMED,
        Event::Silent => WGEVENT_SILENT,
        Event::Back => WGEVENT_BACK,
    }
}

/// Writes what only events of this kind have.
fn put_details(nest: &mut Writer<'_>, peer: &Peer, event: &Event) -> Result {
    match event {
        Event::Begun(handshake) | Event::Rekeyed(handshake) => put_handshake(nest, handshake),
        Event::GaveUp => {
            let begun = peer.noise.lock().exchange().and_then(|tried| tried.begun);
            let took = begun.map_or(0, |begun| boot_now().0.saturating_sub(begun.0));
            let (role, took) = (Role::Initiator, Duration::from_nanos(took));
            put_handshake(nest, &Handshake { role, took })?;
            nest.put_u32(WGPEER_A_FAILURE, failure_number(peer.liveness.failure()))
        }
        Event::Ended(end) => {
            let why = match end {
                End::Expired => WGENDED_EXPIRED,
                End::Suspended => WGENDED_SUSPENDED,
            };
            nest.put_u32(WGPEER_A_ENDED, why)
        }
        Event::Roamed { from: Some(from) } => nest.put(WGPEER_A_OLD_ENDPOINT, &from.to_sockaddr()),
        Event::Roamed { from: None }
        | Event::PeerAdded
        | Event::PeerChanged
        | Event::PeerRemoved
        | Event::DeviceChanged
        | Event::Silent
        | Event::Back => Ok(()),
    }
}

fn put_handshake(nest: &mut Writer<'_>, Handshake { role, took }: &Handshake) -> Result {
    let role = match role {
        Role::Initiator => WGROLE_INITIATOR,
        Role::Responder => WGROLE_RESPONDER,
    };
    nest.put_u32(WGPEER_A_ROLE, role)?;
    let millis = took.as_millis() as u64;
    nest.put_u64(WGPEER_A_DURATION, millis, WGPEER_A_UNSPEC)
}

fn put_device(message: &mut Writer<'_>, device: &Device) -> Result {
    message.put_u32(WGDEVICE_A_IFINDEX, device.dev.ifindex())?;
    message.put_string(WGDEVICE_A_IFNAME, device.dev.name().as_c_str())
}

fn put_peer(nest: &mut Writer<'_>, key: &PublicKey, endpoint: Endpoint) -> Result {
    nest.put(WGPEER_A_PUBLIC_KEY, &key.0)?;
    nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())
}
