// SPDX-License-Identifier: GPL-2.0

//! Who listens for unknown peers of the device.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use crate::dut::{DEVICE, NAMESPACE};
use crate::netlink::{attribute, attributes, Message, Socket, ACK, REQUEST};
use crate::tap::Result;
use crate::uapi::{ENDPOINT, HOLD_UNKNOWN, INITIATION_TIME, NAME, PEERS, PEER_KEY, SET_DEVICE};
use crate::wire::within;

/// What was told of an unknown peer.
#[derive(Debug, Eq, PartialEq)]
pub struct Announcement {
    pub key: [u8; 32],
    pub endpoint: SocketAddr,
    /// Seconds since 1970.
    pub time: i64,
}

/// A socket that hears of unknown peers.
pub struct Listener(Socket);

impl Listener {
    pub fn open() -> Result<Self> {
        within(NAMESPACE, || {
            let group = Socket::generic()?.wireguard_group("unknown-peers")?;
            Ok(Self(Socket::listening_to(group)?))
        })
    }

    /// All that has been announced so far.
    pub fn heard(&self) -> Result<Vec<Announcement>> {
        let mut heard = Vec::new();
        while let Some(told) = self.0.hear()? {
            heard.push(read(&told).ok_or("a strange announcement")?);
        }
        Ok(heard)
    }

    /// Waits for an announcement.
    pub fn await_one(&self, patience: Duration) -> Result<Announcement> {
        let end = Instant::now() + patience;
        while Instant::now() < end {
            if let Some(told) = self.0.hear()? {
                return Ok(read(&told).ok_or("a strange announcement")?);
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Err("nobody was announced".into())
    }
}

/// Has the device hold initiations for so long.
pub fn hold_unknown(millis: u16) -> Result {
    within(NAMESPACE, || {
        let socket = Socket::generic()?;
        let mut message = Message::generic(socket.wireguard()?, REQUEST | ACK, SET_DEVICE);
        message.text(NAME, DEVICE);
        message.u16(HOLD_UNKNOWN, millis);
        Ok(socket.ask(message).map(drop)?)
    })
}

fn read(told: &[u8]) -> Option<Announcement> {
    let mut peers = attributes(attribute(told, PEERS)?);
    let (_, peer) = peers.next()?;
    let time = attribute(peer, INITIATION_TIME)?;
    let label = u64::from_be_bytes(*time.first_chunk()?);
    (peers.next().is_none() && time.len() == 12).then_some(Announcement {
        key: attribute(peer, PEER_KEY)?.try_into().ok()?,
        endpoint: read_endpoint(attribute(peer, ENDPOINT)?)?,
        time: label.wrapping_sub(0x4000_0000_0000_000a) as i64,
    })
}

fn read_endpoint(sockaddr: &[u8]) -> Option<SocketAddr> {
    let port = u16::from_be_bytes([*sockaddr.get(2)?, *sockaddr.get(3)?]);
    let address = match sockaddr.len() {
        16 => IpAddr::V4(Ipv4Addr::from(*sockaddr.get(4..)?.first_chunk::<4>()?)),
        28 => IpAddr::from(*sockaddr.get(8..)?.first_chunk::<16>()?),
        _ => return None,
    };
    Some(SocketAddr::new(address, port))
}
