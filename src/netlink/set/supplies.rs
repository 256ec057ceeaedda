// SPDX-License-Identifier: GPL-2.0

//! What carrying a request out takes, and what may not be to be had.

use kernel::{
    prelude::*,
    rbtree::RBTree, //
};

use super::{
    profiles,
    request::{AllowedIpRequest, DeviceRequest, Intent, PeerRequest}, //
};
use crate::{
    allowed_ips::Reserve,
    binding::Binding,
    config::{BindingChange, Configuration, NewDscp, NewIdentity, NewWardrobe, PeerRoom},
    crypto::Key,
    kapi::net::{
        genetlink::{Attr, Info},
        udp_tunnel::ipv6_enabled, //
    },
    labels::LabelRoom,
    markings::MarkingRoom,
    peer::Peer,
    peers::KeyOrder,
    pile::Pile,
    proto::{constants::MAX_PEERS_PER_DEVICE, messages::PublicKey},
    strangers::HoldChange,
};

pub(super) const NO_MEMORY: &CStr = c"not enough memory";

/// All of it. What is left over at the end is given back.
pub(super) struct Supplies {
    pub(super) binding: BindingChange,
    /// [`None`] if the private key stays as it is.
    pub(super) identity: Option<NewIdentity>,
    /// [`None`] if initiations from unknown peers are held as before.
    pub(super) hold_unknown: Option<HoldChange>,
    /// [`None`] if the same DSCP show outside as before.
    pub(super) dscp: Option<NewDscp>,
    /// [`None`] if messages look as before.
    pub(super) wardrobe: Option<NewWardrobe>,
    pub(super) peers: Pile<PeerRoom>,
    /// Places for preshared keys.
    pub(super) keys: Pile<KBox<Key>>,
    pub(super) labels: Pile<LabelRoom>,
    pub(super) markings: Pile<MarkingRoom>,
    pub(super) allowed_ips: Reserve<Peer>,
}

impl Supplies {
    /// Gets it, or says why that cannot be; nothing has changed in either case.
    pub(super) fn gather(
        request: &Info<'_>,
        wanted: &DeviceRequest<'_>,
        config: &Configuration<'_>,
    ) -> Result<Self> {
        check_permission(request, wanted, config)?;
        let mut supplies = Self {
            binding: prepare_binding(request, wanted, config)?,
            identity: prepare_identity(request, wanted, config)?,
            hold_unknown: prepare_hold_unknown(request, wanted, config)?,
            dscp: prepare_dscp(request, wanted, config)?,
            wardrobe: profiles::prepare(request, config)?,
            peers: Pile::new(),
            keys: Pile::new(),
            labels: Pile::new(),
            markings: Pile::new(),
            allowed_ips: Reserve::new(),
        };
        // That takes no memory, so it never lacks it.
        if wanted.removes_only() {
            return Ok(supplies);
        }
        let mut forecast = Forecast::begin(request, wanted, config, supplies.identity.as_ref())
            .map_err(|error| request.refuse(error, NO_MEMORY))?;
        for element in wanted.peers() {
            let peer = PeerRequest::read(request, element)?;
            if forecast.is_there_after(request, element, &peer, &mut supplies.peers)? {
                profiles::check(request, &peer, supplies.wardrobe.as_ref(), config)?;
                reserve_key(request, element, &peer, &mut supplies.keys)?;
                reserve_label(request, element, &peer, &mut supplies.labels)?;
                reserve_marking(request, element, &peer, config, &mut supplies.markings)?;
                reserve_allowed_ips(request, &peer, &mut supplies.allowed_ips)?;
            }
        }
        Ok(supplies)
    }
}

/// Where is listened and how is sent acts in the network namespace that the device was created in, which
/// is not where the requester has been found to be an administrator.
fn check_permission(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &Configuration<'_>,
) -> Result {
    let attrs = [
        wanted.listen_port.as_ref().map(|port| port.attr),
        wanted.fwmark.as_ref().map(|mark| mark.attr),
        wanted.bind_ifindex.as_ref().map(|ifindex| ifindex.attr),
        wanted.listen_addresses.as_ref().map(|list| list.attr),
        wanted.dscp.as_ref().map(|dscp| dscp.attr),
    ];
    match attrs.into_iter().flatten().next() {
        Some(attr) => check_administrable(request, attr, config),
        None => Ok(()),
    }
}

fn check_administrable(request: &Info<'_>, attr: Attr<'_>, config: &Configuration<'_>) -> Result {
    if config.is_administrable() {
        return Ok(());
    }
    Err(request.refuse_at(attr, EPERM, c"not an administrator of the creating netns"))
}

