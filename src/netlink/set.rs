// SPDX-License-Identifier: GPL-2.0

//! `WG_CMD_SET_DEVICE`: changes to a device, its peers and their allowed IPs.
//!
//! A request is read twice. The first time it is only judged, to its last allowed IP; the second
//! time it is carried out, element by element, out of the same bytes. So nothing is allocated to
//! hold it, and what can be known to be wrong with it is known before anything changes: a malformed
//! request, a lack of permission or a port that cannot be bound change nothing. Only when memory
//! runs out, or the limit of peers is reached, do the elements before the failing one remain.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kernel::prelude::*;

use super::{lookup, policy, uapi::*};
use crate::{
    allowed_ips::AllowedIp,
    config::Configuration,
    crypto::Key,
    device::Device,
    endpoint::Endpoint,
    kapi::{
        net::{
            addr::Family,
            genetlink::{Attr, Do, Info, Policy, Step, Table},
            rtnl, //
        },
        sync::rcu::RcuArc, //
    },
    peer::Peer,
    proto::{messages::PublicKey, time::WallTime}, //
};

/// The handler of `WG_CMD_SET_DEVICE`.
pub(super) enum SetDevice {}

impl Do for SetDevice {
    const POLICY: &'static [Policy] = &policy::SET_DEVICE;

    const SECRETS: &'static [&'static [Step]] = &[
        &[Step::Type(WGDEVICE_A_PRIVATE_KEY)],
        &[
            Step::Type(WGDEVICE_A_PEERS),
            Step::Element,
            Step::Type(WGPEER_A_PRESHARED_KEY),
        ],
    ];

    fn run(request: &Info<'_>) -> Result {
        let (_netdev, device) = lookup(request)?;
        let change = DeviceChange::read(request)?;
        let _rtnl = rtnl::lock();
        let mut config = Device::configure(&device);
        change.apply(request, &mut config)
    }
}

/// What a request wants of a device; every part of it is well-formed.
struct DeviceChange<'a> {
    flags: u32,
    listen_port: Option<Change<'a, u16>>,
    fwmark: Option<Change<'a, u32>>,
    private_key: Option<&'a [u8; 32]>,
    peers: Option<Attr<'a>>,
}

/// A value, and the attribute to blame if it cannot be had.
struct Change<'a, T> {
    value: T,
    attr: Attr<'a>,
}

impl<'a> DeviceChange<'a> {
    fn read(request: &Info<'a>) -> Result<Self> {
        let attr = |ty| request.attr(ty);
        let change = Self {
            flags: read(attr(WGDEVICE_A_FLAGS), Attr::u32)?.unwrap_or(0),
            listen_port: blamable(attr(WGDEVICE_A_LISTEN_PORT), Attr::u16)?,
            fwmark: blamable(attr(WGDEVICE_A_FWMARK), Attr::u32)?,
            private_key: read(attr(WGDEVICE_A_PRIVATE_KEY), Attr::array)?,
            peers: attr(WGDEVICE_A_PEERS),
        };
        for element in elements(change.peers) {
            let peer = PeerChange::read(request, element)?;
            for element in peer.allowed_ips() {
                AllowedIpChange::read(request, element)?;
            }
        }
        Ok(change)
    }

    fn apply(&self, request: &Info<'a>, config: &mut Configuration<'_>) -> Result {
        self.check_permission(request, config)?;
        self.apply_listen_port(request, config)?;
        config.bump_generation();
        if let Some(fwmark) = &self.fwmark {
            config.set_fwmark(fwmark.value);
        }
        let listed_before = self.remove_unlisted_peers(request, config)?;
        if let Some(key) = self.private_key {
            config.set_private_key(Key::fill_with(|bytes| bytes.copy_from_slice(key)))?;
        }
        elements(self.peers).try_for_each(|element| {
            let change = PeerChange::read(request, element)?;
            change.apply(request, element, config, listed_before)
        })
    }

