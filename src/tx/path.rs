// SPDX-License-Identifier: GPL-2.0

//! What the path to a peer takes whole, and who has to know it (path-mtu.rst).
//!
//! The kernel's table of routes learns that, from interfaces and from routers, and forgets it again when it is
//! old. Here routers are asked, if they would not speak by themselves, and senders of packets are told.

use crate::{
    device::Device,
    kapi::{
        net::{
            icmp,
            skbuff::{IpProtocol, SkBuff},
            udp_tunnel::Route, //
        },
        sync::{
            atomic::{AtomicU32, Ordering},
            bh::BhDisabled,
            rcu::RcuRef, //
        },
        time, //
    },
    peer::Peer,
    proto::constants::{DATA_HEADER_LEN, TAG_LEN},
    session::Session,
    time::boot_now, //
};

/// Messages that are no longer tell nothing of the path.
pub(super) const SHORT: u32 = 1280 - 20 - 8;

/// By how much a message is longer than a packet.
const AROUND: u32 = (DATA_HEADER_LEN + TAG_LEN) as u32;

/// The least that senders are told: what IPv6 goes over, and what any IPv4 host takes.
const LEAST_V6: u32 = 1280;
const LEAST_V4: u32 = 576;

/// Packets that are no longer become messages that are none of the long ones.
const UNASKED: u32 = SHORT - AROUND;

/// When senders were told what a path takes who may not heed it, by the hash of their flow: the kernel's own limits
/// to ICMP are not for that.
pub(crate) struct Told {
    /// In jiffies.
    stamps: [AtomicU32; Self::FLOWS],
}

impl Told {
    const FLOWS: usize = 64;

    /// Nobody was.
    pub(crate) const fn new() -> Self {
        Self {
            stamps: [const { AtomicU32::new(0) }; Self::FLOWS],
        }
    }

    /// Whether to tell a sender now: once a jiffy for all flows of one hash at most. Then it has been told.
    fn is_to_tell(&self, hash: u32) -> bool {
        let now = time::jiffies() as u32;
        let index = hash as usize % Self::FLOWS;
        let stamp = self.stamps.get(index);
        stamp.is_some_and(|stamp| {
            stamp.load(Ordering::Relaxed) != now && stamp.swap(now, Ordering::Relaxed) != now
        })
    }
}

/// What a way to a peer takes whole.
struct Width {
    /// How long a message may be.
    message: u32,
    /// How long a packet may be.
    mtu: u32,
    /// Whether the peer's messages look other than WireGuard's.
    is_disguised: bool,
}

fn width(peer: &Peer, route: &Route<'_>) -> Width {
    let disguise = match peer.device.wardrobe.is_none() {
        true => None,
        false => peer.disguise_overhead(),
    };
    let around = AROUND.saturating_add(disguise.unwrap_or(0));
    let message = route.max_payload();
    Width {
        message,
        mtu: message.saturating_sub(around),
        is_disguised: disguise.is_some(),
    }
}

/// Notes what the way takes that a long message is about to be sent by, and asks from time to time whether
/// that is true.
///
/// Where messages look like something else no question is asked: what is sent twice can be seen.
#[cold]
#[inline(never)]
pub(super) fn look(session: &Session, route: &Route<'_>, skb: &SkBuff, ds: u8) {
    let peer = &*session.peer;
    let len = skb.datagram_len();
    if len <= SHORT || !peer.device.routing.path_mtu_follows() {
        return;
    }
    let Width {
        message,
        mtu,
        is_disguised,
    } = width(peer, route);
    let mut is_sure = session.lanes.is_path_mtu(mtu) && peer.endpoint.is_path_known();
    if !is_sure {
        session.lanes.ask_anew();
    }
    let may_ask = !is_disguised && len <= message && route.can_ask();
    if may_ask && session.lanes.is_to_ask(boot_now()) {
        route.ask(skb, len, ds);
        is_sure = false;
    }
    // What routers say of this very message is known before the next one, which is looked at for that.
    peer.endpoint.note_path_mtu(if is_sure { mtu } else { 0 });
}

/// The MTU for a packet whose route has a larger one than the path to its peer had when that was seen last;
/// [`None`] if the packet is not to be sent.
///
/// Whoever sends what the path does not take whole is told how long a packet may be, unless others may cut
/// it. A socket here that heeds that sends it again in pieces. What is forwarded, or of a socket that does not, goes
/// on, in pieces outside: its sender may be where ICMP does not get to, and must not be worse off than without
/// being told. It is told from time to time.
#[cold]
#[inline(never)]
pub(super) fn narrow(
    device: &Device,
    skb: &mut SkBuff,
    peer: RcuRef<'_, Peer>,
    mtu: u32,
    bh: BhDisabled<'_>,
) -> Option<u32> {
    if !device.routing.path_mtu_follows() {
        return Some(mtu);
    }
    let seen: u32 = peer.endpoint.path_mtu_as_noted().into();
    let (least, may_be_cut) = match skb.ip_protocol() {
        Some(IpProtocol::V4) => (LEAST_V4, may_be_cut(skb)),
        Some(IpProtocol::V6) => (LEAST_V6, false),
        None => return Some(mtu),
    };
    let short = least.max(seen);
    if skb.fits(short) {
        return Some(mtu.min(short));
    }
    if seen == 0 && skb.fits(UNASKED) {
        return Some(mtu.min(UNASKED));
    }
    // What such a socket sends is dropped, so each time it is told. Others might go on.
    let heeds = skb.heeds_route_mtu(&device.dev);
    if !heeds && !device.routing.told.is_to_tell(skb.flow().hash()) {
        return Some(mtu.min(short));
    }
    // It may take more again.
    let now = now(device, peer, bh).unwrap_or(u32::MAX);
    let told = least.max(now);
    if skb.fits(told) {
        return Some(mtu.min(now));
    }
    if heeds {
        // Not for others: IPv6 would drop what it forwards by that route.
        skb.update_route_mtu(&device.dev, told);
    }
    if may_be_cut {
        return Some(mtu.min(now));
    }
    icmp::too_big(skb, &device.dev, told, bh);
    (!heeds).then_some(mtu.min(now))
}

/// How long a packet to a peer may be now, if there is a way.
fn now(device: &Device, peer: RcuRef<'_, Peer>, bh: BhDisabled<'_>) -> Option<u32> {
    let peer = peer.try_get()?;
    let routing = || Peer::routing(&peer);
    let route = device
        .sockets
        .route(&device.dev, &peer.endpoint, routing, bh);
    Some(width(&peer, &route.ok()?).mtu)
}

/// Whether the sender of an IPv4 packet lets others cut it.
fn may_be_cut(skb: &SkBuff) -> bool {
    const DONT_FRAGMENT: u8 = 1 << 6;
    let flags = skb.network_header().get(6);
    flags.is_some_and(|flags| flags & DONT_FRAGMENT == 0)
}
