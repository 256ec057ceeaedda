// SPDX-License-Identifier: GPL-2.0

//! The UDP sockets of a device: one per family, at the same port.

use core::{
    net::{IpAddr, SocketAddr},
    ptr, //
};

use kernel::{
    prelude::*,
    sync::Arc, //
};

use crate::{
    binding::Binding,
    endpoint::{Endpoint, EndpointCell, Routing, ShowEndpoint},
    kapi::{
        log::debug_ratelimited,
        net::{
            addr::Family,
            device::NetDevice,
            netns::{Net, WeakNet},
            route::KnownRoute,
            skbuff::SkBuff,
            udp_tunnel::{
                ipv6_enabled,
                Datagram,
                Local,
                Marking,
                Route,
                UdpHandler,
                UdpSocket,
                Unsent,
                KNOWS_IPV6, //
            },
        },
        sync::{
            bh::{self, BhDisabled},
            rcu_slot::RcuSlot, //
        },
    }, //
};

/// How often to look for another port, if the one that IPv4 got is taken for IPv6.
const BIND_RETRIES: usize = 100;

/// What to say to a peer at an IPv4 address if there is no socket for it.
const NO_IPV4: Error = ENONET;

/// What to say to a peer at an IPv6 address if there is no socket for it.
const NO_IPV6: Error = if KNOWS_IPV6 { ENONET } else { EAFNOSUPPORT };

/// A socket for IPv4, and, unless IPv6 is disabled, one at the same port for IPv6; or only one of them, if
/// an address of that family alone is listened on.
pub(crate) struct SocketPair<H: UdpHandler> {
    v4: Option<UdpSocket<H>>,
    v6: Option<UdpSocket<H>>,
}

/// Why sockets could not be had.
pub(crate) struct BindError {
    /// Of the socket that could not be had.
    family: Option<Family>,
    error: Error,
}

impl BindError {
    /// Whether others have what the socket was to be bound to.
    pub(crate) fn is_taken(&self) -> bool {
        self.error == EADDRINUSE
    }

    /// Lets users know.
    pub(crate) fn log(self, dev: &NetDevice) -> Error {
        let family = match self.family {
            Some(Family::V4) => "IPv4",
            Some(Family::V6) => "IPv6",
            None => return self.error,
        };
        pr_err!("{}: Could not create {} socket\n", dev.name(), family);
        self.error
    }
}

impl From<Error> for BindError {
    fn from(error: Error) -> Self {
        Self {
            family: None,
            error,
        }
    }
}

impl<H: UdpHandler> SocketPair<H> {
    /// Binds both sockets in a namespace; `shares` says whether to share what they are bound to with those
    /// that let it be shared.
    ///
    /// [`ENONET`] if the namespace is gone; else the errors of [`UdpSocket::open`]. Sleeps.
    pub(crate) fn bind(
        net: &WeakNet,
        binding: &Binding,
        shares: bool,
        handler: &Arc<H>,
    ) -> Result<KBox<Self>, BindError> {
        let net = net.try_get().ok_or(ENONET)?;
        let pair = Self::retry(&net, binding, shares, handler)?;
        Ok(KBox::new(pair, GFP_KERNEL).map_err(Error::from)?)
    }

    fn retry(
        net: &Net,
        binding: &Binding,
        shares: bool,
        handler: &Arc<H>,
    ) -> Result<Self, BindError> {
        for _ in 0..BIND_RETRIES {
            match Self::bind_once(net, binding, shares, handler) {
                Err(BindError {
                    family: Some(Family::V6),
                    error: EADDRINUSE,
                }) if binding.port == 0 => {}
                result => return result,
            }
        }
        Self::bind_once(net, binding, shares, handler)
    }

    fn bind_once(
        net: &Net,
        binding: &Binding,
        shares: bool,
        handler: &Arc<H>,
    ) -> Result<Self, BindError> {
        let open = |family, ip: Option<IpAddr>, port| {
            let Some(ip) = ip else {
                return Ok(None);
            };
            let local = Local {
                addr: SocketAddr::new(ip, port),
                ifindex: binding.ifindex,
                shares,
            };
            UdpSocket::open(net, local, handler.clone())
                .map(Some)
                .map_err(|error| BindError {
                    family: Some(family),
                    error,
                })
        };
        let v4 = open(Family::V4, binding.addresses.v4(), binding.port)?;
        let port = v4.as_ref().map_or(binding.port, UdpSocket::local_port);
        let ip = binding.addresses.v6().filter(|_| ipv6_enabled());
        Ok(Self {
            v4,
            v6: open(Family::V6, ip, port)?,
        })
    }

    fn each(&self) -> impl Iterator<Item = &UdpSocket<H>> {
        [&self.v4, &self.v6].into_iter().flatten()
    }

    /// The port of both sockets.
    pub(crate) fn port(&self) -> u16 {
        self.each().next().map_or(0, UdpSocket::local_port)
    }

