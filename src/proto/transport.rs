// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Data messages (5.4.6), and when a session is too old or too used to send or receive (6).

use super::awg::pace::Dice;
use super::constants::{
    DATA_HEADER_LEN, KEEPALIVE_LEN, PADDING_MULTIPLE, REJECT_AFTER_MESSAGES, REKEY_AFTER_MESSAGES,
    TAG_LEN,
};
use super::crypto::{AeadError, Crypto};
use super::handshake::Role;
use super::messages::{Counter, Data, DataHeader, Index};
use super::noise::Key;
use super::time::BootTime;

/// Length of the data message that carries a padded packet; [`None`] if it exceeds `usize`.
#[must_use]
pub const fn message_len(padded_len: usize) -> Option<usize> {
    padded_len.checked_add(DATA_HEADER_LEN + TAG_LEN)
}

/// Whether a data message of this length is a keepalive: it carries no packet.
#[must_use]
pub const fn is_keepalive(message_len: usize) -> bool {
    message_len == KEEPALIVE_LEN
}

/// The AEAD nonce of a data message: four zero bytes, then the counter, little-endian.
#[must_use]
pub const fn nonce(counter: Counter) -> [u8; 12] {
    let [a, b, c, d, e, f, g, h] = counter.0.to_le_bytes();
    [0, 0, 0, 0, a, b, c, d, e, f, g, h]
}

/// Zeros to append to a packet of `len` bytes on a path of `mtu` bytes (0: unknown).
///
/// The padded packet is a multiple of 16 but does not exceed the MTU. A packet longer than the MTU
/// is about to be fragmented; only its last fragment matters.
#[must_use]
pub fn padding(len: usize, mtu: usize) -> usize {
    let round_up = |len: usize| len.wrapping_neg() % PADDING_MULTIPLE;
    let Some(last) = len.checked_rem(mtu) else {
        return round_up(len);
    };
    round_up(last).min(mtu.saturating_sub(last))
}

/// Length of a packet of `len` bytes once padded; see [`padding`].
#[must_use]
pub fn padded_len(len: usize, mtu: usize) -> usize {
    len.saturating_add(padding(len, mtu))
}

/// When a session is old. It is decided once, at its birth.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lifetime {
    rekey: BootTime,
    rekey_receiving: BootTime,
    reject: BootTime,
}

impl Lifetime {
    /// Of a session that is born now: WireGuard's ages (6.1), or what is drawn.
    #[must_use]
    pub fn begin(birth: BootTime, dice: &impl Dice) -> Self {
        let (rekey_after, reject_after) = (dice.rekey_after(), dice.reject_after());
        // Time enough to notice that it needs a successor, and to have one, before it ends; but if it
        // ends early, no sooner than by sending.
        let rekey_after_receiving = reject_after
            .saturating_sub(dice.new_handshake_timeout())
            .max(rekey_after);
        Self {
            rekey: birth.saturating_add(rekey_after),
            rekey_receiving: birth.saturating_add(rekey_after_receiving),
            reject: birth.saturating_add(reject_after),
        }
    }

    /// Whether it is over by `now`.
    #[inline]
    #[must_use]
    pub const fn is_over(&self, now: BootTime) -> bool {
        now.0 >= self.reject.0
    }
}

/// Whether a session may send message number `counter`.
#[inline]
#[must_use]
pub const fn may_send(lifetime: &Lifetime, now: BootTime, counter: u64) -> bool {
    counter < REJECT_AFTER_MESSAGES && !lifetime.is_over(now)
}

/// Whether a session may still receive; `next` is one more than the highest counter accepted, as
/// [`ReplayWindow::next`](super::replay::ReplayWindow::next) tells. With the very last counter a
/// session is over, even for what came before it and is late.
#[inline]
#[must_use]
pub const fn may_receive(lifetime: &Lifetime, now: BootTime, next: u64) -> bool {
    next < REJECT_AFTER_MESSAGES && !lifetime.is_over(now)
}

