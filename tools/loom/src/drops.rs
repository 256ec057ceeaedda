// SPDX-License-Identifier: GPL-2.0

//! Packets are dropped, and not counted.

use crate::{
    kapi::net::skbuff::{PacketList, SkBuff},
    peer::Peer, //
};

#[derive(Clone, Copy, Debug)]
pub(crate) enum Reason {
    TxDown,
    TxEncryptFull,
    TxFamilyUnsupported,
    TxNoMemory,
    TxNoEndpoint,
    TxNoRoute,
    TxNoSocket,
    TxOrderFull,
    TxPeerRemoved,
    TxStagedFull,
    TxStreamFull,
    TxTooLong,
    TxPathMtu,
    HsFlood,
    HsNoMemory,
    HsReplayed,
}

pub(crate) struct PeerDrops;

impl PeerDrops {
    pub(crate) const fn new() -> Self {
        Self
    }
}

pub(crate) trait Drops {
    fn count_drops(&self, _packets: u32, _reason: Reason) {}

    fn discard(&self, _skb: SkBuff, _reason: Reason) {}

    fn discard_messages(&self, _skb: SkBuff, _messages: u32, _reason: Reason) {}

    fn discard_all(&self, _packets: PacketList, _messages: fn(&SkBuff) -> u32, _reason: Reason) {}
}

impl Drops for Peer {}