    /// Looks up the way to an endpoint; see [`EndpointCell::route`].
    pub(crate) fn route<'a>(
        &'a self,
        dev: &NetDevice,
        endpoint: &mut Endpoint,
        marking: Marking,
        known: Option<&mut KnownRoute>,
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let route = match endpoint {
            Endpoint::V4 { addr, source, .. } => {
                let socket = self.v4.as_ref().ok_or(NO_IPV4)?;
                socket.route4(*addr, source, marking, known, bh)
            }
            Endpoint::V6 { addr, source } => {
                let socket = self.v6.as_ref().ok_or(NO_IPV6)?;
                socket.route6(*addr, source, marking, known, bh)
            }
        };
        if let Err(error) = &route {
            debug_ratelimited!(
                dev,
                "No route to {}, error {}",
                ShowEndpoint(Some(*endpoint)),
                error.to_errno()
            );
        }
        route
    }

    /// Leaves to others what arrives from now on; see [`UdpSocket::retire`].
    fn retire(&self, bh: BhDisabled<'_>) {
        self.each().for_each(|socket| {
            socket.retire(bh);
        });
    }

    /// Has both sockets bear a mark.
    pub(crate) fn set_mark(&self, mark: u32, bh: BhDisabled<'_>) {
        self.each().for_each(|socket| socket.set_mark(mark, bh));
    }

    /// Closes both sockets. Sleeps until the handler runs no more.
    pub(crate) fn close(self) {
        UdpSocket::close_both(self.v4, self.v6);
    }
}

/// The sockets that a device uses now, if it is up.
pub(crate) struct Sockets<H: UdpHandler> {
    current: RcuSlot<SocketPair<H>>,
}

impl<H: UdpHandler> Sockets<H> {
    /// Creates a place without sockets.
    pub(crate) const fn new() -> Self {
        Self {
            current: RcuSlot::new(),
        }
    }

    /// Uses other sockets, or none, and then closes those before.
    ///
    /// Both may be bound to the same: what arrives meanwhile comes by the one or the other. `used` is
    /// called once the others are used, though there may still be those who send by the old ones.
    ///
    /// Sleeps until nobody does, and the handler does not run for them any more. It must not be called
    /// twice at the same time.
    pub(crate) fn replace(&self, sockets: Option<KBox<SocketPair<H>>>, used: impl FnOnce()) {
        let are_others = sockets.is_some();
        let retired = self.current.replace(sockets);
        used();
        if are_others {
            // Who looks up a socket looks at one address after the other: he may have looked for the new ones too
            // early, and must still find the old ones then.
            retired.wait_for_readers();
        }
        if let Some(old) = retired.get() {
            let bh = bh::disable();
            old.retire(bh.token());
        }
        if let Some(old) = retired.reclaim() {
            KBox::into_inner(old).close();
        }
    }

    /// Says whether others may be bound to what the sockets are bound to; see [`UdpSocket::let_share`].
    pub(crate) fn let_share(&self, shares: bool) {
        let bh = bh::disable();
        if let Ok(sockets) = self.load(bh.token()) {
            sockets
                .each()
                .for_each(|socket| socket.let_share(shares, bh.token()));
        }
    }

    /// The sockets, for as long as bottom halves are disabled. [`ENOTCONN`] if there are none.
    #[inline]
    fn load<'a>(&'a self, bh: BhDisabled<'a>) -> Result<&'a SocketPair<H>> {
        self.current.load(bh.rcu()).ok_or(ENOTCONN)
    }

    /// Whether there are any: then they are not closed as long as bottom halves are disabled.
    pub(crate) fn are_open(&self, bh: BhDisabled<'_>) -> bool {
        self.load(bh).is_ok()
    }

    /// Has the sockets bear a mark, if there are any.
    pub(crate) fn set_mark(&self, mark: u32, bh: BhDisabled<'_>) {
        if let Ok(pair) = self.load(bh) {
            pair.set_mark(mark, bh);
        }
    }

    /// Looks up the way to a peer, by which any number of packets can be sent.
    ///
    /// [`ENOTCONN`] if the device is down; or see [`EndpointCell::route`].
    pub(crate) fn route<'a, 'r>(
        &'a self,
        dev: &NetDevice,
        endpoint: &EndpointCell,
        routing: impl FnOnce() -> (&'r Routing, Marking),
        bh: BhDisabled<'a>,
    ) -> Result<Route<'a>> {
        let sockets = self.load(bh)?;
        let are_current = || self.load(bh).is_ok_and(|current| ptr::eq(current, sockets));
        endpoint.route(dev, sockets, are_current, routing, bh)
    }

    /// Sends a packet's data to a peer, and returns their length.
    pub(crate) fn send<'r>(
        &self,
        dev: &NetDevice,
        endpoint: &EndpointCell,
        skb: SkBuff,
        ds: u8,
        routing: impl FnOnce() -> (&'r Routing, Marking),
        bh: BhDisabled<'_>,
    ) -> Result<u32, Unsent> {
        let len = skb.len();
        match self.route(dev, endpoint, routing, bh) {
            Ok(mut route) => route.send_last(skb, dev, ds)?,
            Err(error) => return Err(Unsent { skb, error }),
        }
        Ok(len)
    }

    /// Sends a packet's data to whoever a datagram came from, whether that is a peer or not.
    pub(crate) fn send_reply(
        &self,
        dev: &NetDevice,
        datagram: &Datagram,
        skb: SkBuff,
        mark: u32,
        bh: BhDisabled<'_>,
    ) -> Result<(), Unsent> {
        let mut endpoint = Endpoint::from_origin(&datagram.origin);
        let sockets = self.load(bh);
        let marking = Marking { mark, priority: 0 };
        match sockets.and_then(|sockets| sockets.route(dev, &mut endpoint, marking, None, bh)) {
            Ok(mut route) => route.send_last(skb, dev, 0),
            Err(error) => Err(Unsent { skb, error }),
        }
    }
}