fn prepare_binding(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &Configuration<'_>,
) -> Result<BindingChange> {
    let port = wanted.listen_port.as_ref();
    let ifindex = wanted.bind_ifindex.as_ref();
    let addresses = wanted.listen_addresses.as_ref();
    let parts = Parts {
        port: port.map(|port| port.attr),
        ifindex: ifindex.map(|ifindex| ifindex.attr),
        addresses: addresses.map(|addresses| addresses.attr),
    };
    let before = config.binding();
    let binding = Binding {
        port: port.map_or(before.port, |port| port.value),
        ifindex: ifindex.map_or(before.ifindex, |ifindex| ifindex.value),
        addresses: addresses.map_or(before.addresses, |addresses| addresses.value),
    };
    if binding.addresses.has_v6() && !ipv6_enabled() {
        return Err(parts.refuse(request, EAFNOSUPPORT, c"there is no IPv6"));
    }
    if binding.lacks_interface() {
        let why = c"a link-local address needs an interface to be bound to";
        return Err(parts.refuse(request, EINVAL, why));
    }
    config.prepare_binding(binding).map_err(|error| {
        let why = match error {
            ENODEV if binding.ifindex != 0 => c"there is no interface of this index",
            EADDRNOTAVAIL => c"an address to listen on is not local",
            EINVAL if !binding.addresses.are_all() => c"a broadcast address cannot be listened on",
            EADDRINUSE if !binding.addresses.are_all() => c"port and address are taken",
            _ => c"cannot listen on this port",
        };
        parts.refuse(request, error, why)
    })
}

/// What of a request says where to listen.
struct Parts<'a> {
    port: Option<Attr<'a>>,
    ifindex: Option<Attr<'a>>,
    addresses: Option<Attr<'a>>,
}

impl Parts<'_> {
    /// Blames what has most to do with an error. One of them is there: as before, nothing is wrong.
    fn refuse(&self, request: &Info<'_>, error: Error, why: &'static CStr) -> Error {
        let order = match error {
            ENODEV => [self.ifindex, self.addresses, self.port],
            EADDRNOTAVAIL | EAFNOSUPPORT | EINVAL => [self.addresses, self.ifindex, self.port],
            _ => [self.port, self.addresses, self.ifindex],
        };
        match order.into_iter().flatten().next() {
            Some(attr) => request.refuse_at(attr, error, why),
            None => request.refuse(error, why),
        }
    }
}

fn prepare_dscp(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &Configuration<'_>,
) -> Result<Option<NewDscp>> {
    let Some(dscp) = &wanted.dscp else {
        return Ok(None);
    };
    config
        .prepare_dscp(dscp.value)
        .map_err(|error| request.refuse_at(dscp.attr, error, NO_MEMORY))
}

fn prepare_identity(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &Configuration<'_>,
) -> Result<Option<NewIdentity>> {
    let Some(key) = wanted.private_key() else {
        return Ok(None);
    };
    config
        .prepare_identity(key.value)
        .map_err(|error| request.refuse_at(key.attr, error, NO_MEMORY))
}

/// A place for a preshared key, whether there is one already or not.
fn reserve_key(
    request: &Info<'_>,
    element: Attr<'_>,
    peer: &PeerRequest<'_>,
    keys: &mut Pile<KBox<Key>>,
) -> Result {
    if peer.preshared_key().is_none_or(|key| key.is_zero()) {
        return Ok(());
    }
    KBox::new(Key::zeroed(), GFP_KERNEL)
        .map_err(Error::from)
        .and_then(|place| keys.push(place))
        .map_err(|error| request.refuse_at(element, error, NO_MEMORY))
}

fn reserve_label(
    request: &Info<'_>,
    element: Attr<'_>,
    peer: &PeerRequest<'_>,
    labels: &mut Pile<LabelRoom>,
) -> Result {
    if peer.label.is_none_or(CStr::is_empty) {
        return Ok(());
    }
    LabelRoom::new()
        .and_then(|place| labels.push(place))
        .map_err(|error| request.refuse_at(element, error, NO_MEMORY))
}

fn reserve_marking(
    request: &Info<'_>,
    element: Attr<'_>,
    peer: &PeerRequest<'_>,
    config: &Configuration<'_>,
    markings: &mut Pile<MarkingRoom>,
) -> Result {
    if !peer.marks() {
        return Ok(());
    }
    check_administrable(request, element, config)?;
    MarkingRoom::new()
        .and_then(|place| markings.push(place))
        .map_err(|error| request.refuse_at(element, error, NO_MEMORY))
}

