// SPDX-License-Identifier: GPL-2.0

//! Tracepoints: what can be watched of packets and handshakes, see Documentation/tracing.rst.
//!
//! Off, each costs an instruction that does nothing: what is told is found out behind that, in functions
//! that are out of the way. On their way packets are told of as they are in their batch, so there is one
//! such instruction for a batch.

use kernel::prelude::*;

use crate::{
    device::Device,
    kapi::{
        net::{device::NetDevice, skbuff::SkBuff},
        tracepoint::tracepoints, //
    },
    peer::Peer,
    proto::{
        handshake::{Phase, Role},
        messages::Index, //
    }, //
};

tracepoints! {
    /// A packet of the stack has found its peer, and is about to be staged.
    wg_xmit(dev: &NetDevice, peer: u64, skb: &SkBuff, messages: u32);
    /// A packet has got its counters, and is about to be encrypted, or to wait for a worker that does.
    wg_stage(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// A packet of messages has been encrypted, and waits for its turn.
    wg_encrypt(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// A packet of messages is about to be sent.
    wg_transmit(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// A message has come for a session, and is about to wait for its poller.
    wg_receive(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// A message has been decrypted, and waits for its turn.
    wg_decrypt(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// The packet from a message is about to be passed to the stack.
    wg_deliver(dev: &NetDevice, peer: u64, index: u32, counter: u64, skb: &SkBuff, len: u32, messages: u32);
    /// Packets have been dropped.
    wg_drop(dev: &NetDevice, peer: u64, reason: &'static CStr, messages: u32);
    /// A handshake has come a step further, or to its end.
    wg_handshake(dev: &NetDevice, peer: u64, role: u8, old: u8, new: u8, index: u32);
}

/// So many packets, or messages, of a device were dropped, which belong to no peer.
#[inline]
pub(crate) fn drop(device: &Device, reason: &'static CStr, messages: u32) {
    if wg_drop::is_on() {
        tell_drop(device, 0, reason, messages);
    }
}

/// So many packets, or messages, of a peer were dropped.
#[inline]
pub(crate) fn drop_of(peer: &Peer, reason: &'static CStr, messages: u32) {
    if wg_drop::is_on() {
        tell_drop(&peer.device, peer.id, reason, messages);
    }
}

#[cold]
#[inline(never)]
fn tell_drop(device: &Device, peer: u64, reason: &'static CStr, messages: u32) {
    wg_drop::tell(&device.dev, peer, reason, messages);
}

/// A handshake with a peer has gone from one phase to another. The index is ours, if there is one already.
#[inline]
pub(crate) fn handshake(peer: &Peer, old: Phase, new: Phase, index: Option<Index>) {
    if wg_handshake::is_on() {
        tell_handshake(peer, old, new, index);
    }
}

#[cold]
#[inline(never)]
fn tell_handshake(peer: &Peer, old: Phase, new: Phase, index: Option<Index>) {
    // There was none, and there is none.
    let Some(role) = new.role().or(old.role()) else {
        return;
    };
    wg_handshake::tell(
        &peer.device.dev,
        peer.id,
        number_of_role(role),
        number_of_phase(old),
        number_of_phase(new),
        index.map_or(0, |index| index.0),
    );
}

/// As the event names them.
fn number_of_role(role: Role) -> u8 {
    match role {
        Role::Initiator => 0,
        Role::Responder => 1,
    }
}

/// As the event names them.
fn number_of_phase(phase: Phase) -> u8 {
    match phase {
        Phase::Zeroed => 0,
        Phase::CreatedInitiation => 1,
        Phase::ConsumedInitiation => 2,
        Phase::CreatedResponse => 3,
        Phase::ConsumedResponse => 4,
    }
}