/// Whether all of `count` nonces from `first` on may be used, so that a batch is numbered at once.
#[inline]
#[must_use]
pub const fn may_number(first: u64, count: u64) -> bool {
    match first.checked_add(count) {
        Some(end) => end <= REJECT_AFTER_MESSAGES,
        None => false,
    }
}

/// Whether the current session, which may send, wants a successor after sending (6.2). `counter` is
/// the next to be sent. The clock is asked only if it matters.
#[inline]
#[must_use]
pub fn rekey_due_after_send(
    role: Role,
    lifetime: &Lifetime,
    now: impl FnOnce() -> BootTime,
    counter: u64,
) -> bool {
    counter > REKEY_AFTER_MESSAGES || (role == Role::Initiator && now() >= lifetime.rekey)
}

/// Whether the current session, which may send, wants a successor because we still receive (6.2).
/// This asks once per session: see
/// [`Timers::take_last_minute`](super::timers::Timers::take_last_minute).
#[inline]
#[must_use]
pub fn rekey_due_after_receive(
    role: Role,
    lifetime: &Lifetime,
    now: impl FnOnce() -> BootTime,
) -> bool {
    role == Role::Initiator && now() >= lifetime.rekey_receiving
}

/// Writes the data message that carries `packet`, already padded, into the front of `message`;
/// returns its length. Fails if `message` is too short.
pub fn seal<C: Crypto>(
    message: &mut [u8],
    key: &Key<C>,
    receiver: Index,
    counter: Counter,
    packet: &[u8],
) -> Result<usize, AeadError> {
    let len = message_len(packet.len()).ok_or(AeadError)?;
    let (message, _) = message.split_at_mut_checked(len).ok_or(AeadError)?;
    let (header, ciphertext) = message
        .split_first_chunk_mut::<DATA_HEADER_LEN>()
        .ok_or(AeadError)?;
    *header = DataHeader::new(receiver, counter).to_bytes();
    C::chacha20poly1305_seal(ciphertext, packet, &[], counter.0, key.as_bytes())?;
    Ok(len)
}

/// Checks and decrypts a data message into the front of `packet`; returns the length of the packet
/// with its padding. Fails if the message is forged or `packet` too short. Whether the counter is
/// new is for the [replay window](super::replay) to say, after this.
pub fn open<C: Crypto>(
    packet: &mut [u8],
    key: &Key<C>,
    message: &Data<'_>,
) -> Result<usize, AeadError> {
    let len = message
        .ciphertext
        .len()
        .checked_sub(TAG_LEN)
        .ok_or(AeadError)?;
    let (packet, _) = packet.split_at_mut_checked(len).ok_or(AeadError)?;
    let nonce = message.header.counter().0;
    C::chacha20poly1305_open(packet, message.ciphertext, &[], nonce, key.as_bytes())?;
    Ok(len)
}

#[cfg(test)]
mod tests {
    use super::super::awg::pace::{Pace, Period};
    use super::super::awg::Span;
    use super::*;
    use core::time::Duration;

    fn after(secs: u64) -> BootTime {
        BootTime(1_000).saturating_add(Duration::from_secs(secs))
    }

    const BIRTH: BootTime = BootTime(1_000);

    fn lifetime() -> Lifetime {
        Lifetime::begin(BIRTH, &|| panic!("there is nothing to draw"))
    }

    #[test]
    fn padding_known_sizes() {
        assert_eq!(padded_len(84, 1420), 96);
        assert_eq!(padded_len(1297, 1299), 1299);
        assert_eq!(padded_len(0, 1420), 0);
        assert_eq!(padded_len(1420, 1420), 1420);
        assert_eq!(padded_len(100, 0), 112);
        assert_eq!(padded_len(usize::MAX, 0), usize::MAX);
    }

    #[test]
    fn padding_of_all_small_sizes() {
        for mtu in 1..200_usize {
            for len in 0..500_usize {
                let last = if len > mtu { len % mtu } else { len };
                let padded = last.next_multiple_of(16).min(mtu);
                assert_eq!(padding(len, mtu), padded - last, "{len} on {mtu}");
            }
        }
    }

