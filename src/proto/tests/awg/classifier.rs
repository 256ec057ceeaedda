// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Nothing is mistaken for something else, however alike all messages look.

use std::collections::HashSet;

use wireguard_proto::awg::Span;
use wireguard_proto::constants::INITIATION_LEN;
use wireguard_proto::cookie::{CookieKeys, CookieMaker};
use wireguard_proto::messages::{
    parse_as, Counter, DataHeader, HandshakeMessage, Index, Message, MessageType,
};
use wireguard_proto::rustcrypto::RustCrypto;

use super::common::{boot, key, Party, Random};
use super::{profile, Profile};

/// Who receives: its mac1 key, and the indexes of its sessions and handshakes.
struct Receiver {
    profile: Profile,
    keys: CookieKeys<RustCrypto>,
    sessions: HashSet<Index>,
    handshakes: HashSet<Index>,
}

impl Receiver {
    /// What a datagram is: see the head of the module `awg`.
    fn classify(&self, datagram: &[u8]) -> Option<MessageType> {
        let header = self.profile.data_header(datagram, datagram.len());
        if header.is_some_and(|header| self.sessions.contains(&header.receiver())) {
            return Some(MessageType::Data);
        }
        let kinds = [
            MessageType::Initiation,
            MessageType::Response,
            MessageType::CookieReply,
        ];
        kinds.into_iter().find(|kind| self.is(*kind, datagram))
    }

    fn is(&self, kind: MessageType, datagram: &[u8]) -> bool {
        let mut out = [0; INITIATION_LEN];
        let message = self.profile.undress(kind, datagram, &mut out);
        match message.map(|message| parse_as(kind, message)) {
            Some(Ok(Message::Initiation(message))) => self.keys.is_mac1_valid(message),
            Some(Ok(Message::Response(message))) => self.keys.is_mac1_valid(message),
            Some(Ok(Message::CookieReply(reply))) => self.handshakes.contains(&reply.receiver()),
            _ => false,
        }
    }

    /// What others go by: the first kind whose length and number fit.
    fn guess(&self, datagram: &[u8]) -> Option<MessageType> {
        let mut out = [0; INITIATION_LEN];
        let kinds = [
            MessageType::Initiation,
            MessageType::Response,
            MessageType::CookieReply,
        ];
        let guess = kinds
            .into_iter()
            .find(|kind| self.profile.undress(*kind, datagram, &mut out).is_some());
        let data = self.profile.data_header(datagram, datagram.len());
        guess.or(data.map(|_| MessageType::Data))
    }
}

/// All four kinds share all numbers, each has a prefix of its own, and handshakes have trailers. Data have
/// half of the numbers.
fn receiver(is_protected: bool, random: &mut Random) -> Receiver {
    let (_, bob) = Party::pair();
    Receiver {
        profile: profile(|s| {
            s.prefixes = [12, 29, 47, 17];
            s.headers = [
                Span::new(0x8000_0000, 0xbfff_ffff),
                Span::new(0xc000_0000, 0xdfff_ffff),
                Span::new(0xe000_0000, 0xffff_ffff),
                Span::new(0, 0x7fff_ffff),
            ];
            s.random_trailers = true;
            s.protection_key = is_protected.then(|| key(5));
        }),
        keys: CookieKeys::new(bob.identity.public()),
        sessions: (0..100).map(|_| Index(random.next() as u32)).collect(),
        handshakes: (0..100).map(|_| Index(random.next() as u32)).collect(),
    }
}

