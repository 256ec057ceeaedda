// SPDX-License-Identifier: GPL-2.0

//! What a request says: attributes read as values, and refused where they make no sense.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kernel::prelude::*;

use super::super::{policy::LAST_OF_PEER, uapi::*};
use crate::{
    allowed_ips::AllowedIp,
    binding::{self, ListenAddresses},
    crypto::Key,
    dscp::{self, Dscp},
    endpoint::Endpoint,
    events::Class,
    kapi::net::{
        addr::Family,
        genetlink::{Attr, Info, Table}, //
    },
    label::{Label, Unfit},
    proto::{awg::Span, messages::PublicKey}, //
};

/// What a request wants of a device; every part of it is well-formed.
pub(super) struct DeviceRequest<'a> {
    flags: u32,
    pub(super) listen_port: Option<Blamable<'a, u16>>,
    pub(super) bind_ifindex: Option<Blamable<'a, u32>>,
    pub(super) listen_addresses: Option<Blamable<'a, ListenAddresses>>,
    pub(super) fwmark: Option<Blamable<'a, u32>>,
    /// What of the packets' own DSCP is to show outside, if any of it is.
    pub(super) dscp: Option<Blamable<'a, Option<Dscp>>>,
    private_key: Option<Blamable<'a, &'a [u8; 32]>>,
    /// In milliseconds.
    pub(super) hold_unknown: Option<Blamable<'a, u16>>,
    /// Whether there is to be a carrier only while any peer is alive.
    pub(super) carrier: Option<bool>,
    /// Of which classes there are to be events.
    pub(super) event_classes: Option<u32>,
    /// Whether senders are to be told what the paths to peers take.
    pub(super) path_mtu: Option<bool>,
    peers: Option<Attr<'a>>,
    /// Whether all peers listed are to be removed, if any are.
    removes_only: bool,
}

/// A value, and the attribute to blame if it cannot be had.
pub(super) struct Blamable<'a, T> {
    pub(super) value: T,
    pub(super) attr: Attr<'a>,
}

impl<'a> DeviceRequest<'a> {
    /// Reads a request to its end. The errors are those that user space gets.
    pub(super) fn read(request: &Info<'a>) -> Result<Self> {
        let attr = |ty| request.attr(ty);
        let mut this = Self {
            flags: read(attr(WGDEVICE_A_FLAGS), Attr::u32)?.unwrap_or(0),
            listen_port: blamable(attr(WGDEVICE_A_LISTEN_PORT), Attr::u16)?,
            bind_ifindex: blamable(attr(WGDEVICE_A_BIND_IFINDEX), Attr::u32)?,
            listen_addresses: blamable(attr(WGDEVICE_A_LISTEN_ADDRESSES), |attr| {
                read_addresses(request, attr)
            })?,
            fwmark: blamable(attr(WGDEVICE_A_FWMARK), Attr::u32)?,
            dscp: blamable(attr(WGDEVICE_A_DSCP), |attr| read_dscp(request, attr))?,
            private_key: blamable(attr(WGDEVICE_A_PRIVATE_KEY), Attr::array)?,
            hold_unknown: blamable(attr(WGDEVICE_A_HOLD_UNKNOWN), Attr::u16)?,
            carrier: read_bool(request, attr(WGDEVICE_A_CARRIER), c"Carrier")?,
            event_classes: attr(WGDEVICE_A_EVENT_CLASSES)
                .map(|attr| read_classes(request, attr))
                .transpose()?,
            path_mtu: read_bool(request, attr(WGDEVICE_A_PATH_MTU), c"PathMTU")?,
            peers: attr(WGDEVICE_A_PEERS),
            removes_only: true,
        };
        for element in this.peers() {
            let peer = PeerRequest::read(request, element)?;
            this.removes_only &= peer.intent() == Intent::Remove;
            for element in peer.allowed_ips() {
                AllowedIpRequest::read(request, element)?;
            }
        }
        Ok(this)
    }

    /// Whether the peers listed are to be the only ones.
    pub(super) fn replaces_peers(&self) -> bool {
        self.flags & WGDEVICE_F_REPLACE_PEERS != 0
    }

    /// Whether no peer but those that are to be removed is listed.
    pub(super) fn removes_only(&self) -> bool {
        self.removes_only
    }

    /// The private key that the device is to have.
    pub(super) fn private_key(&self) -> Option<Blamable<'a, Key>> {
        self.private_key.as_ref().map(|key| Blamable {
            value: copy(key.value),
            attr: key.attr,
        })
    }

    /// The elements of the list of peers.
    pub(super) fn peers(&self) -> impl Iterator<Item = Attr<'a>> {
        elements(self.peers)
    }
}

