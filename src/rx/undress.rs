// SPDX-License-Identifier: GPL-2.0

//! Context: that of [`super::receive`], and of [`super::decrypt`] for packets of several messages.
//! Input:   a datagram to a device that has a guise.
//! Output:  a data message as WireGuard has it, or a handshake message.
//! Next:    [`super::decrypt`] by way of an inbox, or [`super::admission`].
//!
//! What a datagram is cannot be told by its length, and hardly by its type, which may be any of billions.
//! It is data if its receiver index is that of a session, and a message of a handshake if its first MAC
//! is right. All else is noise: junk ends here.

use kernel::sync::ArcBorrow;

use super::{
    admission,
    decrypt::{
        open_part,
        replace,
        take_in, //
    },
    receive::{
        no_memory,
        queue_data,
        receive_one as receive_again,
        receive_parts, //
    },
    uncover::{
        header_at,
        is_keepalive,
        uncover, //
    },
    OVERHEAD, //
};
use crate::{
    crypto::KernelCrypto,
    device::Device,
    drops::{Drops, Reason},
    guise::Guise,
    kapi::{
        net::{
            skbuff::{PacketList, Row, SkBuff},
            udp_tunnel::{self, Datagram}, //
        },
        sync::{
            bh::{self, BhDisabled},
            rcu::RcuArc, //
        }, //
    },
    peer::Peer,
    proto::{
        awg::{Profile, MAX_DATAGRAM_LEN},
        constants::INITIATION_LEN,
        messages::{self, DataHeader, Message, MessageType}, //
    },
    session::Session,
};

/// A message of a handshake as it was in a datagram: its type is still what the guise has for it.
#[derive(Clone, Copy)]
pub(super) struct Undressed {
    kind: MessageType,
    bytes: [u8; INITIATION_LEN],
    len: usize,
    pub(super) datagram: Datagram,
    /// How long the datagram was.
    pub(super) datagram_len: usize,
}

impl Undressed {
    /// The message.
    pub(super) fn message(&self) -> Option<Message<'_>> {
        messages::parse_as(self.kind, self.bytes.get(..self.len)?).ok()
    }
}

/// Receives a packet of one message.
#[cold]
#[inline(never)]
pub(super) fn receive_one(
    device: ArcBorrow<'_, Device>,
    guise: &Guise,
    mut skb: SkBuff,
    bh: BhDisabled<'_>,
) {
    let profile = guise.profile();
    let head = skb.len().min(profile.needed_head() as u32);
    if !skb.pull_to_linear(head) {
        return no_memory(&device, skb);
    }
    let Some((header, session)) = find_session(&device, profile, &skb, skb.len(), bh) else {
        return receive_handshake(device, profile, skb, bh);
    };
    match uncover(&mut skb, profile.overhead() as u32, header) {
        Ok(()) => queue_data(&device, skb, session, 1, bh),
        Err(_) => no_memory(&device, skb),
    }
}

/// The session that the first `len` bytes of a packet are a data message for, and its header.
fn find_session(
    device: &Device,
    profile: &Profile<KernelCrypto>,
    skb: &SkBuff,
    len: u32,
    bh: BhDisabled<'_>,
) -> Option<(DataHeader, RcuArc<Session>)> {
    let header = profile.data_header(skb.linear(), len as usize)?;
    let session = device.session(bh, header.receiver())?;
    Some((header, session))
}

/// Has a message of a handshake admitted, if it is one.
fn receive_handshake(
    device: ArcBorrow<'_, Device>,
    profile: &Profile<KernelCrypto>,
    mut skb: SkBuff,
    bh: BhDisabled<'_>,
) {
    let datagram_len = skb.len() as usize;
    // Only a trailer can make it longer, which is not looked at.
    let looked_at = datagram_len.min(MAX_DATAGRAM_LEN);
    if looked_at < datagram_len && !profile.settings().random_trailers {
        return device.discard(skb, Reason::RxJunk);
    }
    if !skb.pull_to_linear(looked_at as u32) {
        return no_memory(&device, skb);
    }
    let Some(datagram) = udp_tunnel::datagram_of(&skb) else {
        return device.discard(skb, Reason::RxBadHeader);
    };
    let bytes = skb.linear().get(..looked_at).unwrap_or_default();
    for kind in [
        MessageType::Initiation,
        MessageType::Response,
        MessageType::CookieReply,
    ] {
        let mut room = [0; INITIATION_LEN];
        let Some(len) = profile.undress(kind, bytes, &mut room).map(<[u8]>::len) else {
            continue;
        };
        let undressed = Undressed {
            kind,
            bytes: room,
            len,
            datagram,
            datagram_len,
        };
        match admission::receive_undressed(device, &undressed, bh) {
            // What was in it has gone on by itself.
            Some(Ok(())) => return skb.consume(),
            Some(Err(reason)) => return device.discard(skb, reason),
            None => {}
        }
    }
    device.discard(skb, Reason::RxJunk);
}

