// SPDX-License-Identifier: GPL-2.0

//! The way in.
//!
//! ```text
//! socket ─ receive ─┬─ queue::parallel ─ handshake ─ tx::handshake
//!                   └─ queue::parallel ─ decrypt ─ queue::ordered ─ deliver ─ netdev
//! ```

pub(crate) mod decrypt;
pub(crate) mod deliver;
pub(crate) mod handshake;
pub(crate) mod receive;

use crate::{
    kapi::{
        net::skbuff::{Batch, SkBuff},
        sync::rcu::RcuArc, //
    },
    queue::ordered::{Link, Linked},
    session::Session, //
};

/// How many packets of one peer may be under way.
const MAX_PACKETS: u64 = 1024;

/// The header of a batch on its way in.
pub(crate) struct RxHeader {
    link: Link<RxHeader>,
    pub(crate) session: RcuArc<Session>,
}

impl Linked for RxHeader {
    #[inline]
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    #[inline]
    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

/// A batch on its way in: data messages of one session.
pub(crate) type RxBatch = Batch<RxHeader>;

/// Whether a message turned out to be authentic, as noted in its packet.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Authentic,
    Forged,
}

impl Verdict {
    fn of(skb: &SkBuff) -> Self {
        match skb.control() {
            [1, _] => Self::Authentic,
            _ => Self::Forged,
        }
    }

    fn put(self, skb: &mut SkBuff) {
        skb.set_control([u32::from(self == Self::Authentic), 0]);
    }
}
