// SPDX-License-Identifier: GPL-2.0

//! All that can become of a peer's sessions.
//!
//! From empty slots on, every step is taken from every state there is, until no new one turns up. A
//! state is what the slots can tell apart: which of them are filled, in which roles, what may still
//! send, and whether they are closed. Who the sessions are makes no difference to the code, which
//! compares references only; so two states that differ in nothing but that have the same future.
//!
//! Each step is also taken by a [`Model`] that says in the protocol's words what must come of it, of
//! every session that there ever was.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kernel::{
    alloc::flags::GFP_KERNEL,
    prelude::*,
    sync::{rcu, Arc},
};

use crate::{
    crypto::Key,
    index_table::Entry,
    kapi::sync::rcu::{Rcu, RcuArc},
    peer::Peer,
    proto::{
        handshake::{Role, SessionKeys},
        messages::Index,
        time::BootTime,
        transport::Lifetime,
    },
    session::{IndexTable, Lanes, Session, Slots},
};

const NOW: BootTime = BootTime(1);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Slot {
    Previous,
    Current,
    Next,
}

const SLOTS: [Slot; 3] = [Slot::Previous, Slot::Current, Slot::Next];

#[derive(Clone, Copy, Debug)]
enum Step {
    Install(Role),
    /// An authentic message came by the session of this slot.
    Confirm(Slot),
    /// One came by a session that left its slot meanwhile: the last one that did.
    ConfirmRetired,
    Expire,
    Clear,
    Close,
}

const STEPS: [Step; 9] = [
    Step::Install(Role::Initiator),
    Step::Install(Role::Responder),
    Step::Confirm(Slot::Previous),
    Step::Confirm(Slot::Current),
    Step::Confirm(Slot::Next),
    Step::ConfirmRetired,
    Step::Expire,
    Step::Clear,
    Step::Close,
];

/// What must be so. Sessions are numbered as they come.
#[derive(Clone, Default)]
struct Model {
    is_closed: bool,
    filled: BTreeMap<Slot, usize>,
    roles: Vec<Role>,
    may_send: Vec<bool>,
    retired: Vec<usize>,
}

/// What tells one future from another.
type Shape = (bool, [Option<(bool, bool)>; 3], bool);

impl Model {
    fn shape(&self) -> Shape {
        let look = |slot| {
            let session = *self.filled.get(&slot)?;
            Some((
                self.roles[session] == Role::Initiator,
                self.may_send[session],
            ))
        };
        (self.is_closed, SLOTS.map(look), self.retired.is_empty())
    }

    /// The session that a step is about, if there is one.
    fn subject(&self, step: Step) -> Option<usize> {
        match step {
            Step::Confirm(slot) => self.filled.get(&slot).copied(),
            Step::ConfirmRetired => self.retired.last().copied(),
            _ => None,
        }
    }

    fn retire(&mut self, session: Option<usize>) {
        if let Some(session) = session {
            self.may_send[session] = false;
            self.retired.push(session);
        }
    }

    fn put(&mut self, slot: Slot, session: Option<usize>) {
        if let Some(session) = session {
            assert_eq!(self.filled.insert(slot, session), None);
        }
    }

    /// Takes a step; returns what it answers.
    fn take(&mut self, step: Step) -> bool {
        match step {
            Step::Install(role) => self.install(role),
            Step::Confirm(Slot::Next) if self.filled.contains_key(&Slot::Next) => self.confirm(),
            Step::Confirm(_) | Step::ConfirmRetired => false,
            Step::Expire => {
                for slot in [Slot::Current, Slot::Next] {
                    if let Some(session) = self.filled.get(&slot) {
                        self.may_send[*session] = false;
                    }
                }
                true
            }
            Step::Clear => self.empty(),
            Step::Close => {
                self.is_closed = true;
                self.empty()
            }
        }
    }

    /// The initiator has its session confirmed by the response that made it, so it is used at once,
    /// and what was used or about to be still receives. The responder's waits.
    fn install(&mut self, role: Role) -> bool {
        let new = self.roles.len();
        self.roles.push(role);
        self.may_send.push(true);
        if self.is_closed {
            self.retire(Some(new));
            return false;
        }
        let previous = self.filled.remove(&Slot::Previous);
        let next = self.filled.remove(&Slot::Next);
        match role {
            Role::Initiator => {
                let current = self.filled.remove(&Slot::Current);
                self.put(Slot::Current, Some(new));
                self.put(Slot::Previous, next.or(current));
                self.retire(current.filter(|_| next.is_some()));
                self.retire(previous);
            }
            Role::Responder => {
                self.put(Slot::Next, Some(new));
                self.retire(next);
                self.retire(previous);
            }
        }
        true
    }

    /// What waited is used, and what was used still receives.
    fn confirm(&mut self) -> bool {
        let previous = self.filled.remove(&Slot::Previous);
        let current = self.filled.remove(&Slot::Current);
        let next = self.filled.remove(&Slot::Next);
        self.put(Slot::Current, next);
        self.put(Slot::Previous, current);
        self.retire(previous);
        true
    }

    fn empty(&mut self) -> bool {
        for slot in [Slot::Next, Slot::Current, Slot::Previous] {
            let session = self.filled.remove(&slot);
            self.retire(session);
        }
        true
    }
}

/// The driver's own slots and table.
struct Real {
    slots: Slots,
    table: IndexTable,
    peer: RcuArc<Peer>,
    sessions: Vec<RcuArc<Session>>,
}

