// SPDX-License-Identifier: GPL-2.0

//! What would be told of packets.

use crate::{kapi::sync::rcu::RcuRef, peer::Peer, proto::timers::Leaving};

pub(crate) fn packets_leave(_peer: RcuRef<'_, Peer>, _leaving: Leaving) -> bool {
    false
}

pub(crate) fn data_refused(_peer: RcuRef<'_, Peer>) {}
