// SPDX-License-Identifier: GPL-2.0

//! What would be told of packets.

use crate::{kapi::sync::rcu::RcuRef, peer::Peer};

pub(crate) fn packets_leave(_peer: RcuRef<'_, Peer>) {}

pub(crate) fn data_sent(_peer: RcuRef<'_, Peer>) {}
