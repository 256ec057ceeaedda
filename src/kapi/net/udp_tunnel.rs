// SPDX-License-Identifier: GPL-2.0

//! UDP sockets of the kernel that carry a tunnel.
//!
//! A [`UdpSocket`] hands what arrives to its [`UdpHandler`]. Sending takes two steps, so that a run
//! of packets pays for the first but once: a [`Route`] is looked up, and packets are sent along it.
//!
//! C header: [`include/net/udp_tunnel.h`](srctree/include/net/udp_tunnel.h)

mod open;

pub(crate) use self::open::Registration;

use core::{
    mem::align_of,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6},
    ptr::{self, NonNull}, //
};

use kernel::{
    prelude::*,
    sync::{Arc, ArcBorrow}, //
};

use self::open::{
    OpenSockets,
    SharedSocket, //
};

use crate::{
    bindings,
    kapi::{
        error::to_result,
        net::{
            addr::{to_be32, to_in6_addr, Family},
            device::NetDevice,
            netns::{Net, NetRef},
            route::{Dst, KnownRoute},
            skbuff::{CoreReason, SkBuff}, //
        },
        sync::bh::{self, BhDisabled}, //
    }, //
};

/// Receives what arrives at a [`UdpSocket`].
pub(crate) trait UdpHandler: Send + Sync + 'static {
    /// Takes one datagram.
    ///
    /// Runs in softirq, on any number of CPUs at once, and until the socket has been dropped.
    /// The packet's data starts at the UDP header, whose checksum has been verified; see
    /// [`prepare_datagram`].
    fn receive(this: ArcBorrow<'_, Self>, skb: SkBuff, bh: BhDisabled<'_>);
}

/// Whether the kernel was built with IPv6.
pub(crate) const KNOWS_IPV6: bool = cfg!(CONFIG_IPV6);

/// Whether IPv6 is there: built in, and not disabled at boot.
pub(crate) fn ipv6_enabled() -> bool {
    // SAFETY: No requirements.
    unsafe { bindings::ipv6_mod_enabled() }
}

/// Whether there is an interface of that index in a namespace. It may go at any time.
pub(crate) fn has_interface(net: &NetRef, ifindex: u32) -> bool {
    let Ok(ifindex) = c_int::try_from(ifindex) else {
        return false;
    };
    // SAFETY: The namespace is valid by the invariants of `NetRef`.
    unsafe { bindings::has_interface(net.as_ptr(), ifindex) }
}

/// What a [`UdpSocket`] is bound to.
#[derive(Clone, Copy)]
pub(crate) struct Local {
    /// One of ours and a port. The unspecified address is all of its family, port zero any that is free.
    pub(crate) addr: SocketAddr,
    /// The index of an interface or a VRF, which all comes from and goes to; zero for none.
    pub(crate) ifindex: u32,
    /// Whether others may be bound to the same, of those that [`UdpSocket::let_share`] lets.
    pub(crate) shares: bool,
}

impl Local {
    fn to_raw(self) -> Result<bindings::wg_helper_binding> {
        let mut raw = bindings::wg_helper_binding {
            ifindex: c_int::try_from(self.ifindex).map_err(|_| ENODEV)?,
            port: self.addr.port(),
            shares: self.shares,
            ..Default::default()
        };
        match self.addr.ip() {
            IpAddr::V4(addr) => {
                raw.family = Family::V4.number() as u8;
                if let Some(place) = raw.addr.first_chunk_mut() {
                    *place = addr.octets();
                }
            }
            IpAddr::V6(addr) => {
                raw.family = Family::V6.number() as u8;
                raw.addr = addr.octets();
            }
        }
        Ok(raw)
    }

    fn family(&self) -> Family {
        if self.addr.is_ipv6() {
            Family::V6
        } else {
            Family::V4
        }
    }
}

/// How packets are marked that are sent.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Marking {
    /// For rules of all kinds, those of routing among them.
    pub(crate) mark: u32,
    /// For queueing disciplines; zero leaves packets the one that they have.
    pub(crate) priority: u32,
}

/// A UDP socket of the kernel, bound to a port on all addresses of one family, or on one.
///
/// It has checksums in both directions, allocates from reserves if need be, and has no limit on what
/// it sends. It does not keep its namespace alive, and is closed when that goes away.
///
/// Dropping it sleeps, until the handler runs no more.
///
/// # Invariants
///
/// `shared` is a socket of `family` among `sockets`, whose user data point to the target of
/// `_handler`.
pub(crate) struct UdpSocket<H: UdpHandler> {
    shared: Arc<SharedSocket>,
    sockets: Arc<OpenSockets>,
    family: Family,
    port: u16,
    _handler: Arc<H>,
}

