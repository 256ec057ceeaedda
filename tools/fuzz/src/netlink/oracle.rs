// SPDX-License-Identifier: GPL-2.0

//! A second reader of requests, after `Documentation/netlink/specs/wireguard.yaml` and what the C
//! driver does, which shares nothing with the first: it makes a tree of all attributes, judges that
//! by a table of names, and then takes values out of it.

use std::net::IpAddr;

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Device {
    pub(crate) listen_port: Option<u16>,
    pub(crate) fwmark: Option<u32>,
    pub(crate) bind_ifindex: Option<u32>,
    /// That of IPv4 first.
    pub(crate) listen_addresses: Option<Vec<IpAddr>>,
    /// The outer code point of each of the 64.
    pub(crate) dscp: Option<Vec<u8>>,
    /// For how many milliseconds initiations from unknown peers are held.
    pub(crate) hold_unknown: Option<u16>,
    pub(crate) private_key: Option<[u8; 32]>,
    pub(crate) replaces_peers: bool,
    /// Whether the carrier follows the peers.
    pub(crate) carrier: Option<bool>,
    /// Whether senders are told what paths take.
    pub(crate) path_mtu: Option<bool>,
    pub(crate) event_classes: Option<u32>,
    pub(crate) peers: Vec<Peer>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Peer {
    pub(crate) public_key: [u8; 32],
    pub(crate) preshared_key: Option<[u8; 32]>,
    pub(crate) fate: Fate,
    /// A `sockaddr_in` or `sockaddr_in6`.
    pub(crate) endpoint: Option<Vec<u8>>,
    /// From which to which number of seconds.
    pub(crate) keepalive: Option<(u16, u16)>,
    pub(crate) label: Option<String>,
    pub(crate) is_fixed: Option<bool>,
    pub(crate) priority: Option<u32>,
    pub(crate) mark: Option<u32>,
    /// The number of what it looks like.
    pub(crate) profile: Option<u8>,
    pub(crate) replaces_allowed_ips: bool,
    pub(crate) allowed_ips: Vec<AllowedIp>,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    Removed,
    ChangedIfThere,
    There,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct AllowedIp {
    pub(crate) network: IpAddr,
    pub(crate) cidr: u8,
    pub(crate) is_removed: bool,
}

/// An attribute and where its payload is.
pub(super) struct Node<'a> {
    pub(super) number: u16,
    pub(super) is_nested: bool,
    pub(super) payload: &'a [u8],
}

/// All attributes in `bytes`, and whether nothing is left over.
pub(super) fn list(bytes: &[u8]) -> (Vec<Node<'_>>, bool) {
    let (mut nodes, mut at) = (Vec::new(), 0);
    while at + 4 <= bytes.len() {
        let word = |at| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        let (len, kind) = (usize::from(word(at)), word(at + 2));
        if len < 4 || at + len > bytes.len() {
            return (nodes, false);
        }
        nodes.push(Node {
            number: kind & 0x3fff,
            is_nested: kind >> 15 == 1,
            payload: &bytes[at + 4..at + len],
        });
        at += len.div_ceil(4) * 4;
    }
    (nodes, at >= bytes.len())
}

/// The last attribute of that number.
pub(super) fn last<'a>(nodes: &[Node<'a>], number: u16) -> Option<&'a [u8]> {
    let mut same = nodes.iter().filter(|node| node.number == number);
    same.next_back().map(|node| node.payload)
}

