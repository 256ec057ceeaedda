// SPDX-License-Identifier: GPL-2.0

//! Any datagram under any profile: what it may be, and what is left when that is undressed, as the
//! format says once more; and messages that were dressed come back.

use wireguard_proto::awg::{Profile, Span};
use wireguard_proto::constants::INITIATION_LEN;
use wireguard_proto::crypto::{Crypto, Secret};
use wireguard_proto::messages::{parse_as, Counter, DataHeader, Index, MessageType};

use crate::cheap::Cheap;
use crate::common::Random;
use crate::input::Input;

type Settings = wireguard_proto::awg::Settings<Cheap>;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    let profile = Profile::new(settings(&mut input)).unwrap();
    let random = (input.u32(), input.u64());
    let datagram = input.rest();
    for kind in MessageType::ALL {
        check_hostile(&profile, kind, datagram);
        check_made(&profile, kind, random);
    }
    check_sizes(&profile, random.0, datagram.len());
}

/// Always such as are taken: four ranges in a row, in any order.
fn settings(input: &mut Input<'_>) -> Settings {
    let is_protected = input.flag();
    let least = if is_protected { 12 } else { 0 };
    let mut cuts = [(); 8].map(|()| match input.u8() % 4 {
        0 => input.u32(),
        _ => input.u8().into(),
    });
    cuts.sort_unstable();
    // They need not be different: then a range is moved on, and those behind it.
    let mut from = 0_u64;
    let mut headers = [(); 4].map(|()| Span::single(0));
    for (header, cut) in headers.iter_mut().zip(cuts.chunks(2)) {
        let lo = from.max(cut[0].into());
        let hi = lo.max(cut[1].into());
        from = hi + 1;
        *header = Span::new(lo as u32, hi as u32);
    }
    if from > 1 << 32 {
        headers = Settings::default().headers;
    }
    headers.rotate_left(input.below(4));
    Settings {
        headers,
        prefixes: [(); 4].map(|()| least + u16::from(input.u8() % 64)),
        protection_key: is_protected.then(|| Secret::from_bytes([1 + input.u8() % 8; 32])),
        random_trailers: input.flag(),
        content_padding: Span::new(0, input.u16()),
        ..Settings::default()
    }
}

/// Bytes of a kind of message that do not vary, and that are masked.
fn size(kind: MessageType) -> usize {
    match kind {
        MessageType::Initiation => 148,
        MessageType::Response => 92,
        MessageType::CookieReply => 64,
        MessageType::Data => 16,
    }
}

/// The message behind the prefix, if it may be one of that kind.
fn expected(profile: &Profile<Cheap>, kind: MessageType, datagram: &[u8]) -> Option<Vec<u8>> {
    let settings = profile.settings();
    let nth = kind as usize - 1;
    let (prefix, header) = (settings.prefixes[nth].into(), settings.headers[nth]);
    let len = datagram.len().checked_sub(prefix)?;
    let fits = match kind {
        MessageType::Data => len >= 32,
        _ if settings.random_trailers => len >= size(kind),
        _ => len == size(kind),
    };
    if !fits {
        return None;
    }
    let mut message = datagram[prefix..prefix + size(kind)].to_vec();
    if let Some(key) = &settings.protection_key {
        Cheap::chacha20(
            key.as_bytes(),
            datagram[..12].try_into().unwrap(),
            &mut message,
        );
    }
    let value = u32::from_le_bytes(message[..4].try_into().unwrap());
    (header.lo <= value && value <= header.hi).then_some(message)
}

/// What the profile makes of it.
fn undressed(profile: &Profile<Cheap>, kind: MessageType, datagram: &[u8]) -> Option<Vec<u8>> {
    if kind == MessageType::Data {
        let head = &datagram[..datagram.len().min(profile.needed_head())];
        let header = profile.data_header(head, datagram.len());
        return header.map(|header| header.to_bytes().to_vec());
    }
    let mut out = [0; INITIATION_LEN];
    profile
        .undress(kind, datagram, &mut out)
        .map(<[u8]>::to_vec)
}

fn check_hostile(profile: &Profile<Cheap>, kind: MessageType, datagram: &[u8]) {
    let message = undressed(profile, kind, datagram);
    assert_eq!(message, expected(profile, kind, datagram));
    if let Some(message) = message.filter(|_| kind != MessageType::Data) {
        assert!(parse_as(kind, &message).is_ok());
    }
    // To mask what is masked is to take it off, and touches nothing else.
    let mut twice = datagram.to_vec();
    profile.protect(kind, &mut twice);
    let masked = profile.prefix_len(kind)..profile.prefix_len(kind) + size(kind);
    for (at, (before, after)) in datagram.iter().zip(&twice).enumerate() {
        assert!(before == after || masked.contains(&at));
    }
    profile.protect(kind, &mut twice);
    assert_eq!(twice, datagram);
}

fn check_made(profile: &Profile<Cheap>, kind: MessageType, (random, seed): (u32, u64)) {
    let mut bytes = Random(seed);
    let value = profile.pick_header(kind, random);
    let mut message = vec![0; size(kind)];
    message.fill_with(|| bytes.next() as u8);
    message[..4].copy_from_slice(&value.to_le_bytes());
    if kind == MessageType::Data {
        let (index, counter) = (Index(seed as u32), Counter(seed));
        let header = DataHeader::with_type(value, index, counter);
        assert_eq!((header.receiver(), header.counter()), (index, counter));
        message = header.to_bytes().to_vec();
    }
    let mut datagram = vec![0; profile.prefix_len(kind)];
    datagram.fill_with(|| bytes.next() as u8);
    datagram.extend(&message);
    let behind = match kind {
        MessageType::Data => 16 + (seed % 40) as usize,
        _ => profile.trailer_len(datagram.len(), 500, random),
    };
    datagram.extend((0..behind).map(|_| bytes.next() as u8));
    profile.protect(kind, &mut datagram);
    assert_eq!(undressed(profile, kind, &datagram), Some(message));
}

fn check_sizes(profile: &Profile<Cheap>, random: u32, len: usize) {
    let mtu = (random & 0x7ff) as usize;
    let padding = profile.content_padding(len, mtu, random);
    if profile.pads_content() {
        let most = profile.settings().content_padding.hi;
        assert!(padding <= most.into());
        assert!(padding == 0 || mtu == 0 || len + padding <= mtu);
    } else {
        assert!(padding < 16);
    }
    let fixed = profile.fixed_content_padding(len, mtu);
    assert!(fixed.is_none_or(|fixed| fixed == padding));
    let trailer = profile.trailer_len(len, mtu, random);
    assert!(trailer == 0 || (profile.settings().random_trailers && len + trailer < mtu));
}
