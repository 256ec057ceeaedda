// SPDX-License-Identifier: GPL-2.0

//! IP packets, built and taken apart by hand: what is wrong with them is what tests are about.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

pub const ICMP: u8 = 1;
pub const UDP: u8 = 17;
pub const ICMP6: u8 = 58;

const IP4_LEN: usize = 20;
const IP6_LEN: usize = 40;
const UDP_LEN: usize = 8;

/// More fragments follow.
pub const MORE_FRAGMENTS: u16 = 0x2000;
const DONT_FRAGMENT: u16 = 0x4000;

/// The internet checksum of `parts`, each of an even length but for the last.
pub fn checksum(parts: &[&[u8]]) -> u16 {
    let mut sum = 0u32;
    for pair in parts.iter().flat_map(|part| part.chunks(2)) {
        sum += (u32::from(pair[0]) << 8) | u32::from(*pair.get(1).unwrap_or(&0));
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !(sum as u16)
}

/// An IP header to be, of the family of its addresses.
#[derive(Clone, Copy)]
pub struct Header {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: u8,
    /// The DS field with the two bits of ECN.
    pub ds: u8,
    /// Identification, and flags with offset; IPv4 only.
    pub id: u16,
    pub fragment: u16,
}

impl Header {
    pub fn new(source: impl Into<IpAddr>, destination: impl Into<IpAddr>, protocol: u8) -> Self {
        Self {
            source: source.into(),
            destination: destination.into(),
            protocol,
            ds: 0,
            id: 0,
            fragment: 0,
        }
    }

    pub fn with_ds(self, ds: u8) -> Self {
        Self { ds, ..self }
    }

    pub fn with_fragment(self, id: u16, fragment: u16) -> Self {
        Self {
            id,
            fragment,
            ..self
        }
    }

    /// The packet with this header.
    pub fn packet(&self, payload: &[u8]) -> Vec<u8> {
        match (self.source, self.destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                self.packet4(source, destination, payload)
            }
            (IpAddr::V6(source), IpAddr::V6(destination)) => {
                self.packet6(source, destination, payload)
            }
            _ => unreachable!("a packet has one family"),
        }
    }

    fn packet4(&self, source: Ipv4Addr, destination: Ipv4Addr, payload: &[u8]) -> Vec<u8> {
        let mut packet = vec![0x45, self.ds];
        packet.extend(((IP4_LEN + payload.len()) as u16).to_be_bytes());
        packet.extend(self.id.to_be_bytes());
        packet.extend(self.fragment.to_be_bytes());
        packet.extend([64, self.protocol, 0, 0]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        let sum = checksum(&[&packet]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
        packet.extend(payload);
        packet
    }

    fn packet6(&self, source: Ipv6Addr, destination: Ipv6Addr, payload: &[u8]) -> Vec<u8> {
        let mut packet = (0x6000_0000 | (u32::from(self.ds) << 20))
            .to_be_bytes()
            .to_vec();
        packet.extend((payload.len() as u16).to_be_bytes());
        packet.extend([self.protocol, 64]);
        packet.extend(source.octets());
        packet.extend(destination.octets());
        packet.extend(payload);
        packet
    }
}

/// What UDP and ICMPv6 sum up besides their own bytes.
fn pseudo_header(source: IpAddr, destination: IpAddr, protocol: u8, len: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    for address in [source, destination] {
        match address {
            IpAddr::V4(address) => bytes.extend(address.octets()),
            IpAddr::V6(address) => bytes.extend(address.octets()),
        }
    }
    bytes.extend((len as u32).to_be_bytes());
    bytes.extend([0, 0, 0, protocol]);
    bytes
}

/// A UDP datagram with its header and checksum.
pub fn udp(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let len = UDP_LEN + payload.len();
    let mut datagram = Vec::new();
    datagram.extend(source.port().to_be_bytes());
    datagram.extend(destination.port().to_be_bytes());
    datagram.extend((len as u16).to_be_bytes());
    datagram.extend([0, 0]);
    datagram.extend(payload);
    let pseudo = pseudo_header(source.ip(), destination.ip(), UDP, len);
    let sum = match checksum(&[&pseudo, &datagram]) {
        0 => 0xffff,
        sum => sum,
    };
    datagram[6..8].copy_from_slice(&sum.to_be_bytes());
    datagram
}

/// The packet that carries a UDP datagram.
pub fn udp_packet(source: SocketAddr, destination: SocketAddr, payload: &[u8]) -> Vec<u8> {
    Header::new(source.ip(), destination.ip(), UDP).packet(&udp(source, destination, payload))
}

/// An echo request, as a whole packet; `len` bytes of it come behind the ICMP header.
pub fn echo(header: Header, number: u16, len: usize) -> Vec<u8> {
    let mut message = match header.source {
        IpAddr::V4(_) => vec![8, 0, 0, 0],
        IpAddr::V6(_) => vec![128, 0, 0, 0],
    };
    message.extend([0x57, 0x50]);
    message.extend(number.to_be_bytes());
    message.extend((0..len).map(|at| at as u8));
    let sum = match header.source {
        IpAddr::V4(_) => checksum(&[&message]),
        IpAddr::V6(_) => {
            let (from, to) = (header.source, header.destination);
            checksum(&[&pseudo_header(from, to, ICMP6, message.len()), &message])
        }
    };
    message[2..4].copy_from_slice(&sum.to_be_bytes());
    let protocol = match header.source {
        IpAddr::V4(_) => ICMP,
        IpAddr::V6(_) => ICMP6,
    };
    Header { protocol, ..header }.packet(&message)
}

/// A packet taken apart.
#[derive(Clone, Debug)]
pub struct Packet {
    pub source: IpAddr,
    pub destination: IpAddr,
    pub protocol: u8,
    pub ds: u8,
    pub ttl: u8,
    /// Zero in IPv4.
    pub flow_label: u32,
    pub may_be_fragmented: bool,
    /// The header as it was, where it has a checksum.
    pub header: Vec<u8>,
    pub payload: Vec<u8>,
    /// What is behind the end that the header says.
    pub trailer: Vec<u8>,
}

impl Packet {
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        match bytes.first()? >> 4 {
            4 => Self::parse4(bytes),
            6 => Self::parse6(bytes),
            _ => None,
        }
    }

    fn parse4(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..IP4_LEN)?;
        let start = usize::from(header[0] & 15) * 4;
        let end = usize::from(be16(header, 2));
        let fragment = be16(header, 6);
        let address = |at: usize| Ipv4Addr::from(be32(header, at));
        Some(Self {
            source: address(12).into(),
            destination: address(16).into(),
            protocol: header[9],
            ds: header[1],
            ttl: header[8],
            flow_label: 0,
            may_be_fragmented: fragment & DONT_FRAGMENT == 0,
            header: bytes.get(..start)?.to_vec(),
            payload: bytes.get(start..end)?.to_vec(),
            trailer: bytes.get(end..)?.to_vec(),
        })
    }

    fn parse6(bytes: &[u8]) -> Option<Self> {
        let header = bytes.get(..IP6_LEN)?;
        let first = be32(header, 0);
        let end = IP6_LEN + usize::from(be16(header, 4));
        let address = |at: usize| {
            let octets: [u8; 16] = header[at..at + 16].try_into().expect("16 bytes");
            Ipv6Addr::from(octets)
        };
        Some(Self {
            source: address(8).into(),
            destination: address(24).into(),
            protocol: header[6],
            ds: (first >> 20) as u8,
            ttl: header[7],
            flow_label: first & 0xf_ffff,
            may_be_fragmented: true,
            header: Vec::new(),
            payload: bytes.get(IP6_LEN..end)?.to_vec(),
            trailer: bytes.get(end..)?.to_vec(),
        })
    }

    /// The number of an echo reply.
    pub fn echo_reply(&self) -> Option<u16> {
        match (self.protocol, self.payload.get(..8)?) {
            (ICMP, [0, 0, .., a, b]) | (ICMP6, [129, 0, .., a, b]) => {
                Some(u16::from_be_bytes([*a, *b]))
            }
            _ => None,
        }
    }

    /// Ports, checksum and payload of a UDP datagram.
    pub fn udp(&self) -> Option<Datagram> {
        let header = self.payload.get(..UDP_LEN)?;
        let len = usize::from(be16(header, 4));
        let datagram = self.payload.get(..len)?;
        let payload = datagram.get(UDP_LEN..)?.to_vec();
        let pseudo = pseudo_header(self.source, self.destination, UDP, len);
        (self.protocol == UDP).then_some(Datagram {
            source: SocketAddr::new(self.source, be16(header, 0)),
            destination: SocketAddr::new(self.destination, be16(header, 2)),
            has_checksum: be16(header, 6) != 0,
            is_sound: checksum(&[&pseudo, datagram]) == 0,
            payload,
        })
    }
}

/// A UDP datagram taken apart.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub source: SocketAddr,
    pub destination: SocketAddr,
    pub has_checksum: bool,
    /// The checksum fits.
    pub is_sound: bool,
    pub payload: Vec<u8>,
}

fn be16(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn be32(bytes: &[u8], at: usize) -> u32 {
    (u32::from(be16(bytes, at)) << 16) | u32::from(be16(bytes, at + 2))
}