/// Receives a packet of several messages: if the first is data of a session, the others are likely to be.
#[cold]
#[inline(never)]
pub(super) fn receive_train(
    device: ArcBorrow<'_, Device>,
    guise: &Guise,
    mut skb: SkBuff,
    row: Row,
    bh: BhDisabled<'_>,
) {
    let profile = guise.profile();
    let first = row.iter().next().map_or(0, |(_, len)| len);
    let head = first.min(profile.needed_head() as u32);
    if !skb.pull_to_linear(head) {
        device.dev.rx_dropped(row.count());
        return device.discard_messages(skb, row.count(), Reason::RxNoMemory);
    }
    match find_session(&device, profile, &skb, first, bh) {
        Some((_, session)) => queue_data(&device, skb, session, row.count(), bh),
        None => receive_parts(device, skb, row, bh),
    }
}

/// Decrypts the data messages in a packet, each into one of its own, if the session may receive. What else
/// is in it is received by itself.
#[cold]
#[inline(never)]
pub(super) fn open_all(
    skb: SkBuff,
    row: Row,
    session: &Session,
    may_receive: bool,
    opened: &mut PacketList,
) {
    let device = &session.peer.device;
    let mut parts = PacketList::new();
    let mut strays = PacketList::new();
    if let Some(guise) = device.guise() {
        let profile = guise.profile();
        for (start, len) in row.iter() {
            let header = header_at(profile, &skb, start, len);
            match header.filter(|header| header.receiver() == session.local_index) {
                Some(_) if !may_receive => {
                    session.peer.count_drops(1, Reason::RxSessionExpired);
                }
                Some(header) => {
                    let prefix = profile.overhead() as u32;
                    let (start, len) = (start.saturating_add(prefix), len.saturating_sub(prefix));
                    let part = open_part(&skb, start, len, header.counter(), session);
                    take_in(part, session, &mut parts);
                }
                None => match skb.part(start, len) {
                    Some(part) => strays.push(part),
                    None => {
                        device.dev.rx_dropped(1);
                        session.peer.count_drops(1, Reason::RxNoMemory);
                    }
                },
            }
        }
    } else {
        session
            .peer
            .count_drops(row.count(), Reason::RxGuiseChanged);
    }
    replace(skb, parts, opened);
    while let Some(stray) = strays.pop() {
        let bh = bh::disable();
        // As UDP would not have it received by a device without sockets: who closes them waits for those
        // who have seen them, and then for all that these have queued.
        if device.sockets.are_open(bh.token()) {
            receive_again(device.as_arc_borrow(), stray, bh.token());
        } else {
            device.discard(stray, Reason::RxDown);
        }
    }
}

/// Notes how long a data message was, and returns whether the packet from it is data.
#[cold]
#[inline(never)]
pub(super) fn note(peer: &Peer, skb: &SkBuff, bh: BhDisabled<'_>) -> bool {
    let around = OVERHEAD.saturating_add(prefix_len(&peer.device, bh));
    peer.endpoint.note_length(skb.len().saturating_add(around));
    !skb.is_empty() && !is_keepalive(skb)
}

/// How many bytes precede the header of a data message.
#[cold]
#[inline(never)]
pub(super) fn prefix_len(device: &Device, bh: BhDisabled<'_>) -> u32 {
    let guise = device.guise.load(bh.rcu());
    guise.map_or(0, |guise| guise.profile().overhead() as u32)
}
