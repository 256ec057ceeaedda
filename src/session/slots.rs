// SPDX-License-Identifier: GPL-2.0

//! The three sessions a peer can have at a time, and how they take turns.

use kernel::prelude::*;

use super::{
    IndexTable,
    Session, //
};
use crate::{
    kapi::sync::{
        new_spinlock_bh,
        rcu::{Rcu, RcuArc, RcuCell, RcuRef},
        SpinLockBh, //
    },
    proto::{handshake::Role, time::BootTime}, //
};

/// A peer's sessions: only the current one sends, all receive.
///
/// A session that we responded to waits as the next until its first message proves that the
/// initiator has it too.
#[pin_data]
pub(crate) struct Slots {
    /// Held while sessions change places; once closed, no more come in.
    #[pin]
    rotation: SpinLockBh<Rotation>,
    previous: RcuCell<Session>,
    current: RcuCell<Session>,
    next: RcuCell<Session>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Rotation {
    Open,
    Closed,
}

impl Slots {
    /// Empty slots.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            rotation <- new_spinlock_bh!(Rotation::Open),
            previous: RcuCell::new(None),
            current: RcuCell::new(None),
            next: RcuCell::new(None),
        })
    }

    /// The session to send with.
    #[inline]
    pub(crate) fn current<'a>(&self, rcu: Rcu<'a>) -> Option<RcuRef<'a, Session>> {
        self.current.load(rcu)
    }

    /// Whether the session before the current one is still of use.
    pub(crate) fn has_predecessor(&self, rcu: Rcu<'_>, now: BootTime) -> bool {
        self.previous
            .load(rcu)
            .is_some_and(|session| session.may_receive(now))
    }

    /// Puts a new session in its slot. Fails if the slots are closed.
    pub(crate) fn install(&self, table: &IndexTable, session: RcuArc<Session>) -> Result {
        let rotation = self.rotation.lock();
        if *rotation == Rotation::Closed {
            retire(table, Some(session));
            return Err(ESHUTDOWN);
        }
        match session.role {
            Role::Initiator => {
                // What waits to be confirmed is newer than what is in use.
                let next = self.next.replace(None);
                let current = self.current.replace(Some(session));
                let previous = if next.is_some() {
                    retire(table, current);
                    next
                } else {
                    current
                };
                retire(table, self.previous.replace(previous));
            }
            Role::Responder => {
                retire(table, self.next.replace(Some(session)));
                retire(table, self.previous.replace(None));
            }
        }
        Ok(())
    }

    /// Notes that an authentic message came by a session, and returns whether that confirmed it.
    #[inline]
    pub(crate) fn confirm(
        &self,
        table: &IndexTable,
        rcu: Rcu<'_>,
        session: &RcuArc<Session>,
    ) -> bool {
        let is_next = || self.next.load(rcu).is_some_and(|next| next.is(session));
        if !is_next() {
            return false;
        }
        let _rotation = self.rotation.lock();
        if !is_next() {
            return false;
        }
        let confirmed = self.next.replace(None);
        let current = self.current.replace(confirmed);
        retire(table, self.previous.replace(current));
        true
    }

    /// Stops all sessions from being used to send; they receive until they expire.
    pub(crate) fn expire(&self, rcu: Rcu<'_>) {
        let _rotation = self.rotation.lock();
        for session in [self.current.load(rcu), self.next.load(rcu)]
            .into_iter()
            .flatten()
        {
            session.stop_sending();
        }
    }

    /// Whether there are no sessions.
    pub(crate) fn are_empty(&self) -> bool {
        let _rotation = self.rotation.lock();
        [&self.next, &self.current, &self.previous]
            .iter()
            .all(|slot| slot.is_none())
    }

    /// Destroys all sessions.
    pub(crate) fn clear(&self, table: &IndexTable) {
        let _rotation = self.rotation.lock();
        self.retire_all(table);
    }

    /// Destroys all sessions, and lets no more come in.
    pub(crate) fn close(&self, table: &IndexTable) {
        let mut rotation = self.rotation.lock();
        *rotation = Rotation::Closed;
        self.retire_all(table);
    }

    fn retire_all(&self, table: &IndexTable) {
        for slot in [&self.next, &self.current, &self.previous] {
            retire(table, slot.replace(None));
        }
    }
}

/// Makes a session that left its slot unreachable.
fn retire(table: &IndexTable, session: Option<RcuArc<Session>>) {
    if let Some(session) = session {
        session.stop_sending();
        // It is there unless it has never been: it was not installed then either.
        let _ = table.remove_session(session.local_index, &session);
    }
}