impl<H: UdpHandler> UdpSocket<H> {
    /// Opens a socket that is bound so.
    ///
    /// Errors are those of `bind(2)`: [`EADDRINUSE`], [`EADDRNOTAVAIL`], [`EACCES`], …; [`EINVAL`] for an
    /// address that all in a network have; and [`ENODEV`] if there is no such interface, or no
    /// [`Registration`]. Sleeps.
    pub(crate) fn open(net: &Net, local: Local, handler: Arc<H>) -> Result<Self> {
        const {
            // The lowest three bits of a socket's user data are flags.
            assert!(align_of::<H>() >= 8, "handlers must be aligned to 8 bytes");
        }
        let sockets = OpenSockets::current().ok_or(ENODEV)?;
        let to = local.to_raw()?;
        let mut local_port = 0;
        let shared = sockets.add(net, || {
            let data = Arc::as_ptr(&handler).cast_mut().cast();
            // SAFETY: `net` is alive. `encap_rcv` finds the handler that it expects, which lives for
            // a grace period longer than the socket.
            unsafe {
                bindings::udp_encap_open(
                    net.as_ptr(),
                    &to,
                    data,
                    Some(encap_rcv::<H>),
                    &mut local_port,
                )
            }
        })?;
        // INVARIANT: Just opened so.
        Ok(Self {
            shared,
            sockets,
            family: local.family(),
            port: local_port,
            _handler: handler,
        })
    }

    /// The port that the socket is bound to.
    #[inline]
    pub(crate) fn local_port(&self) -> u16 {
        self.port
    }

    /// Says whether the port may be shared with sockets that are about to be bound to it, and want that.
    pub(crate) fn let_share(&self, shares: bool, bh: BhDisabled<'_>) {
        if let Ok(sk) = self.shared.get(bh) {
            // SAFETY: The socket is open.
            unsafe { bindings::udp_encap_let_share(sk.as_ptr(), shares) };
        }
    }

    /// Leaves to others what arrives from now on. What is on its way to the handler still gets there,
    /// until the end of the next grace period, and the socket can still send. Returns whether it was open.
    pub(crate) fn retire(&self, bh: BhDisabled<'_>) -> bool {
        let sk = self.shared.get(bh);
        if let Ok(sk) = sk {
            // SAFETY: The socket is open.
            unsafe { bindings::udp_encap_unhash(sk.as_ptr()) };
        }
        sk.is_ok()
    }

    /// Says what mark packets have that are sent by this socket, for whom it matters which ones those are:
    /// what routers say of them is noted for the route that they take.
    pub(crate) fn set_mark(&self, mark: u32, bh: BhDisabled<'_>) {
        if let Ok(sk) = self.shared.get(bh) {
            // SAFETY: The socket is open as long as bottom halves are disabled.
            unsafe { bindings::udp_set_mark(sk.as_ptr(), mark) };
        }
    }

