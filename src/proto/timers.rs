// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The five timers of a peer (6) as a table of deadlines.
//!
//! One [`Timers`] per peer; whoever keeps it tells it once per batch what happened. One kernel
//! timer serves all five: [`arm`](Timers::arm) says when it has to be set earlier than it is.
//! Deadlines that move later need nothing, the timer then fires early and is set again. When it
//! fires, call [`fired`](Timers::fired), then [`expire`](Timers::expire) until it returns [`None`],
//! then `arm`.
//!
//! While [stopped](Timers::stop), nothing is armed and nothing expires.
//!
//! How long a timer takes is drawn when it is armed, by [`Dice`]: mostly WireGuard's times come out.

use core::time::Duration;

use super::awg::pace::{Dice, Period};
use super::awg::Span;
use super::constants::{JITTER_LIMIT_NANOS, KEEPALIVE_TIMEOUT, NEW_HANDSHAKE_TIMEOUT};
use super::time::{BootTime, Maybe, MonoTime, WallTime};

/// A random delay below a third of a second, so that two peers do not start over in step (6.1).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Jitter(u32);

impl Jitter {
    /// Maps 32 random bits evenly to the range.
    #[must_use]
    pub const fn from_random(random: u32) -> Self {
        // A product of two 32-bit numbers fits 64 bits, and its upper half 32.
        Self(((random as u64).wrapping_mul(JITTER_LIMIT_NANOS as u64) >> 32) as u32)
    }

    /// The delay.
    #[must_use]
    pub const fn as_duration(self) -> Duration {
        Duration::from_nanos(self.0 as u64)
    }
}

/// What a batch of messages to be sent holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Leaving {
    /// Only keepalives, or only a handshake message.
    NoData,
    /// At least one packet.
    Data,
}

/// Whether an initiation is asked for by the retransmission timer.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Retry {
    /// By anything else: counting of attempts starts over.
    No,
    /// By [`Expired::RetransmitHandshake`].
    Yes,
}

/// A timer that ran out, and what to do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Expired {
    /// An initiation was not answered: forget the cached source address and route, and request an
    /// initiation as a retry. This is retry number `attempt`.
    RetransmitHandshake {
        /// Counts from 1.
        attempt: u16,
    },
    /// The last retry was not answered: drop the staged packets.
    GiveUp {
        /// How many initiations were not answered.
        initiations: u16,
    },
    /// Packets came in and nothing went out: send a keepalive.
    SendKeepalive,
    /// A packet went out and nothing came in: forget the cached source address and route, and
    /// request an initiation.
    NewHandshake,
    /// The last session is long over: erase the handshake and all sessions.
    ZeroKeys,
    /// The interval the user set has passed: send a keepalive.
    PersistentKeepalive,
}

/// What a change of the persistent keepalive interval asks for if the interface is up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum KeepaliveChange {
    /// Nothing.
    Nothing,
    /// It was off and is on: send a keepalive at once.
    SendNow,
}

/// The timers of one peer, and the few facts they go by.
#[derive(Debug)]
pub struct Timers {
    is_running: bool,
    retransmit_handshake: Deadline,
    send_keepalive: Deadline,
    new_handshake: Deadline,
    zero_keys: Deadline,
    persistent_keepalive_due: Deadline,
    /// When the one timer that serves all is set to fire.
    armed: Deadline,
    /// Whether a deadline may be earlier than that, which is not looked for otherwise.
    may_be_late: bool,
    needs_another_keepalive: bool,
    sent_last_minute: bool,
    attempts: u16,
    /// In seconds.
    persistent_keepalive: Span<u16>,
    /// From when on an initiation may be sent, if it is not at any time.
    next_initiation: Maybe<BootTime>,
    /// The two halves of a time, which would leave a gap if they were one.
    last_handshake_secs: i64,
    last_handshake_nanos: u32,
}

/// When a timer runs out, if it is set.
type Deadline = Maybe<MonoTime>;

impl Default for Timers {
    fn default() -> Self {
        Self::new()
    }
}

