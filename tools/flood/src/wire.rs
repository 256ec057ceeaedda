// SPDX-License-Identifier: GPL-2.0

//! Ways out: from our address, and from addresses that are not ours.

use std::{
    io,
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
};

use nix::sys::socket::{
    sendto, socket, AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, SockaddrIn,
};

const HEADERS: usize = 28;

/// A network of addresses.
#[derive(Clone, Copy)]
pub struct Network {
    pub first: Ipv4Addr,
    pub length: u32,
}

impl Network {
    /// As in `198.18.0.0/15`.
    pub fn parse(text: &str) -> Option<Self> {
        let (first, length) = text.split_once('/')?;
        let length = length.parse().ok().filter(|length| *length <= 32)?;
        let first = first.parse().ok()?;
        Some(Self { first, length })
    }

    /// The address of that number, counted round and round.
    fn address(&self, number: u32) -> Ipv4Addr {
        let inside = u32::MAX.checked_shr(self.length).unwrap_or(0);
        Ipv4Addr::from_bits(self.first.to_bits() & !inside | number & inside)
    }
}

/// From where datagrams leave.
pub enum Wire {
    Own(UdpSocket),
    Spoofed(Spoofed),
}

/// Leaves from all addresses of a network, each with another port.
pub struct Spoofed {
    socket: OwnedFd,
    sources: Network,
    number: u32,
    packet: Vec<u8>,
}

impl Wire {
    pub fn own(to: SocketAddr) -> io::Result<Self> {
        let any = match to {
            SocketAddr::V4(_) => SocketAddr::from(([0; 4], 0)),
            SocketAddr::V6(_) => SocketAddr::from(([0; 16], 0)),
        };
        let socket = UdpSocket::bind(any)?;
        socket.set_nonblocking(true)?;
        Ok(Self::Own(socket))
    }

    pub fn spoofed(sources: Network) -> io::Result<Self> {
        let (family, flags) = (AddressFamily::Inet, SockFlag::empty());
        Ok(Self::Spoofed(Spoofed {
            socket: socket(family, SockType::Raw, flags, SockProtocol::Raw)?,
            sources,
            number: 0,
            packet: Vec::new(),
        }))
    }

    pub fn send(&mut self, datagram: &[u8], to: SocketAddr) -> io::Result<()> {
        match (self, to) {
            (Self::Own(socket), _) => match socket.send_to(datagram, to) {
                // Its own buffer is full: that is as fast as it goes.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(()),
                other => other.map(drop),
            },
            (Self::Spoofed(spoofed), SocketAddr::V4(to)) => spoofed.send(datagram, to),
            (Self::Spoofed(_), SocketAddr::V6(_)) => {
                Err(io::Error::other("only IPv4 addresses are spoofed"))
            }
        }
    }

    /// What has come back and not been looked at.
    pub fn receive(&self) -> Option<Vec<u8>> {
        let Self::Own(socket) = self else {
            return None;
        };
        let mut buffer = [0; 256];
        let length = socket.recv(&mut buffer).ok()?;
        Some(buffer[..length].to_vec())
    }
}

impl Spoofed {
    fn send(&mut self, datagram: &[u8], to: SocketAddrV4) -> io::Result<()> {
        // Neighbours in the network do not come one after the other.
        self.number = self.number.wrapping_add(0x9e37_79b1);
        let source = self.sources.address(self.number);
        let port = (self.number >> 16) as u16 | 0x400;
        self.packet.clear();
        let total = (HEADERS + datagram.len()) as u16;
        // The kernel fills in the identification, the length and the header's sum. UDP has none.
        self.packet.extend([0x45, 0]);
        self.packet.extend(total.to_be_bytes());
        self.packet.extend([0, 0, 0, 0, 64, 17, 0, 0]);
        self.packet.extend(source.octets());
        self.packet.extend(to.ip().octets());
        self.packet.extend(port.to_be_bytes());
        self.packet.extend(to.port().to_be_bytes());
        self.packet.extend((total - 20).to_be_bytes());
        self.packet.extend([0, 0]);
        self.packet.extend(datagram);
        let address = SockaddrIn::from(SocketAddrV4::new(*to.ip(), 0));
        sendto(
            self.socket.as_raw_fd(),
            &self.packet,
            &address,
            MsgFlags::empty(),
        )?;
        Ok(())
    }
}