fn prepare_hold_unknown(
    request: &Info<'_>,
    wanted: &DeviceRequest<'_>,
    config: &Configuration<'_>,
) -> Result<Option<HoldChange>> {
    let Some(hold) = &wanted.hold_unknown else {
        return Ok(None);
    };
    config
        .prepare_hold_unknown(hold.value)
        .map_err(|error| request.refuse_at(hold.attr, error, NO_MEMORY))
}

fn reserve_allowed_ips(
    request: &Info<'_>,
    peer: &PeerRequest<'_>,
    reserve: &mut Reserve<Peer>,
) -> Result {
    peer.allowed_ips().try_for_each(|element| {
        let AllowedIpRequest { ip, is_removal } = AllowedIpRequest::read(request, element)?;
        if is_removal {
            return Ok(());
        }
        reserve
            .add(&ip)
            .map_err(|error| request.refuse_at(element, error, NO_MEMORY))
    })
}

/// Which peers there will be, followed from one element of a request to the next.
struct Forecast<'c> {
    config: &'c Configuration<'c>,
    /// The device's public key, once the request has been carried out.
    own: Option<PublicKey>,
    /// Whether peers go that are not known to stay.
    replaces_peers: bool,
    /// Peers that will be there, or not, other than now.
    known: RBTree<KeyOrder, bool>,
    count: usize,
}

impl<'c> Forecast<'c> {
    /// The state before the first element.
    fn begin(
        request: &Info<'_>,
        wanted: &DeviceRequest<'_>,
        config: &'c Configuration<'c>,
        identity: Option<&NewIdentity>,
    ) -> Result<Self> {
        let replaces_peers = wanted.replaces_peers();
        let mut this = Self {
            config,
            own: match identity {
                Some(identity) => identity.public_key(),
                None => config.public_key(),
            },
            replaces_peers,
            known: RBTree::new(),
            count: if replaces_peers {
                0
            } else {
                config.peer_count()
            },
        };
        if replaces_peers {
            this.note_those_that_stay(request, wanted)?;
        }
        if let Some(own) = this.own.filter(|_| identity.is_some()) {
            this.note(&own, false)?;
        }
        Ok(this)
    }

    fn note_those_that_stay(&mut self, request: &Info<'_>, wanted: &DeviceRequest<'_>) -> Result {
        for element in wanted.peers() {
            let peer = PeerRequest::read(request, element)?;
            if peer.is_to_stay(self.config).is_some() {
                self.note(&peer.public_key, true)?;
            }
        }
        Ok(())
    }

    /// Whether a peer will be there after its element has been carried out. If it has to be
    /// created, room for it is put on the pile.
    fn is_there_after(
        &mut self,
        request: &Info<'_>,
        element: Attr<'_>,
        peer: &PeerRequest<'_>,
        rooms: &mut Pile<PeerRoom>,
    ) -> Result<bool> {
        let key = &peer.public_key;
        let refuse = |error| request.refuse_at(element, error, NO_MEMORY);
        match (peer.intent(), self.is_there(key)) {
            (Intent::Remove, is_there) => {
                if is_there {
                    self.note(key, false).map_err(refuse)?;
                }
                Ok(false)
            }
            (Intent::Update, is_there) => Ok(is_there),
            (Intent::Ensure, true) => Ok(true),
            (Intent::Ensure, false) if self.own.as_ref() == Some(key) => Ok(false),
            (Intent::Ensure, false) => {
                if self.count >= MAX_PEERS_PER_DEVICE {
                    return Err(request.refuse_at(
                        element,
                        ENOMEM,
                        c"there are 2^20 peers already",
                    ));
                }
                PeerRoom::new()
                    .and_then(|room| rooms.push(room))
                    .and_then(|()| self.note(key, true))
                    .map_err(refuse)?;
                Ok(true)
            }
        }
    }

    fn is_there(&self, key: &PublicKey) -> bool {
        match self.known.get(&key.into()) {
            Some(&is_there) => is_there,
            None => !self.replaces_peers && self.config.peer(key).is_some(),
        }
    }

    fn note(&mut self, key: &PublicKey, is_there: bool) -> Result {
        match (self.is_there(key), is_there) {
            (false, true) => self.count = self.count.saturating_add(1),
            (true, false) => self.count = self.count.saturating_sub(1),
            (true, true) | (false, false) => {}
        }
        match self.known.get_mut(&key.into()) {
            Some(known) => *known = is_there,
            None => {
                let created = self
                    .known
                    .try_create_and_insert(key.into(), is_there, GFP_KERNEL);
                drop(created?);
            }
        }
        Ok(())
    }
}
