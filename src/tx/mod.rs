// SPDX-License-Identifier: GPL-2.0

//! The way out.
//!
//! ```text
//! netdev ─ xmit ─ stage ─┬───────────────────┬─ encrypt ─ queue::ordered ─ transmit ─ socket
//!                        └─ queue::parallel ─┘
//! ```

mod dress;
pub(crate) mod encrypt;
pub(crate) mod handshake;
pub(crate) mod path;
mod pool;
mod segments;
pub(crate) mod stage;
mod streak;
mod trace;
pub(crate) mod transmit;
pub(crate) mod xmit;

use kernel::prelude::*;

use crate::{
    drops::Reason,
    kapi::{
        net::skbuff::{Batch, SkBuff},
        sync::rcu::RcuArc, //
    },
    proto::constants::{DATA_HEADER_LEN, TAG_LEN},
    queue::ordered::{Link, Linked},
    session::Session, //
};

/// The room asked for in front of a packet: the headers of IPv6, UDP and a data message, and what a
/// device below may want.
pub(crate) const HEADROOM: u32 = 128;

/// The room asked for behind a packet: padding and tag.
pub(crate) const TAILROOM: u32 = 32;

const _: () = assert!(HEADROOM as usize >= 40 + 8 + DATA_HEADER_LEN + 64);
const _: () = assert!(TAILROOM as usize == 16 + TAG_LEN);

/// How many batches of one peer may be under way.
const MAX_BATCHES: u64 = 1024;

/// The header of a batch on its way out.
pub(crate) struct TxHeader {
    link: Link<TxHeader>,
    pub(crate) session: RcuArc<Session>,
    /// The counter of the first packet; the others' follow it.
    first_counter: u64,
}

impl Linked for TxHeader {
    #[inline]
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    #[inline]
    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

/// A batch on its way out.
pub(crate) type TxBatch = Batch<TxHeader>;

/// What is noted in a packet on its way out.
#[derive(Clone, Copy)]
struct Note {
    /// The MTU that padding must not exceed; zero if there is none.
    mtu: u32,
    /// The DS byte of the packet that carries this one.
    ds: u8,
    fate: Fate,
    /// How many messages it becomes, or is made of.
    messages: u16,
}

/// What becomes of a packet at the end of its batch.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
enum Fate {
    Send = 0,
    /// It is sent, and is nothing but keepalives. Its length does not always tell.
    NoData = 1,
    /// It is dropped, for want of memory to make it messages, or because that cannot be done.
    NoMemory = 2,
    Unsealable = 3,
}

impl Fate {
    #[inline]
    fn of(byte: u8) -> Self {
        match byte {
            0 => Self::Send,
            1 => Self::NoData,
            2 => Self::NoMemory,
            _ => Self::Unsealable,
        }
    }

    /// What becomes of a packet that could not be made messages.
    fn of_failed(error: Error) -> Self {
        match error {
            ENOMEM => Self::NoMemory,
            _ => Self::Unsealable,
        }
    }

    /// Why it is dropped, if it is.
    #[inline]
    fn reason(self) -> Option<Reason> {
        match self {
            Self::Send | Self::NoData => None,
            Self::NoMemory => Some(Reason::TxNoMemory),
            Self::Unsealable => Some(Reason::TxUnsealable),
        }
    }
}

impl Note {
    fn of(skb: &SkBuff) -> Self {
        let [mtu, rest] = skb.control();
        let [ds, fate, low, high] = rest.to_le_bytes();
        Self {
            mtu,
            ds,
            fate: Fate::of(fate),
            messages: u16::from_le_bytes([low, high]),
        }
    }

    fn put(self, skb: &mut SkBuff) {
        let [low, high] = self.messages.to_le_bytes();
        let rest = [self.ds, self.fate as u8, low, high];
        skb.set_control([self.mtu, u32::from_le_bytes(rest)]);
    }
}
