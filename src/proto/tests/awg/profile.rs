// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! What a profile puts around and over messages, and takes off again.

use wireguard_proto::awg::Span;
use wireguard_proto::constants::INITIATION_LEN;
use wireguard_proto::cookie::{CookieKeys, CookieMaker, CookieSecret};
use wireguard_proto::crypto::Crypto;
use wireguard_proto::messages::{
    parse, parse_as, Counter, DataHeader, HandshakeMessage, Index, Message, MessageType,
};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::transport;

use super::common::{boot, key, Party, Random};
use super::{profile, Profile, Settings};

const KEY: [u8; 32] = {
    let mut key = [0; 32];
    let mut n = 0;
    while n < 32 {
        key[n] = n as u8;
        n += 1;
    }
    key
};

/// The nonce of RFC 8439, section 2.4.2.
const NONCE: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0x4a, 0, 0, 0, 0];

const HANDSHAKES: [(MessageType, usize); 3] = [
    (MessageType::Initiation, 148),
    (MessageType::Response, 92),
    (MessageType::CookieReply, 64),
];

fn undress(profile: &Profile, kind: MessageType, datagram: &[u8]) -> Option<Vec<u8>> {
    let mut out = [0; INITIATION_LEN];
    profile
        .undress(kind, datagram, &mut out)
        .map(<[u8]>::to_vec)
}

/// Random bytes of the prefix, a message, masked, and a trailer.
fn dress(profile: &Profile, kind: MessageType, message: &[u8], trailer: usize) -> Vec<u8> {
    let mut random = Random(message.len() as u64);
    let mut datagram: Vec<u8> = (0..profile.prefix_len(kind))
        .map(|_| random.next() as u8)
        .collect();
    datagram.extend(message);
    datagram.extend((0..trailer).map(|_| random.next() as u8));
    profile.protect(kind, &mut datagram);
    datagram
}

/// The header of a data message is masked as that of any other, and what is left for the next nonce is the end of the mask's block.
#[test]
fn a_mask_leaves_a_nonce() {
    let profile = profile(|settings| {
        settings.prefixes = [12, 12, 12, 40];
        settings.protection_key = Some(super::common::Key::from_bytes([7; 32]));
    });
    let mut random = Random(9);
    let head: Vec<u8> = (0..56).map(|_| random.next() as u8).collect();
    let (mut masked, mut same) = (head.clone(), head.clone());
    profile.protect(MessageType::Data, &mut masked);
    let nonce = profile.protect_data(&mut same).unwrap();
    assert_eq!(masked, same);
    assert_ne!(masked, head);
    let mut block = [0; 64];
    <RustCrypto as Crypto>::chacha20(&[7; 32], head.first_chunk().unwrap(), &mut block);
    assert!(block.ends_with(&nonce));
    // Too short: as it was.
    let mut short = head[..55].to_vec();
    assert_eq!(profile.protect_data(&mut short), None);
    assert_eq!(short, head[..55]);
}

#[test]
fn without_settings_nothing_differs_from_wireguard() {
    let profile = profile(|_| ());
    let mut random = Random(1);
    assert!(profile.settings().is_plain());
    assert_eq!((profile.overhead(), profile.needed_head()), (0, 16));
    for kind in MessageType::ALL {
        assert_eq!(profile.prefix_len(kind), 0);
        assert_eq!(profile.pick_header(kind, random.next() as u32), kind as u32);
    }
    for len in 0..300 {
        let message: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
        for (kind, first) in MessageType::ALL.into_iter().zip(1..) {
            let mut message = message.clone();
            message
                .iter_mut()
                .zip([first, 0, 0, 0])
                .for_each(|(byte, first)| *byte = first);
            let mut sent = message.clone();
            profile.protect(kind, &mut sent);
            assert_eq!(sent, message);
            // The same is taken in as by `parse`.
            let is_one = parse(&message).is_ok();
            let taken = match kind {
                MessageType::Data => profile.data_header(&message, len).is_some(),
                _ => undress(&profile, kind, &message).as_ref() == Some(&message),
            };
            assert_eq!(taken, is_one, "{kind:?} of {len}");
        }
        for mtu in [0, 100, 1420] {
            let padding = profile.content_padding(len, mtu, random.next() as u32);
            assert_eq!(padding, transport::padding(len, mtu));
            assert_eq!(profile.fixed_content_padding(len, mtu), Some(padding));
        }
        assert_eq!(profile.trailer_len(len, 1500, u32::MAX), 0);
    }
}