    /// Looks up how to reach `destination` with packets of that marking.
    ///
    /// A remembered `source` is used, and cleared if it does not hold any more: because the address
    /// is gone, or not the one that the socket is bound to, or because what leaves from it would take
    /// another interface than it was learnt on. A route that is `known` and still holds replaces all of
    /// that.
    ///
    /// [`EAFNOSUPPORT`] if the socket's family is IPv6; or what the lookup fails with.
    pub(crate) fn route4<'a>(
        &'a self,
        destination: SocketAddrV4,
        source: &mut Option<Source4>,
        marking: Marking,
        known: Option<&mut KnownRoute>,
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let sk = self.get(Family::V4, bh)?;
        let mut flow = bindings::wg_helper_flow4 {
            daddr: to_be32(*destination.ip()),
            saddr: source.map_or(0, |source| to_be32(source.addr)),
            dport: destination.port().to_be(),
            mark: marking.mark,
            priority: marking.priority,
            source_ifindex: source.map_or(0, |source| source.ifindex),
            source_cleared: false,
        };
        // SAFETY: The socket is open and of that family; `known` is null or ours alone, and bottom
        // halves are disabled.
        let dst = unsafe { bindings::udp_route4(sk.as_ptr(), &mut flow, known_ptr(known)) };
        if flow.source_cleared {
            *source = None;
        }
        // INVARIANT: The socket is borrowed for `'a`, and the route was looked up for its family.
        Ok(Route {
            sk,
            // SAFETY: The reference to the result is ours.
            dst: Some(unsafe { Dst::from_raw(dst) }?),
            flow: Flow::V4(flow),
            _bh: bh,
        })
    }

    /// Looks up how to reach `destination` with packets of that marking.
    ///
    /// A remembered `source` is used, and cleared if the address is gone, or not the one that the socket is
    /// bound to; the interface is that, or that of the destination's scope, if it has one. A route that is `known` and still holds replaces all of that.
    ///
    /// [`EAFNOSUPPORT`] if the socket's family is IPv4; or what the lookup fails with.
    pub(crate) fn route6<'a>(
        &'a self,
        destination: SocketAddrV6,
        source: &mut Option<Ipv6Addr>,
        marking: Marking,
        known: Option<&mut KnownRoute>,
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let sk = self.get(Family::V6, bh)?;
        let mut flow = bindings::wg_helper_flow6 {
            daddr: to_in6_addr(*destination.ip()),
            saddr: to_in6_addr(source.unwrap_or(Ipv6Addr::UNSPECIFIED)),
            dport: destination.port().to_be(),
            mark: marking.mark,
            priority: marking.priority,
            oif: destination.scope_id() as c_int,
            source_cleared: false,
        };
        // SAFETY: As in `route4`.
        let dst = unsafe { bindings::udp_route6(sk.as_ptr(), &mut flow, known_ptr(known)) };
        if flow.source_cleared {
            *source = None;
        }
        // INVARIANT: The socket is borrowed for `'a`, and the route was looked up for its family.
        Ok(Route {
            sk,
            // SAFETY: The reference to the result is ours.
            dst: Some(unsafe { Dst::from_raw(dst) }?),
            flow: Flow::V6(flow),
            _bh: bh,
        })
    }

    /// The socket, if it is of that family.
    #[inline]
    fn get(&self, family: Family, bh: BhDisabled<'_>) -> Result<NonNull<bindings::sock>> {
        if self.family == family {
            self.shared.get(bh)
        } else {
            Err(EAFNOSUPPORT)
        }
    }

    /// Drops two sockets, and waits but once.
    pub(crate) fn close_both(first: Option<Self>, second: Option<Self>) {
        let first_closed = first.as_ref().is_some_and(Self::close);
        if second.as_ref().is_some_and(Self::close) || first_closed {
            // SAFETY: No requirements but process context, which is the caller's part.
            unsafe { bindings::synchronize_net() };
        }
    }

    /// Closes the socket, after which the handler may run for another grace period, and returns
    /// whether it was still open.
    fn close(&self) -> bool {
        self.sockets.remove(&self.shared)
    }
}

impl<H: UdpHandler> Drop for UdpSocket<H> {
    fn drop(&mut self) {
        // What another socket at the same port could get is not to come here and be lost.
        if self.retire(bh::disable().token()) {
            // SAFETY: No requirements but process context.
            unsafe { bindings::synchronize_net() };
        }
        if self.close() {
            // SAFETY: No requirements but process context. The handler is dropped after it.
            unsafe { bindings::synchronize_net() };
        }
    }
}

#[inline]
fn known_ptr(known: Option<&mut KnownRoute>) -> *mut bindings::wg_helper_route {
    known.map_or(ptr::null_mut(), KnownRoute::as_mut_ptr)
}

/// Hands a packet to a socket's handler.
///
/// # Safety
///
/// To be called by the UDP layer as the hook of a socket whose user data are null, or point to an
/// `H` that lives until the end of the read-side critical section of RCU which this is called in.
unsafe extern "C" fn encap_rcv<H: UdpHandler>(
    sk: *mut bindings::sock,
    skb: *mut bindings::sk_buff,
) -> c_int {
    // SAFETY: By the caller's promise.
    let handler = unsafe { bindings::udp_encap_enter(sk, skb) }.cast::<H>();
    // SAFETY: The hook owns the packet, and the call above took it off the list it may have been on,
    // and the device off it.
    let skb = unsafe { SkBuff::from_raw(skb) };
    // SAFETY: The UDP layer receives in softirq, or as if.
    let bh = unsafe { BhDisabled::assume() };
    if handler.is_null() {
        // The socket is being closed.
        skb.discard(CoreReason::SOCKET_CLOSE, 0);
    } else {
        // SAFETY: By the caller's promise; the socket's `Arc` keeps it alive meanwhile.
        H::receive(unsafe { ArcBorrow::from_raw(handler) }, skb, bh);
    }
    0
}

