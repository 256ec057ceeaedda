// SPDX-License-Identifier: GPL-2.0

//! What tracepoints are told on the way out.
//!
//! The packets of a batch have the counters from its first on, each as many as it becomes messages, or
//! holds, or would have held.

use super::{
    Note,
    TxBatch, //
};
use crate::{
    kapi::net::{
        device::NetDevice,
        skbuff::{PacketList, SkBuff}, //
    },
    peer::Peer,
    trace::{
        wg_encrypt,
        wg_stage,
        wg_transmit,
        wg_xmit, //
    },
};

/// Packets are about to be staged, each of which becomes so many messages.
#[inline]
pub(super) fn xmit(peer: &Peer, packets: &PacketList, messages: u16) {
    if wg_xmit::is_on() {
        tell_xmit(peer, packets, messages);
    }
}

/// Packets have got counters.
#[inline]
pub(super) fn stage(batch: &TxBatch) {
    if wg_stage::is_on() {
        tell_all(batch, wg_stage::tell);
    }
}

/// Packets have been encrypted.
#[inline]
pub(super) fn encrypt(batch: &TxBatch) {
    if wg_encrypt::is_on() {
        tell_all(batch, wg_encrypt::tell);
    }
}

/// Packets are about to be sent.
#[inline]
pub(super) fn transmit(batch: &TxBatch) {
    if wg_transmit::is_on() {
        tell_all(batch, wg_transmit::tell);
    }
}

#[cold]
#[inline(never)]
fn tell_xmit(peer: &Peer, packets: &PacketList, messages: u16) {
    packets.for_each(|skb| wg_xmit::tell(&peer.device.dev, peer.id, skb, messages.into()));
}

#[cold]
#[inline(never)]
fn tell_all(batch: &TxBatch, tell: fn(&NetDevice, u64, u32, u64, &SkBuff, u32, u32)) {
    let peer = &batch.session.peer;
    let index = batch.session.remote_index.0;
    let mut counter = batch.first_counter;
    batch.for_each(|skb| {
        let note = Note::of(skb);
        if note.fate.reason().is_none() {
            let messages = note.messages.into();
            tell(
                &peer.device.dev,
                peer.id,
                index,
                counter,
                skb,
                skb.len(),
                messages,
            );
        }
        counter = counter.wrapping_add(note.messages.into());
    });
}
