// SPDX-License-Identifier: GPL-2.0

//! Lengths, padding and limits of data messages.

use super::{given, prove, reached};
use crate::proto::{
    constants::{DATA_HEADER_LEN, KEEPALIVE_LEN, PADDING_MULTIPLE, REJECT_AFTER_MESSAGES, TAG_LEN},
    messages::Counter,
    time::BootTime,
    transport::{self, Lifetime},
};

pub mod theorems {
    use super::*;

    /// Less than a block, whatever the numbers.
    #[no_mangle]
    pub fn padding_is_short(len: usize, mtu: usize) {
        prove!(transport::padding(len, mtu) < 16);
        reached!();
    }

    #[no_mangle]
    pub fn padding_without_mtu_fills_the_block(len: usize) {
        let padding = transport::padding(len, 0);
        prove!(len.wrapping_add(padding) % 16 == 0);
        prove!(transport::padded_len(len, 0) == len.saturating_add(padding));
        reached!();
    }

    /// The last fragment is filled to a block or to the MTU, whichever is nearer.
    #[no_mangle]
    pub fn padding_fills_block_or_mtu(len: usize, mtu: usize) {
        given!(mtu != 0);
        let last = len % mtu;
        let end = last as u128 + transport::padding(len, mtu) as u128;
        prove!(end <= mtu as u128);
        prove!(end % 16 == 0 || end == mtu as u128);
        prove!(end < last as u128 + 16);
        reached!();
    }

    /// What fits the MTU still does when padded.
    #[no_mangle]
    pub fn padding_respects_the_mtu(len: usize, mtu: usize) {
        given!(len <= mtu && mtu != 0);
        let padded = transport::padded_len(len, mtu);
        prove!(len <= padded && padded <= mtu);
        reached!();
    }

    #[no_mangle]
    pub fn padded_len_only_grows(len: usize, mtu: usize) {
        let padded = transport::padded_len(len, mtu);
        prove!(padded >= len && padded - len < 16);
        prove!(padded - len == transport::padding(len, mtu) || padded == usize::MAX);
        reached!();
    }

    /// The kernel's lengths and MTUs have 32 bits: see `tx/encrypt.rs`, which casts the padding back.
    #[no_mangle]
    pub fn lengths_of_the_kernel_never_overflow(len: u32, mtu: u32) {
        let padding = transport::padding(len as usize, mtu as usize);
        prove!(padding as u32 as usize == padding);
        let padded = transport::padded_len(len as usize, mtu as usize);
        prove!(padded == len as usize + padding);
        let message = transport::message_len(padded);
        prove!(message == Some(len as usize + padding + 32));
        reached!();
    }

    #[no_mangle]
    pub fn message_len_is_exact_or_none(padded: usize) {
        match transport::message_len(padded) {
            Some(len) => {
                prove!(len as u128 == padded as u128 + 32);
                prove!(transport::is_keepalive(len) == (padded == 0));
                reached!();
            }
            None => {
                prove!(padded as u128 + 32 > usize::MAX as u128);
                reached!();
            }
        }
    }

    #[no_mangle]
    pub fn nonces_differ_as_counters_do(a: u64, b: u64) {
        let (nonce_a, nonce_b) = (transport::nonce(Counter(a)), transport::nonce(Counter(b)));
        prove!((nonce_a == nonce_b) == (a == b));
        let [z0, z1, z2, z3, rest @ ..] = nonce_a;
        prove!(z0 | z1 | z2 | z3 == 0 && rest == a.to_le_bytes());
        reached!();
    }

    #[no_mangle]
    pub fn may_number_is_exact(first: u64, count: u64) {
        let end = u128::from(first) + u128::from(count);
        let may = transport::may_number(first, count);
        prove!(may == (end <= u128::from(REJECT_AFTER_MESSAGES)));
        reached!();
    }

    /// All of a batch, not only its ends, is below the limit.
    #[no_mangle]
    pub fn a_batch_is_below_the_limit(first: u64, count: u64, nth: u64) {
        given!(transport::may_number(first, count) && nth < count);
        prove!(first.wrapping_add(nth) >= first);
        prove!(first.wrapping_add(nth) < REJECT_AFTER_MESSAGES);
        reached!();
    }

    const REJECT_AFTER_NANOS: u64 = 180_000_000_000;

    /// Of a session without a pace of its own. Nothing is drawn.
    fn born(birth: u64) -> Lifetime {
        Lifetime::begin(BootTime(birth), &|| 0)
    }

    /// Time ends at its greatest number, and with it all sessions.
    #[no_mangle]
    pub fn may_send_is_exact(birth: u64, now: u64, counter: u64) {
        let young = now < birth || now - birth < REJECT_AFTER_NANOS;
        let young = young && now != u64::MAX;
        let may = transport::may_send(&born(birth), BootTime(now), counter);
        prove!(may == (young && counter < REJECT_AFTER_MESSAGES));
        reached!();
    }

    #[no_mangle]
    pub fn may_receive_is_exact(birth: u64, now: u64, next: u64) {
        let young = now < birth || now - birth < REJECT_AFTER_NANOS;
        let young = young && now != u64::MAX;
        let may = transport::may_receive(&born(birth), BootTime(now), next);
        prove!(may == (young && next < REJECT_AFTER_MESSAGES));
        reached!();
    }

    /// Time and numbers go up, and what has ended does not begin again.
    #[no_mangle]
    pub fn ends_are_final(birth: u64, now: u64, later: u64, number: u64, higher: u64) {
        given!(now <= later && number <= higher);
        let (life, now, later) = (born(birth), BootTime(now), BootTime(later));
        if !transport::may_send(&life, now, number) {
            prove!(!transport::may_send(&life, later, higher));
            reached!();
        }
        if !transport::may_receive(&life, now, number) {
            prove!(!transport::may_receive(&life, later, higher));
            reached!();
        }
    }
}

const _: () = assert!(DATA_HEADER_LEN + TAG_LEN == 32);
const _: () = assert!(KEEPALIVE_LEN == 32 && PADDING_MULTIPLE == 16);