#[test]
fn a_handshake_message_is_masked_from_block_0_on() {
    let profile = profile(|s| {
        s.prefixes = [20, 12, 12, 12];
        s.protection_key = Some(super::common::Key::from_bytes(KEY));
    });
    // The text of RFC 8439, section 2.4.2, which begins with block 1, behind a block of zeros.
    let text =
        b"Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the fu";
    let mut datagram = [0; 20 + 148 + 5];
    datagram[..12].copy_from_slice(&NONCE);
    datagram[20 + 64..20 + 148].copy_from_slice(&text[..84]);
    profile.protect(MessageType::Initiation, &mut datagram);
    let (prefix, rest) = datagram.split_at(20);
    let (message, trailer) = rest.split_at(148);
    assert_eq!(prefix[..12], NONCE);
    assert_eq!((&prefix[12..], trailer), (&[0; 8][..], &[0; 5][..]));
    assert_eq!(
        message[64..],
        [
            0x6e, 0x2e, 0x35, 0x9a, 0x25, 0x68, 0xf9, 0x80, 0x41, 0xba, 0x07, 0x28, 0xdd, 0x0d,
            0x69, 0x81, 0xe9, 0x7e, 0x7a, 0xec, 0x1d, 0x43, 0x60, 0xc2, 0x0a, 0x27, 0xaf, 0xcc,
            0xfd, 0x9f, 0xae, 0x0b, 0xf9, 0x1b, 0x65, 0xc5, 0x52, 0x47, 0x33, 0xab, 0x8f, 0x59,
            0x3d, 0xab, 0xcd, 0x62, 0xb3, 0x57, 0x16, 0x39, 0xd6, 0x24, 0xe6, 0x51, 0x52, 0xab,
            0x8f, 0x53, 0x0c, 0x35, 0x9f, 0x08, 0x61, 0xd8, 0x07, 0xca, 0x0d, 0xbf, 0x50, 0x0d,
            0x6a, 0x61, 0x56, 0xa3, 0x8e, 0x08, 0x8a, 0x22, 0xb6, 0x5e, 0x52, 0xbc, 0x51, 0x4d,
        ]
    );
}

#[test]
fn of_data_only_the_header_is_masked() {
    // RFC 8439, section 2.6.2: the first bytes of block 0.
    let nonce = [0, 0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7];
    let stream = [
        0x8a, 0xd5, 0xa0, 0x8b, 0x90, 0x5f, 0x81, 0xcc, 0x81, 0x50, 0x40, 0x27, 0x4a, 0xb2, 0x94,
        0x71,
    ];
    let profile = profile(|s| {
        s.prefixes = [12; 4];
        s.headers[3] = Span::new(0, 0x2000_0000);
        (s.headers[0], s.headers[1]) = (Span::single(0x8000_0000), Span::single(0x9000_0000));
        s.headers[2] = Span::single(0xa000_0000);
        s.protection_key = Some(super::common::Key::from_bytes(KEY.map(|byte| byte | 0x80)));
    });
    let mut datagram = [0; 12 + 16 + 30];
    datagram[..12].copy_from_slice(&nonce);
    profile.protect(MessageType::Data, &mut datagram);
    assert_eq!(datagram[..12], nonce);
    assert_eq!(datagram[12..28], stream);
    assert_eq!(datagram[28..], [0; 30]);
    // And back: from the first bytes alone.
    let head = &datagram[..profile.needed_head()];
    let header = profile.data_header(head, datagram.len()).unwrap();
    assert_eq!(header.to_bytes(), [0; 16]);
    assert!(profile.data_header(&head[..27], datagram.len()).is_none());
}

