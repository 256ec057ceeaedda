// SPDX-License-Identifier: GPL-2.0

use std::collections::HashSet;

use chacha20poly1305::{aead::AeadInOut, KeyInit, XChaCha20Poly1305};
use rand::{Rng, RngExt};

use super::*;
use crate::special::Special;

const KEYS: [[u8; 32]; 2] = [[1; 32], [2; 32]];

/// Of each version, and how much a data message is longer.
fn versions() -> Vec<Config> {
    let mut versions = vec![config()];
    let mut version = |change: fn(&mut Config)| {
        let mut changed = versions.last().unwrap().clone();
        change(&mut changed);
        versions.push(changed);
    };
    version(|one| {
        one.format.prefixes = [15, 30, 0, 0];
        one.format.headers = [10..=10, 20..=20, 30..=30, 40..=40];
        one.before.junk = 3;
        one.before.junk_length = 10..=50;
    });
    version(|two| {
        two.format.prefixes = [42, 108, 13, 12];
        two.format.headers = [1 << 30..=2 << 30, 5..=100, 1000..=2000, 3 << 30..=u32::MAX];
        two.before
            .special
            .extend(Special::parse("<b 0x0102><c>").unwrap());
    });
    version(|three| three.format.protection = Some([3; 32]));
    version(|more| more.format.trailers = true);
    versions
}

fn config() -> Config {
    Config {
        public_key: KEYS[0],
        device: address(0),
        inside: address(0),
        listen: address(0),
        peer_public_key: KEYS[1],
        endpoint: Some(address(2)),
        format: Format::default(),
        before: Before::default(),
        disable_cookies: false,
    }
}

fn address(number: u16) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, 1], number))
}

/// Two relays back to back, of which the second does not know yet where the first is.
struct Pair([Relay; 2]);

impl Pair {
    fn new(config: &Config) -> Self {
        let other = Config {
            public_key: config.peer_public_key,
            peer_public_key: config.public_key,
            endpoint: None,
            ..config.clone()
        };
        Self([Relay::new(config), Relay::new(&other)])
    }

    /// All that goes out for a message of that end.
    fn sent(&mut self, by: usize, message: &[u8]) -> (Outcome, Vec<Vec<u8>>) {
        let mut sent = Vec::new();
        let outcome = self.0[by].send(message, |datagram, _| sent.push(datagram.to_vec()));
        (outcome, sent)
    }

    fn received(&mut self, by: usize, datagram: &[u8]) -> (Outcome, Option<Vec<u8>>) {
        self.0[by].receive(datagram, address(2 - by as u16))
    }

    /// What reaches the other end of it.
    fn across(&mut self, from: usize, message: &[u8]) -> Vec<Vec<u8>> {
        let (outcome, sent) = self.sent(from, message);
        assert!(matches!(outcome, Outcome::Sent(_)), "{outcome}");
        let received = sent
            .iter()
            .map(|datagram| self.received(1 - from, datagram));
        received.filter_map(|(_, message)| message).collect()
    }

    fn meet(&mut self) {
        let (initiation, response) = (initiation(7), response(8, 7));
        assert_eq!(self.across(0, &initiation), [initiation]);
        assert_eq!(self.across(1, &response), [response]);
    }
}

fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

/// By the first end, and by the second, with no MAC2.
fn initiation(sender: u32) -> Vec<u8> {
    let mut message = noise(148);
    message[4..8].copy_from_slice(&sender.to_le_bytes());
    with_mac1(message, 1, 1)
}

fn response(sender: u32, receiver: u32) -> Vec<u8> {
    let mut message = noise(92);
    message[4..8].copy_from_slice(&sender.to_le_bytes());
    message[8..12].copy_from_slice(&receiver.to_le_bytes());
    with_mac1(message, 2, 0)
}

fn with_mac1(mut message: Vec<u8>, value: u32, to: usize) -> Vec<u8> {
    Receiver::new(&KEYS[to]).retype(&mut message, value);
    message
}

fn data(receiver: u32, length: usize) -> Vec<u8> {
    let mut message = noise(length);
    set_type(&mut message, 4);
    message[4..8].copy_from_slice(&receiver.to_le_bytes());
    message
}

/// Of the second end, for an initiation of the first.
fn cookie_reply(initiation: &[u8], cookie: [u8; 16]) -> Vec<u8> {
    let mut reply = vec![3, 0, 0, 0];
    reply.extend(&initiation[4..8]);
    let nonce: [u8; 24] = noise(24).try_into().unwrap();
    reply.extend(nonce);
    let (cipher, mut sealed) = (cookie_cipher(), cookie);
    let tag = cipher.encrypt_inout_detached(
        &nonce.into(),
        &initiation[116..132],
        (&mut sealed[..]).into(),
    );
    reply.extend(sealed);
    reply.extend(tag.unwrap());
    reply
}

