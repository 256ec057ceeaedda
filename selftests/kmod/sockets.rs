// SPDX-License-Identifier: GPL-2.0

//! Sockets are open only as long as somebody sees to it that they do not outlive their namespace.

use core::net::{
    Ipv4Addr,
    SocketAddr,
    SocketAddrV4, //
};
use kernel::{
    prelude::*,
    sync::{
        Arc,
        ArcBorrow, //
    }, //
};

use crate::{
    checks::{
        check,
        Outcome, //
    },
    kapi::{
        net::{
            netns::{
                Net,
                NetRef,
                NetnsExit,
                PernetRegistration, //
            },
            rtnl::RtnlHeld,
            skbuff::SkBuff,
            udp_tunnel::{
                Local,
                Marking,
                Registration,
                UdpHandler,
                UdpSocket, //
            }, //
        },
        sync::{
            bh::{
                self,
                BhDisabled, //
            },
            rcu_slot::RcuSlot, //
        }, //
    },
};

/// A namespace that there was when a hook was unregistered.
static NET: RcuSlot<Net> = RcuSlot::new();

struct Hook;

impl NetnsExit for Hook {
    fn exit(net: &NetRef, _rtnl: &RtnlHeld) {
        if let Some(net) = net.try_get() {
            drop(NET.replace(KBox::new(net, GFP_KERNEL).ok()));
        }
    }
}

fn some_net() -> Result<KBox<Net>, &'static str> {
    drop(PernetRegistration::<Hook>::new().map_err(|_| "no hook")?);
    NET.replace(None).reclaim().ok_or("no namespace")
}

#[repr(align(8))]
struct Sink;

impl UdpHandler for Sink {
    fn receive(_this: ArcBorrow<'_, Self>, _skb: SkBuff, _bh: BhDisabled<'_>) {}
}

fn open(net: &Net) -> Result<UdpSocket<Sink>> {
    open_at(net, 0, false)
}

fn open_at(net: &Net, port: u16, shares: bool) -> Result<UdpSocket<Sink>> {
    let local = Local {
        addr: SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), port),
        ifindex: 0,
        shares,
    };
    UdpSocket::open(net, local, Arc::new(Sink, GFP_KERNEL)?)
}

/// What comes of looking up a route.
fn route(socket: &UdpSocket<Sink>) -> Result {
    let bh = bh::disable();
    let nowhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    let route = socket.route4(nowhere, &mut None, Marking::default(), None, bh.token());
    route.map(|_| ())
}

/// A port is shared only between one that lets it be and one that wants it, and freed by who retires.
pub(crate) fn sharing() -> Outcome {
    let net = some_net()?;
    let registration = Registration::new().map_err(|_| "no registration")?;
    let first = open(&net).map_err(|_| "no socket")?;
    let port = first.local_port();
    check!(open_at(&net, port, true).err() == Some(EADDRINUSE));
    first.let_share(true, bh::disable().token());
    check!(open_at(&net, port, false).err() == Some(EADDRINUSE));
    let second = open_at(&net, port, true).map_err(|_| "not shared")?;
    first.let_share(false, bh::disable().token());
    check!(open_at(&net, port, true).err() == Some(EADDRINUSE));
    check!(first.retire(bh::disable().token()) && route(&first) != Err(ENONET));
    drop(second);
    check!(open_at(&net, port, false).is_ok());
    drop(first);
    drop(registration);
    Ok(())
}

/// Without a registration no socket is opened; there is but one, and its end is that of all sockets.
pub(crate) fn registration() -> Outcome {
    let net = some_net()?;
    check!(open(&net).err() == Some(ENODEV));
    let registration = Registration::new().map_err(|_| "no registration")?;
    check!(Registration::new().err() == Some(EBUSY));
    let first = open(&net).map_err(|_| "no socket")?;
    let second = open(&net).map_err(|_| "no second socket")?;
    check!(first.local_port() != 0 && first.local_port() != second.local_port());
    check!(route(&first) != Err(ENONET));
    drop(first);
    drop(registration);
    check!(route(&second) == Err(ENONET));
    check!(open(&net).err() == Some(ENODEV));
    drop(second);
    check!(Registration::new().is_ok());
    Ok(())
}
