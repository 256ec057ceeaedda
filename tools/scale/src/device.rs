// SPDX-License-Identifier: GPL-2.0

//! Requests of the family `wireguard` that change a device.

use std::ops::Range;

use wire_peer::keys::random;
use wire_peer::netlink::{Message, Socket, ACK, DUMP, REQUEST};
use wire_peer::tap::Result;
use wire_peer::uapi::*;
use wireguard_proto::messages::PublicKey;

use crate::dump::{Attributes, READ_SIZE};
use crate::options::Options;
use crate::peers::{address4, address6, endpoint, public_key};

/// A device that is there, in the namespace that we are in.
pub struct Device {
    socket: Socket,
    family: u16,
    name: String,
}

impl Device {
    pub fn open(name: &str) -> Result<Self> {
        let socket = Socket::generic()?;
        let family = socket
            .wireguard()
            .map_err(|error| format!("no wireguard is loaded: {error}"))?;
        Ok(Self {
            socket,
            family,
            name: name.into(),
        })
    }

    pub fn socket(&self) -> &Socket {
        &self.socket
    }

    pub fn request(&self, flags: u16, command: u8) -> Message {
        let mut message = Message::generic(self.family, REQUEST | flags, command);
        message.text(NAME, &self.name);
        message
    }

    /// A request that changes the device.
    fn set(&self, fill: impl FnOnce(&mut Message)) -> Result {
        let mut message = self.request(ACK, SET_DEVICE);
        fill(&mut message);
        self.socket.ask(message)?;
        Ok(())
    }

    /// Peers by the number, as many in a request as fit in.
    fn set_peers(
        &self,
        numbers: Range<u32>,
        bytes: usize,
        mut fill: impl FnMut(&mut Message, u32),
    ) -> Result {
        let mut numbers = numbers.peekable();
        while numbers.peek().is_some() {
            self.set(|message| {
                message.nest(PEERS, |list| {
                    let (start, mut longest) = (list.0.len(), 0);
                    while list.0.len() - start + longest <= bytes {
                        let Some(number) = numbers.next() else { return };
                        let before = list.0.len();
                        list.nest(0, |peer| fill(peer, number));
                        longest = longest.max(list.0.len() - before);
                    }
                });
            })?;
        }
        Ok(())
    }

    pub fn load(&mut self, numbers: Range<u32>, bytes: usize) -> Result {
        self.set_peers(numbers, bytes, |peer, number| {
            peer.attr(PEER_KEY, &public_key(number));
            peer.attr(ENDPOINT, &sockaddr(endpoint(number)));
            own_addresses(peer, number);
        })
    }

    /// Peers with nothing but keys.
    pub fn add(&self, keys: impl Iterator<Item = [u8; 32]>) -> Result {
        keys.into_iter().try_for_each(|key| {
            self.set(|message| {
                message.nest(PEERS, |list| {
                    list.nest(0, |peer| peer.attr(PEER_KEY, &key));
                });
            })
        })
    }

    /// The device's public key and its port.
    pub fn identity(&self) -> Result<(PublicKey, u16)> {
        // A socket of its own, since the rest of the dump is not read.
        let asking = Self::open(&self.name)?;
        asking.socket.send(asking.request(DUMP, GET_DEVICE))?;
        let (mut key, mut port) = (None, None);
        asking
            .socket
            .read_messages(&mut vec![0; READ_SIZE], |message| {
                for (ty, value) in Attributes(message) {
                    match ty {
                        PUBLIC_KEY => key = value.try_into().ok().map(PublicKey),
                        PORT => port = value.try_into().ok().map(u16::from_ne_bytes),
                        _ => {}
                    }
                }
            })?;
        Ok(key.zip(port).ok_or("the device has no key or no port")?)
    }

    /// Gives peers the addresses of others.
    pub fn reassign(&mut self, options: &Options) -> Result {
        self.set_peers(options.range(), options.bytes, |peer, number| {
            peer.attr(PEER_KEY, &public_key(number));
            peer.u32(PEER_FLAGS, UPDATE_ONLY);
            own_addresses(peer, options.owned_by(number));
        })
    }

    pub fn remove(&mut self, numbers: Range<u32>, bytes: usize) -> Result {
        self.set_peers(numbers, bytes, |peer, number| {
            peer.attr(PEER_KEY, &public_key(number));
            peer.u32(PEER_FLAGS, REMOVE_ME);
        })
    }

    /// One request for all peers.
    pub fn clear(&mut self) -> Result {
        self.set(|message| message.u32(FLAGS, REPLACE_PEERS))
    }

    pub fn change_key(&mut self) -> Result {
        self.set(|message| message.attr(PRIVATE_KEY, &random::<32>()))
    }
}

fn own_addresses(peer: &mut Message, number: u32) {
    peer.nest(ALLOWED_IPS, |list| {
        put_allowed_ip(list, address4(number).into(), 32);
        put_allowed_ip(list, address6(number).into(), 128);
    });
}
