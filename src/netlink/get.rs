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
//! A step takes as long as its message is long: where it goes on is looked up, not counted to. Who
//! asks may have one peer shown, or what has changed since an earlier answer. Nothing that such
//! answers have beside peers is in others: there are programs that stumble over it.
//!
//! The private and all preshared keys are in the messages, and stay in their buffers until
//! those are freed: the kernel has no way to wipe what a reader has been given.

mod profiles;

use core::{
    marker::PhantomData,
    net::IpAddr, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};
use zerocopy::IntoBytes;

use super::{failure_number, lookup, policy, uapi::*, Dialect};
use crate::{
    allowed_ips::AllowedIp,
    changes::Kind,
    config::Configuration,
    device::{Device, LinkKind},
    guise::{Guise, Settings},
    kapi::{
        net::{
            addr::Family,
            device::NetDevice,
            genetlink::{Dump, Info, Message, Policy, Progress, Writer}, //
        },
        sync::rcu::RcuArc, //
    },
    labels::Labels,
    markings::{Marking, Markings},
    peer::Peer,
    proto::{awg::Span, messages::PublicKey}, //
};

/// The handler of `WG_CMD_GET_DEVICE`.
pub(super) struct GetDevice<D> {
    dump: DeviceDump,
    _dialect: PhantomData<D>,
}

impl<D: Dialect> Dump for GetDevice<D> {
    const POLICY: &'static [Policy] = &policy::GET_DEVICE;

    fn start(request: &Info<'_>) -> Result<Self> {
        Ok(Self {
            dump: DeviceDump::start(request, D::KIND)?,
            _dialect: PhantomData,
        })
    }

    fn dump(&mut self, message: &mut Message<'_>) -> Result<Progress> {
        self.dump.go_on(message)
    }
}

/// A dump under way.
struct DeviceDump {
    /// Does not keep the interface from being unregistered.
    device: Arc<Device>,
    request: Request,
    wanted: Wanted,
    next_look: NextLook,
    next: Position,
}

/// What a dump is to show.
#[derive(Clone, Copy)]
enum Request {
    Device,
    /// Only one of the peers.
    Peer(PublicKey),
    /// Only what has changed since that generation, if that is known, and which generation this is.
    Since(u64),
}

/// Which attributes it is to have beside those of the C driver, which has none of them.
#[derive(Clone, Copy)]
struct Wanted(u32);

/// Where a dump goes on with looks: there may be more than one message has room for.
#[derive(Clone, Copy, PartialEq, Eq)]
struct NextLook {
    /// With the special packets of the device's own.
    special: usize,
    profile: profiles::Next,
}

/// Where a dump goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Position {
    stage: Stage,
    within: Option<Within>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// At the very beginning.
    Device,
    /// At the first peer at this place or a later one.
    Peer(u64),
    /// At the change of this number.
    Change(u64),
    /// At the only peer.
    Only(PublicKey),
    End,
}

/// Within a peer, at its first allowed IP with that number or a higher one.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Within {
    /// The number of the peer: another one may have come in its place.
    peer: u64,
    allowed_ip: u64,
}

/// What there is to show at a stage.
enum Found {
    Peer(RcuArc<Peer>),
    /// No peer has that key any more.
    Removed(PublicKey),
    Nothing,
}

impl DeviceDump {
    fn start(request: &Info<'_>, kind: LinkKind) -> Result<Self> {
        let (_netdev, device) = lookup(request, kind)?;
        Ok(Self {
            request: Request::read(request, &device)?,
            wanted: Wanted::read(request)?,
            device,
            next_look: NextLook {
                special: 0,
                profile: profiles::Next::FIRST,
            },
            next: Stage::Device.into(),
        })
    }

    fn go_on(&mut self, message: &mut Message<'_>) -> Result<Progress> {
        let config = Device::configure(&self.device);
        config.check_there()?;
        message.set_generation(config.generation());
        let first = (self.next_look, self.next);
        if self.next.stage == Stage::Device {
            put_device(message, &self.device.dev, &config)?;
            if self.wanted.has(WGWANTED_F_DROPS) {
                put_drops(
                    message,
                    WGDEVICE_A_DROPS,
                    self.device.drops.names_and_counts(),
                )?;
            }
            if self.wanted.has(WGWANTED_F_PEER_STATE) {
                put_device_state(message, &config)?;
            }
            if self.wanted.has(WGWANTED_F_SENDING) {
                put_device_sending(message, &config)?;
            }
            self.next = self.request.begin(message, &config)?.into();
        }
        let mut progress = self.next_look.put(message, &config, self.wanted)?;
        if progress == Progress::Done {
            self.next = go_on_with_all(message, &config, self.next)?;
            progress = put_peers(message, &config, self.wanted, &mut self.next)?;
        }
        if progress == Progress::More && (self.next_look, self.next) == first {
            // Not even an empty message has room for the next element.
            return Err(EMSGSIZE);
        }
        Ok(progress)
    }
}