#[test]
fn too_short_a_datagram_is_left_alone() {
    let profile = profile(|s| (s.prefixes, s.protection_key) = ([12; 4], Some(key(1))));
    for (kind, len) in [(MessageType::Data, 16)].into_iter().chain(HANDSHAKES) {
        for short in [0, 11, 12, 12 + len - 1] {
            let mut datagram = vec![7; short];
            profile.protect(kind, &mut datagram);
            assert_eq!(datagram, vec![7; short]);
        }
        let mut datagram = vec![7; 12 + len];
        profile.protect(kind, &mut datagram);
        assert_ne!(datagram, vec![7; 12 + len]);
    }
}

type Change = fn(&mut Settings);

const PROFILES: &[Change] = &[
    |_| (),
    // 1.0
    |s| (s.prefixes, s.headers) = ([15, 92, 0, 0], [5, 6, 7, 8].map(Span::single)),
    // 2.0
    |s| {
        s.prefixes = [50, 60, 70, 80];
        s.headers = [0, 1, 2, 3].map(|n| Span::new(n << 30, (n << 30) + 99));
    },
    // 3.0
    |s| (s.prefixes, s.protection_key) = ([42, 108, 13, 12], Some(key(9))),
    // 3.1
    |s| {
        (s.prefixes, s.protection_key) = ([30; 4], Some(key(9)));
        s.headers = [0, 1, 2, 3].map(|n| Span::new(n << 30, (n << 30) + ((1 << 30) - 1)));
        s.random_trailers = true;
    },
];

#[test]
fn handshake_messages_come_back_as_they_were_made() {
    let mut random = Random(3);
    for change in PROFILES {
        let profile = profile(change);
        let has_trailers = profile.settings().random_trailers;
        for (kind, len) in HANDSHAKES {
            let value = profile.pick_header(kind, random.next() as u32);
            let mut message: Vec<u8> = (0..len).map(|_| random.next() as u8).collect();
            message[..4].copy_from_slice(&value.to_le_bytes());
            for trailer in [0, 1, 17, 400] {
                let datagram = dress(&profile, kind, &message, trailer);
                let undressed = undress(&profile, kind, &datagram);
                let expected = trailer == 0 || has_trailers;
                assert_eq!(undressed.is_some(), expected, "{kind:?}+{trailer}");
                assert!(undressed.is_none_or(|undressed| undressed == message));
            }
            let datagram = dress(&profile, kind, &message, 0);
            for short in 0..datagram.len() {
                assert_eq!(undress(&profile, kind, &datagram[..short]), None);
            }
        }
    }
}

#[test]
fn only_numbers_of_the_kind_are_taken() {
    let profile = profile(|s| {
        s.prefixes = [3; 4];
        s.headers = [10, 20, 30, 40].map(|lo| Span::new(lo, lo + 4));
    });
    for value in 0..60_u32 {
        for ((kind, len), lo) in HANDSHAKES.into_iter().zip([10, 20, 30]) {
            let mut message = vec![0; len];
            message[..4].copy_from_slice(&value.to_le_bytes());
            let datagram = dress(&profile, kind, &message, 0);
            let is_in = (lo..lo + 5).contains(&value);
            assert_eq!(undress(&profile, kind, &datagram).is_some(), is_in);
        }
        let header = DataHeader::with_type(value, Index(7), Counter(8));
        let mut message = header.to_bytes().to_vec();
        message.extend([0; 16]);
        let datagram = dress(&profile, MessageType::Data, &message, 0);
        let found = profile.data_header(&datagram, datagram.len());
        assert_eq!(found.is_some(), (40..45).contains(&value));
        if let Some(found) = found {
            assert_eq!(found.type_value(), value);
            assert_eq!((found.receiver(), found.counter()), (Index(7), Counter(8)));
        }
    }
}

