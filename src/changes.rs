// SPDX-License-Identifier: GPL-2.0

//! Which peers were changed by configuration lately, for who asks what has changed since.
//!
//! Nobody who does not ask pays for it: a device begins to note changes when it is asked for the
//! first time. From then on the last of them are kept, as many as there is room for, so that an
//! answer takes as long as there are changes to tell, however many peers there are. What is older
//! is lost, and who asks for it has to be told everything.

use kernel::prelude::*;

use crate::{
    kapi::array::Array,
    proto::messages::PublicKey, //
};

/// How many changes are kept; their memory is 48 bytes each.
const KEPT: usize = 4096;

/// The changes to the peers of a device. Owned by its configuration.
pub(crate) struct Changes {
    /// Empty until somebody asks. A change has the place that its number says, modulo the length.
    kept: Option<Array<Change>>,
    /// The number of the next change. There is none of number 0.
    next: u64,
    /// All changes since this generation are there.
    complete_since: u64,
}

/// A change to one peer.
#[derive(Clone, Copy)]
pub(crate) struct Change {
    pub(crate) key: PublicKey,
    pub(crate) kind: Kind,
    generation: u64,
}

/// What has become of the peer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It is there, and not as it was.
    Changed,
    Removed,
}

impl Changes {
    /// Notes nothing yet.
    pub(crate) const fn new() -> Self {
        Self {
            kept: None,
            next: 1,
            complete_since: u64::MAX,
        }
    }

    /// Begins to note changes later than `generation`, unless it has begun before.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn keep(&mut self, generation: u64) -> Result {
        if self.kept.is_none() {
            let nothing = Change {
                key: PublicKey([0; 32]),
                kind: Kind::Removed,
                generation: 0,
            };
            self.kept = Some(Array::try_repeat_with(KEPT, || Ok(nothing))?);
            self.complete_since = generation;
        }
        Ok(())
    }

    /// Whether changes are noted at all.
    pub(crate) fn are_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// Notes a change, which makes `generation`, and returns its number; 0 if none are noted.
    pub(crate) fn note(&mut self, key: PublicKey, kind: Kind, generation: u64) -> u64 {
        let number = self.next;
        let Some(place) = self.place(number) else {
            return 0;
        };
        let change = Change {
            key,
            kind,
            generation,
        };
        if let Some(slot) = self.kept.as_mut().and_then(|kept| kept.get_mut(place)) {
            // Who knows the generation of what is lost, but not all of it, is told everything.
            self.complete_since = self.complete_since.max(slot.generation);
            *slot = change;
        }
        self.next = number.wrapping_add(1);
        number
    }

    /// The number of the first change that is later than `generation`, if none of those was lost.
    pub(crate) fn first_since(&self, generation: u64) -> Option<u64> {
        if generation < self.complete_since {
            return None;
        }
        let mut first = self.next;
        while let Some(before) = first.checked_sub(1) {
            match self.get(before) {
                Some(change) if change.generation > generation => first = before,
                _ => break,
            }
        }
        Some(first)
    }

    /// The change of that number, unless it was lost or has yet to come.
    pub(crate) fn get(&self, number: u64) -> Option<&Change> {
        let age = self.next.checked_sub(number)?;
        if number == 0 || age == 0 || age > KEPT as u64 {
            return None;
        }
        self.kept.as_ref()?.get(self.place(number)?)
    }

    /// Whether that is the number of the change to come.
    pub(crate) fn is_next(&self, number: u64) -> bool {
        self.next == number
    }

    fn place(&self, number: u64) -> Option<usize> {
        let len = self.kept.as_ref()?.len() as u64;
        number.checked_rem(len).map(|place| place as usize)
    }
}