/// Carries so many data messages of random sizes, and returns how many of them the rule and a guess by
/// length take for something else.
fn lost_data(is_protected: bool, messages: u32) -> (u32, u32) {
    let mut random = Random(17);
    let receiver = receiver(is_protected, &mut random);
    let sessions: Vec<_> = receiver.sessions.iter().copied().collect();
    let profile = &receiver.profile;
    let mut datagram = [0; 1500];
    datagram.fill_with(|| random.next() as u8);
    let (mut lost, mut guessed_wrong) = (0, 0);
    for counter in 0..messages {
        let least = profile.overhead() as u64 + 32;
        let len = (least + random.below(1501 - least)) as usize;
        let datagram = &mut datagram[..len];
        // What others look at is behind their prefixes: all of that is new each time.
        for chunk in datagram[..len.min(72)].chunks_mut(8) {
            chunk.copy_from_slice(&random.next().to_le_bytes()[..chunk.len()]);
        }
        let header = DataHeader::with_type(
            profile.pick_header(MessageType::Data, random.next() as u32),
            sessions[random.below(100) as usize],
            Counter(counter.into()),
        );
        let prefix = profile.overhead();
        datagram[prefix..prefix + 16].copy_from_slice(&header.to_bytes());
        profile.protect(MessageType::Data, datagram);
        lost += u32::from(receiver.classify(datagram) != Some(MessageType::Data));
        guessed_wrong += u32::from(receiver.guess(datagram) != Some(MessageType::Data));
    }
    (lost, guessed_wrong)
}

#[test]
fn of_a_million_data_messages_none_is_mistaken() {
    let (lost, guessed_wrong) = lost_data(false, 750_000);
    assert_eq!(lost, 0);
    // Half of the numbers, of whatever is long enough, are another message's to who guesses.
    assert!(guessed_wrong > 750_000 / 4, "{guessed_wrong}");
    let (lost, guessed_wrong) = lost_data(true, 250_000);
    assert_eq!(lost, 0);
    assert!(guessed_wrong > 250_000 / 4, "{guessed_wrong}");
}

/// Behind their prefixes, with fresh random bytes and a trailer.
fn dress(profile: &Profile, kind: MessageType, message: &[u8], random: &mut Random) -> Vec<u8> {
    let mut datagram = vec![0; profile.prefix_len(kind)];
    datagram.extend(message);
    let trailer = profile.trailer_len(datagram.len(), 1452, random.next() as u32);
    let end = datagram.len();
    datagram.resize(end + trailer, 0);
    let prefix = profile.prefix_len(kind);
    datagram[..prefix].fill_with(|| random.next() as u8);
    datagram[end..].fill_with(|| random.next() as u8);
    profile.protect(kind, &mut datagram);
    datagram
}

#[test]
fn no_handshake_message_is_mistaken_either() {
    let mut random = Random(23);
    let receiver = receiver(true, &mut random);
    let profile = &receiver.profile;
    let (mut alice, mut bob) = Party::pair();
    let mut initiation = alice.initiate(4, 40, 1000);
    bob.accept(&initiation, boot(1));
    let mut response = bob.respond(5, 50);
    let mut maker = CookieMaker::<RustCrypto>::new(bob.identity.public());
    let handshakes: Vec<_> = receiver.handshakes.iter().copied().collect();
    for _ in 0..10_000 {
        let mut pick = |kind| profile.pick_header(kind, random.next() as u32);
        initiation.set_type(pick(MessageType::Initiation));
        response.set_type(pick(MessageType::Response));
        let number = pick(MessageType::CookieReply);
        maker.add_macs(&mut initiation, boot(1));
        maker.add_macs(&mut response, boot(1));
        let mut reply = [0; 64];
        reply.fill_with(|| random.next() as u8);
        reply[..4].copy_from_slice(&number.to_le_bytes());
        let index = handshakes[random.below(100) as usize];
        reply[4..8].copy_from_slice(&index.0.to_le_bytes());
        for (kind, message) in [
            (MessageType::Initiation, initiation.as_bytes()),
            (MessageType::Response, response.as_bytes()),
            (MessageType::CookieReply, &reply),
        ] {
            let datagram = dress(profile, kind, message, &mut random);
            assert_eq!(receiver.classify(&datagram), Some(kind));
        }
    }
}

#[test]
fn noise_is_nothing() {
    let mut random = Random(29);
    for is_protected in [false, true] {
        let receiver = receiver(is_protected, &mut random);
        let mut guessed = 0;
        for _ in 0..50_000 {
            let len = random.below(300) as usize;
            let datagram: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            assert_eq!(receiver.classify(&datagram), None);
            guessed += u32::from(receiver.guess(&datagram).is_some());
        }
        assert!(guessed > 10_000, "{guessed}");
    }
}