fn open_cookie(reply: &[u8], initiation: &[u8]) -> Option<[u8; 16]> {
    let nonce: [u8; 24] = reply[8..32].try_into().unwrap();
    let tag: [u8; 16] = reply[48..].try_into().unwrap();
    let mut cookie: [u8; 16] = reply[32..48].try_into().unwrap();
    let text = (&mut cookie[..]).into();
    let opened = cookie_cipher().decrypt_inout_detached(
        &nonce.into(),
        &initiation[116..132],
        text,
        &tag.into(),
    );
    opened.ok().map(|()| cookie)
}

fn cookie_cipher() -> XChaCha20Poly1305 {
    use blake2::{digest::consts::U32, Blake2s, Digest};
    let key: [u8; 32] = Blake2s::<U32>::new_with_prefix("cookie--")
        .chain_update(KEYS[1])
        .finalize()
        .into();
    XChaCha20Poly1305::new(&key.into())
}

fn with_mac2(mut message: Vec<u8>, cookie: [u8; 16]) -> Vec<u8> {
    use blake2::{digest::consts::U16, digest::Mac as _, Blake2sMac};
    let mac = <Blake2sMac<U16> as KeyInit>::new_from_slice(&cookie).unwrap();
    let mac = mac.chain_update(&message[..132]).finalize().into_bytes();
    message[132..].copy_from_slice(&mac);
    message
}

#[test]
fn messages_come_out_as_they_went_in() {
    for config in versions() {
        let mut pair = Pair::new(&config);
        pair.meet();
        for length in [32, 33, 48, 1452] {
            for (from, index) in [(0, 8), (1, 7)] {
                let data = data(index, length);
                assert_eq!(pair.across(from, &data), [data]);
            }
        }
    }
}

#[test]
fn cookies_are_followed() {
    for config in versions() {
        let mut pair = Pair::new(&config);
        let (first, cookie) = (initiation(7), [4; 16]);
        pair.across(0, &first);
        let replies = pair.across(1, &cookie_reply(&first, cookie));
        let opened: Vec<_> = replies
            .iter()
            .map(|reply| open_cookie(reply, &first))
            .collect();
        assert_eq!(opened, [Some(cookie)]);
        let proven = with_mac2(initiation(9), cookie);
        assert_eq!(pair.across(0, &proven), [proven]);
        // One that is wrong does not become right.
        let mut unproven = with_mac2(initiation(10), [5; 16]);
        let arrived = pair.across(0, &unproven);
        unproven[132..].fill(0);
        assert_eq!(arrived, [unproven]);
    }
}

#[test]
fn mac2_on_the_wire_is_of_what_is_on_the_wire() {
    let mut config = versions()[2].clone();
    config.before = Before::default();
    let mut pair = Pair::new(&config);
    let (first, cookie) = (initiation(7), [4; 16]);
    pair.across(0, &first);
    pair.across(1, &cookie_reply(&first, cookie));
    let (_, sent) = pair.sent(0, &with_mac2(initiation(9), cookie));
    let wire = sent[0][42..].to_vec();
    assert_ne!(wire[..4], [1, 0, 0, 0]);
    assert_eq!(with_mac2(wire.clone(), cookie), wire);
}

#[test]
fn a_cookie_reply_to_nothing_goes_nowhere() {
    let mut pair = Pair::new(&versions()[1]);
    pair.meet();
    let (outcome, sent) = pair.sent(1, &cookie_reply(&initiation(7), [4; 16]));
    assert_eq!((outcome, sent.len()), (Outcome::StrangeCookie, 0));
    // From outside, for an index that is live.
    let mut reply = noise(64);
    reply[..8].copy_from_slice(&[30, 0, 0, 0, 7, 0, 0, 0]);
    assert_eq!(pair.received(0, &reply), (Outcome::Ignored(64), None));
}

#[test]
fn cookies_can_be_disabled() {
    let config = Config {
        disable_cookies: true,
        ..versions()[2].clone()
    };
    let mut pair = Pair::new(&config);
    let first = initiation(7);
    pair.across(0, &first);
    let (outcome, sent) = pair.sent(1, &cookie_reply(&first, [4; 16]));
    assert_eq!((outcome, sent.len()), (Outcome::CookiesDisabled, 0));
}

