// SPDX-License-Identifier: GPL-2.0

//! Whether a device lists what it was given.

use std::collections::BTreeMap;

use wire_peer::netlink::{Part, DUMP};
use wire_peer::tap::Result;
use wire_peer::uapi::*;

use crate::device::Device;
use crate::options::Options;
use crate::peers::{address4, address6, endpoint, number_of};

pub const READ_SIZE: usize = 1 << 15;

/// What was seen of a peer. Each must be seen once.
const LISTED: u8 = 1;
const AT_ITS_ENDPOINT: u8 = 2;
const HAS_V4: u8 = 4;
const HAS_V6: u8 = 8;
const ALL: u8 = LISTED | AT_ITS_ENDPOINT | HAS_V4 | HAS_V6;

/// Reads a dump; fails unless all peers are in it, with what they were given and nothing else.
pub fn check(device: &Device, options: &Options) -> Result {
    let mut found = Found::new(options);
    device.socket().send(device.request(DUMP, GET_DEVICE))?;
    let mut buffer = vec![0; READ_SIZE];
    while let Part::Data(_) = device
        .socket()
        .read_messages(&mut buffer, |message| found.message(message))?
    {}
    found.judge()
}

struct Found<'a> {
    options: &'a Options,
    /// By their place in the range.
    peers: Vec<u8>,
    /// The last peer that was listed, which may go on in the next message.
    last: Option<u32>,
    /// Peers with other keys.
    others: u32,
    /// By what is wrong, how often it was seen.
    wrong: BTreeMap<&'static str, u32>,
}

impl<'a> Found<'a> {
    fn new(options: &'a Options) -> Self {
        Self {
            options,
            peers: vec![0; options.count as usize],
            last: None,
            others: 0,
            wrong: BTreeMap::new(),
        }
    }

    fn message(&mut self, attributes: &[u8]) {
        for (_, list) in Attributes(attributes).filter(|(ty, _)| *ty == PEERS) {
            Attributes(list).for_each(|(_, peer)| self.peer(peer));
        }
    }

    fn peer(&mut self, attributes: &[u8]) {
        let key = Attributes(attributes).find(|(ty, _)| *ty == PEER_KEY);
        let number = key
            .and_then(|(_, key)| number_of(key.try_into().ok()?))
            .filter(|number| self.options.range().contains(number));
        let Some(number) = number else {
            self.others += 1;
            return;
        };
        let place = (number - self.options.range().start) as usize;
        // With more addresses than fit into a message a peer comes again in the next one.
        if self.last != Some(number) {
            self.mark(place, LISTED, "peers are listed twice");
        }
        self.last = Some(number);
        for (ty, value) in Attributes(attributes) {
            match ty {
                ENDPOINT if value == sockaddr(endpoint(number)) => {
                    self.mark(place, AT_ITS_ENDPOINT, "endpoints are listed twice");
                }
                ENDPOINT => self.complain("endpoints are other ones"),
                ALLOWED_IPS => Attributes(value).for_each(|(_, ip)| self.allowed_ip(place, ip)),
                _ => {}
            }
        }
    }

    fn allowed_ip(&mut self, place: usize, attributes: &[u8]) {
        let number = self.options.range().start + place as u32;
        let owned = self.options.owned_by(number);
        let value = |wanted| {
            Attributes(attributes)
                .find(|(ty, _)| *ty == wanted)
                .map(|(_, value)| value)
        };
        let (address, mask) = (value(ADDRESS), value(MASK));
        let is = |family: u16, octets: &[u8]| {
            value(FAMILY) == Some(&family.to_ne_bytes())
                && address == Some(octets)
                && mask == Some(&[8 * octets.len() as u8])
        };
        if is(INET, &address4(owned).octets()) {
            self.mark(place, HAS_V4, "allowed IPs are listed twice");
        } else if is(INET6, &address6(owned).octets()) {
            self.mark(place, HAS_V6, "allowed IPs are listed twice");
        } else {
            self.complain("allowed IPs are other ones");
        }
    }

    fn mark(&mut self, place: usize, what: u8, twice: &'static str) {
        let Some(seen) = self.peers.get_mut(place) else {
            return;
        };
        let again = *seen & what != 0;
        *seen |= what;
        if again {
            self.complain(twice);
        }
    }

    fn complain(&mut self, what: &'static str) {
        *self.wrong.entry(what).or_default() += 1;
    }

    fn judge(self) -> Result {
        let lacking = |what| self.peers.iter().filter(|seen| **seen & what == 0).count();
        let whole = self.peers.iter().filter(|seen| **seen == ALL).count();
        if whole == self.peers.len() && self.wrong.is_empty() && self.others == self.options.others
        {
            return Ok(());
        }
        let mut said = vec![
            format!("{whole} of {} peers are as given", self.peers.len()),
            format!("{} are not listed", lacking(LISTED)),
            format!("{} lack their endpoint", lacking(AT_ITS_ENDPOINT)),
            format!("{} their IPv4 address", lacking(HAS_V4)),
            format!("{} their IPv6 address", lacking(HAS_V6)),
            format!("{} others are listed", self.others),
        ];
        said.extend(
            self.wrong
                .iter()
                .map(|(what, times)| format!("{times} {what}")),
        );
        Err(said.join(", ").into())
    }
}

/// The attributes in a piece of a message: type and value.
pub struct Attributes<'a>(pub &'a [u8]);

impl<'a> Iterator for Attributes<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        const HEADER: usize = 4;
        /// Whether it is a nest, and the order of bytes.
        const FLAGS: u16 = 0xc000;
        let [a, b, c, d] = *self.0.first_chunk::<HEADER>()?;
        let len = usize::from(u16::from_ne_bytes([a, b]));
        let value = self.0.get(HEADER..len)?;
        self.0 = self.0.get(len.next_multiple_of(4)..).unwrap_or_default();
        Some((u16::from_ne_bytes([c, d]) & !FLAGS, value))
    }
}
