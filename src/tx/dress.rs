// SPDX-License-Identifier: GPL-2.0

//! What messages look like: as WireGuard's, or as a guise has it.

use kernel::prelude::*;

use super::{pool::Pool, HEADROOM};
use crate::{
    guise::Guise,
    kapi::{
        net::skbuff::{Message, SkBuff},
        random, //
    },
    proto::{
        awg::profile::NONCE_LEN,
        constants::DATA_HEADER_LEN,
        messages::{Counter, DataHeader, Index, MessageType},
        transport, //
    },
};

/// What stands in place of the type of the next handshake message of a kind.
pub(super) fn pick_type(guise: &Guise, kind: MessageType) -> u32 {
    pick_type_by(guise, kind, random::u32)
}

fn pick_type_by(guise: &Guise, kind: MessageType, draw: impl FnOnce() -> u32) -> u32 {
    let profile = guise.profile();
    let random = match profile.is_drawn(kind) {
        true => draw(),
        false => 0,
    };
    profile.pick_header(kind, random)
}

/// What data messages look like.
pub(super) trait Dress {
    /// How many bytes are in front of what is encrypted: the header, and what precedes it.
    fn head_len(&self) -> u32;

    /// How many zeroes go behind a packet before it is encrypted.
    fn padding(&mut self, len: usize, mtu: usize) -> usize;

    /// The same, if it is that for each packet of this length, so that they become messages of one.
    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize>;

    /// Puts the head of a message in front of a packet.
    fn push_head(&mut self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result;

    /// Begins a message with its head.
    fn append_head(
        &mut self,
        message: &mut Message<'_>,
        receiver: Index,
        counter: Counter,
    ) -> Result;

    /// The room that is asked for in front of a packet.
    #[inline]
    fn headroom(&self) -> u32 {
        // A head is shorter than a datagram.
        HEADROOM.wrapping_add(self.head_len().wrapping_sub(DATA_HEADER_LEN as u32))
    }
}

/// WireGuard's messages.
pub(super) struct Plain;

impl Dress for Plain {
    #[inline]
    fn head_len(&self) -> u32 {
        DATA_HEADER_LEN as u32
    }

    #[inline]
    fn padding(&mut self, len: usize, mtu: usize) -> usize {
        transport::padding(len, mtu)
    }

    #[inline]
    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize> {
        Some(transport::padding(len, mtu))
    }

    #[inline]
    fn push_head(&mut self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result {
        skb.push_bytes(&DataHeader::new(receiver, counter).to_bytes())
    }

    #[inline]
    fn append_head(
        &mut self,
        message: &mut Message<'_>,
        receiver: Index,
        counter: Counter,
    ) -> Result {
        message.append(&DataHeader::new(receiver, counter).to_bytes())
    }
}

/// The messages of a device that has a guise.
pub(super) struct Guised<'a> {
    guise: &'a Guise,
    /// What the mask of the message before has left for the nonce of the next one's.
    nonce: Option<[u8; NONCE_LEN]>,
    pool: Pool,
}

impl<'a> Guised<'a> {
    /// For about so many messages.
    pub(super) fn new(guise: &'a Guise, messages: usize) -> Self {
        let each = guise.profile().data_randomness();
        Self {
            guise,
            nonce: None,
            pool: Pool::new(messages.saturating_mul(each)),
        }
    }

    /// Writes the head of a message, which is random up to the header.
    fn write_head(&mut self, head: &mut [u8], receiver: Index, counter: Counter) {
        let kind = pick_type_by(self.guise, MessageType::Data, || self.pool.u32());
        if let Some((prefix, header)) = head.split_last_chunk_mut::<DATA_HEADER_LEN>() {
            self.fill_prefix(prefix);
            *header = DataHeader::with_type(kind, receiver, counter).to_bytes();
        }
        self.nonce = self.guise.profile().protect_data(head);
    }

    /// Fills what precedes a header.
    fn fill_prefix(&mut self, prefix: &mut [u8]) {
        let rest = match (self.nonce, prefix.split_first_chunk_mut()) {
            (Some(nonce), Some((begin, rest))) => {
                *begin = nonce;
                rest
            }
            _ => prefix,
        };
        self.pool.fill(rest);
    }
}

impl Dress for Guised<'_> {
    fn head_len(&self) -> u32 {
        self.guise.profile().needed_head() as u32
    }

    fn padding(&mut self, len: usize, mtu: usize) -> usize {
        let fixed = self.fixed_padding(len, mtu);
        fixed.unwrap_or_else(|| {
            let random = self.pool.u32();
            self.guise.profile().content_padding(len, mtu, random)
        })
    }

    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize> {
        self.guise.profile().fixed_content_padding(len, mtu)
    }

    fn push_head(&mut self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result {
        skb.push_with(self.head_len(), |head| {
            self.write_head(head, receiver, counter)
        })
    }

    fn append_head(
        &mut self,
        message: &mut Message<'_>,
        receiver: Index,
        counter: Counter,
    ) -> Result {
        message.append_with(self.head_len(), |head| {
            self.write_head(head, receiver, counter)
        })
    }
}
