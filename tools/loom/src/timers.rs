// SPDX-License-Identifier: GPL-2.0

//! What would be told of packets.

use crate::{kapi::sync::rcu::RcuRef, peer::Peer, proto::timers::Sent};

pub(crate) fn packets_sent(_peer: RcuRef<'_, Peer>, _sent: Sent) {}
