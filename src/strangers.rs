// SPDX-License-Identifier: GPL-2.0

//! Initiations from peers that are not configured, held for a moment: whoever has been told of one
//! may configure the peer, which is then answered at once.
//!
//! There is a place for so many of them and no more. One that nobody wanted in time is forgotten when
//! the next is looked for, so there is no timer; nothing in it is secret, and it holds nothing.

use core::time::Duration;

use kernel::{
    new_mutex,
    prelude::*,
    sync::Mutex, //
};

use crate::{
    kapi::{
        array::Array,
        net::udp_tunnel::Origin,
        sync::atomic::{AtomicU32, Ordering}, //
    },
    proto::{
        messages::{Initiation, PublicKey},
        tai64n::Timestamp,
        time::BootTime, //
    },
    wardrobe::Fits,
};

/// How many initiations are held at most.
const PLACES: usize = 256;

/// The initiations that a device holds.
#[pin_data]
pub(crate) struct Strangers {
    /// For how many milliseconds; zero if not at all.
    hold: AtomicU32,
    /// Empty if none are held.
    #[pin]
    places: Mutex<Option<Places>>,
}

type Places = Array<Option<KBox<Held>>>;

/// An initiation from an unknown peer, which has the private key of its public key.
pub(crate) struct Held {
    pub(crate) key: PublicKey,
    pub(crate) timestamp: Timestamp,
    pub(crate) message: Initiation,
    pub(crate) origin: Origin,
    pub(crate) fits: Fits,
    pub(crate) since: BootTime,
}

/// What is to become of the time that initiations are held for.
pub(crate) struct HoldChange {
    millis: u16,
    /// None if there are places already, or if none are needed.
    places: Option<Places>,
}

/// What has become of an initiation.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reception {
    /// It is held, the first of its sender.
    First,
    /// An earlier one of the same sender is held, and this one in its place if it is newer.
    Again,
    /// There is no place for it.
    Refused,
}

impl Strangers {
    /// Holds none.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            hold: AtomicU32::new(0),
            places <- new_mutex!(None, "wg_strangers"),
        })
    }

    /// For how many milliseconds initiations are held; zero if not at all.
    pub(crate) fn hold_millis(&self) -> u16 {
        self.hold.load(Ordering::Relaxed) as u16
    }

    /// Prepares to hold initiations for another time. Changes nothing.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn prepare(&self, millis: u16) -> Result<HoldChange> {
        let has_places = self.places.lock().is_some();
        let places = match (millis, has_places) {
            (0, _) | (_, true) => None,
            (_, false) => Some(Array::try_repeat_with(PLACES, || Ok(None))?),
        };
        Ok(HoldChange { millis, places })
    }

    /// Changes that time; zero forgets all that are held.
    pub(crate) fn set(&self, HoldChange { millis, places }: HoldChange) {
        let mut held = self.places.lock();
        if millis == 0 {
            *held = None;
        } else if places.is_some() {
            *held = places;
        }
        self.hold.store(millis.into(), Ordering::Relaxed);
    }

    /// Forgets all that are held.
    pub(crate) fn clear(&self) {
        if let Some(places) = &mut *self.places.lock() {
            places.iter_mut().for_each(|place| *place = None);
        }
    }

    /// Whether one of that key would be held now.
    pub(crate) fn has_room(&self, key: &PublicKey, now: BootTime) -> bool {
        self.with(now, |places| {
            let is_fit = |place: &Option<KBox<Held>>| match place {
                Some(held) => held.key == *key,
                None => true,
            };
            places.iter().any(is_fit)
        })
        .unwrap_or(false)
    }

    /// Holds an initiation, if `is_current` says that it is still worth it: under the lock under
    /// which others are forgotten.
    pub(crate) fn hold(&self, held: KBox<Held>, is_current: impl FnOnce() -> bool) -> Reception {
        let now = held.since;
        self.with(now, |places| {
            if !is_current() {
                return Reception::Refused;
            }
            let mut places = places.iter_mut();
            let mut free = None;
            for place in places.by_ref() {
                match place {
                    Some(earlier) if earlier.key == held.key => {
                        earlier.renew(&held);
                        return Reception::Again;
                    }
                    Some(_) => {}
                    None => free = Some(place),
                }
            }
            match free {
                Some(place) => {
                    *place = Some(held);
                    Reception::First
                }
                None => Reception::Refused,
            }
        })
        .unwrap_or(Reception::Refused)
    }

    /// Takes out the initiation of the peer of that key, if its time is not over.
    pub(crate) fn take(&self, key: &PublicKey, now: BootTime) -> Option<KBox<Held>> {
        if self.hold_millis() == 0 {
            return None;
        }
        self.with(now, |places| {
            let is_theirs = |place: &&mut Option<KBox<Held>>| {
                place.as_ref().is_some_and(|held| held.key == *key)
            };
            places.iter_mut().find(is_theirs)?.take()
        })
        .flatten()
    }

    /// Does something to the places, where nobody is any more whose time is over.
    fn with<R>(&self, now: BootTime, f: impl FnOnce(&mut Places) -> R) -> Option<R> {
        let hold = Duration::from_millis(self.hold_millis().into());
        let mut places = self.places.lock();
        let Some(places) = &mut *places else {
            return None;
        };
        for place in places.iter_mut() {
            if place
                .as_ref()
                .is_some_and(|held| held.since.is_older_than(hold, now))
            {
                *place = None;
            }
        }
        Some(f(places))
    }
}

impl Held {
    /// Takes what a later initiation says, but not its time: the sender was announced once.
    fn renew(&mut self, later: &Self) {
        if later.timestamp > self.timestamp {
            self.timestamp = later.timestamp;
            self.message = later.message;
            self.origin = later.origin;
            self.fits = later.fits;
        }
    }
}
