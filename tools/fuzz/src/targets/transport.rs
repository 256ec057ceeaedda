// SPDX-License-Identifier: GPL-2.0

//! Data messages: geometry, sealing and opening, and when a session ends.

use std::time::Duration;

use wireguard_proto::constants::{
    REJECT_AFTER_MESSAGES, REJECT_AFTER_TIME, REKEY_AFTER_MESSAGES, REKEY_AFTER_TIME,
};
use wireguard_proto::crypto::{AeadError, Secret};
use wireguard_proto::handshake::Role;
use wireguard_proto::messages::{parse, Counter, Index, Message};
use wireguard_proto::rustcrypto::RustCrypto;
use wireguard_proto::time::BootTime;
use wireguard_proto::transport::{
    is_keepalive, may_number, may_receive, may_send, message_len, nonce, open, padded_len, padding,
    rekey_due_after_receive, rekey_due_after_send, seal, Lifetime,
};

use crate::input::Input;

type Key = Secret<RustCrypto, 32>;

/// Longer than any buffer or message here.
const ROOM: usize = 4096 + 64;

pub fn run(data: &[u8]) {
    let mut input = Input::new(data);
    match input.u8() % 4 {
        0 => check_padding(size(&mut input), size(&mut input)),
        1 => check_end(&mut input),
        _ => check_messages(&mut input),
    }
}

/// A length as packets have it, or one at an end of the range.
fn size(input: &mut Input<'_>) -> usize {
    match input.u8() % 4 {
        0 => usize::from(input.u8()),
        1 => usize::MAX - usize::from(input.u8()),
        2 => input.u64() as usize,
        _ => usize::from(input.u16()),
    }
}

fn check_padding(len: usize, mtu: usize) {
    let (zeros, padded) = (padding(len, mtu), padded_len(len, mtu));
    assert!(zeros < 16);
    assert_eq!(padded, len.saturating_add(zeros));
    assert_eq!(is_keepalive(len), len == 32);
    // In wider numbers and with the cases apart.
    let (len, mtu) = (len as u128, mtu as u128);
    let last = if mtu == 0 { len } else { len % mtu };
    let whole = last.next_multiple_of(16);
    let expected = if mtu == 0 { whole } else { whole.min(mtu) };
    assert_eq!(zeros as u128, expected - last);
    let total = padded as u128 + 32;
    assert_eq!(message_len(padded), usize::try_from(total).ok());
}

/// A counter near an edge, or any.
fn counter(input: &mut Input<'_>) -> u64 {
    let near = i64::from(input.u8() as i8);
    match input.u8() % 4 {
        0 => near as u64,
        1 => REJECT_AFTER_MESSAGES.wrapping_add_signed(near),
        2 => REKEY_AFTER_MESSAGES.wrapping_add_signed(near),
        _ => input.u64(),
    }
}

/// A time near so many seconds after `birth`, or any.
fn moment(input: &mut Input<'_>, birth: u64) -> u64 {
    let near = i64::from(input.u8() as i8);
    match input.u8() % 4 {
        0 => input.u64(),
        edge => birth
            .saturating_add([120, 165, 180][usize::from(edge) - 1] * 1_000_000_000)
            .saturating_add_signed(near),
    }
}

fn check_end(input: &mut Input<'_>) {
    let birth = input.u64();
    let now = moment(input, birth);
    let (counter, count) = (counter(input), input.u64());
    let age = Duration::from_nanos(now.saturating_sub(birth));
    // 2^64 less the 2^13 counters that the window has bits for, one word of them, and one.
    let is_numbered = u128::from(counter) < (1 << 64) - (1 << 13) + 64 - 2;
    // The last moment that there is, is after all others.
    let is_past = |limit: Duration| age >= limit || now == u64::MAX;
    let (life, now) = (Lifetime::begin(BootTime(birth), &|| 0), BootTime(now));
    let expected = !is_past(REJECT_AFTER_TIME) && is_numbered;
    assert_eq!(may_send(&life, now, counter), expected);
    assert_eq!(may_receive(&life, now, counter), expected);
    let end = u128::from(counter) + u128::from(count);
    let fits = end <= u128::from(REJECT_AFTER_MESSAGES);
    assert_eq!(may_number(counter, count), fits);
    for (role, is_initiator) in [(Role::Initiator, true), (Role::Responder, false)] {
        let is_old = is_initiator && is_past(REKEY_AFTER_TIME);
        let is_due = rekey_due_after_send(role, &life, || now, counter);
        assert_eq!(is_due, is_old || counter > 1 << 60);
        let is_due = rekey_due_after_receive(role, &life, || now);
        assert_eq!(is_due, is_initiator && is_past(Duration::from_secs(165)));
    }
}

fn check_messages(input: &mut Input<'_>) {
    let key = Key::from_bytes(input.array());
    let (receiver, counter) = (Index(input.u32()), Counter(counter(input)));
    let (room, mutation) = (usize::from(input.u8()), (input.u16(), input.u8()));
    let len = usize::from(input.u16() & 0xfff);
    let mut packet = input.rest().to_vec();
    packet.resize(len, 0xa5);
    let total = len + 32;
    // Some bytes more than enough, or fewer.
    let mut message = [0xee; ROOM];
    let room = (total + room.min(32)).saturating_sub(room.saturating_sub(32));
    let sealed = seal(&mut message[..room], &key, receiver, counter, &packet);
    if room < total {
        assert_eq!(sealed, Err(AeadError));
        return;
    }
    assert_eq!(sealed, Ok(total));
    assert!(message[total..].iter().all(|byte| *byte == 0xee));
    check_header(&message, receiver, counter);
    check_open(&message[..total], &key, &packet);
    check_forged(&mut message[..total], &key, mutation);
}

fn check_header(message: &[u8], receiver: Index, counter: Counter) {
    assert_eq!(message[..4], [4, 0, 0, 0]);
    assert_eq!(message[4..8], receiver.0.to_le_bytes());
    assert_eq!(message[8..16], counter.0.to_le_bytes());
    let nonce = nonce(counter);
    assert_eq!((&nonce[..4], &nonce[4..]), (&[0; 4][..], &message[8..16]));
}

fn check_open(message: &[u8], key: &Key, packet: &[u8]) {
    let Ok(Message::Data(data)) = parse(message) else {
        panic!("what was sealed is no data message");
    };
    let mut opened = [0xee; ROOM];
    assert_eq!(open(&mut opened, key, &data), Ok(packet.len()));
    assert_eq!(opened[..packet.len()], *packet);
    assert!(opened[packet.len()..].iter().all(|byte| *byte == 0xee));
    if let Some(short) = packet.len().checked_sub(1) {
        assert_eq!(open(&mut opened[..short], key, &data), Err(AeadError));
    }
}

/// Nothing but the index may be changed without notice: that one decides which key is taken.
fn check_forged(message: &mut [u8], key: &Key, (at, flip): (u16, u8)) {
    let at = usize::from(at) % message.len();
    message[at] ^= flip;
    let Ok(Message::Data(data)) = parse(message) else {
        return assert!(flip != 0 && at < 4);
    };
    let is_same = flip == 0 || (4..8).contains(&at);
    assert_eq!(open(&mut [0; ROOM], key, &data).is_ok(), is_same);
}
