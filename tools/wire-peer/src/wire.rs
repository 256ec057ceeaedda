// SPDX-License-Identifier: GPL-2.0

//! Sockets: datagrams, packets with headers of our own making, and a look at what comes in.

use std::io::ErrorKind;
use std::net::{IpAddr, SocketAddr, SocketAddrV4, SocketAddrV6, UdpSocket};
use std::os::fd::{AsRawFd, OwnedFd};
use std::sync::atomic::{AtomicU16, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{setns, CloneFlags};
use nix::sys::socket::{
    recv, sendto, setsockopt, socket, sockopt, AddressFamily, MsgFlags, SockFlag, SockProtocol,
    SockType, SockaddrIn, SockaddrIn6,
};
use nix::sys::time::{TimeVal, TimeValLike};

use crate::packet::Packet;
use crate::tap::Result;

/// Longer than any datagram.
const MAX_LEN: usize = 1 << 16;

/// Runs `f` in another network namespace. Sockets and processes that it makes stay there.
pub fn within<T: Send>(namespace: &str, f: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let inside = || -> std::result::Result<T, String> {
        let path = format!("/run/netns/{namespace}");
        let file = std::fs::File::open(&path).map_err(|error| format!("{path}: {error}"))?;
        setns(file, CloneFlags::CLONE_NEWNET).map_err(|error| format!("{path}: {error}"))?;
        f().map_err(|error| error.to_string())
    };
    let result = thread::scope(|scope| scope.spawn(inside).join());
    Ok(result.map_err(|_| "a thread panicked")??)
}

/// A bound UDP socket.
pub struct Wire(UdpSocket);

impl Wire {
    /// Port 0 stands for one that nobody had: the device goes on calling at those of peers of
    /// tests that are over.
    pub fn bind(address: impl Into<SocketAddr>) -> Result<Self> {
        static UNUSED: AtomicU16 = AtomicU16::new(10_000);
        let mut address = address.into();
        if address.port() == 0 {
            address.set_port(UNUSED.fetch_add(1, Ordering::Relaxed));
        }
        let socket =
            UdpSocket::bind(address).map_err(|error| format!("bind {address}: {error}"))?;
        // Room for what a flood is answered with.
        setsockopt(&socket, sockopt::RcvBufForce, &(8 << 20))?;
        Ok(Self(socket))
    }

    pub fn address(&self) -> SocketAddr {
        self.0.local_addr().expect("the socket is bound")
    }

    /// The same socket, for another thread.
    pub fn duplicate(&self) -> Result<Self> {
        Ok(Self(self.0.try_clone()?))
    }

    pub fn send(&self, datagram: &[u8], to: SocketAddr) -> Result {
        self.0.send_to(datagram, to)?;
        Ok(())
    }

    /// Leaves room for a few datagrams that are not on their way yet, and fails to send if there is none.
    pub fn shrink_send_buffer(&self) -> Result {
        setsockopt(&self.0, sockopt::SndBuf, &0)?;
        Ok(self.0.set_nonblocking(true)?)
    }

    /// Sends equal datagrams as one train of segments, `len` bytes each.
    pub fn send_train(&self, datagrams: &[u8], len: u16, to: SocketAddr) -> Result {
        setsockopt(&self.0, sockopt::UdpGsoSegment, &i32::from(len))?;
        let result = self.send(datagrams, to);
        setsockopt(&self.0, sockopt::UdpGsoSegment, &0)?;
        result
    }

    /// The next datagram and its source, if one comes in time.
    pub fn receive(&self, timeout: Duration) -> Result<Option<(Vec<u8>, SocketAddr)>> {
        let mut buffer = [0; MAX_LEN];
        self.0
            .set_read_timeout(Some(timeout.max(Duration::from_millis(1))))?;
        match self.0.recv_from(&mut buffer) {
            Ok((len, from)) => Ok(Some((buffer[..len].to_vec(), from))),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                Ok(None)
            }
            // An ICMP error about an earlier datagram.
            Err(error) if error.kind() == ErrorKind::ConnectionRefused => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// All that has come so far.
    pub fn drain(&self) -> Result<Vec<Vec<u8>>> {
        let mut all = Vec::new();
        while let Some((datagram, _)) = self.receive(Duration::ZERO)? {
            all.push(datagram);
        }
        Ok(all)
    }
}

/// Sends whole packets, their IP headers included.
pub struct Raw {
    v4: OwnedFd,
    v6: OwnedFd,
}

impl Raw {
    pub fn open() -> Result<Self> {
        let open = |family| socket(family, SockType::Raw, SockFlag::empty(), SockProtocol::Raw);
        Ok(Self {
            v4: open(AddressFamily::Inet)?,
            v6: open(AddressFamily::Inet6)?,
        })
    }

    /// Sends a packet to where its header says, or to `to` if that is another address.
    pub fn send_to(&self, packet: &[u8], to: IpAddr) -> Result {
        let flags = MsgFlags::empty();
        match to {
            IpAddr::V4(to) => {
                let to = SockaddrIn::from(SocketAddrV4::new(to, 0));
                sendto(self.v4.as_raw_fd(), packet, &to, flags)?;
            }
            IpAddr::V6(to) => {
                let to = SockaddrIn6::from(SocketAddrV6::new(to, 0, 0, 0));
                sendto(self.v6.as_raw_fd(), packet, &to, flags)?;
            }
        }
        Ok(())
    }

    pub fn send(&self, packet: &[u8]) -> Result {
        let parsed = Packet::parse(packet).ok_or("a packet to send is none")?;
        self.send_to(packet, parsed.destination)
    }
}

/// Sees all packets of one family that come in, by any interface.
pub struct Tap(OwnedFd);

impl Tap {
    pub fn open4() -> Result<Self> {
        Self::open(SockProtocol::EthIp)
    }

    pub fn open6() -> Result<Self> {
        Self::open(SockProtocol::EthIpv6)
    }

    fn open(protocol: SockProtocol) -> Result<Self> {
        let flags = SockFlag::empty();
        let fd = socket(AddressFamily::Packet, SockType::Datagram, flags, protocol)?;
        setsockopt(&fd, sockopt::RcvBufForce, &(8 << 20))?;
        Ok(Self(fd))
    }

    /// The next packet that `wanted` finds something in, and that something.
    pub fn await_packet<T>(
        &self,
        timeout: Duration,
        mut wanted: impl FnMut(&Packet) -> Option<T>,
    ) -> Result<T> {
        let end = Instant::now() + timeout;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            if let Some(found) = self.next(left)?.as_ref().and_then(&mut wanted) {
                return Ok(found);
            }
        }
        Err("the packet did not come".into())
    }

    /// The next packet, if one comes in time.
    pub fn next(&self, timeout: Duration) -> Result<Option<Packet>> {
        Ok(self
            .next_bytes(timeout)?
            .and_then(|bytes| Packet::parse(&bytes)))
    }

    /// The same, as it is.
    pub fn next_bytes(&self, timeout: Duration) -> Result<Option<Vec<u8>>> {
        let mut buffer = [0; MAX_LEN];
        let timeout = timeout.max(Duration::from_millis(1));
        let timeout = TimeVal::microseconds(timeout.as_micros() as i64);
        setsockopt(&self.0, sockopt::ReceiveTimeout, &timeout)?;
        match recv(self.0.as_raw_fd(), &mut buffer, MsgFlags::empty()) {
            Ok(len) => Ok(Some(buffer[..len].to_vec())),
            Err(nix::errno::Errno::EAGAIN) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}
