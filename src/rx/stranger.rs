// SPDX-License-Identifier: GPL-2.0

//! Context: that of [`super::handshake`].
//! Input:   an initiation whose sender is not configured.
//! Output:  an announcement, if somebody wants to hear of it; the initiation is held.
//! Next:    [`super::handshake`] once more, if the peer is configured in time.

use kernel::{
    prelude::*,
    sync::{rcu, Arc}, //
};

use super::handshake;
use crate::{
    crypto::KernelCrypto,
    device::Device,
    devices,
    endpoint::Endpoint,
    identity::Identity,
    kapi::{
        log::debug_ratelimited,
        net::{addr::ShowSocketAddr, netns::Net, udp_tunnel::Origin},
        sync::rcu::RcuArc, //
    },
    netlink,
    proto::{
        handshake::IncomingInitiation,
        identity::RemoteStatic,
        messages::{Initiation, PublicKey}, //
    },
    strangers::{Held, Reception},
    time::boot_now, //
};

/// Holds an initiation of an unknown sender and announces it, if that is wanted.
///
/// First it must be certain that the sender has the private key that belongs to the public one: that
/// takes no more than our own, and costs a Diffie-Hellman.
pub(super) fn meet(
    device: &Arc<Device>,
    identity: &RcuArc<Identity>,
    incoming: IncomingInitiation<'_, KernelCrypto>,
    message: &Initiation,
    origin: &Origin,
) -> Option<()> {
    let key = *incoming.remote_static();
    let net = invite(device, &key, origin)?;
    let remote = RemoteStatic::new(key, Some(identity.keys()));
    let timestamp = incoming.authenticate(&remote).ok()?.timestamp();
    let held = Held {
        key,
        timestamp,
        message: *message,
        origin: *origin,
        since: boot_now(),
    };
    let held = KBox::new(held, GFP_KERNEL).ok()?;
    let is_current = || {
        let ours = device.identity.get();
        ours.is_some_and(|ours| ours.ptr_eq(identity))
    };
    match device.strangers.hold(held, is_current) {
        Reception::Refused => return None,
        Reception::Again => {}
        Reception::First => {
            debug_ratelimited!(
                device.dev,
                "Holding handshake initiation of an unknown peer from {}",
                ShowSocketAddr(origin.source())
            );
            let endpoint = Endpoint::from_origin(origin);
            if netlink::announce_unknown_peer(&net, &device.dev, &key, &timestamp, endpoint)
                .is_err()
            {
                let _ = device.strangers.take(&key, boot_now());
                return None;
            }
        }
    }
    // Whoever has configured the peer before it was held has looked for it too early.
    if device.peers.find(&key).is_some() {
        handshake::resume(device, &key);
    }
    Some(())
}

/// Whether the sender of an initiation may be announced, and where to: there is somebody to listen
/// and a place to wait at, and not too many have come from the same source.
fn invite(device: &Device, key: &PublicKey, origin: &Origin) -> Option<Net> {
    if device.strangers.hold_millis() == 0 {
        return None;
    }
    let net = device.dev.net()?;
    let now = boot_now();
    let is_within_rate = || {
        let guard = rcu::read_lock();
        let creating_net = device.creating_net.id();
        devices::may_be_introduced(creating_net, origin.source().ip(), now, (&guard).into())
    };
    let is_welcome = netlink::has_unknown_peer_listeners(&net)
        && device.strangers.has_room(key, now)
        && is_within_rate();
    is_welcome.then_some(net)
}