/// A local IPv4 address, and the interface that a peer used to reach it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Source4 {
    /// The address.
    pub(crate) addr: Ipv4Addr,
    /// The interface's index.
    pub(crate) ifindex: i32,
}

enum Flow {
    V4(bindings::wg_helper_flow4),
    V6(bindings::wg_helper_flow6),
}

/// A way from a socket to a destination.
///
/// # Invariants
///
/// `sk` is an open socket of the flow's family, and stays so for `'a`; `dst` is a route of that
/// family, until the last packet takes it along, and bottom halves are disabled.
pub(crate) struct Route<'a> {
    sk: NonNull<bindings::sock>,
    dst: Option<Dst>,
    flow: Flow,
    _bh: BhDisabled<'a>,
}

/// A packet that was not sent, and why.
pub(crate) struct Unsent {
    pub(crate) skb: SkBuff,
    pub(crate) error: Error,
}

/// The headers of IP and UDP.
const HEADERS_V4: u32 = 20 + 8;
const HEADERS_V6: u32 = 40 + 8;

impl Route<'_> {
    /// The longest payload of a datagram that the way takes whole, as far as is known; zero if its last
    /// packet has been sent.
    pub(crate) fn max_payload(&self) -> u32 {
        let headers = match self.flow {
            Flow::V4(_) => HEADERS_V4,
            Flow::V6(_) => HEADERS_V6,
        };
        let mtu = self.dst.as_ref().map_or(0, Dst::mtu);
        mtu.saturating_sub(headers)
    }

    /// Whether [`Self::ask`] could find anything out: IPv6 says by itself what it does not take.
    pub(crate) fn can_ask(&self) -> bool {
        matches!(self.flow, Flow::V4(_))
    }

    /// Asks whether the way takes as much as is believed: with a copy of the packet's data, or of the first
    /// `len` bytes of them, that is not to be cut by anybody. The answer, if there is one, is
    /// [`Self::max_payload`] of a later route.
    ///
    /// The receiver may get the same payload twice. Nothing is counted for a device.
    pub(crate) fn ask(&self, skb: &SkBuff, len: u32, ds: u8) {
        let (Some(dst), Flow::V4(flow)) = (&self.dst, &self.flow) else {
            return;
        };
        // SAFETY: By the type invariants, the socket and the route fit the flow; the packet is only read,
        // and the route gets a reference of its own.
        unsafe {
            bindings::udp_ask4(self.sk.as_ptr(), dst.as_ptr(), skb.as_ptr(), len, flow, ds);
        }
    }

    /// Sends the packet's data as the payload of a datagram.
    ///
    /// The packet needs no headers; room for them in front saves a copy. `ds` is the field of that
    /// name in the IP header. The packet is counted as one that `dev` has transmitted, or dropped.
    ///
    /// The packet may also be a train of datagrams, with `gso_type` being `SKB_GSO_UDP_L4` and
    /// `gso_size` the payload of each but the last, which may be shorter: `udp_tunnel_xmit_skb`
    /// builds one header for all of them, and IP output or the device segments. It counts only one
    /// transmitted packet; the others are counted here. Any other kind is refused.
    ///
    /// [`ENETDOWN`] if `dev` is not up, [`EMSGSIZE`] if the packet is larger than a datagram can be:
    /// those come back. What becomes of it once it has left here is for nobody to know.
    #[inline]
    pub(crate) fn send(&self, skb: SkBuff, dev: &NetDevice, ds: u8) -> Result<(), Unsent> {
        transmit(self.sk, self.dst.clone(), &self.flow, skb, dev, ds)
    }

    /// [`Self::send`], which saves the reference to the route that others would need: those are
    /// refused with [`ENETUNREACH`] from now on.
    #[inline]
    pub(crate) fn send_last(&mut self, skb: SkBuff, dev: &NetDevice, ds: u8) -> Result<(), Unsent> {
        transmit(self.sk, self.dst.take(), &self.flow, skb, dev, ds)
    }
}