impl Timers {
    /// The timers of a new peer, stopped.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            is_running: false,
            retransmit_handshake: Deadline::NONE,
            send_keepalive: Deadline::NONE,
            new_handshake: Deadline::NONE,
            zero_keys: Deadline::NONE,
            persistent_keepalive_due: Deadline::NONE,
            armed: Deadline::NONE,
            may_be_late: false,
            needs_another_keepalive: false,
            sent_last_minute: false,
            attempts: 0,
            persistent_keepalive: Span::single(0),
            next_initiation: Maybe::<BootTime>::NONE,
            last_handshake_secs: 0,
            last_handshake_nanos: 0,
        }
    }

    /// Whether timers can be armed: the interface is up and the peer alive.
    #[must_use]
    pub const fn is_running(&self) -> bool {
        self.is_running
    }

    /// Whether they were started, and not stopped since.
    #[must_use]
    pub const fn are_running(&self) -> bool {
        self.is_running
    }

    /// The interface came up, or the peer was added while it is.
    pub fn start(&mut self) {
        self.is_running = true;
    }

    /// The interface goes down, or the peer dies: all timers are cancelled. Cancel the kernel timer
    /// too. The interval, the count of attempts and the time of the last handshake stay.
    pub fn stop(&mut self) {
        self.is_running = false;
        self.retransmit_handshake = Deadline::NONE;
        self.send_keepalive = Deadline::NONE;
        self.new_handshake = Deadline::NONE;
        self.zero_keys = Deadline::NONE;
        self.persistent_keepalive_due = Deadline::NONE;
        self.armed = Deadline::NONE;
    }

    /// A batch of authenticated messages is about to go out. If there are data among them something
    /// has to come back: returns whether it is this batch from which that is counted. Random
    /// bits are drawn only if a timer is armed.
    ///
    /// If none of the data does go out in the end, tell [`data_refused`](Self::data_refused).
    // For every batch, and its callers know what leaves.
    #[inline(always)]
    pub fn packets_leave(&mut self, now: MonoTime, leaving: Leaving, dice: &impl Dice) -> bool {
        self.send_keepalive = Deadline::NONE;
        self.restart_persistent_keepalive(now, dice);
        let begins = leaving == Leaving::Data && self.new_handshake.get().is_none();
        if begins {
            self.new_handshake = if dice.is_wireguards() {
                self.deadline(now, NEW_HANDSHAKE_TIMEOUT, dice.jitter())
            } else {
                self.drawn_new_handshake(now, dice)
            };
        }
        begins
    }

    /// Of the batch from which it is counted when something has to come back, no data went out.
    pub fn data_refused(&mut self) {
        self.new_handshake = Deadline::NONE;
    }

    /// A batch of authenticated messages came in, `data_packets` of them data that is not a
    /// keepalive. Handshake messages come in as a batch without data.
    #[inline]
    pub fn packets_received(&mut self, now: MonoTime, data_packets: usize, dice: &impl Dice) {
        self.new_handshake = Deadline::NONE;
        self.restart_persistent_keepalive(now, dice);
        if data_packets == 0 {
            return;
        }
        if self.send_keepalive.get().is_some() || data_packets > 1 {
            self.needs_another_keepalive = true;
        }
        if self.send_keepalive.get().is_none() {
            self.send_keepalive = if dice.is_wireguards() {
                self.deadline(now, KEEPALIVE_TIMEOUT, Jitter::default())
            } else {
                self.drawn_send_keepalive(now, dice)
            };
        }
    }

    /// Something asks for an initiation. If true, have it made, by somebody who then asks
    /// [`begin_initiation`](Self::begin_initiation).
    #[must_use]
    pub fn initiation_requested(&mut self, retry: Retry, boot: BootTime) -> bool {
        if retry == Retry::No {
            self.attempts = 0;
        }
        self.may_initiate(boot)
    }

    /// Whether the last handshake message is long enough ago to send an initiation.
    #[must_use]
    pub fn may_initiate(&self, boot: BootTime) -> bool {
        self.next_initiation.get().is_none_or(|next| next <= boot)
    }

    /// Whether the next initiation is another one for want of an answer.
    #[must_use]
    pub const fn is_trying(&self) -> bool {
        self.attempts > 0 || self.retransmit_handshake.get().is_some()
    }

    /// Asks to make an initiation now. If true the five seconds start, even if making it then fails.
    #[must_use]
    pub fn begin_initiation(&mut self, boot: BootTime, dice: &impl Dice) -> bool {
        let may = self.may_initiate(boot);
        if may {
            self.hold_initiations(boot, dice);
        }
        may
    }

    /// Until the handshake message that is sent now has waited long enough for an answer: returns how
    /// long.
    fn hold_initiations(&mut self, boot: BootTime, dice: &impl Dice) -> Duration {
        let rekey_timeout = dice.rekey_timeout();
        self.next_initiation = Maybe::<BootTime>::some(boot.saturating_add(rekey_timeout));
        rekey_timeout
    }

    /// An initiation was made and goes out now.
    pub fn handshake_initiated(&mut self, now: MonoTime, boot: BootTime, dice: &impl Dice) {
        let rekey_timeout = self.hold_initiations(boot, dice);
        self.packets_leave(now, Leaving::NoData, dice);
        self.retransmit_handshake = self.deadline(now, rekey_timeout, dice.jitter());
    }

    /// A response was made and goes out now. It is not limited, but limits initiations.
    pub fn handshake_responded(&mut self, now: MonoTime, boot: BootTime, dice: &impl Dice) {
        self.hold_initiations(boot, dice);
        self.packets_leave(now, Leaving::NoData, dice);
    }

    /// Lets the next initiation go at once, after a change of key or when the interface goes down.
    pub fn forget_last_handshake_sent(&mut self) {
        self.next_initiation = Maybe::<BootTime>::NONE;
    }

    /// The handshake is confirmed: a response came, or the first data of a session we responded to.
    pub fn handshake_complete(&mut self, wall: WallTime) {
        self.retransmit_handshake = Deadline::NONE;
        self.attempts = 0;
        self.sent_last_minute = false;
        self.last_handshake_secs = wall.secs;
        self.last_handshake_nanos = wall.nanos;
    }

    /// A session was derived, in either role.
    pub fn session_derived(&mut self, now: MonoTime, dice: &impl Dice) {
        self.zero_keys = self.deadline(now, dice.zero_keys_after(), Jitter::default());
    }

    /// The secrets were erased for another reason, such as suspend.
    pub fn cancel_zero_keys(&mut self) {
        self.zero_keys = Deadline::NONE;
    }

    /// When a handshake was last complete; zero if never.
    #[must_use]
    pub const fn last_handshake(&self) -> WallTime {
        WallTime {
            secs: self.last_handshake_secs,
            nanos: self.last_handshake_nanos,
        }
    }

    /// True once per session: whether to ask for a successor because the session still receives
    /// (6.2).
    #[must_use]
    pub fn take_last_minute(&mut self) -> bool {
        !core::mem::replace(&mut self.sent_last_minute, true)
    }

    /// The persistent keepalive interval in seconds; zero if off.
    #[must_use]
    pub const fn persistent_keepalive(&self) -> Span<u16> {
        self.persistent_keepalive
    }

    /// Sets the interval in seconds, or what each is drawn from; zero is off. A timer already armed
    /// runs on and then does nothing or sends, by the interval of that time.
    pub fn set_persistent_keepalive(&mut self, secs: Span<u16>) -> KeepaliveChange {
        let was = core::mem::replace(&mut self.persistent_keepalive, secs);
        if was.is_zero() && !secs.is_zero() {
            KeepaliveChange::SendNow
        } else {
            KeepaliveChange::Nothing
        }
    }

    /// The earliest deadline of all.
    #[must_use]
    pub fn next_deadline(&self) -> Option<MonoTime> {
        [
            self.retransmit_handshake,
            self.send_keepalive,
            self.new_handshake,
            self.zero_keys,
            self.persistent_keepalive_due,
        ]
        .into_iter()
        .filter_map(Deadline::get)
        .min()
    }

    /// Whether nothing is due, ever, before something else happens; nor would stopping the timers, or
    /// forgetting the last handshake message, make a difference then.
    #[must_use]
    pub fn is_idle(&self, boot: BootTime) -> bool {
        self.next_deadline().is_none()
            && self.persistent_keepalive.is_zero()
            && self.may_initiate(boot)
    }

    /// When to set the one timer to, if it has to be set: it is not set, or fires too late.
    #[must_use]
    pub fn arm(&mut self) -> Option<MonoTime> {
        if !core::mem::take(&mut self.may_be_late) {
            return None;
        }
        let next = self.next_deadline()?;
        if self.armed.get().is_some_and(|armed| armed <= next) {
            return None;
        }
        self.armed = Deadline::some(next);
        Some(next)
    }

    /// The one timer fired and is no longer set.
    pub fn fired(&mut self) {
        self.armed = Deadline::NONE;
        self.may_be_late = true;
    }

    /// Takes one timer that ran out by `now`.
    pub fn expire(&mut self, now: MonoTime, dice: &impl Dice) -> Option<Expired> {
        if take_expired(&mut self.retransmit_handshake, now) {
            return Some(self.retransmit_expired(now, dice));
        }
        if take_expired(&mut self.send_keepalive, now) {
            if core::mem::take(&mut self.needs_another_keepalive) {
                self.send_keepalive = self.drawn_send_keepalive(now, dice);
            }
            return Some(Expired::SendKeepalive);
        }
        if take_expired(&mut self.new_handshake, now) {
            return Some(Expired::NewHandshake);
        }
        if take_expired(&mut self.zero_keys, now) {
            return Some(Expired::ZeroKeys);
        }
        if take_expired(&mut self.persistent_keepalive_due, now)
            && !self.persistent_keepalive.is_zero()
        {
            return Some(Expired::PersistentKeepalive);
        }
        None
    }

    fn retransmit_expired(&mut self, now: MonoTime, dice: &impl Dice) -> Expired {
        if dice.gives_up_after(self.attempts) {
            self.send_keepalive = Deadline::NONE;
            if self.zero_keys.get().is_none() {
                self.zero_keys = self.deadline(now, dice.zero_keys_after(), Jitter::default());
            }
            return Expired::GiveUp {
                initiations: self.attempts.saturating_add(1),
            };
        }
        self.attempts = self.attempts.saturating_add(1);
        Expired::RetransmitHandshake {
            attempt: self.attempts,
        }
    }

    #[inline]
    fn restart_persistent_keepalive(&mut self, now: MonoTime, dice: &impl Dice) {
        // The upper end, which is the higher one, tells.
        if self.persistent_keepalive.hi != 0 {
            self.persistent_keepalive_due = self.drawn_persistent_keepalive(now, dice);
        }
    }

    // Apart, so that those of most peers, which are known at compile time, are not in their way.

    #[inline(never)]
    fn drawn_persistent_keepalive(&mut self, now: MonoTime, dice: &impl Dice) -> Deadline {
        let interval = Period::from_secs(self.persistent_keepalive).pick(|| dice.random());
        self.deadline(now, interval, Jitter::default())
    }

    #[inline(never)]
    fn drawn_new_handshake(&mut self, now: MonoTime, dice: &impl Dice) -> Deadline {
        self.deadline(now, dice.new_handshake_timeout(), dice.jitter())
    }

    #[inline(never)]
    fn drawn_send_keepalive(&mut self, now: MonoTime, dice: &impl Dice) -> Deadline {
        self.deadline(now, dice.keepalive_timeout(), Jitter::default())
    }

    /// The deadline to set a timer to, if timers run.
    #[inline(always)]
    fn deadline(&mut self, now: MonoTime, after: Duration, jitter: Jitter) -> Deadline {
        if !self.is_running {
            return Deadline::NONE;
        }
        let deadline = now
            .saturating_add(after)
            .saturating_add(jitter.as_duration());
        self.may_be_late |= self.armed.get().is_none_or(|armed| deadline < armed);
        Deadline::some(deadline)
    }
}

