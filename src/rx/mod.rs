// SPDX-License-Identifier: GPL-2.0

//! The way in.
//!
//! ```text
//! socket ─ receive ─┬─ queue::parallel ─ handshake ─ tx::handshake
//!                   └─ queue::inbox ─ decrypt ─ deliver ─ netdev
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
    session::Session, //
};

/// How many packets of one peer may be under way.
const MAX_PACKETS: u64 = 1024;

/// The header of a batch on its way in.
///
/// As long as it is there, its packets count as under way.
pub(crate) struct RxHeader {
    pub(crate) session: RcuArc<Session>,
    count: u32,
}

impl RxHeader {
    /// The header of so many packets, unless too many of the peer are under way.
    #[inline]
    fn new(session: RcuArc<Session>, count: u32) -> Option<Self> {
        let backlog = &session.peer.rx_backlog;
        backlog.enter_all(count.into(), MAX_PACKETS)?.keep();
        Some(Self { session, count })
    }
}

impl Drop for RxHeader {
    #[inline]
    fn drop(&mut self) {
        self.session.peer.rx_backlog.leave(self.count.into());
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
