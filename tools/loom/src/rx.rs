// SPDX-License-Identifier: GPL-2.0

//! Headers of batches that are on their way.

use crate::{
    kapi::sync::rcu::RcuArc,
    queue::ordered::{Link, Linked},
    session::Session, //
};

pub(crate) struct RxHeader {
    pub(crate) link: Link<RxHeader>,
    pub(crate) session: RcuArc<Session>,
}

impl Linked for RxHeader {
    fn link(&self) -> &Link<Self> {
        &self.link
    }

    fn link_mut(&mut self) -> &mut Link<Self> {
        &mut self.link
    }
}
