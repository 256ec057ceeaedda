// SPDX-License-Identifier: GPL-2.0

//! Our end of a session.

use wireguard_proto::crypto::Crypto;
use wireguard_proto::handshake::SessionKeys;
use wireguard_proto::messages::{parse, Counter, Index, Message};
use wireguard_proto::transport;

use crate::keys::Key;
use crate::tap::Result;

/// Header and tag of a data message.
pub const OVERHEAD: usize = 32;

pub struct Session {
    send: Key,
    receive: Key,
    /// What the device sends to.
    pub local: Index,
    /// What we send to.
    pub remote: Index,
    /// Of the next message.
    pub counter: u64,
}

impl Session {
    pub fn new<C: Crypto>(keys: &SessionKeys<C>) -> Self {
        Self {
            send: Key::from_bytes(*keys.send.as_bytes()),
            receive: Key::from_bytes(*keys.receive.as_bytes()),
            local: keys.local_index,
            remote: keys.remote_index,
            counter: 0,
        }
    }

    /// What we send with, and what we receive with.
    pub fn keys(&self) -> [[u8; 32]; 2] {
        [*self.send.as_bytes(), *self.receive.as_bytes()]
    }

    /// The message number `counter`, not padded.
    pub fn seal_as(&self, counter: u64, packet: &[u8]) -> Vec<u8> {
        let mut message = vec![0; packet.len() + OVERHEAD];
        transport::seal(
            &mut message,
            &self.send,
            self.remote,
            Counter(counter),
            packet,
        )
        .expect("there is room for it");
        message
    }

    /// The next message, padded as the protocol wants it.
    pub fn seal(&mut self, packet: &[u8]) -> Vec<u8> {
        let mut padded = packet.to_vec();
        padded.resize(packet.len().next_multiple_of(16), 0);
        self.counter += 1;
        self.seal_as(self.counter - 1, &padded)
    }

    /// Number and contents of a message to us, with padding.
    pub fn open(&self, datagram: &[u8]) -> Result<(u64, Vec<u8>)> {
        let Ok(Message::Data(data)) = parse(datagram) else {
            return Err(format!("not a data message: {:02x?}", datagram.get(..4)).into());
        };
        if data.header.receiver() != self.local {
            return Err("a message of another session".into());
        }
        let mut packet = vec![0; datagram.len() - OVERHEAD];
        transport::open(&mut packet, &self.receive, &data)?;
        Ok((data.header.counter().0, packet))
    }
}