impl NextLook {
    /// Writes looks from here on until there is no more room.
    fn put(
        &mut self,
        message: &mut Writer<'_>,
        config: &Configuration<'_>,
        wanted: Wanted,
    ) -> Result<Progress> {
        let Some(wardrobe) = config.wardrobe() else {
            return Ok(Progress::Done);
        };
        let progress = put_specials(message, wardrobe.own(), &mut self.special);
        if progress == Progress::Done && wanted.has(WGWANTED_F_PROFILES) {
            return profiles::put(message, &wardrobe, &mut self.profile);
        }
        Ok(progress)
    }
}

impl Wanted {
    fn read(request: &Info<'_>) -> Result<Self> {
        let mask = request.attr(WGDEVICE_A_WANTED);
        Ok(Self(mask.map_or(Ok(0), |mask| mask.u32())?))
    }

    fn has(self, flag: u32) -> bool {
        self.0 & flag != 0
    }
}

impl Request {
    fn read(request: &Info<'_>, device: &Arc<Device>) -> Result<Self> {
        match (
            request.attr(WGDEVICE_A_PEER_KEY),
            request.attr(WGDEVICE_A_GENERATION),
        ) {
            (None, None) => Ok(Self::Device),
            (Some(attr), None) => {
                let key = PublicKey(*attr.array()?);
                if device.peers.find(&key).is_none() {
                    return Err(request.refuse_at(attr, ENOENT, c"no peer has this public key"));
                }
                Ok(Self::Peer(key))
            }
            (None, Some(attr)) => {
                Device::configure(device)
                    .keep_changes()
                    .map_err(|error| request.refuse_at(attr, error, c"not enough memory"))?;
                Ok(Self::Since(u64::from_ne_bytes(*attr.array()?)))
            }
            (Some(_), Some(attr)) => {
                Err(request.refuse_at(attr, EINVAL, c"ask for one peer or for what has changed"))
            }
        }
    }

    /// Where to begin with the peers. Writes what belongs to the device in such an answer alone.
    fn begin(self, message: &mut Writer<'_>, config: &Configuration<'_>) -> Result<Stage> {
        match self {
            Self::Device => Ok(Stage::Peer(0)),
            Self::Peer(key) => Ok(Stage::Only(key)),
            Self::Since(generation) => {
                message.put_u64(
                    WGDEVICE_A_GENERATION,
                    config.generation(),
                    WGDEVICE_A_UNSPEC,
                )?;
                if config.hold_unknown() != 0 {
                    message.put_u16(WGDEVICE_A_HOLD_UNKNOWN, config.hold_unknown())?;
                }
                match config.first_change_since(generation) {
                    Some(first) => Ok(Stage::Change(first)),
                    None => begin_with_all(message),
                }
            }
        }
    }
}

/// Begins to show all peers to who has asked for changes.
fn begin_with_all(message: &mut Writer<'_>) -> Result<Stage> {
    message.put(WGDEVICE_A_ALL_PEERS, &[])?;
    Ok(Stage::Peer(0))
}

/// Where to go on if changes that were still to be shown have been lost meanwhile.
fn go_on_with_all(
    message: &mut Writer<'_>,
    config: &Configuration<'_>,
    next: Position,
) -> Result<Position> {
    match next.stage {
        Stage::Change(number) if !config.has_change(number) => Ok(begin_with_all(message)?.into()),
        _ => Ok(next),
    }
}

impl From<Stage> for Position {
    fn from(stage: Stage) -> Self {
        Self {
            stage,
            within: None,
        }
    }
}