#[inline]
fn transmit(
    sk: NonNull<bindings::sock>,
    dst: Option<Dst>,
    flow: &Flow,
    skb: SkBuff,
    dev: &NetDevice,
    ds: u8,
) -> Result<(), Unsent> {
    let Some(dst) = dst else {
        return Err(Unsent {
            skb,
            error: ENETUNREACH,
        });
    };
    let (sk, dst, skb, dev) = (sk.as_ptr(), dst.into_raw(), skb.into_raw(), dev.as_ptr());
    // SAFETY: By the invariants of `Route`, whose parts the arguments are, the socket and the route
    // fit the flow. The packet and the reference to the route are ours to give up.
    to_result(unsafe {
        match flow {
            Flow::V4(flow) => bindings::udp_xmit4(sk, dst, skb, dev, flow, ds),
            Flow::V6(flow) => bindings::udp_xmit6(sk, dst, skb, dev, flow, ds),
        }
    })
    .map_err(|error| {
        // SAFETY: A packet that was refused has stayed ours, and as it was.
        let skb = unsafe { SkBuff::from_raw(skb) };
        Unsent { skb, error }
    })
}

/// What the headers of a received datagram say.
#[derive(Clone, Copy)]
pub(crate) struct Datagram {
    /// Where it came from.
    pub(crate) origin: Origin,
    /// The field of that name in the IP header.
    pub(crate) ds: u8,
}

/// Where a datagram came from, and by which way, as its headers say.
///
/// Two are compared without a look at what family they are of.
#[derive(Clone, Copy)]
pub(crate) struct Origin(bindings::wg_helper_origin);

impl Origin {
    /// Who sent it, and the address that it was sent to, which is of the same family.
    pub(crate) fn addresses(&self) -> Addresses {
        let Self(raw) = self;
        let port = u16::from_be(raw.port);
        if raw.is_v6 {
            Addresses::V6 {
                source: SocketAddrV6::new(raw.source.into(), port, 0, raw.scope_id),
                local: raw.local.into(),
            }
        } else {
            Addresses::V4 {
                source: SocketAddrV4::new(ipv4(raw.source), port),
                local: Source4 {
                    addr: ipv4(raw.local),
                    ifindex: raw.ifindex,
                },
            }
        }
    }

    /// Who sent it.
    pub(crate) fn source(&self) -> SocketAddr {
        match self.addresses() {
            Addresses::V4 { source, .. } => source.into(),
            Addresses::V6 { source, .. } => source.into(),
        }
    }
}

impl PartialEq for Origin {
    #[inline]
    fn eq(&self, Self(other): &Self) -> bool {
        let Self(this) = self;
        let numbers = |raw: &bindings::wg_helper_origin| {
            let (source, local) = (raw.source, raw.local);
            (
                u128::from_ne_bytes(source),
                u128::from_ne_bytes(local),
                (raw.scope_id, raw.ifindex, raw.port, raw.is_v6),
            )
        };
        numbers(this) == numbers(other)
    }
}

/// The addresses of a datagram.
pub(crate) enum Addresses {
    V4 {
        source: SocketAddrV4,
        local: Source4,
    },
    /// There is a scope only if the source is local to a link.
    V6 {
        source: SocketAddrV6,
        local: Ipv6Addr,
    },
}

/// Makes the data of a received packet the payload of its UDP datagram, and nothing else.
///
/// The IP version has to be what the packet claims, and the UDP header's length possible, or [`EINVAL`]
/// says that they are not. At least `min_linear` bytes are required ([`EMSGSIZE`]), and will be in the
/// linear part. [`ENOMEM`] if there is no memory for that.
pub(crate) fn prepare_datagram(skb: &mut SkBuff, min_linear: u32) -> Result {
    // SAFETY: The packet is valid and ours.
    to_result(unsafe { bindings::udp_datagram_prepare(skb.as_ptr(), min_linear) })
}

/// Reads the headers of a received packet, which are those in front of its data.
///
/// They stay where they are when data are pulled, but not when metadata are reset.
#[inline]
pub(crate) fn datagram_of(skb: &SkBuff) -> Option<Datagram> {
    let mut origin = bindings::wg_helper_origin::default();
    // SAFETY: The packet is valid; it is only read.
    let ds = unsafe { bindings::udp_origin(skb.as_ptr(), &mut origin) };
    (ds >= 0).then_some(Datagram {
        origin: Origin(origin),
        ds: ds as u8,
    })
}

/// The IPv4 address in the first bytes.
fn ipv4([a, b, c, d, ..]: [u8; 16]) -> Ipv4Addr {
    Ipv4Addr::new(a, b, c, d)
}
