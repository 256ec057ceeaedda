// SPDX-License-Identifier: GPL-2.0

//! Context: a worker of the parallel queue, one per CPU.
//! Input:   a numbered batch of plaintext packets.
//! Output:  the same batch, encrypted, each packet a data message.
//! Next:    [`super::transmit`], in the order of the batches' numbers.

use kernel::prelude::*;

use super::{
    transmit,
    Fate,
    Note,
    TxBatch,
    HEADROOM, //
};
use crate::{
    kapi::net::skbuff::SkBuff,
    proto::{
        constants::DATA_HEADER_LEN,
        messages::{Counter, DataHeader},
        transport, //
    },
    queue::parallel::Job,
    session::Session, //
};

/// A batch to be encrypted.
pub(crate) struct Encrypt(pub(super) TxBatch);

impl Job for Encrypt {
    fn run(self) {
        let (header, mut packets) = self.0.into_parts();
        let mut counter = header.first_counter;
        packets.for_each_mut(|skb| {
            if seal(skb, &header.session, Counter(counter)).is_err() {
                discard(skb);
            }
            counter = counter.wrapping_add(1);
        });
        if let Some(batch) = TxBatch::new(packets, header) {
            transmit::complete(batch);
        }
    }
}

/// Marks a packet to be dropped at the end of its batch.
fn discard(skb: &mut SkBuff) {
    Note {
        fate: Fate::Drop,
        ..Note::of(skb)
    }
    .put(skb);
}

/// Makes a packet a data message.
fn seal(skb: &mut SkBuff, session: &Session, counter: Counter) -> Result {
    let padding = transport::padding(skb.len() as usize, Note::of(skb).mtu as usize);
    skb.extend_for_seal(Some(&session.peer.device.dev), HEADROOM, padding as u32)?;
    skb.push_bytes(&DataHeader::new(session.remote_index, counter).to_bytes())?;
    skb.seal(
        DATA_HEADER_LEN as u32,
        counter.0,
        session.send_key.as_bytes(),
    )?;
    skb.reset_encapsulated();
    Ok(())
}