impl Stage {
    /// What there is from here on, and where it was found.
    fn find(self, config: &Configuration<'_>) -> (Self, Found) {
        match self {
            Self::Device | Self::End => (Self::End, Found::Nothing),
            Self::Peer(place) => match config.peer_from(place) {
                Some(peer) => (Self::Peer(peer.place()), Found::Peer(peer)),
                None => (Self::End, Found::Nothing),
            },
            Self::Only(key) => match config.peer(&key) {
                Some(peer) => (self, Found::Peer(peer)),
                None => (Self::End, Found::Nothing),
            },
            Self::Change(number) => find_change(config, number),
        }
    }

    fn next(self) -> Self {
        match self {
            Self::Device | Self::Only(_) | Self::End => Self::End,
            Self::Peer(place) => Self::Peer(place.saturating_add(1)),
            Self::Change(number) => Self::Change(number.saturating_add(1)),
        }
    }
}

/// The first change of that number or a higher one that nothing has come after.
fn find_change(config: &Configuration<'_>, mut number: u64) -> (Stage, Found) {
    while let Some(change) = config.change(number) {
        let found = match (config.peer(&change.key), change.kind) {
            (Some(peer), _) if config.last_change(&peer) == number => Found::Peer(peer),
            (None, Kind::Removed) => Found::Removed(change.key),
            (Some(_), _) | (None, Kind::Changed) => {
                number = number.saturating_add(1);
                continue;
            }
        };
        return (Stage::Change(number), found);
    }
    (Stage::Change(number), Found::Nothing)
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
    match config.kind() {
        LinkKind::WireGuard => Ok(()),
        LinkKind::AmneziaWg => match config.wardrobe() {
            Some(wardrobe) => put_settings(message, wardrobe.own().profile().settings()),
            None => put_settings(message, &Settings::default()),
        },
    }
}

/// Writes what is told of the device's peers, and by what.
fn put_device_state(message: &mut Writer<'_>, config: &Configuration<'_>) -> Result {
    message.put_u32(WGDEVICE_A_EVENT_CLASSES, config.event_classes())?;
    message.put_u8(WGDEVICE_A_CARRIER, config.carrier_follows().into())
}

/// Writes where is listened, what of the packets' own class shows outside, if more than ECN does, and whether
/// senders are told what paths take.
fn put_device_sending(message: &mut Writer<'_>, config: &Configuration<'_>) -> Result {
    let binding = config.binding();
    message.put_u32(WGDEVICE_A_BIND_IFINDEX, binding.ifindex)?;
    let mut list = message.nest(WGDEVICE_A_LISTEN_ADDRESSES)?;
    for addr in binding.addresses.each() {
        match addr {
            IpAddr::V4(addr) => list.put(ELEMENT, &addr.octets())?,
            IpAddr::V6(addr) => list.put(ELEMENT, &addr.octets())?,
        }
    }
    list.end()?;
    if let Some(dscp) = config.dscp() {
        message.put(WGDEVICE_A_DSCP, dscp.bytes())?;
    }
    message.put_u8(WGDEVICE_A_PATH_MTU, config.path_mtu_follows().into())
}

/// Writes what messages look like, all of it, but for the special packets.
fn put_settings(message: &mut Writer<'_>, settings: &Settings) -> Result {
    let [s1, s2, s3, s4] = settings.prefixes;
    for (ty, value) in [
        (WGDEVICE_A_JC, settings.junk_count),
        (WGDEVICE_A_JMIN, settings.junk_len.lo),
        (WGDEVICE_A_JMAX, settings.junk_len.hi),
        (WGDEVICE_A_S1, s1),
        (WGDEVICE_A_S2, s2),
        (WGDEVICE_A_S3, s3),
        (WGDEVICE_A_S4, s4),
    ] {
        message.put_u16(ty, value)?;
    }
    let [h1, h2, h3, h4] = settings.headers;
    for (ty, span) in [
        (WGDEVICE_A_H1, h1),
        (WGDEVICE_A_H2, h2),
        (WGDEVICE_A_H3, h3),
        (WGDEVICE_A_H4, h4),
    ] {
        let bits = (u64::from(span.hi) << 32) | u64::from(span.lo);
        message.put_u64(ty, bits, WGDEVICE_A_UNSPEC)?;
    }
    if let Some(key) = settings.key() {
        message.put(WGDEVICE_A_HEADER_PROTECTION_KEY, key.as_bytes())?;
    }
    for (ty, span) in [
        (
            WGDEVICE_A_CONTENT_PADDING_ADDITION,
            settings.content_padding,
        ),
        (WGDEVICE_A_REKEY_AFTER_TIME, settings.rekey_after_time),
        (WGDEVICE_A_REKEY_TIMEOUT, settings.rekey_timeout),
        (WGDEVICE_A_REJECT_AFTER_TIME, settings.reject_after_time),
        (WGDEVICE_A_KEEPALIVE_TIMEOUT, settings.keepalive_timeout),
        (
            WGDEVICE_A_MAX_HANDSHAKE_ATTEMPTS,
            settings.max_handshake_attempts,
        ),
    ] {
        message.put_u32(ty, range(span))?;
    }
    message.put_u8(WGDEVICE_A_RANDOM_TRAILERS, settings.random_trailers.into())?;
    message.put_u8(WGDEVICE_A_DISABLE_COOKIES, settings.disable_cookies.into())
}

