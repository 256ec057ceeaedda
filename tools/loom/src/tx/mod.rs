// SPDX-License-Identifier: GPL-2.0

//! Headers of batches that are on their way.

#[path = "../../../../src/tx/handshake/create.rs"]
pub(crate) mod create;

use kernel::workqueue::WorkItem;

use crate::{
    kapi::sync::rcu::RcuArc,
    peer::{Peer, FORGET, INITIATE},
    queue::ordered::{Link, Linked},
    session::Session, //
};

pub(crate) struct TxHeader {
    pub(crate) link: Link<TxHeader>,
    pub(crate) session: RcuArc<Session>,
}

impl Linked for TxHeader {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
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
