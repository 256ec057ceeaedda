// SPDX-License-Identifier: GPL-2.0

//! Context: that of [`super::receive`], and of [`super::decrypt`] for packets of several messages.
//! Input:   a datagram to a device that has a wardrobe.
//! Output:  a data message as WireGuard has it, or a handshake message.
//! Next:    [`super::decrypt`] by way of an inbox, or [`super::admission`].
//!
//! What a datagram is cannot be told by its length, and hardly by its type, which may be any of billions.
//! It is data if its receiver index is that of a session, and a message of a handshake if its first MAC
//! is right. All else is noise: junk ends here.
//!
//! Nor is it told beforehand what it comes in, so all guises are tried, each in its turn. Of many indexes and
//! guises, one fits by chance now and then: so data are believed at once only in what their peer
//! wears, and otherwise if the datagram is nothing else. Such come when a peer has just changed.

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
        awg::MAX_DATAGRAM_LEN,
        constants::INITIATION_LEN,
        messages::{self, DataHeader, Message, MessageType}, //
    },
    session::Session,
    wardrobe::{Fits, Wardrobe}, //
};

/// More messages than a session carries, of which each has its number. What is read of a datagram by a
/// guise that it has not come in is any number.
const MANY: u64 = 1 << 48;

/// A message of a handshake as it was in a datagram: its type is still what the guise has for it.
#[derive(Clone, Copy)]
pub(super) struct Undressed {
    kind: MessageType,
    bytes: [u8; INITIATION_LEN],
    len: usize,
    pub(super) datagram: Datagram,
    /// How long the datagram was.
    pub(super) datagram_len: usize,
    /// What it may have come in.
    pub(super) fits: Fits,
}

impl Undressed {
    fn bytes(&self) -> Option<&[u8]> {
        self.bytes.get(..self.len)
    }

    /// The message.
    pub(super) fn message(&self) -> Option<Message<'_>> {
        messages::parse_as(self.kind, self.bytes()?).ok()
    }
}

/// A data message in a packet.
struct Data {
    header: DataHeader,
    /// How many bytes precede it.
    prefix: u32,
    session: RcuArc<Session>,
}

/// What the receiver index of a datagram says.
enum Told {
    /// It is data.
    Data(Data),
    /// It is data if it is nothing else.
    Perhaps(Data),
    NotData,
}

impl Told {
    /// Of the first `len` bytes of a packet.
    fn of(
        device: &Device,
        wardrobe: &Wardrobe,
        skb: &SkBuff,
        len: u32,
        bh: BhDisabled<'_>,
    ) -> Self {
        let mut told = Self::NotData;
        for guise in wardrobe.guises() {
            let profile = guise.profile();
            let Some(header) = profile.data_header(skb.linear(), len as usize) else {
                continue;
            };
            let Some(session) = device.session(bh, header.receiver()) else {
                continue;
            };
            let worn = wardrobe.of(session.peer.profile()).number();
            let data = Data {
                header,
                prefix: profile.overhead() as u32,
                session,
            };
            if worn == guise.number() && data.header.counter().0 < MANY {
                return Self::Data(data);
            }
            if let Self::NotData = told {
                told = Self::Perhaps(data);
            }
        }
        told
    }
}

/// Receives a packet of one message.
#[cold]
#[inline(never)]
pub(super) fn receive_one(
    device: ArcBorrow<'_, Device>,
    wardrobe: &Wardrobe,
    mut skb: SkBuff,
    bh: BhDisabled<'_>,
) {
    let head = skb.len().min(wardrobe.needed_head());
    if !skb.pull_to_linear(head) {
        return no_memory(&device, skb);
    }
    let outcome = match Told::of(&device, wardrobe, &skb, skb.len(), bh) {
        Told::Data(data) => return receive_data(&device, data, skb, bh),
        Told::Perhaps(data) => match receive_handshake(device, wardrobe, &mut skb, bh) {
            None => return receive_data(&device, data, skb, bh),
            outcome => outcome,
        },
        Told::NotData => receive_handshake(device, wardrobe, &mut skb, bh),
    };
    match outcome {
        // What was in it has gone on by itself.
        Some(Ok(())) => skb.consume(),
        Some(Err(reason)) => device.discard(skb, reason),
        None => device.discard(skb, Reason::RxJunk),
    }
}