/// A range of 16-bit numbers in 32 bits.
fn range(span: Span<u16>) -> u32 {
    (u32::from(span.hi) << 16) | u32::from(span.lo)
}

/// Writes the texts of special packets from `next` on until there is no more room, and moves `next` on.
///
/// An empty message has room for the longest of them, so it goes on until all are there. Programs take
/// what belongs to the device from any message.
fn put_specials(message: &mut Writer<'_>, guise: &Guise, next: &mut usize) -> Progress {
    let types = [
        WGDEVICE_A_I1,
        WGDEVICE_A_I2,
        WGDEVICE_A_I3,
        WGDEVICE_A_I4,
        WGDEVICE_A_I5,
    ];
    for (ty, text) in types.into_iter().zip(guise.special_texts()).skip(*next) {
        if text.is_some_and(|text| message.put_string(ty, text).is_err()) {
            return Progress::More;
        }
        *next = next.saturating_add(1);
    }
    Progress::Done
}

/// Writes peers from `next` on until there is no more room, and moves `next` on.
fn put_peers(
    message: &mut Writer<'_>,
    config: &Configuration<'_>,
    wanted: Wanted,
    next: &mut Position,
) -> Result<Progress> {
    // What came before may have filled the message.
    let Ok(mut list) = message.nest(WGDEVICE_A_PEERS) else {
        return Ok(Progress::More);
    };
    let mut is_empty = true;
    let progress = loop {
        let (stage, found) = next.stage.find(config);
        let rest = match found {
            Found::Nothing => break Progress::Done,
            Found::Removed(key) => put_removed(&mut list, &key).map(|()| None),
            Found::Peer(peer) => {
                // A peer that was removed amid its allowed IPs is not the one found.
                let within = next.within.filter(|within| within.peer == peer.id);
                put_peer(&mut list, config, wanted, &peer, within)
            }
        };
        let Ok(rest) = rest else {
            break Progress::More;
        };
        is_empty = false;
        if rest.is_some() {
            *next = Position {
                stage,
                within: rest,
            };
            break Progress::More;
        }
        *next = stage.next().into();
    };
    if is_empty {
        drop(list);
    } else {
        list.end()?;
    }
    Ok(progress)
}

/// Writes that there is no peer of that key any more, as a request would say it.
fn put_removed(list: &mut Writer<'_>, key: &PublicKey) -> Result {
    let mut nest = list.nest(ELEMENT)?;
    nest.put(WGPEER_A_PUBLIC_KEY, &key.0)?;
    nest.put_u32(WGPEER_A_FLAGS, WGPEER_F_REMOVE_ME)?;
    nest.end()
}

/// Writes a peer, or with `within` only its allowed IPs from there on.
///
/// Returns where to go on within the peer, unless it is complete. On error nothing is written.
fn put_peer(
    list: &mut Writer<'_>,
    config: &Configuration<'_>,
    wanted: Wanted,
    peer: &Peer,
    within: Option<Within>,
) -> Result<Option<Within>> {
    let mut nest = list.nest(ELEMENT)?;
    if config.kind() == LinkKind::AmneziaWg {
        nest.put_u32(WGPEER_A_FLAGS, WGPEER_F_HAS_ADVANCED_SECURITY)?;
    }
    nest.put(WGPEER_A_PUBLIC_KEY, &peer.public_key.0)?;
    if within.is_none() {
        put_peer_state(&mut nest, config.kind(), peer)?;
        put_wanted(&mut nest, config.kind(), wanted, peer)?;
    }
    let from = within.map_or(0, |within| within.allowed_ip);
    let rest = put_allowed_ips(&mut nest, config, peer.id, from)?;
    nest.end()?;
    Ok(rest.map(|allowed_ip| Within {
        peer: peer.id,
        allowed_ip,
    }))
}

