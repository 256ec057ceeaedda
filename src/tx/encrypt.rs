// SPDX-License-Identifier: GPL-2.0

//! Context: where the batch was made, bottom halves disabled; or a worker of the parallel queue, one
//!          per CPU.
//! Input:   a numbered batch of plaintext packets.
//! Output:  the same batch, encrypted, each packet a data message.
//! Next:    [`super::transmit`], in the order of the batches' numbers.

use core::mem;

use kernel::prelude::*;

use super::{
    dress::{Dress, Guised, Plain},
    segments::{super_packet, Room, Template},
    stage,
    trace,
    transmit,
    Fate,
    Note,
    TxBatch, //
};
use crate::{
    kapi::{
        net::{
            skbuff::{pieces, Flow, Owner, PacketList, SkBuff, Train}, //
        },
        sync::rcu::RcuArc, //
    },
    peer::Peer,
    proto::{
        constants::TAG_LEN,
        messages::Counter, //
    },
    queue::{ordered::Duty, parallel::Job},
    session::Session, //
};

/// What a worker does.
pub(crate) enum Encrypt {
    /// Encrypts a batch, and sends what it can.
    Seal(TxBatch),
    /// Encrypts and sends what a peer has staged, a batch at a time.
    Flush(RcuArc<Peer>),
    /// Goes on with what a peer has to send.
    Send(RcuArc<Session>, Duty),
}

impl Job for Encrypt {
    fn run(self) -> Option<Self> {
        match self {
            Self::Seal(batch) => encrypt(batch),
            Self::Flush(peer) => return stage::flush_some(&peer).then_some(Self::Flush(peer)),
            Self::Send(session, duty) => transmit::resume(&session, duty),
        }
        None
    }
}

/// Encrypts a batch, and sends all of its peer that is ready.
pub(super) fn encrypt(batch: TxBatch) {
    if let Some(batch) = seal_all(batch) {
        trace::encrypt(&batch);
        transmit::complete(batch);
    }
}

/// Encrypts a batch.
// What this takes of the stack is free again when the batch is sent.
#[inline(never)]
fn seal_all(mut batch: TxBatch) -> Option<TxBatch> {
    if !batch.session.peer.device.wardrobe.is_none() {
        match seal_guised(batch) {
            Ok(sealed) => return sealed,
            // Its peer wears none, or it has been taken away meanwhile.
            Err(plain) => batch = plain,
        }
    }
    let (header, packets) = batch.into_parts();
    let sealed = Sealer::new(&header.session, header.first_counter, Plain).seal(packets);
    TxBatch::new(sealed, header)
}

/// Encrypts a batch to a peer that wears a guise, or gives it back if it is to look like WireGuard.
#[cold]
#[inline(never)]
fn seal_guised(batch: TxBatch) -> Result<Option<TxBatch>, TxBatch> {
    let peer = &batch.session.peer;
    let wardrobe = peer.device.wardrobe();
    let guise = wardrobe.as_ref();
    let Some(guise) = guise.and_then(|wardrobe| wardrobe.disguise(peer.profile())) else {
        return Err(batch);
    };
    let (header, packets) = batch.into_parts();
    let mut messages = 0_usize;
    packets.for_each(|skb| messages = messages.saturating_add(Note::of(skb).messages.into()));
    let dress = Guised::new(guise, messages);
    let sealed = Sealer::new(&header.session, header.first_counter, dress).seal(packets);
    // Handshake messages may be as long.
    let endpoint = &header.session.peer.endpoint;
    sealed.for_each(|skb| {
        if Note::of(skb).fate.reason().is_none() {
            endpoint.note_length(skb.datagram_len());
        }
    });
    Ok(TxBatch::new(sealed, header))
}

/// What messages in one packet have in common, as seen from outside.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Look {
    ds: u8,
    flow: Flow,
}

impl Look {
    fn of(skb: &SkBuff) -> Self {
        Self {
            ds: Note::of(skb).ds,
            flow: skb.flow(),
        }
    }

    /// Whether a packet becomes a single message of that look.
    fn is_that_of(self, skb: &SkBuff) -> bool {
        Note::of(skb).messages == 1 && Self::of(skb) == self
    }
}

/// Makes packets data messages.
struct Sealer<'a, D> {
    session: &'a Session,
    counter: u64,
    dress: D,
    sealed: PacketList,
}