    #[test]
    fn nonce_layout() {
        assert_eq!(
            nonce(Counter(0x0807_0605_0403_0201)),
            [0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]
        );
    }

    #[test]
    fn lengths() {
        assert_eq!(message_len(0), Some(32));
        assert_eq!(message_len(usize::MAX), None);
        assert!(is_keepalive(32) && !is_keepalive(48));
    }

    #[test]
    fn sending_ends_by_age_and_by_number() {
        assert!(may_send(&lifetime(), after(179), 0));
        assert!(!may_send(&lifetime(), after(180), 0));
        assert!(may_send(&lifetime(), BIRTH, REJECT_AFTER_MESSAGES - 1));
        assert!(!may_send(&lifetime(), BIRTH, REJECT_AFTER_MESSAGES));
    }

    #[test]
    fn receiving_ends_by_age_and_by_number() {
        assert!(may_receive(&lifetime(), after(179), 0));
        assert!(!may_receive(&lifetime(), after(180), 0));
        assert!(may_receive(&lifetime(), BIRTH, REJECT_AFTER_MESSAGES - 1));
        assert!(!may_receive(&lifetime(), BIRTH, REJECT_AFTER_MESSAGES));
    }

    #[test]
    fn batches_are_numbered_whole_or_not() {
        assert!(may_number(REJECT_AFTER_MESSAGES - 3, 3));
        assert!(!may_number(REJECT_AFTER_MESSAGES - 3, 4));
        assert!(!may_number(u64::MAX, 1));
        assert!(may_number(REJECT_AFTER_MESSAGES, 0));
    }

    #[test]
    fn rekey_after_sending() {
        let due =
            |role, secs, counter| rekey_due_after_send(role, &lifetime(), || after(secs), counter);
        assert!(!due(Role::Initiator, 119, REKEY_AFTER_MESSAGES));
        assert!(due(Role::Initiator, 120, 0));
        assert!(due(Role::Initiator, 0, REKEY_AFTER_MESSAGES + 1));
        assert!(!due(Role::Responder, 179, 0));
        assert!(due(Role::Responder, 0, REKEY_AFTER_MESSAGES + 1));
    }

    fn drawn(rekey_after: u16, reject_after: u16) -> Lifetime {
        let pace = Pace {
            rekey_after: Period::from_secs(Span::new(rekey_after, 1000)),
            reject_after: Period::from_secs(Span::new(reject_after, 1000)),
            ..Pace::WIREGUARD
        };
        Lifetime::begin(BIRTH, &(pace, || 0))
    }

    #[test]
    fn a_life_that_was_drawn_ends_as_drawn() {
        let life = drawn(20, 50);
        assert!(may_send(&life, after(49), 0) && may_receive(&life, after(49), 0));
        assert!(!may_send(&life, after(50), 0) && !may_receive(&life, after(50), 0));
        let sent = |secs| rekey_due_after_send(Role::Initiator, &life, || after(secs), 0);
        assert!(!sent(19) && sent(20));
        let received = |secs| rekey_due_after_receive(Role::Initiator, &life, || after(secs));
        assert!(!received(34) && received(35));
    }

    #[test]
    fn a_short_life_is_not_renewed_at_once() {
        for (rekey_after, reject_after) in [(8, 10), (30, 40)] {
            let life = drawn(rekey_after, reject_after);
            let due = |secs| rekey_due_after_receive(Role::Initiator, &life, || after(secs));
            assert!(!due(u64::from(rekey_after) - 1) && due(u64::from(rekey_after)));
        }
    }

    #[test]
    fn a_life_at_the_end_of_time() {
        let life = Lifetime::begin(BootTime(u64::MAX - 1), &|| 0);
        assert!(may_send(&life, BootTime(u64::MAX - 1), 0));
        assert!(!may_send(&life, BootTime(u64::MAX), 0));
    }

    #[test]
    fn rekey_after_receiving() {
        let due = |role, secs| rekey_due_after_receive(role, &lifetime(), || after(secs));
        assert!(!due(Role::Initiator, 164));
        assert!(due(Role::Initiator, 165));
        assert!(!due(Role::Responder, 179));
    }
}
