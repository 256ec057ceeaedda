// SPDX-License-Identifier: GPL-2.0

//! What messages look like: as WireGuard's, or as a guise has it.

use core::cell::Cell;

use kernel::prelude::*;

use super::HEADROOM;
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

/// What stands in place of the type of the next message of a kind.
pub(super) fn pick_type(guise: &Guise, kind: MessageType) -> u32 {
    let profile = guise.profile();
    let random = match profile.is_drawn(kind) {
        true => random::u32(),
        false => 0,
    };
    profile.pick_header(kind, random)
}

/// What data messages look like.
pub(super) trait Dress {
    /// How many bytes are in front of what is encrypted: the header, and what precedes it.
    fn head_len(&self) -> u32;

    /// How many zeroes go behind a packet before it is encrypted.
    fn padding(&self, len: usize, mtu: usize) -> usize;

    /// The same, if it is that for each packet of this length, so that they become messages of one.
    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize>;

    /// Puts the head of a message in front of a packet.
    fn push_head(&self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result;

    /// Begins a message with its head.
    fn append_head(&self, message: &mut Message<'_>, receiver: Index, counter: Counter) -> Result;

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
    fn padding(&self, len: usize, mtu: usize) -> usize {
        transport::padding(len, mtu)
    }

    #[inline]
    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize> {
        Some(transport::padding(len, mtu))
    }

    #[inline]
    fn push_head(&self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result {
        skb.push_bytes(&DataHeader::new(receiver, counter).to_bytes())
    }

    #[inline]
    fn append_head(&self, message: &mut Message<'_>, receiver: Index, counter: Counter) -> Result {
        message.append(&DataHeader::new(receiver, counter).to_bytes())
    }
}

/// Up to how many bytes are taken out of the stock, of which a block of the generator makes some.
const FEW: usize = 32;

/// The messages of a device that has a guise.
pub(super) struct Guised<'a> {
    guise: &'a Guise,
    /// What the mask of the message before has left for the nonce of the next one's.
    nonce: Cell<Option<[u8; NONCE_LEN]>>,
}

impl<'a> Guised<'a> {
    pub(super) fn new(guise: &'a Guise) -> Self {
        Self {
            guise,
            nonce: Cell::new(None),
        }
    }

    /// Writes the head of a message, which is random up to the header.
    fn write_head(&self, head: &mut [u8], receiver: Index, counter: Counter) {
        let kind = pick_type(self.guise, MessageType::Data);
        if let Some((prefix, header)) = head.split_last_chunk_mut::<DATA_HEADER_LEN>() {
            self.fill_prefix(prefix);
            *header = DataHeader::with_type(kind, receiver, counter).to_bytes();
        }
        self.nonce.set(self.guise.profile().protect_data(head));
    }

    /// Fills what precedes a header.
    fn fill_prefix(&self, prefix: &mut [u8]) {
        let mut known = 0;
        if let Some((begin, nonce)) = prefix.first_chunk_mut().zip(self.nonce.get()) {
            *begin = nonce;
            known = nonce.len();
        }
        let Some(prefix) = prefix.get_mut(known..) else {
            return;
        };
        if prefix.len() <= FEW {
            random::fill_from_stock(prefix);
        } else {
            random::fill(prefix);
        }
    }
}

impl Dress for Guised<'_> {
    fn head_len(&self) -> u32 {
        self.guise.profile().needed_head() as u32
    }

    fn padding(&self, len: usize, mtu: usize) -> usize {
        let fixed = self.fixed_padding(len, mtu);
        fixed.unwrap_or_else(|| {
            let random = random::u32();
            self.guise.profile().content_padding(len, mtu, random)
        })
    }

    fn fixed_padding(&self, len: usize, mtu: usize) -> Option<usize> {
        self.guise.profile().fixed_content_padding(len, mtu)
    }

    fn push_head(&self, skb: &mut SkBuff, receiver: Index, counter: Counter) -> Result {
        skb.push_with(self.head_len(), |head| {
            self.write_head(head, receiver, counter)
        })
    }

    fn append_head(&self, message: &mut Message<'_>, receiver: Index, counter: Counter) -> Result {
        message.append_with(self.head_len(), |head| {
            self.write_head(head, receiver, counter)
        })
    }
}
