// SPDX-License-Identifier: GPL-2.0

//! Context: softirq, from UDP, on several CPUs at once, without a lock.
//! Input:   a datagram.
//! Output:  a handshake message as a job, or a batch of its session.
//! Next:    [`super::handshake`] or [`super::decrypt`], by way of a parallel queue.

use kernel::{
    prelude::*,
    sync::ArcBorrow, //
};

use super::{
    handshake,
    RxBatch,
    RxHeader,
    Verdict, //
};
use crate::{
    device::Device,
    kapi::{
        net::{
            skbuff::{PacketList, SkBuff},
            udp_tunnel::{self, UdpHandler}, //
        },
        sync::bh::BhDisabled, //
    },
    proto::{
        constants::DATA_HEADER_LEN,
        messages::{DataHeader, MessageType}, //
    },
};

impl UdpHandler for Device {
    fn receive(this: ArcBorrow<'_, Self>, mut skb: SkBuff, bh: BhDisabled<'_>) {
        let kind = match classify(&mut skb) {
            Ok(kind) => kind,
            Err(ENOMEM) => return this.dev.rx_dropped(1),
            Err(_) => return,
        };
        match kind {
            MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
                handshake::submit(this.into(), skb);
            }
            MessageType::Data => {
                // What nobody has a session for is dropped.
                let _ = queue_data(&this, skb, bh);
            }
        }
    }
}

/// What kind of message a datagram is, from its first bytes and its length.
///
/// [`ENOMEM`] if there is no memory to look at it, [`EINVAL`] if it is none.
fn classify(skb: &mut SkBuff) -> Result<MessageType> {
    udp_tunnel::prepare_datagram(skb, DATA_HEADER_LEN as u32)?;
    let first = skb.linear().first_chunk().ok_or(EINVAL)?;
    let kind = MessageType::of(*first, skb.len() as usize).ok_or(EINVAL)?;
    match kind {
        MessageType::Initiation | MessageType::Response | MessageType::CookieReply => {
            // They are short: nothing is left to be gathered later.
            skb.pull_to_linear(skb.len()).then_some(kind).ok_or(ENOMEM)
        }
        MessageType::Data => Ok(kind),
    }
}

/// Queues a data message at the poller of the peer whose session it is for.
fn queue_data(device: &Device, mut skb: SkBuff, bh: BhDisabled<'_>) -> Option<()> {
    let header = DataHeader::read(skb.linear().first_chunk()?);
    let session = device.session(bh, header.receiver())?;
    let poller = device.poller(&session.peer)?;
    Verdict::Forged.put(&mut skb);
    let mut packets = PacketList::new();
    packets.push(skb);
    let batch = RxBatch::new(packets, RxHeader::new(session, 1)?)?;
    let waiting = poller.content().push(batch)?;
    poller.schedule(bh);
    device.assistants.consider(waiting, &device.crypt_queue, bh);
    Some(())
}