impl Real {
    fn new() -> Self {
        Self {
            slots: PinInit::<Slots>::make(Slots::new()).unwrap(),
            table: IndexTable::new(16).make().unwrap(),
            peer: RcuArc::new(Peer, GFP_KERNEL).unwrap(),
            sessions: Vec::new(),
        }
    }

    fn take(&mut self, step: Step, subject: Option<usize>) -> bool {
        let guard = rcu::read_lock();
        let rcu = Rcu::from(&guard);
        match step {
            Step::Install(role) => self.install(role),
            Step::Confirm(_) | Step::ConfirmRetired => {
                subject.is_some_and(|one| self.slots.confirm(&self.table, rcu, &self.sessions[one]))
            }
            Step::Expire => {
                self.slots.expire(rcu);
                true
            }
            Step::Clear => {
                self.slots.clear(&self.table);
                true
            }
            Step::Close => {
                self.slots.close(&self.table);
                true
            }
        }
    }

    /// As at the end of a handshake: the session takes over the number first.
    fn install(&mut self, role: Role) -> bool {
        let index = self.table.insert_handshake(self.peer.clone()).unwrap();
        let keys = SessionKeys {
            role,
            send: Key::zeroed(),
            receive: Key::zeroed(),
            local_index: index,
            remote_index: Index(0),
        };
        let lanes = Arc::new(Lanes::new().make().unwrap(), GFP_KERNEL).unwrap();
        let lifetime = Lifetime::begin(NOW, &|| 0);
        let session = Session::new(self.peer.clone(), lanes, keys, NOW, lifetime).unwrap();
        self.table
            .replace(index, &self.peer, session.clone())
            .unwrap();
        self.sessions.push(session.clone());
        self.slots.install(&self.table, session).is_ok()
    }

    fn is_reachable(&self, session: &RcuArc<Session>) -> bool {
        let guard = rcu::read_lock();
        let entry = self.table.lookup(Rcu::from(&guard), session.local_index);
        matches!(entry, Some(Entry::Session(found)) if found.ptr_eq(session))
    }

    fn is_current(&self, session: &RcuArc<Session>) -> bool {
        let guard = rcu::read_lock();
        let current = self.slots.current(Rcu::from(&guard));
        current.is_some_and(|current| current.is(session))
    }

    fn compare(&self, model: &Model, steps: &[Step]) {
        for (number, session) in self.sessions.iter().enumerate() {
            let is_current = model.filled.get(&Slot::Current) == Some(&number);
            let is_filled = model.filled.values().any(|filled| *filled == number);
            assert_eq!(
                self.is_current(session),
                is_current,
                "{steps:?}: current {number}"
            );
            assert_eq!(
                self.is_reachable(session),
                is_filled,
                "{steps:?}: reachable {number}"
            );
            assert_eq!(
                session.may_send(NOW),
                model.may_send[number],
                "{steps:?}: sends {number}"
            );
            assert!(session.may_receive(NOW), "{steps:?}: receives {number}");
        }
        if !model.filled.contains_key(&Slot::Current) {
            let guard = rcu::read_lock();
            assert!(self.slots.current(Rcu::from(&guard)).is_none(), "{steps:?}");
        }
        self.count(model, steps);
    }

    /// No session is in two slots, and none is kept that is in no slot: each one's references are
    /// the table's, ours, and one of the slots if it is in one.
    fn count(&self, model: &Model, steps: &[Step]) {
        let kept: Vec<usize> = self.sessions.iter().map(RcuArc::references).collect();
        for (number, references) in kept.into_iter().enumerate() {
            let is_filled = model
                .filled
                .values()
                .filter(|filled| **filled == number)
                .count();
            let expected = 1 + 2 * is_filled;
            assert_eq!(references, expected, "{steps:?}: references to {number}");
        }
    }
}

/// Takes the steps from the beginning, and compares what has come of them.
fn walk(steps: &[Step]) -> Model {
    let (mut model, mut real) = (Model::default(), Real::new());
    for step in steps {
        let subject = model.subject(*step);
        let expected = model.take(*step);
        let is_about_nothing = subject.is_none() && matches!(step, Step::Confirm(_));
        let answer = real.take(*step, subject);
        assert!(answer == expected || is_about_nothing, "{steps:?}: answer");
        crate::kapi::sync::rcu::drain();
        real.compare(&model, steps);
    }
    model
}

#[test]
fn every_step_from_every_state() {
    let mut seen = BTreeSet::from([Model::default().shape()]);
    let mut waiting = VecDeque::from([Vec::new()]);
    while let Some(steps) = waiting.pop_front() {
        for step in STEPS {
            let further = [steps.as_slice(), &[step]].concat();
            let shape = walk(&further).shape();
            if seen.insert(shape) {
                waiting.push_back(further);
            }
        }
    }
    println!("{} states", seen.len());
    laws(seen.into_iter());
}

/// What the protocol wants of every state.
fn laws(shapes: impl Iterator<Item = Shape>) {
    for (is_closed, [previous, current, next], _) in shapes {
        assert!(!is_closed || (previous, current, next) == (None, None, None));
        // Only a responder waits, and with it nothing older than what is in use is kept.
        assert!(next.is_none_or(|(is_initiator, _)| !is_initiator));
        assert!(next.is_none() || previous.is_none());
        assert!(previous.is_none() || current.is_some());
    }
}

/// Sequences without regard to states, in case that these hide a difference.
#[test]
fn all_short_sequences() {
    let mut sequences = vec![Vec::new()];
    for _ in 0..4 {
        let longer = |steps: &Vec<Step>| STEPS.map(|step| [steps.as_slice(), &[step]].concat());
        sequences = sequences.iter().flat_map(longer).collect();
    }
    for steps in sequences {
        walk(&steps);
    }
}