impl<'a, D: Dress> Sealer<'a, D> {
    #[inline]
    fn new(session: &'a Session, first_counter: u64, dress: D) -> Self {
        Self {
            session,
            counter: first_counter,
            dress,
            sealed: PacketList::new(),
        }
    }

    /// Makes messages of all packets.
    #[inline]
    fn seal(mut self, mut packets: PacketList) -> PacketList {
        while let Some(skb) = packets.pop() {
            if Note::of(&skb).messages > 1 {
                self.seal_segments(skb);
            } else if packets.first_map(|next| self.may_share(&skb, next)) == Some(true) {
                self.seal_together(skb, &mut packets);
            } else {
                self.seal_alone(skb);
            }
        }
        self.sealed
    }

    /// Whether two packets may become messages in one packet: each a single one, and the second not
    /// longer than the first.
    fn may_share(&self, first: &SkBuff, second: &SkBuff) -> bool {
        Look::of(first).is_that_of(second)
            && Option::zip(self.message_len(first), self.message_len(second))
                .is_some_and(|(first, second)| second <= first)
    }

    /// The length of the message that a packet becomes, if that is the same each time.
    fn message_len(&self, skb: &SkBuff) -> Option<u32> {
        let padding = self.fixed_padding(skb.len(), Note::of(skb).mtu)?;
        self.padded_message_len(skb.len(), padding)
    }

    /// How many zeroes go behind a packet.
    #[inline]
    fn padding(&mut self, len: u32, mtu: u32) -> u32 {
        self.dress.padding(len as usize, mtu as usize) as u32
    }

    /// The same, if it is that for each packet of this length.
    #[inline]
    fn fixed_padding(&self, len: u32, mtu: u32) -> Option<u32> {
        let padding = self.dress.fixed_padding(len as usize, mtu as usize)?;
        Some(padding as u32)
    }

    /// The length of the message that a packet with so many zeroes behind it becomes.
    #[inline]
    fn padded_message_len(&self, len: u32, padding: u32) -> Option<u32> {
        let around = self.dress.head_len().wrapping_add(TAG_LEN as u32);
        len.checked_add(padding)?.checked_add(around)
    }

    /// The counter of the next message.
    fn next_counter(&mut self) -> Counter {
        let counter = self.counter;
        self.counter = counter.wrapping_add(1);
        Counter(counter)
    }

    /// Makes a packet a data message where it is.
    fn seal_alone(&mut self, mut skb: SkBuff) {
        let counter = self.next_counter();
        match self.seal_in_place(&mut skb, counter) {
            Ok(()) => self.sealed.push(skb),
            Err(error) => self.give_up(skb, 1, error),
        }
    }

    fn seal_in_place(&mut self, skb: &mut SkBuff, counter: Counter) -> Result {
        let padding = self.padding(skb.len(), Note::of(skb).mtu);
        skb.extend_for_seal(self.dress.headroom(), padding)?;
        self.dress
            .push_head(skb, self.session.remote_index, counter)?;
        let key = self.session.send_key.as_bytes();
        skb.seal(self.dress.head_len(), counter.0, key)?;
        skb.reset_encapsulated();
        Ok(())
    }

    /// Makes a packet, and those behind it that fit, data messages in one packet.
    fn seal_together(&mut self, first: SkBuff, packets: &mut PacketList) {
        let look = Look::of(&first);
        let Ok(mut train) = Train::new(self.dress.headroom()) else {
            return self.seal_alone(first);
        };
        train.copy_flow(&first);
        let mut next = Some(first);
        let mut owner: Option<SkBuff> = None;
        while let Some(mut skb) = next {
            // None is here whose length is not fixed.
            let len = self.message_len(&skb).unwrap_or(u32::MAX);
            let expected = (packets.len() as u32).saturating_mul(len);
            if !train.has_room(len, expected) {
                // There is no memory, or no more of it would fit: then another one may take it on.
                if train.count() == 0 {
                    self.seal_alone(skb);
                } else {
                    packets.push_front(skb);
                }
                break;
            }
            let counter = self.next_counter();
            match self.seal_into(&mut train, &mut skb, len, counter) {
                Ok(()) => match &mut owner {
                    Some(owner) => {
                        owner.join_owner(&mut skb);
                        skb.consume();
                    }
                    None => owner = Some(skb),
                },
                Err(error) => self.give_up(skb, 1, error),
            }
            let fits = packets.first_map(|other| {
                look.is_that_of(other)
                    && self
                        .message_len(other)
                        .is_some_and(|len| train.has_room(len, expected))
            });
            next = (fits == Some(true)).then(|| packets.pop()).flatten();
        }
        if let Some(mut owner) = owner {
            let note = Note::of(&owner);
            self.dispatch(train, note, Owner::Of(&mut owner));
            owner.consume();
        }
    }

