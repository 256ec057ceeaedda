// SPDX-License-Identifier: GPL-2.0

//! Carries out a request that is well-formed, with the supplies that it takes.
//!
//! Nothing of this fails: the errors are for supplies that do not suffice, which were counted under
//! the locks that are still held.

use core::mem;

use kernel::prelude::*;

use super::{
    request::{AllowedIpRequest, DeviceRequest, Intent, PeerRequest},
    supplies::Supplies, //
};
use crate::{
    allowed_ips::Reserve,
    config::{BindingChange, Configuration},
    crypto::Key,
    events::Event,
    kapi::{net::genetlink::Info, sync::rcu::RcuArc},
    peer::Peer,
    proto::time::WallTime, //
};

/// Carries a request out.
pub(super) fn apply(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    mut supplies: Supplies,
    config: &mut Configuration<'_>,
) -> Result {
    config.bump_generation();
    config.set_binding(mem::replace(&mut supplies.binding, BindingChange::None));
    if let Some(fwmark) = &wanted.fwmark {
        config.set_fwmark(fwmark.value);
    }
    if let Some(dscp) = supplies.dscp.take() {
        config.set_dscp(dscp);
    }
    if let Some(hold) = supplies.hold_unknown.take() {
        config.set_hold_unknown(hold);
    }
    if let Some(wardrobe) = supplies.wardrobe.take() {
        config.set_wardrobe(wardrobe);
    }
    if let Some(follows) = wanted.carrier {
        config.set_carrier_follows(follows);
    }
    if let Some(classes) = wanted.event_classes {
        config.set_event_classes(classes);
    }
    if let Some(follows) = wanted.path_mtu {
        config.set_path_mtu_follows(follows);
    }
    let listed_before = remove_unlisted_peers(request, wanted, config)?;
    if let Some(identity) = supplies.identity.take() {
        config.set_identity(identity);
    }
    if wanted.removes_only() {
        wanted
            .peers()
            .filter_map(PeerRequest::key_of)
            .for_each(|key| config.remove_peer(&key));
        return Ok(());
    }
    wanted.peers().try_for_each(|element| {
        let change = PeerRequest::read(request, element)?;
        if change.intent() == Intent::Remove {
            config.remove_peer(&change.public_key);
            return Ok(());
        }
        let Some((peer, event)) = change.find_or_create(config, &mut supplies)? else {
            return Ok(());
        };
        // What is to be as if it had been removed is not there yet.
        if change.intent() == Intent::Update && peer.place() < listed_before {
            return Ok(());
        }
        let change = if peer.place() < listed_before {
            config.move_to_end(&peer);
            change.into_whole()
        } else {
            change
        };
        change.apply_to(request, config, &peer, &mut supplies)?;
        config.note_change(&peer);
        config.tell(&peer, event);
        config.resume(&peer);
        Ok(())
    })
}

/// Removes the peers that are to be replaced and are not listed again.
///
/// Programs send all they know whenever they are told to look into their files: sessions with
/// peers that stay must survive that. Those peers have places before the one returned.
fn remove_unlisted_peers(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &mut Configuration<'_>,
) -> Result<u64> {
    if !wanted.replaces_peers() {
        return Ok(0);
    }
    let end = config.next_place();
    for element in wanted.peers() {
        if let Some(peer) = PeerRequest::read(request, element)?.is_to_stay(config) {
            config.move_to_end(&peer);
        }
    }
    if config.next_place() == end {
        config.remove_all_peers();
    } else {
        config.remove_peers_before(end);
    }
    Ok(config.next_place())
}

impl PeerRequest<'_> {
    /// The peer that stays where all peers are replaced: if this is its whole configuration, its
    /// preshared key is the same as before, and it has had a session that is worth to be kept.
    pub(super) fn is_to_stay(&self, config: &Configuration<'_>) -> Option<RcuArc<Peer>> {
        if self.intent() != Intent::Ensure {
            return None;
        }
        let wanted = self.preshared_key().unwrap_or_else(Key::zeroed);
        config
            .peer(&self.public_key)
            .filter(|peer| peer.last_handshake() != WallTime::default())
            .filter(|peer| peer.with_preshared_key(|key| key.ct_eq(&wanted)))
    }

    /// The peer to change, and what that is; or [`None`] if there is nothing to do.
    ///
    /// A device is no peer of its own. A list of peers with its public key in it may well be given
    /// to all devices of a network, so this one is passed over in silence.
    fn find_or_create(
        &self,
        config: &mut Configuration<'_>,
        supplies: &mut Supplies,
    ) -> Result<Option<(RcuArc<Peer>, Event)>> {
        let found = config.peer(&self.public_key);
        if found.is_some()
            || self.intent() != Intent::Ensure
            || config.public_key() == Some(self.public_key)
        {
            return Ok(found.map(|peer| (peer, Event::PeerChanged)));
        }
        // With its key from the start: it can be heard of before this request is through.
        let room = supplies.peers.pop().ok_or(ENOMEM)?;
        let key = match self.preshared_key() {
            Some(key) if !key.is_zero() => {
                let mut place = supplies.keys.pop().ok_or(ENOMEM)?;
                place.as_mut_bytes().copy_from_slice(key.as_bytes());
                Some(place)
            }
            Some(_) | None => None,
        };
        let peer = config.create_peer(self.public_key, key, room);
        Ok(Some((peer, Event::PeerAdded)))
    }

    fn apply_to(
        &self,
        request: &Info<'_>,
        config: &mut Configuration<'_>,
        peer: &RcuArc<Peer>,
        supplies: &mut Supplies,
    ) -> Result {
        if let Some(key) = self.preshared_key() {
            peer.set_preshared_key(&key, || supplies.keys.pop())?;
        }
        if let Some(label) = self.label {
            peer.set_label(label, || supplies.labels.pop())?;
        }
        if self.marks() {
            peer.set_marking(self.mark, self.priority, || supplies.markings.pop())?;
        }
        if let Some(is_fixed) = self.fixed_endpoint {
            peer.endpoint.set_fixed(is_fixed);
        }
        if let Some(profile) = &self.profile {
            peer.set_profile(profile.value);
        }
        if let Some(endpoint) = self.endpoint {
            peer.endpoint.set(endpoint);
        }
        self.apply_allowed_ips(request, config, peer, &mut supplies.allowed_ips)?;
        if let Some(interval) = self.persistent_keepalive {
            Peer::set_persistent_keepalive(peer, interval, config);
        }
        if config.is_up() {
            Peer::flush_staged(peer);
        }
        Ok(())
    }

    /// A list that replaces what the peer has takes effect before that is removed: packets find their
    /// way all the time.
    fn apply_allowed_ips(
        &self,
        request: &Info<'_>,
        config: &mut Configuration<'_>,
        peer: &RcuArc<Peer>,
        reserve: &mut Reserve<Peer>,
    ) -> Result {
        let start = config.moment();
        for element in self.allowed_ips() {
            let AllowedIpRequest { ip, is_removal } = AllowedIpRequest::read(request, element)?;
            if is_removal {
                config.remove_allowed_ip(ip, peer);
            } else {
                config.insert_allowed_ip(ip, peer, reserve)?;
            }
        }
        if self.replaces_allowed_ips() {
            config.remove_allowed_ips_before(peer, start);
        }
        Ok(())
    }
}
