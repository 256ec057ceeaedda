// SPDX-License-Identifier: GPL-2.0

//! Context: that of [`super::handshake`].
//! Input:   an initiation whose sender is not configured.
//! Output:  an announcement, if somebody wants to hear of it; the initiation is held, if that is wanted.
//! Next:    [`super::handshake`] once more, if the peer is configured in time.

use kernel::{
    prelude::*,
    sync::{rcu, Arc}, //
};

use super::handshake;
use crate::{
    crypto::KernelCrypto,
    device::{Device, LinkKind},
    devices,
    drops::Reason,
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
    time::boot_now,
    wardrobe::Fits, //
};

/// Holds an initiation of an unknown sender and announces it, if that is wanted. Returns why it is dropped
/// if it is not held.
///
/// First it must be certain that the sender has the private key that belongs to the public one: that
/// takes no more than our own, and costs a Diffie-Hellman.
pub(super) fn meet(
    device: &Arc<Device>,
    identity: &RcuArc<Identity>,
    incoming: IncomingInitiation<'_, KernelCrypto>,
    message: &Initiation,
    origin: &Origin,
    fits: Fits,
) -> Result<(), Reason> {
    let key = *incoming.remote_static();
    let audience = Audience::of(device, &key, origin).ok_or(Reason::HsUnknownPeer)?;
    let remote = RemoteStatic::new(key, Some(identity.keys()));
    let authentic = incoming
        .authenticate(&remote)
        .map_err(handshake::reason_for)?;
    let timestamp = authentic.timestamp();
    let endpoint = Endpoint::from_origin(origin);
    if audience.is_at_auth {
        // Nobody waits for what a listener has missed.
        let _ = netlink::announce_to_auth(&audience.net, device, &key, endpoint);
    }
    if !audience.may_answer {
        return Err(Reason::HsUnknownPeer);
    }
    let held = Held {
        key,
        timestamp,
        message: *message,
        origin: *origin,
        fits,
        since: boot_now(),
    };
    let held = KBox::new(held, GFP_KERNEL).map_err(|_| Reason::HsNoMemory)?;
    let is_current = || {
        let ours = device.identity.get();
        ours.is_some_and(|ours| ours.ptr_eq(identity))
    };
    match device.strangers.hold(held, is_current) {
        Reception::Refused => return Err(Reason::HsUnknownPeer),
        Reception::Again => {}
        Reception::First => {
            debug_ratelimited!(
                device.dev,
                "Holding handshake initiation of an unknown peer from {}",
                ShowSocketAddr(origin.source())
            );
            let net = &audience.net;
            if netlink::announce_unknown_peer(net, device, &key, &timestamp, endpoint).is_err() {
                let _ = device.strangers.take(&key, boot_now());
                return Err(Reason::HsUnknownPeer);
            }
        }
    }
    // Whoever has configured the peer before it was held has looked for it too early.
    if device.peers.find(&key).is_some() {
        handshake::resume(device, &key);
    }
    Ok(())
}

/// Who wants to hear of an unknown sender.
struct Audience {
    /// Where they are.
    net: Net,
    /// AmneziaWG's listeners.
    is_at_auth: bool,
    /// Those that may configure the peer while its initiation is held.
    may_answer: bool,
}

impl Audience {
    /// Nobody either, if too many have come from the same source.
    fn of(device: &Device, key: &PublicKey, origin: &Origin) -> Option<Self> {
        let holds = device.strangers.hold_millis() != 0;
        if !holds && device.kind != LinkKind::AmneziaWg {
            return None;
        }
        let net = device.dev.net()?;
        let now = boot_now();
        let is_at_auth = netlink::has_auth_listeners(&net, device);
        let may_answer = holds
            && netlink::has_unknown_peer_listeners(&net, device)
            && device.strangers.has_room(key, now);
        let is_within_rate = || {
            let guard = rcu::read_lock();
            let creating_net = device.creating_net.id();
            devices::may_be_introduced(creating_net, origin.source().ip(), now, (&guard).into())
        };
        ((is_at_auth || may_answer) && is_within_rate()).then_some(Self {
            net,
            is_at_auth,
            may_answer,
        })
    }
}