    /// Removes the peers that are to be replaced and are not listed again.
    ///
    /// Programs send all they know whenever they are told to look into their files: sessions with
    /// peers that stay must survive that. Those peers have places before the one returned.
    fn remove_unlisted_peers(
        &self,
        request: &Info<'a>,
        config: &mut Configuration<'_>,
    ) -> Result<u64> {
        if self.flags & WGDEVICE_F_REPLACE_PEERS == 0 {
            return Ok(0);
        }
        let end = config.next_place();
        for element in elements(self.peers) {
            if let Some(peer) = PeerChange::read(request, element)?.same_peer(config) {
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

    /// The port and the mark act in the network namespace that the device was created in, which is
    /// not where the requester has been found to be an administrator.
    fn check_permission(&self, request: &Info<'_>, config: &Configuration<'_>) -> Result {
        let port = self.listen_port.as_ref().map(|change| change.attr);
        let mark = self.fwmark.as_ref().map(|change| change.attr);
        match port.or(mark) {
            Some(attr) if !config.is_administrable() => {
                Err(request.refuse_at(attr, EPERM, c"not an administrator of the creating netns"))
            }
            _ => Ok(()),
        }
    }

    fn apply_listen_port(&self, request: &Info<'_>, config: &mut Configuration<'_>) -> Result {
        let Some(port) = &self.listen_port else {
            return Ok(());
        };
        config
            .set_listen_port(port.value)
            .map_err(|error| request.refuse_at(port.attr, error, c"cannot listen on this port"))
    }
}

/// What a request wants of a peer; all but its allowed IPs is well-formed.
struct PeerChange<'a> {
    public_key: PublicKey,
    preshared_key: Option<&'a [u8; 32]>,
    flags: u32,
    /// [`None`] also for an address of no known form, which is ignored.
    endpoint: Option<Endpoint>,
    persistent_keepalive: Option<u16>,
    allowed_ips: Option<Attr<'a>>,
}

type PeerTable<'a> = Table<'a, { WGPEER_A_PROTOCOL_VERSION as usize + 1 }>;

impl<'a> PeerChange<'a> {
    fn read(request: &Info<'_>, element: Attr<'a>) -> Result<Self> {
        let refuse = |error, why| request.refuse_at(element, error, why);
        let table: PeerTable<'a> = element
            .nested()
            .map_err(|error| refuse(error, c"a peer is a list of attributes"))?;
        let Some(public_key) = read(table.get(WGPEER_A_PUBLIC_KEY), Attr::array)? else {
            return Err(refuse(EINVAL, c"a peer needs a public key"));
        };
        let version = read(table.get(WGPEER_A_PROTOCOL_VERSION), Attr::u32)?;
        if version.is_some_and(|version| version != WG_PROTOCOL_VERSION) {
            return Err(refuse(EPFNOSUPPORT, c"unknown protocol version"));
        }
        Ok(Self {
            public_key: PublicKey(*public_key),
            preshared_key: read(table.get(WGPEER_A_PRESHARED_KEY), Attr::array)?,
            flags: read(table.get(WGPEER_A_FLAGS), Attr::u32)?.unwrap_or(0),
            endpoint: table
                .get(WGPEER_A_ENDPOINT)
                .and_then(|attr| Endpoint::from_sockaddr(attr.payload())),
            persistent_keepalive: read(
                table.get(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL),
                Attr::u16,
            )?,
            allowed_ips: table.get(WGPEER_A_ALLOWEDIPS),
        })
    }

    /// The elements of the list of allowed IPs that count: none if the peer is to be removed.
    fn allowed_ips(&self) -> impl Iterator<Item = Attr<'a>> {
        elements(self.allowed_ips.filter(|_| !self.has(WGPEER_F_REMOVE_ME)))
    }

    fn preshared_key(&self) -> Option<Key> {
        self.preshared_key
            .map(|key| Key::fill_with(|bytes| bytes.copy_from_slice(key)))
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }

    /// Carries the change out. Those peers whose place is before `listed_before` stay in a list that
    /// replaces all peers.
    fn apply(
        self,
        request: &Info<'_>,
        element: Attr<'_>,
        config: &mut Configuration<'_>,
        listed_before: u64,
    ) -> Result {
        let Some(peer) = self
            .find_or_create(config)
            .map_err(|error| request.refuse_at(element, error, c"cannot create this peer"))?
        else {
            return Ok(());
        };
        if self.has(WGPEER_F_REMOVE_ME) {
            config.remove_peer(&peer);
            return Ok(());
        }
        if peer.place() >= listed_before {
            return self.apply_to(request, config, &peer);
        }
        config.move_to_end(&peer);
        self.into_whole().apply_to(request, config, &peer)
    }

    /// The same as the whole configuration of a peer: what it does not mention is not to be there.
    ///
    /// All but the endpoint, which may have been learned.
    fn into_whole(mut self) -> Self {
        self.preshared_key.get_or_insert(&[0; 32]);
        self.persistent_keepalive.get_or_insert(0);
        self.flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
        self
    }

    fn apply_to(
        &self,
        request: &Info<'_>,
        config: &mut Configuration<'_>,
        peer: &RcuArc<Peer>,
    ) -> Result {
        self.apply_keys_and_endpoint(peer);
        self.apply_allowed_ips(request, config, peer)?;
        if let Some(interval) = self.persistent_keepalive {
            Peer::set_persistent_keepalive(peer, interval, config);
        }
        if config.is_up() {
            Peer::flush_staged(peer);
        }
        Ok(())
    }

    /// The peer that is there already, if this is its whole configuration, its preshared key is the
    /// same as before, and it has had a session that is worth to be kept.
    fn same_peer(&self, config: &Configuration<'_>) -> Option<RcuArc<Peer>> {
        if self.has(WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY) {
            return None;
        }
        let wanted = self.preshared_key().unwrap_or_else(Key::zeroed);
        config
            .peer(&self.public_key)
            .filter(|peer| peer.last_handshake() != WallTime::default())
            .filter(|peer| peer.with_preshared_key(|key| key.ct_eq(&wanted)))
    }

    /// The peer to change, or [`None`] if there is nothing to do.
    ///
    /// A device is no peer of its own. A list of peers with its public key in it may well be given
    /// to all devices of a network, so this one is passed over in silence.
    fn find_or_create(&self, config: &mut Configuration<'_>) -> Result<Option<RcuArc<Peer>>> {
        let found = config.peer(&self.public_key);
        if found.is_some()
            || self.has(WGPEER_F_REMOVE_ME | WGPEER_F_UPDATE_ONLY)
            || config
                .identity()
                .is_some_and(|identity| *identity.keys().public() == self.public_key)
        {
            return Ok(found);
        }
        // With its key from the start: it can be heard of before this request is through.
        config
            .create_peer(self.public_key, self.preshared_key())
            .map(Some)
    }

    fn apply_keys_and_endpoint(&self, peer: &Peer) {
        if let Some(key) = self.preshared_key() {
            peer.set_preshared_key(key);
        }
        if let Some(endpoint) = self.endpoint {
            peer.endpoint.set(endpoint);
        }
    }

    /// A list that replaces what the peer has takes effect before that is removed: packets find their
    /// way all the time.
    fn apply_allowed_ips(
        &self,
        request: &Info<'_>,
        config: &mut Configuration<'_>,
        peer: &RcuArc<Peer>,
    ) -> Result {
        let start = config.moment();
        self.apply_each_allowed_ip(request, config, peer)?;
        if self.has(WGPEER_F_REPLACE_ALLOWEDIPS) {
            config.remove_allowed_ips_before(peer, start);
        }
        Ok(())
    }

    fn apply_each_allowed_ip(
        &self,
        request: &Info<'_>,
        config: &mut Configuration<'_>,
        peer: &RcuArc<Peer>,
    ) -> Result {
        self.allowed_ips().try_for_each(|element| {
            let change = AllowedIpChange::read(request, element)?;
            if change.is_removal {
                config.remove_allowed_ip(change.ip, peer);
                return Ok(());
            }
            config
                .insert_allowed_ip(change.ip, peer)
                .map_err(|error| request.refuse_at(element, error, c"cannot add this allowed IP"))
        })
    }
}

/// What a request wants of an allowed IP.
struct AllowedIpChange {
    ip: AllowedIp,
    is_removal: bool,
}

type AllowedIpTable<'a> = Table<'a, { WGALLOWEDIP_A_FLAGS as usize + 1 }>;

impl AllowedIpChange {
    fn read(request: &Info<'_>, element: Attr<'_>) -> Result<Self> {
        let refuse = |why| request.refuse_at(element, EINVAL, why);
        let table: AllowedIpTable<'_> = element
            .nested()
            .map_err(|_| refuse(c"an allowed IP is a list of attributes"))?;
        let (Some(family), Some(address), Some(cidr)) = (
            read(table.get(WGALLOWEDIP_A_FAMILY), Attr::u16)?,
            table.get(WGALLOWEDIP_A_IPADDR),
            read(table.get(WGALLOWEDIP_A_CIDR_MASK), Attr::u8)?,
        ) else {
            return Err(refuse(
                c"an allowed IP needs a family, an address and a mask",
            ));
        };
        let address = read_address(family, address)
            .ok_or_else(|| refuse(c"an allowed IP is an IPv4 or an IPv6 address"))?;
        let flags = read(table.get(WGALLOWEDIP_A_FLAGS), Attr::u32)?.unwrap_or(0);
        Ok(Self {
            ip: AllowedIp::new(address, cidr)
                .map_err(|_| refuse(c"a mask is no longer than its address"))?,
            is_removal: flags & WGALLOWEDIP_F_REMOVE_ME != 0,
        })
    }
}

/// The address of `family` that an attribute holds, if its length is right.
fn read_address(family: u16, attr: Attr<'_>) -> Option<IpAddr> {
    if family == Family::V4.number() {
        return attr
            .array()
            .ok()
            .map(|&[a, b, c, d]| Ipv4Addr::new(a, b, c, d).into());
    }
    if family == Family::V6.number() {
        return attr
            .array::<16>()
            .ok()
            .map(|&octets| Ipv6Addr::from(octets).into());
    }
    None
}

/// Reads an attribute that may be absent.
fn read<'a, T>(
    attr: Option<Attr<'a>>,
    get: impl FnOnce(&Attr<'a>) -> Result<T>,
) -> Result<Option<T>> {
    attr.as_ref().map(get).transpose()
}

/// Like [`read`], and keeps the attribute.
fn blamable<'a, T>(
    attr: Option<Attr<'a>>,
    get: impl FnOnce(&Attr<'a>) -> Result<T>,
) -> Result<Option<Change<'a, T>>> {
    attr.map(|attr| get(&attr).map(|value| Change { value, attr }))
        .transpose()
}

/// The elements of an array that may be absent.
fn elements(array: Option<Attr<'_>>) -> impl Iterator<Item = Attr<'_>> {
    array.into_iter().flat_map(|array| array.elements())
}