pub(super) fn value<const N: usize>(nodes: &[Node<'_>], number: u16) -> Option<[u8; N]> {
    last(nodes, number)?.try_into().ok()
}

fn flags(nodes: &[Node<'_>], number: u16) -> u32 {
    value(nodes, number).map_or(0, u32::from_ne_bytes)
}

/// What an attribute may look like.
#[derive(Clone, Copy)]
enum Shape {
    Bytes(usize),
    AtLeast(usize),
    Between(usize, usize),
    Flags(u32),
    Name,
    Text,
    /// A number of two bytes, up to that.
    UpTo(u16),
    /// A list of whatever.
    Loose,
    List(Table),
}

use Shape::{AtLeast, Between, Bytes, Flags, List, Loose, Name, Text, UpTo};

/// What attributes there may be, in parts.
type Table = &'static [&'static [(u16, Shape)]];

const DEVICE: Table = &[OF_ANY_DEVICE, &[(8, List(PEER))]];

const AMNEZIAWG: Table = &[
    OF_ANY_DEVICE,
    &[(8, List(AMNEZIAWG_PEER)), (133, List(PROFILE))],
    SETTINGS,
];

/// The looks of single peers.
const PROFILE: Table = &[&[(1, Bytes(1)), (2, Flags(1))], SETTINGS];

const PEER: Table = &[OF_ANY_PEER, &[(3, Flags(7)), (5, Bytes(2))]];

const AMNEZIAWG_PEER: Table = &[
    OF_ANY_PEER,
    &[
        (3, Flags(15)),
        (5, Between(2, 4)),
        (11, Bytes(0)),
        (129, Bytes(1)),
    ],
];

const OF_ANY_DEVICE: &[(u16, Shape)] = &[
    (1, Bytes(4)),
    (2, Name),
    (3, Bytes(32)),
    (4, Bytes(32)),
    (5, Flags(1)),
    (6, Bytes(2)),
    (7, Bytes(4)),
    (131, UpTo(5000)),
    (137, Bytes(4)),
    (138, Bytes(1)),
    (139, Bytes(4)),
    (140, Loose),
    (141, Between(0, 64)),
    (142, Bytes(1)),
];

/// How AmneziaWG's messages are to look.
const SETTINGS: &[(u16, Shape)] = &[
    (9, Bytes(2)),
    (10, Bytes(2)),
    (11, Bytes(2)),
    (12, Bytes(2)),
    (13, Bytes(2)),
    (14, Between(2, 22)),
    (15, Between(2, 22)),
    (16, Between(2, 22)),
    (17, Between(2, 22)),
    (19, Bytes(2)),
    (20, Bytes(2)),
    (21, Text),
    (22, Text),
    (23, Text),
    (24, Text),
    (25, Text),
    (26, Bytes(32)),
    (27, Bytes(4)),
    (28, Bytes(4)),
    (29, Bytes(4)),
    (30, Bytes(4)),
    (31, Bytes(4)),
    (32, Bytes(4)),
    (33, Bytes(1)),
    (34, Bytes(1)),
];

const OF_ANY_PEER: &[(u16, Shape)] = &[
    (1, Bytes(32)),
    (2, Bytes(32)),
    (4, AtLeast(16)),
    (6, Bytes(16)),
    (7, Bytes(8)),
    (8, Bytes(8)),
    (9, List(ALLOWED_IP)),
    (10, Bytes(4)),
    (131, Text),
    (133, Bytes(1)),
    (139, Bytes(4)),
    (140, Bytes(4)),
];

const ALLOWED_IP: Table = &[&[(1, Bytes(2)), (2, AtLeast(4)), (3, Bytes(1)), (4, Flags(1))]];

fn is_shaped(node: &Node<'_>, shapes: Table) -> bool {
    let Some((_, shape)) = shapes
        .iter()
        .copied()
        .flatten()
        .find(|(number, _)| *number == node.number)
    else {
        return false;
    };
    if node.is_nested != matches!(shape, List(_) | Loose) {
        return false;
    }
    match *shape {
        Bytes(len) => node.payload.len() == len,
        AtLeast(len) => node.payload.len() >= len,
        Between(least, most) => (least..=most).contains(&node.payload.len()),
        Text => node.payload.contains(&0),
        UpTo(most) => {
            let number = node.payload.try_into().map(u16::from_ne_bytes);
            number.is_ok_and(|number| number <= most)
        }
        Flags(known) => {
            let flags = node.payload.try_into().map(u32::from_ne_bytes);
            flags.is_ok_and(|flags| flags | known == known)
        }
        Name => {
            let last = node.payload.last() == Some(&0);
            let most = if last { 16 } else { 15 };
            node.payload.contains(&0) && node.payload.len() <= most
        }
        Loose => !(1..4).contains(&node.payload.len()),
        List(inner) => is_list(node.payload, inner),
    }
}

/// The elements of a list may have any number, may be empty, and end where no more can be made out.
fn is_list(payload: &[u8], shapes: Table) -> bool {
    if (1..4).contains(&payload.len()) {
        return false;
    }
    let (elements, _) = list(payload);
    let mut all = elements.iter().map(|element| element.payload);
    all.all(|payload| payload.is_empty() || payload.len() >= 4 && is_whole(payload, shapes))
}

fn is_whole(payload: &[u8], shapes: Table) -> bool {
    let (nodes, is_all) = list(payload);
    is_all && nodes.iter().all(|node| is_shaped(node, shapes))
}

/// What the request says, or nothing if it is to be refused.
pub(crate) fn read(message: &[u8]) -> Option<Device> {
    read_by(message, DEVICE)
}

/// The same for AmneziaWG, but for how messages look.
pub(crate) fn read_amneziawg(message: &[u8]) -> Option<Device> {
    read_by(message, AMNEZIAWG)
}

fn read_by(message: &[u8], shapes: Table) -> Option<Device> {
    if !is_whole(message, shapes) {
        return None;
    }
    let (nodes, _) = list(message);
    Some(Device {
        listen_port: value(&nodes, 6).map(u16::from_ne_bytes),
        fwmark: value(&nodes, 7).map(u32::from_ne_bytes),
        bind_ifindex: value(&nodes, 139).map(u32::from_ne_bytes),
        listen_addresses: match last(&nodes, 140) {
            Some(payload) => Some(read_addresses(payload)?),
            None => None,
        },
        dscp: match last(&nodes, 141) {
            Some(payload) => Some(read_dscp(payload)?),
            None => None,
        },
        hold_unknown: value(&nodes, 131).map(u16::from_ne_bytes),
        private_key: value(&nodes, 3),
        replaces_peers: flags(&nodes, 5) & 1 != 0,
        carrier: switch(&nodes, 138)?,
        path_mtu: switch(&nodes, 142)?,
        event_classes: match value(&nodes, 137).map(u32::from_ne_bytes) {
            Some(classes) if classes >= 1 << 4 => return None,
            classes => classes,
        },
        peers: elements(last(&nodes, 8), read_peer)?,
    })
}

/// The message with all keys wiped that are secret: attributes of the device of these numbers, and
/// those of peers and of profiles.
pub(crate) fn without_secrets(message: &[u8], keys: &[u16]) -> Vec<u8> {
    let mut secrets = Vec::new();
    for node in list(message).0 {
        match node.number {
            number if keys.contains(&number) => secrets.push(node.payload),
            8 => secrets.extend(of_elements(&node, 2)),
            133 if keys.contains(&26) => secrets.extend(of_elements(&node, 26)),
            _ => {}
        }
    }
    let mut wiped = message.to_vec();
    for secret in secrets {
        let start = secret.as_ptr() as usize - message.as_ptr() as usize;
        wiped[start..start + secret.len()].fill(0);
    }
    wiped
}

/// All attributes of that number in the elements of a list.
fn of_elements<'a>(of: &Node<'a>, number: u16) -> impl Iterator<Item = &'a [u8]> {
    let elements = list(of.payload).0.into_iter();
    let attrs = elements.flat_map(|element| list(element.payload).0);
    attrs
        .filter(move |attr| attr.number == number)
        .map(|attr| attr.payload)
}