fn put_peer_state(nest: &mut Writer<'_>, kind: LinkKind, peer: &Peer) -> Result {
    peer.with_preshared_key(|key| nest.put(WGPEER_A_PRESHARED_KEY, key.as_bytes()))?;
    let handshake = peer.last_handshake();
    nest.put(
        WGPEER_A_LAST_HANDSHAKE_TIME,
        [handshake.secs, handshake.nanos.into()].as_bytes(),
    )?;
    let keepalive = peer.persistent_keepalive();
    let ty = WGPEER_A_PERSISTENT_KEEPALIVE_INTERVAL;
    match kind {
        LinkKind::WireGuard => nest.put_u16(ty, keepalive.lo)?,
        LinkKind::AmneziaWg => nest.put_u32(ty, range(keepalive))?,
    }
    let (received, sent) = peer.transfer();
    nest.put_u64(WGPEER_A_TX_BYTES, sent, WGPEER_A_UNSPEC)?;
    nest.put_u64(WGPEER_A_RX_BYTES, received, WGPEER_A_UNSPEC)?;
    nest.put_u32(WGPEER_A_PROTOCOL_VERSION, WG_PROTOCOL_VERSION)?;
    if let Some(endpoint) = peer.endpoint.snapshot() {
        nest.put(WGPEER_A_ENDPOINT, &endpoint.to_sockaddr())?;
    }
    Ok(())
}

/// Writes how many packets were dropped, by reason, but for reasons that there never was.
fn put_drops<'a>(
    writer: &mut Writer<'_>,
    ty: u16,
    drops: impl Iterator<Item = (&'a CStr, u64)>,
) -> Result {
    let mut list = writer.nest(ty)?;
    for (name, count) in drops.filter(|(_, count)| *count > 0) {
        let mut nest = list.nest(ELEMENT)?;
        nest.put_string(WGDROP_A_NAME, name)?;
        nest.put_u64(WGDROP_A_COUNT, count, WGDROP_A_UNSPEC)?;
        nest.end()?;
    }
    list.end()
}

/// Writes what is there of a peer for who wants it.
fn put_wanted(nest: &mut Writer<'_>, kind: LinkKind, wanted: Wanted, peer: &Peer) -> Result {
    if wanted.has(WGWANTED_F_DROPS) && peer.drops.are_any() {
        put_drops(nest, WGPEER_A_DROPS, peer.drops.names_and_counts())?;
    }
    if wanted.has(WGWANTED_F_PEER_STATE) {
        put_wanted_state(nest, peer)?;
    }
    if wanted.has(WGWANTED_F_PROFILES) && kind == LinkKind::AmneziaWg {
        nest.put_u8(WGPEER_A_PROFILE, peer.profile())?;
    }
    if wanted.has(WGWANTED_F_SENDING) {
        put_wanted_sending(nest, peer)?;
    }
    Ok(())
}

/// Writes how what is sent to the peer is marked, if otherwise than what is sent to others, and what the path
/// takes, if that is known.
fn put_wanted_sending(nest: &mut Writer<'_>, peer: &Peer) -> Result {
    let Marking { mark, priority } = Markings::of(peer);
    if priority != 0 {
        nest.put_u32(WGPEER_A_PRIORITY, priority)?;
    }
    if mark != 0 {
        nest.put_u32(WGPEER_A_MARK, mark)?;
    }
    if let Some(mtu) = peer.path_mtu() {
        nest.put_u32(WGPEER_A_PATH_MTU, mtu)?;
    }
    Ok(())
}

/// Writes what a peer is called, and how it is.
fn put_wanted_state(nest: &mut Writer<'_>, peer: &Peer) -> Result {
    if let Some(label) = Labels::of(peer) {
        nest.put_string(WGPEER_A_LABEL, label.as_c_str())?;
    }
    nest.put_u32(WGPEER_A_FAILURE, failure_number(peer.liveness.failure()))?;
    nest.put_u8(WGPEER_A_FIXED_ENDPOINT, peer.endpoint.is_fixed().into())?;
    nest.put_u8(WGPEER_A_ALIVE, peer.liveness.is_alive().into())
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
