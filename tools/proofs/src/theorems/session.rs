// SPDX-License-Identifier: GPL-2.0

//! Sessions hand out each counter once.
//!
//! Again steps of an induction. A session's counter stands at `n` if `reserve(0)` is `Some(n)`; the
//! invariant is that it stands at the limit or below, or that the session is not used to send.

use super::{given, prove, reached};
use crate::{
    proto::{constants::REJECT_AFTER_MESSAGES, time::BootTime},
    session::Session,
};

pub mod theorems {
    use super::*;

    /// What is handed out begins where the counter stood and ends where it stands then, at the limit
    /// at the most. If that cannot be, nothing is, and the session does not send any more.
    #[no_mangle]
    pub fn counters_are_reserved_once(session: &Session, count: u64, now: u64) {
        let Some(before) = session.reserve(0) else {
            return;
        };
        let end = u128::from(before) + u128::from(count);
        match session.reserve(count) {
            Some(first) => {
                prove!(first == before);
                prove!(end <= u128::from(REJECT_AFTER_MESSAGES));
                prove!(session.reserve(0).map(u128::from) == Some(end));
                reached!();
            }
            None => {
                prove!(end > u128::from(REJECT_AFTER_MESSAGES));
                prove!(!session.may_send(BootTime(now)));
                reached!();
            }
        }
    }

    /// Even if what was asked for made the counter wrap: then only this keeps the session from sending.
    #[no_mangle]
    pub fn stopped_after_the_end(session: &Session, count: u64, now: u64) {
        given!(session.reserve(count).is_none());
        prove!(!session.may_send(BootTime(now)));
        reached!();
    }

    /// Reservations one after the other, of whichever contexts: `fetch_add` puts them in an order.
    #[no_mangle]
    pub fn reservations_do_not_overlap(session: &Session, counts: [u64; 2]) {
        let [count, next_count] = counts;
        given!(session.reserve(0).is_some());
        let (Some(first), Some(second)) = (session.reserve(count), session.reserve(next_count))
        else {
            return;
        };
        prove!(second >= first && second - first == count);
        prove!(second <= REJECT_AFTER_MESSAGES && REJECT_AFTER_MESSAGES - second >= next_count);
        reached!();
    }

    /// Once a session is not used to send, it never is again, whatever its counter comes to.
    #[no_mangle]
    pub fn stopped_is_stopped(session: &Session, counts: [u64; 2], now: u64, later: u64) {
        session.stop_sending();
        prove!(!session.may_send(BootTime(now)));
        session.reserve(counts[0]);
        session.may_receive(BootTime(now));
        session.reserve(counts[1]);
        prove!(!session.may_send(BootTime(later)));
        reached!();
    }

    /// Nor does one receive again that once did not.
    #[no_mangle]
    pub fn receiving_ends_once(session: &Session, now: u64, later: u64) {
        given!(!session.may_receive(BootTime(now)));
        prove!(!session.may_receive(BootTime(later)));
        reached!();
    }
}
