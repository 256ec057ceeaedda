// SPDX-License-Identifier: GPL-2.0

//! The way in.
//!
//! ```text
//! socket ─ receive ─┬─ admission ─ queue::parallel ─ handshake ─ tx::handshake
//!                   └─ queue::inbox ─ decrypt ─ deliver ─ netdev
//! ```

pub(crate) mod admission;
pub(crate) mod decrypt;
pub(crate) mod deliver;
pub(crate) mod handshake;
pub(crate) mod receive;
mod stranger;
mod trace;
mod uncover;
mod undress;

use crate::{
    drops::{Drops, Reason},
    kapi::{
        net::skbuff::{Batch, Row, SkBuff},
        sync::rcu::RcuArc, //
    },
    proto::{
        constants::{DATA_HEADER_LEN, REJECT_AFTER_MESSAGES, TAG_LEN},
        messages::Counter,
    },
    session::Session, //
};

/// What is in front of the packet in a message.
const HEADER_LEN: u32 = DATA_HEADER_LEN as u32;

/// By how much a message is longer than the padded packet in it.
const OVERHEAD: u32 = HEADER_LEN + TAG_LEN as u32;

/// How much may be under way for one peer, in bytes: a thousand packets of usual size, or a hundred
/// of the largest.
const MAX_UNDER_WAY: u64 = 8 << 20;

/// What a packet counts for besides its bytes.
const PER_PACKET: u32 = 13 << 9;

/// The header of a batch on its way in.
///
/// As long as it is there, its packets count as under way.
pub(crate) struct RxHeader {
    pub(crate) session: RcuArc<Session>,
    count: u32,
    weight: u32,
}

impl RxHeader {
    /// The header of so many packets, which are so many bytes, unless too much of the peer is under
    /// way.
    #[inline]
    fn new(session: RcuArc<Session>, count: u32, bytes: u32) -> Result<Self, RcuArc<Session>> {
        let weight = count.saturating_mul(PER_PACKET).saturating_add(bytes);
        let place = session
            .lanes
            .rx_backlog
            .enter_all(weight.into(), MAX_UNDER_WAY);
        let Some(()) = place.map(|place| place.keep()) else {
            return Err(session);
        };
        Ok(Self {
            session,
            count,
            weight,
        })
    }
}

impl Drop for RxHeader {
    #[inline]
    fn drop(&mut self) {
        self.session.lanes.rx_backlog.leave(self.weight.into());
    }
}

/// A batch on its way in: data messages of one session.
pub(crate) type RxBatch = Batch<RxHeader>;

/// How many messages there are in a packet whose data are payloads of datagrams.
fn messages_of(skb: &SkBuff) -> u32 {
    skb.train().map_or(1, Row::count)
}

/// Drops a batch whose turn does not come.
#[cold]
fn discard(batch: RxBatch, reason: Reason) {
    let (header, packets) = batch.into_parts();
    header
        .session
        .peer
        .discard_all(packets, messages_of, reason);
}

/// Drops a batch of a device that has gone.
pub(crate) fn abandon(batch: RxBatch) {
    discard(batch, Reason::RxDown);
}

/// What a packet turned out to be, as noted in it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// What was in an authentic message with this counter.
    Authentic(Counter),
    /// A message that is not authentic, or not looked at yet.
    Forged,
    /// A message of a session that receives no more.
    Expired,
    /// A message that there was no memory to look at.
    NoMemory,
    /// What is left of a packet of several messages: the headers that they had in common. The others
    /// of its batch come from there, without headers.
    Headers,
}

impl Verdict {
    /// Counters that no message may have: see [`REJECT_AFTER_MESSAGES`].
    const FORGED: u64 = u64::MAX;
    const HEADERS: u64 = u64::MAX - 1;
    const EXPIRED: u64 = u64::MAX - 2;
    const NO_MEMORY: u64 = u64::MAX - 3;

    #[inline]
    fn of(skb: &SkBuff) -> Self {
        let [low, high] = skb.control();
        match u64::from(low) | (u64::from(high) << 32) {
            counter if counter <= REJECT_AFTER_MESSAGES => Self::Authentic(Counter(counter)),
            Self::HEADERS => Self::Headers,
            Self::EXPIRED => Self::Expired,
            Self::NO_MEMORY => Self::NoMemory,
            _ => Self::Forged,
        }
    }

    fn put(self, skb: &mut SkBuff) {
        let word = match self {
            Self::Forged => Self::FORGED,
            Self::Headers => Self::HEADERS,
            Self::Expired => Self::EXPIRED,
            Self::NoMemory => Self::NO_MEMORY,
            Self::Authentic(Counter(counter)) if counter < REJECT_AFTER_MESSAGES => counter,
            // It would be refused anyway.
            Self::Authentic(_) => REJECT_AFTER_MESSAGES,
        };
        skb.set_control([word as u32, (word >> 32) as u32]);
    }
}