/// Reads all elements of a list, or nothing if one of them makes no sense.
fn elements<T>(list_of: Option<&[u8]>, read: impl Fn(&[Node<'_>]) -> Option<T>) -> Option<Vec<T>> {
    let (elements, _) = list(list_of.unwrap_or_default());
    let read_one = |element: &Node<'_>| {
        let (nodes, _) = list(element.payload);
        element.is_nested.then(|| read(&nodes))?
    };
    elements.iter().map(read_one).collect()
}

fn read_peer(nodes: &[Node<'_>]) -> Option<Peer> {
    let version = value(nodes, 10).map(u32::from_ne_bytes);
    if version.is_some_and(|version| version != 1) {
        return None;
    }
    let flags = flags(nodes, 3);
    let allowed_ips = last(nodes, 9).filter(|_| flags & 1 == 0);
    Some(Peer {
        public_key: value(nodes, 1)?,
        preshared_key: value(nodes, 2),
        fate: match (flags & 1, flags & 4) {
            (1, _) => Fate::Removed,
            (_, 4) => Fate::ChangedIfThere,
            _ => Fate::There,
        },
        endpoint: last(nodes, 4)
            .filter(|addr| is_sockaddr(addr))
            .map(Vec::from),
        keepalive: match last(nodes, 5) {
            Some(payload) => Some(read_keepalive(payload)?),
            None => None,
        },
        label: match last(nodes, 131) {
            Some(text) => Some(read_label(text)?),
            None => None,
        },
        is_fixed: switch(nodes, 133)?,
        priority: value(nodes, 139).map(u32::from_ne_bytes),
        mark: value(nodes, 140).map(u32::from_ne_bytes),
        profile: value(nodes, 129).map(|[number]| number),
        replaces_allowed_ips: flags & 2 != 0,
        allowed_ips: elements(allowed_ips, read_allowed_ip)?,
    })
}

/// Whether something is on or off, if that is said; nothing if it is neither.
fn switch(nodes: &[Node<'_>], number: u16) -> Option<Option<bool>> {
    match value(nodes, number) {
        None => Some(None),
        Some([0]) => Some(Some(false)),
        Some([1]) => Some(Some(true)),
        Some(_) => None,
    }
}

/// At most one address of each family, that of IPv4 first, and none that is not one machine's.
fn read_addresses(payload: &[u8]) -> Option<Vec<IpAddr>> {
    let (elements, _) = list(payload);
    let read = |element: &Node<'_>| match element.payload.len() {
        4 => <[u8; 4]>::try_from(element.payload).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(element.payload).ok().map(IpAddr::from),
        _ => None,
    };
    let mut addresses: Vec<IpAddr> = elements.iter().map(read).collect::<Option<_>>()?;
    let is_mapped = |addr: &IpAddr| addr.to_canonical() != *addr;
    let is_all_ones = |addr: &IpAddr| *addr == IpAddr::from([255; 4]);
    if addresses.iter().any(|addr| {
        addr.is_multicast() || addr.is_unspecified() || is_mapped(addr) || is_all_ones(addr)
    }) {
        return None;
    }
    addresses.sort_by_key(IpAddr::is_ipv6);
    let is_twice = |pair: &[IpAddr]| pair[0].is_ipv6() == pair[1].is_ipv6();
    (!addresses.windows(2).any(is_twice)).then_some(addresses)
}

/// Zero for all by no bytes, the same for all by one, or each by its own.
fn read_dscp(payload: &[u8]) -> Option<Vec<u8>> {
    let points = match payload.len() {
        0 => vec![0; 64],
        1 => payload.repeat(64),
        64 => payload.to_vec(),
        _ => return None,
    };
    points.iter().all(|&point| point < 64).then_some(points)
}

fn read_label(payload: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(payload.strip_suffix(&[0])?).ok()?;
    let is_bad = |c: char| c.is_control() || turns_text(c as u32);
    let is_fit = text.len() <= 64 && !text.chars().any(is_bad);
    is_fit.then(|| text.to_owned())
}

/// Marks, embeddings and overrides, and isolates.
fn turns_text(c: u32) -> bool {
    [0x61c, 0x200e, 0x200f].contains(&c)
        || (0x202a..0x202f).contains(&c)
        || (0x2066..0x206a).contains(&c)
}

fn read_keepalive(payload: &[u8]) -> Option<(u16, u16)> {
    let word = |bytes: &[u8]| u16::from_ne_bytes([bytes[0], bytes[1]]);
    match payload.len() {
        2 => Some((word(payload), word(payload))),
        4 => {
            let bits = u32::from_ne_bytes(payload.try_into().unwrap());
            let ends = ((bits & 0xffff) as u16, (bits >> 16) as u16);
            (ends.0 <= ends.1).then_some(ends)
        }
        _ => None,
    }
}

fn is_sockaddr(bytes: &[u8]) -> bool {
    let family = u16::from_ne_bytes([bytes[0], bytes[1]]);
    (family, bytes.len()) == (2, 16) || (family, bytes.len()) == (10, 28)
}

fn read_allowed_ip(nodes: &[Node<'_>]) -> Option<AllowedIp> {
    let (family, address) = (u16::from_ne_bytes(value(nodes, 1)?), last(nodes, 2)?);
    let [cidr] = value(nodes, 3)?;
    let network = match (family, address.len()) {
        (2, 4) if cidr <= 32 => {
            let address: [u8; 4] = cut(address, cidr).try_into().unwrap();
            IpAddr::from(address)
        }
        (10, 16) if cidr <= 128 => {
            let address: [u8; 16] = cut(address, cidr).try_into().unwrap();
            IpAddr::from(address)
        }
        _ => return None,
    };
    Some(AllowedIp {
        network,
        cidr,
        is_removed: flags(nodes, 4) & 1 != 0,
    })
}

/// The address with all bits behind the prefix cleared, one by one.
fn cut(address: &[u8], cidr: u8) -> Vec<u8> {
    let mut address = address.to_vec();
    for bit in usize::from(cidr)..address.len() * 8 {
        address[bit / 8] &= !(0x80 >> (bit % 8));
    }
    address
}