/// What a request wants of a peer; all but its allowed IPs is well-formed.
pub(super) struct PeerRequest<'a> {
    pub(super) public_key: PublicKey,
    preshared_key: Option<&'a [u8; 32]>,
    flags: u32,
    /// [`None`] also for an address of no known form, which is ignored.
    pub(super) endpoint: Option<Endpoint>,
    pub(super) persistent_keepalive: Option<Span<u16>>,
    /// What the peer is to be called; empty for nothing.
    pub(super) label: Option<&'a CStr>,
    /// Whether the peer is to be only where users say it is.
    pub(super) fixed_endpoint: Option<bool>,
    pub(super) profile: Option<Blamable<'a, u8>>,
    /// What queueing disciplines are to go by, and the mark; zero for what others have.
    pub(super) priority: Option<u32>,
    pub(super) mark: Option<u32>,
    allowed_ips: Option<Attr<'a>>,
}

/// What is to become of a peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// It is not to be there any more.
    Remove,
    /// It is to be changed if it is there.
    Update,
    /// It is to be there.
    Ensure,
}

type PeerTable<'a> = Table<'a, { LAST_OF_PEER + 1 }>;

impl<'a> PeerRequest<'a> {
    /// Reads an element of the list of peers.
    pub(super) fn read(request: &Info<'_>, element: Attr<'a>) -> Result<Self> {
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
            persistent_keepalive: table
                .get(WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL)
                .map(|attr| read_keepalive(request, attr))
                .transpose()?,
            label: table
                .get(WGPEER_A_LABEL)
                .map(|attr| read_label(request, attr))
                .transpose()?,
            fixed_endpoint: read_bool(
                request,
                table.get(WGPEER_A_FIXED_ENDPOINT),
                c"FixedEndpoint",
            )?,
            profile: blamable(table.get(WGPEER_A_PROFILE), Attr::u8)?,
            priority: read(table.get(WGPEER_A_PRIORITY), Attr::u32)?,
            mark: read(table.get(WGPEER_A_MARK), Attr::u32)?,
            allowed_ips: table.get(WGPEER_A_ALLOWEDIPS),
        })
    }

    /// The public key in an element that has been read before, for who needs nothing else of it.
    pub(super) fn key_of(element: Attr<'_>) -> Option<PublicKey> {
        let keys = element
            .elements()
            .filter(|attr| attr.ty() == WGPEER_A_PUBLIC_KEY);
        keys.last()?.array().ok().copied().map(PublicKey)
    }

    /// What is to become of the peer.
    pub(super) fn intent(&self) -> Intent {
        if self.has(WGPEER_F_REMOVE_ME) {
            Intent::Remove
        } else if self.has(WGPEER_F_UPDATE_ONLY) {
            Intent::Update
        } else {
            Intent::Ensure
        }
    }

    /// Whether the allowed IPs listed are to be the only ones.
    pub(super) fn replaces_allowed_ips(&self) -> bool {
        self.has(WGPEER_F_REPLACE_ALLOWEDIPS)
    }

    /// The elements of the list of allowed IPs that count: none if the peer is to be removed.
    pub(super) fn allowed_ips(&self) -> impl Iterator<Item = Attr<'a>> {
        elements(self.allowed_ips.filter(|_| self.intent() != Intent::Remove))
    }

    /// The preshared key that the peer is to have.
    pub(super) fn preshared_key(&self) -> Option<Key> {
        self.preshared_key.map(copy)
    }

    /// The same as the whole configuration of a peer: what it does not mention is not to be there.
    ///
    /// All but the endpoint and the profile, which may have been learned.
    pub(super) fn into_whole(mut self) -> Self {
        self.preshared_key.get_or_insert(&[0; 32]);
        self.persistent_keepalive.get_or_insert(Span::single(0));
        self.label.get_or_insert(c"");
        self.fixed_endpoint.get_or_insert(false);
        self.priority.get_or_insert(0);
        self.mark.get_or_insert(0);
        self.flags |= WGPEER_F_REPLACE_ALLOWEDIPS;
        self
    }

    /// Whether it says how what is sent to the peer is marked.
    pub(super) fn marks(&self) -> bool {
        self.priority.is_some() || self.mark.is_some()
    }

    fn has(&self, flag: u32) -> bool {
        self.flags & flag != 0
    }
}

/// What a request wants of an allowed IP.
pub(super) struct AllowedIpRequest {
    pub(super) ip: AllowedIp,
    pub(super) is_removal: bool,
}

