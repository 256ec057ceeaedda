// SPDX-License-Identifier: GPL-2.0

//! What users send into tunnels: from sound sockets, and by those that say what they like.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, AsRawFd};
use std::time::Duration;

use nix::errno::Errno;
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{
    connect, setsockopt, socket, sockopt, AddressFamily, SockFlag, SockType, SockaddrStorage,
};
use nix::sys::time::{TimeVal, TimeValLike};
use wire_peer::packet::{self, Header, ICMP, MORE_FRAGMENTS, UDP};
use wire_peer::wire::Raw;

use super::players::RESPONDER;
use super::strangers::mutate;
use super::{links, Context};
use crate::rng::Rng;
use crate::sys::{Link, OFFLOAD_LEN};
use crate::world::{Outcome, IDENTITIES, RESET, SERVICE};

const PATIENCE: Duration = Duration::from_millis(1000);
const SIZES: [usize; 10] = [0, 1, 100, 1000, 1372, 1393, 1420, 4000, 20000, 65507];

const IP4: u16 = 0x0800;
const IP6: u16 = 0x86dd;
const TCP: u8 = 6;

/// An address in a tunnel: of a device or of a peer that we play.
pub fn inside(identity: usize, v6: bool) -> IpAddr {
    let number = identity as u8 + 1;
    match v6 {
        false => Ipv4Addr::new(10, 7, 0, number).into(),
        true => Ipv6Addr::new(0xfd07, 0, 0, 0, 0, 0, 0, number.into()).into(),
    }
}

/// To whom, by a tunnel of the device. The peer that waits for handshakes would not see their begin if others had sent to
/// it before.
fn destination(context: &mut Context<'_>) -> IpAddr {
    let v6 = context.rng.percent(40);
    inside(context.rng.below(RESPONDER), v6)
}

fn unspecified(address: IpAddr) -> SocketAddr {
    match address {
        IpAddr::V4(_) => ([0; 4], 0).into(),
        IpAddr::V6(_) => ([0; 16], 0).into(),
    }
}

fn bind_to(socket: &impl AsFd, device: &str) -> Outcome {
    Ok(setsockopt(socket, sockopt::BindToDevice, &device.into())?)
}