fn receive_data(device: &Device, data: Data, mut skb: SkBuff, bh: BhDisabled<'_>) {
    match uncover(&mut skb, data.prefix, data.header) {
        Ok(()) => queue_data(device, skb, data.session, 1, bh),
        Err(_) => no_memory(device, skb),
    }
}

/// Has a message of a handshake admitted, if it is one. [`None`] if it is not.
fn receive_handshake(
    device: ArcBorrow<'_, Device>,
    wardrobe: &Wardrobe,
    skb: &mut SkBuff,
    bh: BhDisabled<'_>,
) -> Option<Result<(), Reason>> {
    let datagram_len = skb.len() as usize;
    // Only a trailer can make it longer, which is not looked at.
    let looked_at = datagram_len.min(MAX_DATAGRAM_LEN);
    let may_be =
        |guise: &&Guise| looked_at == datagram_len || guise.profile().settings().random_trailers;
    if !wardrobe.guises().any(|guise| may_be(&guise)) {
        return None;
    }
    if !skb.pull_to_linear(looked_at as u32) {
        device.dev.rx_dropped(1);
        return Some(Err(Reason::RxNoMemory));
    }
    let datagram = udp_tunnel::datagram_of(skb)?;
    let bytes = skb.linear().get(..looked_at)?;
    for kind in [
        MessageType::Initiation,
        MessageType::Response,
        MessageType::CookieReply,
    ] {
        for guise in wardrobe.guises().filter(may_be) {
            let mut room = [0; INITIATION_LEN];
            let Some(len) = guise
                .profile()
                .undress(kind, bytes, &mut room)
                .map(<[u8]>::len)
            else {
                continue;
            };
            let mut undressed = Undressed {
                kind,
                bytes: room,
                len,
                datagram,
                datagram_len,
                fits: Fits::NONE,
            };
            let is_for_us = |message: &Message<'_>| admission::is_for_us(&device, message, bh);
            if undressed.message().as_ref().is_some_and(is_for_us) {
                let guises = wardrobe.guises().filter(may_be);
                undressed.fits = fits(guises, &undressed, bytes);
                return admission::receive_undressed(device, &undressed, bh);
            }
        }
    }
    None
}

/// What a message may have come in that is in those bytes of a datagram.
fn fits<'a>(guises: impl Iterator<Item = &'a Guise>, message: &Undressed, bytes: &[u8]) -> Fits {
    guises.fold(Fits::NONE, |fits, guise| {
        let mut room = [0; INITIATION_LEN];
        let found = guise.profile().undress(message.kind, bytes, &mut room);
        if found.is_some_and(|found| message.bytes() == Some(found)) {
            fits.and(guise.number())
        } else {
            fits
        }
    })
}

/// Receives a packet of several messages: if the first is data of a session, the others are likely to be.
#[cold]
#[inline(never)]
pub(super) fn receive_train(
    device: ArcBorrow<'_, Device>,
    wardrobe: &Wardrobe,
    mut skb: SkBuff,
    row: Row,
    bh: BhDisabled<'_>,
) {
    let first = row.iter().next().map_or(0, |(_, len)| len);
    let head = first.min(wardrobe.needed_head());
    if !skb.pull_to_linear(head) {
        device.dev.rx_dropped(row.count());
        return device.discard_messages(skb, row.count(), Reason::RxNoMemory);
    }
    match Told::of(&device, wardrobe, &skb, first, bh) {
        Told::Data(data) => queue_data(&device, skb, data.session, row.count(), bh),
        Told::Perhaps(_) | Told::NotData => receive_parts(device, skb, row, bh),
    }
}

/// Decrypts the data messages in a packet, each into one of its own, if the session may receive and they are
/// in what its peer wears. What else is in it is received by itself.
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
    if let Some(wardrobe) = device.wardrobe() {
        let profile = wardrobe.of(session.peer.profile()).profile();
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
    let around = OVERHEAD.saturating_add(prefix_len(peer, bh));
    peer.endpoint.note_length(skb.len().saturating_add(around));
    !skb.is_empty() && !is_keepalive(skb)
}

/// How many bytes precede the header of a data message of a peer.
#[cold]
#[inline(never)]
pub(super) fn prefix_len(peer: &Peer, bh: BhDisabled<'_>) -> u32 {
    let wardrobe = peer.device.wardrobe.load(bh.rcu());
    wardrobe.map_or(0, |wardrobe| {
        wardrobe.get().of(peer.profile()).profile().overhead() as u32
    })
}