#[test]
fn data_are_as_long_as_a_keepalive_at_least() {
    for change in PROFILES {
        let profile = profile(change);
        let value = profile.pick_header(MessageType::Data, 12345);
        let header = DataHeader::with_type(value, Index(1), Counter(2)).to_bytes();
        let datagram = dress(&profile, MessageType::Data, &header, 0);
        let least = profile.overhead() + 32;
        assert!(profile.data_header(&datagram, least).is_some());
        assert!(profile.data_header(&datagram, least - 1).is_none());
        assert!(profile.data_header(&datagram, 65_535).is_some());
        assert!(profile
            .data_header(&datagram[..datagram.len() - 1], least)
            .is_none());
        assert_eq!(undress(&profile, MessageType::Data, &datagram), None);
    }
}

#[test]
fn picks_are_in_range_and_reach_both_ends() {
    let profile = profile(|s| {
        s.headers = [0, 1, 2, 3].map(|n| Span::new(n * 100, n * 100 + 9));
        s.junk_len = Span::new(40, 70);
        s.junk_count = 4;
    });
    for (kind, lo) in MessageType::ALL.into_iter().zip([0, 100, 200, 300]) {
        assert_eq!(profile.pick_header(kind, 0), lo);
        assert_eq!(profile.pick_header(kind, u32::MAX), lo + 9);
    }
    assert_eq!(profile.junk_count(), 4);
    assert_eq!(
        (profile.pick_junk_len(0), profile.pick_junk_len(u32::MAX)),
        (40, 70)
    );
    let silent = super::profile(|s| s.junk_count = 4);
    assert_eq!(silent.junk_count(), 0);
}

#[test]
fn content_padding_stays_within_the_mtu() {
    let profile = profile(|s| s.content_padding = Span::new(10, 100));
    for mtu in [576_usize, 1280, 1420] {
        for len in [
            0,
            1,
            20,
            500,
            mtu - 100,
            mtu - 50,
            mtu - 11,
            mtu - 10,
            mtu - 1,
            mtu,
            mtu + 1,
            2 * mtu + 7,
        ] {
            let room = mtu.saturating_sub(len);
            assert_eq!(profile.content_padding(len, mtu, 0), room.min(10));
            assert_eq!(profile.content_padding(len, mtu, u32::MAX), room.min(100));
            // The tenth byte leaves no choice, the eleventh does.
            let fixed = (room <= 10).then_some(room);
            assert_eq!(profile.fixed_content_padding(len, mtu), fixed);
        }
    }
    // Nobody knows how wide the path is, but IPv6 says how narrow.
    assert_eq!(profile.content_padding(1200, 0, u32::MAX), 80);
    let wide = super::profile(|s| s.content_padding = Span::new(0, u16::MAX));
    assert_eq!(wide.content_padding(100, 1420, u32::MAX), 1320);
    assert_eq!(wide.fixed_content_padding(100, 1420), None);
    let single = super::profile(|s| s.content_padding = Span::single(30));
    for (len, padding) in [(0, 30), (1390, 30), (1391, 29), (1420, 0), (1421, 0)] {
        assert_eq!(single.fixed_content_padding(len, 1420), Some(padding));
        assert_eq!(single.content_padding(len, 1420, u32::MAX), padding);
    }
}

#[test]
fn trailers_end_short_of_the_window() {
    let profile = profile(|s| s.random_trailers = true);
    for (len, window) in [(148, 500), (64, 1452), (499, 500), (498, 500)] {
        assert_eq!(profile.trailer_len(len, window, 0), 0);
        assert_eq!(profile.trailer_len(len, window, u32::MAX), window - len - 1);
    }
    assert_eq!(profile.trailer_len(100, 300, 1 << 31), 100);
    for (len, window) in [(500, 500), (501, 500), (1, 0), (0, 0)] {
        assert_eq!(profile.trailer_len(len, window, u32::MAX), 0);
    }
    // No datagram is longer.
    assert_eq!(profile.trailer_len(0, usize::MAX, u32::MAX), 65_534);
}