fn take_expired(timer: &mut Deadline, now: MonoTime) -> bool {
    let is_over = timer.get().is_some_and(|deadline| deadline <= now);
    if is_over {
        *timer = Deadline::NONE;
    }
    is_over
}

#[cfg(test)]
mod tests {
    use super::super::constants::{MAX_HANDSHAKE_ATTEMPTS, ZERO_KEYS_AFTER_TIME};
    use super::*;

    const S: u64 = 1_000_000_000;

    fn at(secs: u64) -> MonoTime {
        MonoTime(secs * S)
    }

    fn boot(secs: u64) -> BootTime {
        BootTime(secs * S)
    }

    fn running() -> Timers {
        let mut timers = Timers::new();
        timers.start();
        timers
    }

    fn no_jitter() -> u32 {
        0
    }

    fn half_jitter() -> u32 {
        1 << 31
    }

    /// Asserts that exactly this expires, and exactly then.
    fn expires(timers: &mut Timers, secs: u64, what: Expired) {
        assert_eq!(timers.next_deadline(), Some(at(secs)));
        assert_eq!(timers.expire(MonoTime(secs * S - 1), &no_jitter), None);
        assert_eq!(timers.expire(at(secs), &no_jitter), Some(what));
    }

    #[test]
    fn jitter_stays_below_a_third_of_a_second() {
        assert_eq!(Jitter::from_random(0).as_duration(), Duration::ZERO);
        let most = Jitter::from_random(u32::MAX).as_duration();
        assert_eq!(most, Duration::from_nanos(333_333_332));
    }

