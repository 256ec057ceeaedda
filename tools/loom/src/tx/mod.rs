// SPDX-License-Identifier: GPL-2.0

//! The way out, as far as packets are staged and handshakes are made.

#[path = "../../../../src/tx/handshake/create.rs"]
pub(crate) mod create;
#[path = "../../../../src/tx/stage.rs"]
pub(crate) mod stage;

pub(crate) mod encrypt {
    //! Does not encrypt, but passes on in order.

    use super::TxBatch;
    use crate::queue::parallel::Job;

    pub(crate) struct Encrypt(pub(super) TxBatch);

    impl Job for Encrypt {
        fn run(self) {
            let peer = self.0.session.peer.clone();
            for batch in peer.tx_order.complete(self.0).into_iter().flatten() {
                let (header, packets) = batch.into_parts();
                peer.device.dev.sent(header.first_counter, packets.len());
            }
        }
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

use kernel::workqueue::WorkItem;

use crate::{
    kapi::{
        net::skbuff::{Batch, SkBuff},
        sync::rcu::RcuArc, //
    },
    peer::{Peer, FORGET, INITIATE},
    queue::ordered::{Link, Linked},
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

struct Note {
    mtu: u32,
    ds: u8,
    fate: Fate,
}

enum Fate {
    Send,
}

impl Note {
    fn put(self, _skb: &mut SkBuff) {}
}

impl WorkItem<INITIATE> for Peer {
    type Pointer = RcuArc<Self>;

    fn run(this: RcuArc<Self>) {
        let _ = create::create_initiation(&this);
    }
}

impl WorkItem<FORGET> for Peer {
    type Pointer = RcuArc<Self>;

    fn run(this: RcuArc<Self>) {
        Peer::forget_keys(&this);
    }
}
