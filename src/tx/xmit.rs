// SPDX-License-Identifier: GPL-2.0

//! Context: `ndo_start_xmit`, bottom halves disabled, on several CPUs at once.
//! Input:   a packet of the stack, or one that stands for many.
//! Output:  the packet, or its segments, staged at the peer that its destination belongs to.
//! Next:    [`super::stage`], in the same context.

use core::net::{
    IpAddr,
    Ipv4Addr, //
};

use kernel::prelude::*;

use super::{
    path,
    segments::super_packet,
    stage::{self, Staged},
    trace, //
};
use crate::{
    device::Device,
    drops::{Drops, Reason},
    ip::{self, Which},
    kapi::{
        log::debug_ratelimited,
        net::{
            addr::ShowWholeIp,
            icmp,
            skbuff::{pieces, IpProtocol, PacketList, SkBuff}, //
        },
        sync::{bh::BhDisabled, rcu::RcuRef}, //
    },
    peer::Peer, //
};

/// Why a packet is not taken.
enum Refusal<'a> {
    /// It isn't IP, or not what it is labelled as.
    NotIp,
    /// No peer has its destination among its allowed IPs.
    NoPeer,
    /// It isn't known where the peer is.
    NoEndpoint(RcuRef<'a, Peer>),
    /// It cannot be segmented.
    Segmentation(Error),
}

impl Refusal<'_> {
    /// What the sender gets told.
    fn errno(&self) -> Error {
        match self {
            Self::NotIp => EPROTONOSUPPORT,
            Self::NoPeer => ENOKEY,
            Self::NoEndpoint(_) => EDESTADDRREQ,
            Self::Segmentation(error) => *error,
        }
    }

    fn reason(&self) -> Reason {
        match self {
            Self::NotIp => Reason::TxNotIp,
            Self::NoPeer => Reason::TxNoPeer,
            Self::NoEndpoint(_) => Reason::TxNoEndpoint,
            Self::Segmentation(ENOMEM) => Reason::TxNoMemory,
            Self::Segmentation(_) => Reason::TxSegmentation,
        }
    }
}

/// Takes a packet from the stack.
///
/// # Errors
///
/// `EPROTONOSUPPORT` for what isn't IP, `ENOKEY` if no peer is allowed the destination,
/// `EDESTADDRREQ` if the peer has no endpoint; the packet is gone in any case.
pub(crate) fn xmit(device: &Device, mut skb: SkBuff, bh: BhDisabled<'_>) -> Result {
    let peer = match route(device, &skb, bh) {
        Ok(peer) => peer,
        Err(refusal) => return refuse(device, skb, refusal, bh),
    };
    let mut mtu = skb.route_mtu().unwrap_or_else(|| device.dev.mtu());
    // What lies outside may tell flows apart that are not to be seen any more.
    skb.hash_flow(&device.dev);
    let noted = peer.endpoint.path_mtu_as_noted().into();
    if mtu > noted {
        if !skb.is_gso() && skb.len() <= noted {
            mtu = noted;
        } else if let Some(narrower) = path::narrow(device, &mut skb, peer, mtu, bh) {
            mtu = narrower;
        } else {
            return too_big(device, skb, peer);
        }
    }
    let (packets, messages) = match segments(device, skb) {
        Ok(segments) => segments,
        Err((skb, error)) => return refuse(device, skb, Refusal::Segmentation(error), bh),
    };
    trace::xmit(&peer, &packets, messages);
    let mut staged = Staged::own(packets, messages, mtu);
    if !device.dscp.is_none() {
        staged.show_dscp(device, bh);
    }
    stage::stage(peer, staged, bh);
    Ok(())
}

/// Finds the peer that a packet is for.
fn route<'a>(
    device: &Device,
    skb: &SkBuff,
    bh: BhDisabled<'a>,
) -> Result<RcuRef<'a, Peer>, Refusal<'a>> {
    let Some(protocol) = skb.ip_protocol() else {
        debug_ratelimited!(device.dev, "Invalid IP packet");
        return Err(Refusal::NotIp);
    };
    let header = skb.network_header();
    let table = &device.allowed_ips;
    let Some(peer) = ip::owner(table, bh.rcu(), protocol, header, Which::Destination) else {
        debug_ratelimited!(
            device.dev,
            "No peer has allowed IPs matching {}",
            destination(protocol, header)
        );
        return Err(Refusal::NoPeer);
    };
    if !peer.endpoint.has_address() {
        debug_ratelimited!(
            device.dev,
            "No valid endpoint has been configured or discovered for peer {}",
            peer.show()
        );
        return Err(Refusal::NoEndpoint(peer));
    }
    Ok(peer)
}

fn destination(protocol: IpProtocol, header: &[u8]) -> ShowWholeIp {
    let addr = ip::address(protocol, header, Which::Destination);
    ShowWholeIp(addr.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)))
}

/// Drops a packet, and lets its sender know.
#[cold]
fn refuse(device: &Device, mut skb: SkBuff, refusal: Refusal<'_>, bh: BhDisabled<'_>) -> Result {
    match refusal {
        Refusal::NotIp => {}
        Refusal::NoPeer | Refusal::NoEndpoint(_) | Refusal::Segmentation(_) => {
            icmp::unreachable(&mut skb, &device.dev, bh);
        }
    }
    device.dev.tx_errors(1);
    let reason = refusal.reason();
    match &refusal {
        Refusal::NoEndpoint(peer) => peer.discard(skb, reason),
        Refusal::NotIp | Refusal::NoPeer | Refusal::Segmentation(_) => device.discard(skb, reason),
    }
    Err(refusal.errno())
}

/// Drops a packet that the path does not take whole. The socket that it came from has been told; an errno
/// would only have TCP wait before it cuts the packet and sends it again.
#[cold]
#[inline(never)]
fn too_big(device: &Device, skb: SkBuff, peer: RcuRef<'_, Peer>) -> Result {
    device.dev.tx_errors(1);
    peer.discard(skb, Reason::TxPathMtu);
    Ok(())
}

/// The packets to be sent for a packet, and how many messages each of them becomes: itself, if it can
/// be cut where it is encrypted.
fn segments(device: &Device, skb: SkBuff) -> Result<(PacketList, u16), (SkBuff, Error)> {
    let messages = if skb.is_gso() {
        messages_for(&skb)
    } else {
        Some(1)
    };
    let Some(messages) = messages else {
        return Ok((skb.segment(&device.dev)?, 1));
    };
    let mut packets = PacketList::new();
    packets.push(skb);
    Ok((packets, messages))
}

/// How many messages a packet becomes that stands for several, if it can be cut where it is encrypted:
/// one for each segment, of which none is empty.
fn messages_for(skb: &SkBuff) -> Option<u16> {
    let packet = super_packet(skb)?;
    let payload = skb.len().checked_sub(packet.headers)?;
    u16::try_from(pieces(payload, packet.segment)).ok()
}