type AllowedIpTable<'a> = Table<'a, { WGALLOWEDIP_A_FLAGS as usize + 1 }>;

impl AllowedIpRequest {
    /// Reads an element of the list of allowed IPs.
    pub(super) fn read(request: &Info<'_>, element: Attr<'_>) -> Result<Self> {
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

/// In seconds: one number, or both ends of a range.
fn read_keepalive(request: &Info<'_>, attr: Attr<'_>) -> Result<Span<u16>> {
    let refuse = |why| request.refuse_at(attr, EINVAL, why);
    let span = match attr.u16() {
        Ok(secs) => Span::single(secs),
        Err(_) => attr
            .u32()
            .map(range)
            .map_err(|_| refuse(c"PersistentKeepalive must have 16 bits, or twice as many"))?,
    };
    if span.is_inverted() {
        return Err(refuse(
            c"PersistentKeepalive: the range must not end before it begins",
        ));
    }
    Ok(span)
}

/// What a peer is to be called.
fn read_label<'a>(request: &Info<'_>, attr: Attr<'a>) -> Result<&'a CStr> {
    let refuse = |why| request.refuse_at(attr, EINVAL, why);
    let text = attr.string()?;
    if text.to_bytes_with_nul().len() != attr.payload().len() {
        return Err(refuse(c"a label must not go on behind a NUL"));
    }
    Label::check(text).map_err(|unfit| {
        refuse(match unfit {
            Unfit::TooLong => c"a label has 64 bytes at most",
            Unfit::NotUtf8 => c"a label must be UTF-8",
            Unfit::Control => c"a label must not have control characters",
            Unfit::Direction => c"a label must not have characters that turn text around",
        })
    })?;
    Ok(text)
}

/// The addresses that are to be listened on.
fn read_addresses(request: &Info<'_>, attr: &Attr<'_>) -> Result<ListenAddresses> {
    use binding::Unfit;

    let mut addresses = ListenAddresses::ALL;
    for element in attr.elements() {
        addresses.add(element.payload()).map_err(|unfit| {
            let why = match unfit {
                Unfit::Length => c"an address to listen on has 4 bytes or 16",
                Unfit::Second => c"one address of each family can be listened on",
                Unfit::Unspecified => c"all addresses are listened on if none is given",
                Unfit::Multicast => c"a multicast address cannot be listened on",
                Unfit::Broadcast => c"a broadcast address cannot be listened on",
                Unfit::Mapped => c"an address of IPv4 has 4 bytes",
            };
            request.refuse_at(element, EINVAL, why)
        })?;
    }
    Ok(addresses)
}

/// Which DSCP is to show outside.
fn read_dscp(request: &Info<'_>, attr: &Attr<'_>) -> Result<Option<Dscp>> {
    use dscp::Unfit;

    Dscp::read(attr.payload()).map_err(|unfit| {
        let why = match unfit {
            Unfit::Length => c"DSCP has no byte, one for all packets, or 64",
            Unfit::Point => c"a DSCP is at most 63",
        };
        request.refuse_at(*attr, EINVAL, why)
    })
}

/// Whether something is to be so.
fn read_bool(request: &Info<'_>, attr: Option<Attr<'_>>, name: &CStr) -> Result<Option<bool>> {
    let Some(attr) = attr else {
        return Ok(None);
    };
    match attr.u8()? {
        0 => Ok(Some(false)),
        1 => Ok(Some(true)),
        _ => Err(request.refuse_named(attr, EINVAL, name, c"must be 0 or 1")),
    }
}

/// Of which classes there are to be events.
fn read_classes(request: &Info<'_>, attr: Attr<'_>) -> Result<u32> {
    let classes = attr.u32()?;
    if classes & !Class::ALL != 0 {
        return Err(request.refuse_at(attr, EINVAL, c"there are no events of this class"));
    }
    Ok(classes)
}

/// A range of 16-bit numbers in 32 bits: the end in the upper half.
pub(super) fn range(bits: u32) -> Span<u16> {
    Span::new(bits as u16, (bits >> 16) as u16)
}

/// Takes a key out of a request, which is wiped when it has been answered.
fn copy(key: &[u8; 32]) -> Key {
    Key::fill_with(|bytes| bytes.copy_from_slice(key))
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
) -> Result<Option<Blamable<'a, T>>> {
    attr.map(|attr| get(&attr).map(|value| Blamable { value, attr }))
        .transpose()
}

/// The elements of an array that may be absent.
pub(super) fn elements(array: Option<Attr<'_>>) -> impl Iterator<Item = Attr<'_>> {
    array.map(|array| array.elements()).unwrap_or_default()
}