/// A whole handshake with a cookie in it, and data, each message dressed, carried and undressed.
#[test]
fn a_handshake_works_under_each_profile() {
    for change in PROFILES {
        let profile = profile(change);
        let (mut alice, mut bob) = Party::pair();
        let carry = |kind, message: &[u8]| {
            let trailer = profile.trailer_len(message.len(), 500, 1 << 31);
            let datagram = dress(&profile, kind, message, trailer);
            undress(&profile, kind, &datagram).unwrap()
        };

        let mut initiation = alice.initiate(4, 40, 1000);
        initiation.set_type(profile.pick_header(MessageType::Initiation, 0x8765_4321));
        let mut maker = CookieMaker::<RustCrypto>::new(bob.identity.public());
        maker.add_macs(&mut initiation, boot(1));
        let bytes = carry(
            MessageType::Initiation,
            HandshakeMessage::as_bytes(&initiation),
        );
        let Ok(Message::Initiation(arrived)) = parse_as(MessageType::Initiation, &bytes) else {
            panic!("not an initiation");
        };
        let keys = CookieKeys::<RustCrypto>::new(bob.identity.public());
        assert!(keys.is_mac1_valid(arrived));

        let secret = CookieSecret::new(key(8), boot(1));
        let source = "192.0.2.1:51820".parse().unwrap();
        let reply = keys.create_reply(&secret, arrived, &source, [6; 24], boot(1));
        let mut reply = reply.unwrap();
        reply.set_type(profile.pick_header(MessageType::CookieReply, 0x1234_5678));
        let bytes = carry(
            MessageType::CookieReply,
            zerocopy::IntoBytes::as_bytes(&reply),
        );
        let Ok(Message::CookieReply(reply)) = parse_as(MessageType::CookieReply, &bytes) else {
            panic!("not a cookie reply");
        };
        maker.consume_reply(reply, boot(1)).unwrap();
        maker.add_macs(&mut initiation, boot(2));
        assert!(secret.is_mac2_valid(&initiation, &source, boot(2)));
        bob.accept(&initiation, boot(2));

        let mut response = bob.respond(5, 50);
        response.set_type(profile.pick_header(MessageType::Response, u32::MAX));
        CookieMaker::<RustCrypto>::new(alice.identity.public()).add_macs(&mut response, boot(2));
        let bytes = carry(MessageType::Response, HandshakeMessage::as_bytes(&response));
        let Ok(Message::Response(response)) = parse_as(MessageType::Response, &bytes) else {
            panic!("not a response");
        };
        assert!(CookieKeys::<RustCrypto>::new(alice.identity.public()).is_mac1_valid(response));
        let authentic = alice.open_response(response).unwrap();
        alice.slot.accept_response(authentic).unwrap();
        let (sends, receives) = (
            alice.slot.begin_session().unwrap(),
            bob.slot.begin_session().unwrap(),
        );
        assert!(sends.send.ct_eq(&receives.receive));
    }
}

#[test]
fn mac1_covers_the_number_that_was_sent() {
    let (mut alice, bob) = Party::pair();
    let keys = CookieKeys::<RustCrypto>::new(bob.identity.public());
    let mut initiation = alice.initiate(4, 40, 1000);
    initiation.set_type(77);
    CookieMaker::<RustCrypto>::new(bob.identity.public()).add_macs(&mut initiation, boot(1));
    assert_eq!(HandshakeMessage::as_bytes(&initiation)[..4], [77, 0, 0, 0]);
    assert!(keys.is_mac1_valid(&initiation));
    initiation.set_type(1);
    assert!(!keys.is_mac1_valid(&initiation));
}

#[test]
fn messages_are_parsed_as_what_they_are_said_to_be() {
    let bytes = [0xaa; 200];
    for kind in MessageType::ALL {
        for len in 0..200 {
            let expected = match HANDSHAKES.iter().find(|(other, _)| *other == kind) {
                Some((_, right)) => len == *right,
                None => len >= 32,
            };
            assert_eq!(parse_as(kind, &bytes[..len]).is_ok(), expected);
        }
    }
}
