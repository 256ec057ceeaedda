// SPDX-License-Identifier: GPL-2.0

//! The way out, as far as packets are staged and sent, and handshakes are made.

#[path = "../../../../src/tx/handshake/create.rs"]
pub(crate) mod create;
#[path = "../../../../src/tx/stage.rs"]
pub(crate) mod stage;
#[path = "../../../../src/tx/trace.rs"]
mod trace;
#[path = "../../../../src/tx/transmit.rs"]
pub(crate) mod transmit;

mod path {
    //! Takes whatever is sent.

    use crate::{kapi::net::skbuff::SkBuff, session::Session, socket::Route};

    pub(super) const SHORT: u32 = u32::MAX;

    pub(super) fn look(_: &Session, _: &Route<'_>, _: &SkBuff, _: u8) {}
}

pub(crate) mod encrypt {
    //! Does not encrypt, but notes the counters.

    use super::{stage, transmit, TxBatch};
    use crate::{
        kapi::sync::rcu::RcuArc,
        peer::Peer,
        queue::{ordered::Duty, parallel::Job},
        session::Session,
    };

    pub(crate) enum Encrypt {
        Seal(TxBatch),
        Flush(RcuArc<Peer>),
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

    pub(super) fn encrypt(batch: TxBatch) {
        let (header, mut packets) = batch.into_parts();
        let mut counters = header.first_counter..;
        packets.for_each_mut(|skb| skb.counter = counters.next().unwrap());
        transmit::complete(TxBatch::new(packets, header).unwrap());
    }
}

pub(crate) mod handshake {
    //! What asks for handshakes.

    use crate::{
        kapi::sync::rcu::RcuRef,
        peer::Peer,
        proto::timers::Retry, //
    };

    /// Nobody is there to answer.
    pub(crate) fn request(_peer: RcuRef<'_, Peer>, _retry: Retry) {}
}

pub(crate) mod streak {
    //! Whether packets are part of a stream, as models say.

    use std::cell::Cell;

    thread_local! {
        static IS_STREAM: Cell<bool> = const { Cell::new(false) };
    }

    /// Lets all packets be part of a stream, or none.
    pub(crate) fn set(is_stream: bool) {
        IS_STREAM.set(is_stream);
    }

    #[derive(Default)]
    pub(super) struct Streak;

    impl Streak {
        pub(super) const fn new() -> Self {
            Self
        }

        pub(super) fn goes_on(&mut self, _answered: bool) -> bool {
            IS_STREAM.get()
        }
    }
}

use kernel::workqueue::WorkItem;

use crate::{
    drops::Reason,
    kapi::{
        net::skbuff::{Batch, PacketList, SkBuff},
        sync::{
            bh::BhDisabled,
            rcu::{RcuArc, RcuRef}, //
        }, //
    },
    peer::Peer,
    queue::ordered::{Link, Linked, Number},
    session::Session, //
};

pub(crate) const HEADROOM: u32 = 0;
const MAX_BATCHES: u64 = 1024;

pub(crate) struct TxHeader {
    link: Link<TxHeader>,
    pub(crate) session: RcuArc<Session>,
    first_counter: u64,
}

impl Linked for TxHeader {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}

pub(crate) type TxBatch = Batch<TxHeader>;

/// Every packet becomes one message, which is sent.
struct Note {
    mtu: u32,
    ds: u8,
    fate: Fate,
    messages: u16,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Send,
    NoData,
    NoMemory,
    Unsealable,
}

impl Fate {
    fn reason(self) -> Option<Reason> {
        None
    }
}

impl Note {
    fn of(_skb: &SkBuff) -> Self {
        Self {
            mtu: 0,
            ds: 0,
            fate: Fate::Send,
            messages: 1,
        }
    }

    fn put(self, _skb: &mut SkBuff) {}
}

/// Takes so many packets from the stack at once, as segments of one.
pub(crate) fn xmit(peer: RcuRef<'_, Peer>, packets: usize, bh: BhDisabled<'_>) {
    let packets = PacketList::of(packets);
    stage::stage(peer, stage::Staged::own(packets, 1, 0), bh);
}

/// An encrypted batch of one packet, whose counter is its number, to be completed.
pub(crate) fn sealed(session: &RcuArc<Session>, number: Number, counter: u64) -> TxBatch {
    let mut packets = PacketList::new();
    packets.push(SkBuff { counter });
    let header = TxHeader {
        link: Link::new(number),
        session: session.clone(),
        first_counter: counter,
    };
    TxBatch::new(packets, header).unwrap()
}

/// Completes an encrypted batch.
pub(crate) fn complete(batch: TxBatch) {
    transmit::complete(batch);
}

impl WorkItem for Peer {
    type Pointer = RcuArc<Self>;

    fn run(_this: RcuArc<Self>) {}
}