    fn seal_into(
        &mut self,
        train: &mut Train,
        skb: &mut SkBuff,
        len: u32,
        counter: Counter,
    ) -> Result {
        let padding = self.padding(skb.len(), Note::of(skb).mtu);
        skb.extend_for_copy(padding)?;
        let mut message = train.message(len).ok_or(ENOMEM)?;
        let index = self.session.remote_index;
        self.dress.append_head(&mut message, index, counter)?;
        message.seal_from(skb, counter.0, self.session.send_key.as_bytes())
    }

    /// Makes the segments that a packet stands for data messages, all that can be in one packet again.
    fn seal_segments(&mut self, mut skb: SkBuff) {
        let messages = Note::of(&skb).messages;
        let end = self.counter.wrapping_add(messages.into());
        let mut left = messages;
        let done = self.cut(&mut skb, &mut left);
        // Whatever came of it, the counters are used up.
        self.counter = end;
        match done {
            Ok(()) => skb.consume(),
            Err(error) => self.give_up(skb, left, error),
        }
    }

    /// Makes messages of the segments, and counts down how many are not among the sealed ones yet.
    fn cut(&mut self, skb: &mut SkBuff, left: &mut u16) -> Result {
        let packet = super_packet(skb).ok_or(EINVAL)?;
        let note = Note::of(skb);
        let payload = skb.len().checked_sub(packet.headers).ok_or(EINVAL)?;
        // As many counters are reserved: one more would be used twice.
        if pieces(payload, packet.segment) != u32::from(*left) {
            return Err(EINVAL);
        }
        let mut room = Room::new();
        let mut template =
            Template::new(packet, skb.linear(), skb.len(), &mut room).ok_or(EINVAL)?;
        let mut train = Train::new(self.dress.headroom())?;
        train.copy_flow(skb);
        for segment in template.segments(payload) {
            let len = packet.headers.saturating_add(segment.len);
            let fixed = self.fixed_padding(len, note.mtu);
            let padding = fixed.unwrap_or_else(|| self.padding(len, note.mtu));
            let len = self.padded_message_len(len, padding).ok_or(EMSGSIZE)?;
            let expected = if fixed.is_some() {
                segment.left.saturating_mul(len)
            } else {
                // The next one will hardly fit behind it.
                0
            };
            if !train.has_room(len, expected) {
                let full = mem::replace(&mut train, Train::new(self.dress.headroom())?);
                *left = left.saturating_sub(self.dispatch(full, note, Owner::Too(skb)));
                train.copy_flow(skb);
                if !train.has_room(len, expected) {
                    return Err(ENOMEM);
                }
            }
            let counter = self.next_counter();
            let mut message = train.message(len).ok_or(ENOMEM)?;
            let index = self.session.remote_index;
            self.dress.append_head(&mut message, index, counter)?;
            message.append_zeros(packet.headers)?;
            let start = packet.headers.saturating_add(segment.start);
            let sum = message.append_from(skb, start, segment.len)?;
            let headers = template.headers(&segment, sum).ok_or(EMSGSIZE)?;
            message.patch(self.dress.head_len(), headers)?;
            message.append_zeros(padding)?;
            let key = self.session.send_key.as_bytes();
            message.seal(self.dress.head_len(), counter.0, key)?;
        }
        *left = left.saturating_sub(self.dispatch(train, note, Owner::Of(skb)));
        Ok(())
    }

    /// Puts a packet of messages among the sealed ones, and returns how many they are.
    fn dispatch(&mut self, train: Train, note: Note, owner: Owner<'_>) -> u16 {
        let messages = train.count() as u16;
        if let Some(mut skb) = train.finish(owner) {
            Note { messages, ..note }.put(&mut skb);
            self.sealed.push(skb);
        }
        messages
    }

    /// Puts a packet among the sealed ones that is dropped, for so many messages, when its turn comes.
    #[cold]
    fn give_up(&mut self, mut skb: SkBuff, messages: u16, error: Error) {
        Note {
            fate: Fate::of_failed(error),
            messages,
            ..Note::of(&skb)
        }
        .put(&mut skb);
        self.sealed.push(skb);
    }
}