#[test]
fn initiations_alone_have_something_before_them() {
    let mut pair = Pair::new(&versions()[2]);
    let (_, sent) = pair.sent(0, &initiation(7));
    let lengths: Vec<usize> = sent.iter().map(Vec::len).collect();
    assert_eq!((lengths.len(), lengths[0], lengths[4]), (5, 6, 42 + 148));
    assert!(
        sent[0].starts_with(&[1, 2])
            && lengths[1..4]
                .iter()
                .all(|length| (10..=50).contains(length))
    );
    for datagram in &sent[..4] {
        assert_eq!(
            pair.received(1, datagram),
            (Outcome::Ignored(datagram.len()), None)
        );
    }
    pair.received(1, &sent[4]);
    for message in [response(8, 7), data(7, 32)] {
        assert_eq!(pair.sent(1, &message).1.len(), 1);
    }
}

#[test]
fn without_settings_the_wire_has_wireguard() {
    let mut pair = Pair::new(&config());
    let mut same = |from, message: Vec<u8>| {
        let (_, sent) = pair.sent(from, &message);
        assert_eq!(sent, [message]);
        pair.received(1 - from, &sent[0]);
    };
    same(0, initiation(7));
    same(1, response(8, 7));
    same(0, data(8, 1452));
}

#[test]
fn what_is_for_nobody_here_is_ignored() {
    for config in versions() {
        let mut pair = Pair::new(&config);
        // Before anybody was there, and for an index that nobody has told.
        assert_eq!(pair.sent(1, &data(8, 64)), (Outcome::NobodyKnown, vec![]));
        pair.meet();
        let (_, sent) = pair.sent(0, &data(9, 64));
        assert_eq!(
            pair.received(1, &sent[0]),
            (Outcome::Ignored(sent[0].len()), None)
        );
        // Whatever MAC1 covers is changed.
        let (_, sent) = pair.sent(0, &initiation(10));
        let mut datagram = sent.last().unwrap().clone();
        datagram[config.format.prefixes[0] + 100] ^= 1;
        assert_eq!(pair.received(1, &datagram).1, None);
    }
}

#[test]
fn what_is_no_message_is_not_sent() {
    let mut pair = Pair::new(&config());
    for message in [
        vec![],
        vec![1, 0, 0, 0],
        vec![4; 64],
        vec![1; 148],
        data(1, 31),
    ] {
        assert_eq!(
            pair.sent(0, &message),
            (Outcome::NoMessage(message.len()), vec![])
        );
    }
}

/// With wide ranges nearly every datagram could be any message by its length and type.
#[test]
fn data_of_any_size_are_data() {
    let mut config = versions()[4].clone();
    let quarter = 1 << 30;
    config.format.headers =
        [0, 1, 2, 3].map(|part: u32| part * quarter..=part * quarter + (quarter - 1));
    let mut pair = Pair::new(&config);
    pair.meet();
    let mut could_be = HashSet::new();
    for _ in 0..3000 {
        let message = data(8, rand::rng().random_range(32..1452));
        let (_, sent) = pair.sent(0, &message);
        could_be.extend(Kind::ALL.into_iter().filter_map(|kind| {
            let found = config.format.undress(kind, &sent[0]);
            found.map(|_| kind as usize)
        }));
        assert_eq!(
            pair.received(1, &sent[0]),
            (Outcome::Received(Kind::Data), Some(message))
        );
    }
    assert_eq!(could_be.len(), 4, "else this shows nothing");
    for index in 100..1100 {
        let initiation = initiation(index);
        assert_eq!(pair.across(0, &initiation), [initiation]);
    }
}

#[test]
fn trailers_are_as_long_as_data_until_the_other_end_moves() {
    let mut config = versions()[4].clone();
    config.before = Before::default();
    let mut pair = Pair::new(&config);
    let longest = |pair: &mut Pair| {
        let sent = (0..300).flat_map(|_| pair.sent(0, &initiation(7)).1);
        sent.map(|datagram| datagram.len()).max().unwrap()
    };
    let first = longest(&mut pair);
    assert!((460..500).contains(&first), "{first}");
    pair.meet();
    pair.across(0, &data(8, 1000));
    let wide = longest(&mut pair);
    assert!((950..1012).contains(&wide), "{wide}");
    pair.across(1, &data(7, 1400));
    let wider = longest(&mut pair);
    assert!((1300..1412).contains(&wider), "{wider}");
    let (_, sent) = pair.sent(1, &data(7, 32));
    pair.0[0].receive(&sent[0], address(77));
    assert_eq!(pair.0[0].endpoint, Some(address(77)));
    assert!(longest(&mut pair) < 500);
}

#[test]
fn only_the_last_indexes_are_live() {
    let mut pair = Pair::new(&config());
    for index in 0..=64 {
        pair.across(0, &initiation(index));
    }
    assert!(pair.across(1, &data(0, 32)).is_empty());
    assert_eq!(pair.across(1, &data(1, 32)).len(), 1);
}