/// A socket of UDP that only uses the device. Sending does not wait.
fn datagram_socket(device: &str, to: IpAddr) -> Outcome<UdpSocket> {
    let socket = UdpSocket::bind(unspecified(to))?;
    bind_to(&socket, device)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

pub fn udp(context: &mut Context<'_>) -> Outcome {
    let (to, name) = (destination(context), context.name());
    let sizes: Vec<_> = (0..1 + context.rng.below(32))
        .map(|_| context.rng.pick(&SIZES))
        .collect();
    context.world.within(context.slot, || {
        let socket = datagram_socket(&name, to)?;
        for size in sizes {
            socket.send_to(&vec![0x55; size], (to, 9))?;
        }
        Ok(())
    })
}

/// One datagram to a peer.
pub fn greet(context: &Context<'_>, identity: usize) -> Outcome {
    let to = inside(identity, false);
    context.world.within(context.slot, || {
        datagram_socket(&context.name(), to)?.send_to(b"hello", (to, 9))?;
        Ok(())
    })
}

/// Many datagrams in one, which the driver has to cut.
pub fn train(context: &mut Context<'_>) -> Outcome {
    let (to, name) = (destination(context), context.name());
    let rng = &mut context.rng;
    let len = rng.pick(&[1, 100, 500, 1000, 1372, 1372, 1400, 8000]);
    let count = rng.pick(&[1, 2, 10, 44, 64, 128]);
    let (all, rest) = (
        usize::min(len * count, 65000),
        rng.below(2) * rng.below(len),
    );
    context.world.within(context.slot, || {
        let socket = datagram_socket(&name, to)?;
        setsockopt(&socket, sockopt::UdpGsoSegment, &(len as i32))?;
        socket.send_to(&vec![0xaa; all - usize::min(rest, all)], (to, 9))?;
        Ok(())
    })
}

/// A connection through a tunnel to who answers at its other end; what comes back must be what was sent.
pub fn tcp(context: &mut Context<'_>) -> Outcome {
    links::likely_ready(context);
    let (to, name) = (destination(context), context.name());
    let amount = context.rng.pick(&[1, 10_000, 200_000, 1_000_000]);
    let family = match to {
        IpAddr::V4(_) => AddressFamily::Inet,
        IpAddr::V6(_) => AddressFamily::Inet6,
    };
    context.world.within(context.slot, || {
        let fd = socket(family, SockType::Stream, SockFlag::SOCK_CLOEXEC, None)?;
        bind_to(&fd, &name)?;
        setsockopt(&fd, sockopt::Linger, &RESET)?;
        let patience = TimeVal::milliseconds(PATIENCE.as_millis() as i64);
        setsockopt(&fd, sockopt::SendTimeout, &patience)?;
        setsockopt(&fd, sockopt::ReceiveTimeout, &patience)?;
        connect(
            fd.as_raw_fd(),
            &SockaddrStorage::from(SocketAddr::new(to, SERVICE)),
        )?;
        exchange(TcpStream::from(fd), amount)
    })
}

fn exchange(mut connection: TcpStream, amount: usize) -> Outcome {
    let block = [0x33; 1 << 14];
    let mut returned = vec![0; 1 << 14];
    let mut sent = 0;
    while sent < amount {
        sent += connection.write(&block[..usize::min(block.len(), amount - sent)])?;
        let len = connection.read(&mut returned)?;
        if returned[..len].iter().any(|byte| *byte != 0x33) {
            return Err("other bytes came back than were sent".into());
        }
    }
    Ok(())
}

pub fn echo(context: &mut Context<'_>) -> Outcome {
    let to = destination(context);
    let header = Header::new(inside(context.device, to.is_ipv6()), to, ICMP);
    let len = context.rng.pick(&[0, 56, 1372, 1400, 1500]);
    let requests: Vec<_> = (0..1 + context.rng.below(8))
        .map(|number| packet::echo(header, number as u16, len))
        .collect();
    context.world.within(context.slot, || {
        let raw = Raw::open().map_err(|error| error.to_string())?;
        for request in requests {
            raw.send(&request).map_err(|error| error.to_string())?;
        }
        Ok(())
    })
}

/// A packet with headers that are odd or wrong.
fn odd_packet(context: &mut Context<'_>) -> Vec<u8> {
    let to = destination(context);
    let own = inside(context.device, to.is_ipv6());
    let other = inside(context.rng.below(IDENTITIES), to.is_ipv6());
    let rng = &mut context.rng;
    let protocol = rng.pick(&[0, ICMP, TCP, UDP, 41, 58, 132, 255]);
    let header = Header::new(rng.pick(&[own, own, other]), to, protocol)
        .with_ds(rng.next() as u8)
        .with_fragment(
            rng.next() as u16,
            rng.pick(&[0, 0, MORE_FRAGMENTS, 100, 0x1fff, 0xffff]),
        );
    let len = rng.pick(&[0, 1, 7, 8, 20, 100, 1372, 1400]);
    let mut packet = header.packet(&rng.bytes(len));
    if rng.percent(50) {
        mutate(rng, &mut packet);
    }
    packet
}

pub fn raw(context: &mut Context<'_>) -> Outcome {
    let (packet, to) = (odd_packet(context), destination(context));
    context.world.within(context.slot, || {
        let raw = Raw::open().map_err(|error| error.to_string())?;
        Ok(raw
            .send_to(&packet, to)
            .map_err(|error| error.to_string())?)
    })
}

/// Past all that looks at packets before the driver does.
pub fn link(context: &mut Context<'_>) -> Outcome {
    let packet = match context.rng.percent(60) {
        true => odd_packet(context),
        false => {
            let len = context.rng.below(200);
            context.rng.bytes(len)
        }
    };
    let protocol = context.rng.pick(&[IP4, IP4, IP6, IP6, 0x0806, 0x8100, 0]);
    let name = context.name();
    context.world.within(context.slot, || {
        let index = if_nametoindex(&*name)?;
        as_the_driver_likes(Link::open(false)?.send(&packet, index, protocol))
    })
}

/// What the driver itself refuses has got to it.
fn as_the_driver_likes(result: nix::Result<()>) -> Outcome {
    match result {
        Err(Errno::EPROTONOSUPPORT | Errno::ENOKEY | Errno::EDESTADDRREQ) => Ok(()),
        other => Ok(other?),
    }
}

/// Packets of several segments, and of checksums to be made, with what is said about them true or not.
pub fn offload(context: &mut Context<'_>) -> Outcome {
    let to = destination(context);
    let rng = &mut context.rng;
    let payload = rng.pick(&[0, 100, 1000, 10_000, 60_000]);
    let (ty, protocol, header) = match to {
        IpAddr::V4(_) => (1, IP4, 20),
        IpAddr::V6(_) => (4, IP6, 40),
    };
    let mut bytes = virtio_header(rng, ty, header);
    let source = inside(context.device, to.is_ipv6());
    let segment = tcp_segment(rng, payload);
    bytes.extend(Header::new(source, to, TCP).packet(&segment));
    if rng.percent(30) {
        let at = rng.below(OFFLOAD_LEN);
        bytes[at] = rng.next() as u8;
    }
    if rng.percent(20) {
        let at = OFFLOAD_LEN + rng.below(header as usize + 20);
        bytes[at] = rng.next() as u8;
    }
    let name = context.name();
    context.world.within(context.slot, || {
        let index = if_nametoindex(&*name)?;
        as_the_driver_likes(Link::open(true)?.send(&bytes, index, protocol))
    })
}

/// `struct virtio_net_hdr`: a checksum to be made, and segments to be cut.
fn virtio_header(rng: &mut Rng, ty: u8, header: u16) -> Vec<u8> {
    let size: u16 = rng.pick(&[1, 100, 1000, 1360, 1360, 9000]);
    let mut bytes = vec![1, ty | rng.pick(&[0, 0, 0, 0x80])];
    for number in [header + 20, size, header, 16] {
        bytes.extend(number.to_ne_bytes());
    }
    bytes
}

fn tcp_segment(rng: &mut Rng, payload: usize) -> Vec<u8> {
    let mut segment = rng.bytes(20);
    segment[2..4].copy_from_slice(&SERVICE.to_be_bytes());
    segment[12] = 5 << 4;
    segment.resize(20 + payload, 0x77);
    segment
}