    #[test]
    fn twenty_initiations_then_give_up() {
        let mut timers = running();
        let mut now = MonoTime(0);
        timers.packets_received(now, 1, &no_jitter);
        assert!(timers.initiation_requested(Retry::No, BootTime(now.0)));
        let mut initiations = 0;
        loop {
            assert!(timers.begin_initiation(BootTime(now.0), &no_jitter));
            timers.handshake_initiated(now, BootTime(now.0), &half_jitter);
            initiations += 1;
            now = timers.next_deadline().unwrap();
            match timers.expire(now, &no_jitter) {
                Some(Expired::RetransmitHandshake { attempt }) => {
                    assert_eq!(attempt, initiations);
                    assert!(timers.initiation_requested(Retry::Yes, BootTime(now.0)));
                }
                other => {
                    assert_eq!(other, Some(Expired::GiveUp { initiations }));
                    break;
                }
            }
        }
        assert_eq!(initiations, 20);
        assert!((at(100)..at(107)).contains(&now));
        // Only the erasure of keys is left.
        let erase = now.saturating_add(ZERO_KEYS_AFTER_TIME);
        assert_eq!(timers.next_deadline(), Some(erase));
        assert_eq!(timers.expire(erase, &no_jitter), Some(Expired::ZeroKeys));
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn giving_up_cancels_the_keepalive_and_keeps_an_erasure_due() {
        let mut timers = running();
        timers.session_derived(at(1), &no_jitter);
        timers.attempts = MAX_HANDSHAKE_ATTEMPTS + 1;
        timers.handshake_initiated(at(2), boot(2), &no_jitter);
        timers.packets_received(at(3), 1, &no_jitter);
        expires(&mut timers, 7, Expired::GiveUp { initiations: 20 });
        expires(&mut timers, 541, Expired::ZeroKeys);
    }

    #[test]
    fn other_requests_start_counting_anew_even_when_suppressed() {
        let mut timers = running();
        timers.attempts = 7;
        assert!(timers.begin_initiation(boot(1), &no_jitter));
        assert!(!timers.initiation_requested(Retry::Yes, boot(2)));
        assert_eq!(timers.attempts, 7);
        assert!(!timers.initiation_requested(Retry::No, boot(2)));
        assert_eq!(timers.attempts, 0);
    }

    #[test]
    fn five_seconds_between_initiations() {
        let mut timers = running();
        assert!(timers.begin_initiation(boot(0), &no_jitter));
        assert!(!timers.begin_initiation(BootTime(5 * S - 1), &no_jitter));
        assert!(timers.begin_initiation(boot(5), &no_jitter));
        timers.handshake_responded(at(7), boot(7), &no_jitter);
        assert!(!timers.may_initiate(boot(11)));
        timers.handshake_initiated(at(12), boot(12), &no_jitter);
        assert!(!timers.may_initiate(boot(16)));
        timers.forget_last_handshake_sent();
        assert!(timers.may_initiate(boot(12)));
    }

    #[test]
    fn completion_ends_the_retries() {
        let mut timers = running();
        timers.handshake_initiated(at(1), boot(1), &half_jitter);
        timers.attempts = 3;
        let wall = WallTime { secs: 9, nanos: 8 };
        timers.handshake_complete(wall);
        assert_eq!(timers.next_deadline(), None);
        assert_eq!((timers.attempts, timers.last_handshake()), (0, wall));
    }

    #[test]
    fn received_data_is_answered_within_ten_seconds() {
        let mut timers = running();
        timers.packets_received(at(1), 0, &no_jitter);
        assert_eq!(timers.next_deadline(), None);
        timers.packets_received(at(2), 1, &no_jitter);
        expires(&mut timers, 12, Expired::SendKeepalive);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn more_data_while_waiting_asks_for_another_keepalive() {
        for batches in [&[1, 1][..], &[2]] {
            let mut timers = running();
            for data_packets in batches {
                timers.packets_received(at(2), *data_packets, &no_jitter);
            }
            expires(&mut timers, 12, Expired::SendKeepalive);
            expires(&mut timers, 22, Expired::SendKeepalive);
            assert_eq!(timers.next_deadline(), None);
        }
    }

    #[test]
    fn anything_sent_is_answer_enough() {
        let mut timers = running();
        timers.packets_received(at(2), 1, &no_jitter);
        timers.packets_leave(at(3), Leaving::Data, &no_jitter);
        assert_eq!(timers.next_deadline(), Some(at(18)));
        // What comes while they go is not answered by them, but answers them.
        timers.packets_received(at(3), 1, &no_jitter);
        assert_eq!(timers.next_deadline(), Some(at(13)));
        let mut timers = running();
        timers.packets_received(at(2), 1, &no_jitter);
        timers.handshake_responded(at(3), boot(3), &no_jitter);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn silence_after_sending_data_asks_for_a_handshake() {
        let mut timers = running();
        timers.packets_leave(at(1), Leaving::NoData, &no_jitter);
        assert_eq!(timers.next_deadline(), None);
        timers.packets_leave(at(1), Leaving::Data, &no_jitter);
        // The first packet counts, and the timer is not drawn out by later ones.
        timers.packets_leave(at(9), Leaving::NoData, &no_jitter);
        timers.packets_leave(at(9), Leaving::Data, &|| {
            panic!("the timer is armed already")
        });
        expires(&mut timers, 16, Expired::NewHandshake);

        timers.packets_leave(at(20), Leaving::Data, &half_jitter);
        assert_eq!(timers.next_deadline(), Some(MonoTime(35_166_666_666)));
        timers.packets_received(at(21), 0, &no_jitter);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn refused_data_want_no_answer() {
        let mut timers = running();
        assert!(timers.packets_leave(at(1), Leaving::Data, &no_jitter));
        timers.data_refused();
        assert_eq!(timers.next_deadline(), None);
        assert!(timers.packets_leave(at(2), Leaving::Data, &no_jitter));
        // The answer to those is still waited for.
        assert!(!timers.packets_leave(at(3), Leaving::Data, &no_jitter));
        assert_eq!(timers.next_deadline(), Some(at(17)));
    }

    #[test]
    fn keys_are_erased_after_the_last_session() {
        let mut timers = running();
        timers.session_derived(at(1), &no_jitter);
        timers.session_derived(at(100), &no_jitter);
        expires(&mut timers, 640, Expired::ZeroKeys);
        timers.session_derived(at(700), &no_jitter);
        timers.cancel_zero_keys();
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn persistent_keepalive_follows_traffic_both_ways() {
        let mut timers = running();
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(25)),
            KeepaliveChange::SendNow
        );
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(20)),
            KeepaliveChange::Nothing
        );
        assert_eq!(timers.next_deadline(), None);
        timers.packets_leave(at(1), Leaving::NoData, &no_jitter);
        assert_eq!(timers.next_deadline(), Some(at(21)));
        timers.packets_received(at(2), 0, &no_jitter);
        expires(&mut timers, 22, Expired::PersistentKeepalive);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn persistent_keepalive_switched_off_expires_silently() {
        let mut timers = running();
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(5)),
            KeepaliveChange::SendNow
        );
        timers.packets_leave(at(1), Leaving::NoData, &no_jitter);
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(0)),
            KeepaliveChange::Nothing
        );
        assert_eq!(timers.persistent_keepalive(), Span::single(0));
        assert_eq!(timers.expire(at(6), &no_jitter), None);
        assert_eq!(timers.next_deadline(), None);
    }

    #[test]
    fn last_minute_once_per_session() {
        let mut timers = running();
        assert!(timers.take_last_minute());
        assert!(!timers.take_last_minute());
        timers.handshake_complete(WallTime::default());
        assert!(timers.take_last_minute());
    }

    #[test]
    fn stopped_timers_neither_arm_nor_expire() {
        let mut timers = running();
        timers.handshake_complete(WallTime { secs: 1, nanos: 0 });
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(9)),
            KeepaliveChange::SendNow
        );
        timers.session_derived(at(1), &no_jitter);
        timers.packets_leave(at(1), Leaving::Data, &no_jitter);
        assert!(timers.arm().is_some());
        timers.stop();
        assert!(!timers.is_running());
        timers.packets_received(at(2), 3, &no_jitter);
        timers.handshake_initiated(at(2), boot(2), &no_jitter);
        assert_eq!((timers.next_deadline(), timers.arm()), (None, None));
        assert_eq!(timers.expire(at(10_000), &no_jitter), None);
        assert_eq!(timers.persistent_keepalive(), Span::single(9));
        assert_eq!(timers.last_handshake(), WallTime { secs: 1, nanos: 0 });
    }

    #[test]
    fn one_timer_serves_all() {
        let mut timers = running();
        timers.session_derived(at(0), &no_jitter);
        assert_eq!(timers.arm(), Some(at(540)));
        assert_eq!(timers.arm(), None);
        // Earlier: set again. Later: left to fire early.
        timers.packets_received(at(1), 1, &no_jitter);
        assert_eq!(timers.arm(), Some(at(11)));
        timers.packets_leave(at(2), Leaving::NoData, &no_jitter);
        assert_eq!(timers.arm(), None);
        timers.fired();
        assert_eq!(timers.expire(at(11), &no_jitter), None);
        assert_eq!(timers.arm(), Some(at(540)));
    }

    #[test]
    fn all_that_ran_out_comes_one_by_one() {
        let mut timers = running();
        assert_eq!(
            timers.set_persistent_keepalive(Span::single(3)),
            KeepaliveChange::SendNow
        );
        timers.session_derived(at(1), &no_jitter);
        timers.packets_leave(at(1), Leaving::Data, &no_jitter);
        timers.handshake_initiated(at(1), boot(1), &no_jitter);
        timers.send_keepalive = Deadline::some(at(4));
        let mut expired = [None; 6];
        for slot in &mut expired {
            *slot = timers.expire(at(1000), &no_jitter);
        }
        assert_eq!(
            expired,
            [
                Some(Expired::RetransmitHandshake { attempt: 1 }),
                Some(Expired::SendKeepalive),
                Some(Expired::NewHandshake),
                Some(Expired::ZeroKeys),
                Some(Expired::PersistentKeepalive),
                None,
            ]
        );
    }
}
