// SPDX-License-Identifier: GPL-2.0

//! Handshake messages as a guise has them, and what precedes them.

use kernel::prelude::*;

use crate::{
    drops::{Drops, Reason},
    guise::Guise,
    kapi::{
        net::skbuff::{PacketList, SkBuff},
        random, //
    },
    peer::Peer,
    proto::messages::MessageType,
    time::wall_now,
    tx::HEADROOM, //
};

/// What precedes an initiation: special packets, then junk. What there is no memory for is left out.
pub(super) fn vanguard(guise: &Guise, peer: &Peer) -> PacketList {
    let mut packets = PacketList::new();
    let profile = guise.profile();
    let mut counter = random::u32();
    for special in guise.specials() {
        let made = packet(special.len(), |bytes| {
            let secs = wall_now().secs as u32;
            special.write(bytes, random::fill, secs, counter);
        });
        counter = counter.wrapping_add(1);
        match made {
            Ok(skb) => packets.push(skb),
            Err(_) => peer.count_drops(1, Reason::TxNoMemory),
        }
    }
    for _ in 0..profile.junk_count() {
        // An empty datagram would not be seen as one of ours.
        let len = profile.pick_junk_len(random::u32()).max(1);
        match packet(len, random::fill) {
            Ok(skb) => packets.push(skb),
            Err(_) => peer.count_drops(1, Reason::TxNoMemory),
        }
    }
    packets
}

/// A message, whose type is the guise's already, in all that it wears. Its MACs are as they will be.
///
/// `window` is how long a message with a trailer may be.
pub(super) fn dressed(
    guise: &Guise,
    kind: MessageType,
    message: &[u8],
    window: usize,
) -> Result<SkBuff> {
    let profile = guise.profile();
    let prefix = profile.prefix_len(kind);
    // A message and its prefix are shorter than a datagram.
    let len = prefix.wrapping_add(message.len());
    let trailer = profile.trailer_len(len, window, random::u32());
    packet(len.wrapping_add(trailer), |bytes| {
        let (front, trailer) = bytes.split_at_mut_checked(len).unwrap_or_default();
        random::fill(trailer);
        if let Some((prefix, place)) = front.split_at_mut_checked(prefix) {
            random::fill(prefix);
            for (to, from) in place.iter_mut().zip(message) {
                *to = *from;
            }
        }
        profile.protect(kind, front);
    })
}

/// A packet of so many bytes.
fn packet(len: usize, fill: impl FnOnce(&mut [u8])) -> Result<SkBuff> {
    let len = u32::try_from(len).map_err(|_| EMSGSIZE)?;
    let mut skb = SkBuff::new(HEADROOM, len)?;
    skb.put_with(len, fill)?;
    Ok(skb)
}
