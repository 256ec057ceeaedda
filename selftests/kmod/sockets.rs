// SPDX-License-Identifier: GPL-2.0

//! Sockets are open only as long as somebody sees to it that they do not outlive their namespace.

use core::net::{
    Ipv4Addr,
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
            addr::Family,
            netns::{
                Net,
                NetRef,
                NetnsExit,
                PernetRegistration, //
            },
            rtnl::RtnlHeld,
            skbuff::SkBuff,
            udp_tunnel::{
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
    UdpSocket::open(net, Family::V4, 0, Arc::new(Sink, GFP_KERNEL)?)
}

/// What comes of looking up a route.
fn route(socket: &UdpSocket<Sink>) -> Result {
    let bh = bh::disable();
    let nowhere = SocketAddrV4::new(Ipv4Addr::LOCALHOST, 9);
    let route = socket.route4(nowhere, &mut None, 0, None, bh.token());
    route.map(|_| ())
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
