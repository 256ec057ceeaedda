// SPDX-License-Identifier: GPL-2.0

//! What would be told of packets, and drawn for sessions.

use crate::{
    kapi::sync::rcu::RcuRef,
    peer::Peer,
    proto::{
        awg::{Dice, Pace},
        timers::Leaving, //
    },
};

pub(crate) struct Draws<'a>(pub(crate) &'a Peer);

impl Dice for Draws<'_> {
    fn pace(&self) -> Option<Pace> {
        None
    }

    fn random(&self) -> u32 {
        0
    }
}

pub(crate) fn packets_leave(_peer: RcuRef<'_, Peer>, _leaving: Leaving) -> bool {
    false
}

pub(crate) fn data_refused(_peer: RcuRef<'_, Peer>) {}
