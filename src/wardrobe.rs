// SPDX-License-Identifier: GPL-2.0

//! All that a device and its peers may look like: a guise of the device's own, and up to seven others,
//! its profiles.
//!
//! A peer wears the profile of its number, or what the device does. It has that number from a request, or
//! from the last message of a handshake of its own that came to something: what that fits, the peer
//! understands. So it is learned as an endpoint is.
//!
//! A wardrobe is never changed but replaced whole, as the guises in it are.

use kernel::{
    prelude::*,
    sync::{rcu, Arc}, //
};

use crate::{
    guise::{Guise, Settings},
    kapi::sync::{atomic::Ordering, rcu::RcuArc},
    peer::Peer,
    proto::awg::SPECIALS, //
};

/// How many profiles a device may have. Their numbers begin at one.
pub(crate) const PROFILES: u8 = 7;

type Profiles = [Option<Arc<Guise>>; PROFILES as usize];

/// What a device and its peers may look like, if that is not WireGuard's alone.
pub(crate) struct Wardrobe {
    own: Arc<Guise>,
    profiles: Profiles,
    needed_head: u32,
    overhead: u32,
}

impl Wardrobe {
    fn new(own: Arc<Guise>, profiles: Profiles) -> Self {
        let mut this = Self {
            own,
            profiles,
            needed_head: 0,
            overhead: 0,
        };
        let most = |of: fn(&Guise) -> usize| this.guises().map(of).max().unwrap_or(0) as u32;
        let needed_head = most(|guise| guise.profile().needed_head());
        let overhead = most(|guise| guise.profile().overhead());
        (this.needed_head, this.overhead) = (needed_head, overhead);
        this
    }

    /// All that is in it, the device's own first.
    #[inline]
    pub(crate) fn guises(&self) -> impl Iterator<Item = &Guise> {
        Iterator::chain(core::iter::once(&*self.own), self.profiles())
    }

    /// All profiles, by their numbers.
    #[inline]
    pub(crate) fn profiles(&self) -> impl Iterator<Item = &Guise> {
        self.profiles.iter().filter_map(Option::as_deref)
    }

    /// The device's own.
    pub(crate) fn own(&self) -> &Guise {
        &self.own
    }

    /// What is worn by number: the device's own, if there is no such profile.
    #[inline]
    pub(crate) fn of(&self, number: u8) -> &Guise {
        find(&self.profiles, number).unwrap_or(&self.own)
    }

    /// The same, unless it is WireGuard's.
    #[inline]
    pub(crate) fn disguise(&self, number: u8) -> Option<&Guise> {
        Some(self.of(number)).filter(|guise| !guise.is_plain())
    }

    /// How many bytes of a datagram are looked at to tell whether it is data.
    #[inline]
    pub(crate) fn needed_head(&self) -> u32 {
        self.needed_head
    }

    /// By how much data messages are longer than those of WireGuard at most, padding aside.
    pub(crate) fn overhead(&self) -> u32 {
        self.overhead
    }
}

fn find(profiles: &Profiles, number: u8) -> Option<&Guise> {
    let place = usize::from(number).checked_sub(1)?;
    profiles.get(place)?.as_deref()
}

/// What is to be in a wardrobe.
pub(crate) struct Draft {
    /// [`None`] if nothing was ever set.
    own: Option<Arc<Guise>>,
    profiles: Profiles,
}

impl Draft {
    /// What is in one now.
    pub(crate) fn of(before: Option<&Wardrobe>) -> Self {
        let mut this = Self {
            own: None,
            profiles: [const { None }; PROFILES as usize],
        };
        if let Some(before) = before {
            this.own = Some(before.own.clone());
            for (place, guise) in this.profiles.iter_mut().zip(&before.profiles) {
                *place = guise.clone();
            }
        }
        this
    }

    /// What is there of a number.
    pub(crate) fn get(&self, number: u8) -> Option<&Guise> {
        match number {
            0 => self.own.as_deref(),
            _ => find(&self.profiles, number),
        }
    }

    /// Puts it in, or takes it out.
    pub(crate) fn put(&mut self, number: u8, guise: Option<Arc<Guise>>) {
        let place = match usize::from(number).checked_sub(1) {
            None => Some(&mut self.own),
            Some(place) => self.profiles.get_mut(place),
        };
        if let Some(place) = place {
            *place = guise;
        }
    }

    /// Whether that is what is in a wardrobe already, or in none.
    pub(crate) fn is_in(&self, before: Option<&Wardrobe>) -> bool {
        let touched = |own: &&Guise| !own.is_untouched();
        let own = self.own.as_deref().filter(touched);
        let own_before = before.map(Wardrobe::own).filter(touched);
        let profiles = self.profiles.iter().filter_map(Option::as_deref);
        let profiles_before = before.into_iter().flat_map(Wardrobe::profiles);
        are_same(own.into_iter(), own_before.into_iter()) && are_same(profiles, profiles_before)
    }

    /// Makes the wardrobe; none if all is WireGuard's, without another word.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn finish(self) -> Result<Option<RcuArc<Wardrobe>>> {
        let Self { own, profiles } = self;
        let own = own.filter(|own| !own.is_untouched());
        if own.is_none() && profiles.iter().all(Option::is_none) {
            return Ok(None);
        }
        let own = match own {
            Some(own) => own,
            None => Arc::new(
                Guise::new(0, Settings::default(), &[None; SPECIALS])?,
                GFP_KERNEL,
            )?,
        };
        RcuArc::new(Wardrobe::new(own, profiles), GFP_KERNEL).map(Some)
    }
}

/// Whether guises are the same, one by one.
fn are_same<'a>(
    mut guises: impl Iterator<Item = &'a Guise>,
    mut others: impl Iterator<Item = &'a Guise>,
) -> bool {
    guises.all(|guise| others.next().is_some_and(|other| guise.is_same(other)))
        && others.next().is_none()
}

/// The numbers of the guises that a message may have come in: mostly one.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fits(u8);

impl Fits {
    /// None.
    pub(crate) const NONE: Self = Self(0);

    /// What a device without a wardrobe gets.
    pub(crate) const OWN: Self = Self(1);

    /// These and one more.
    pub(crate) fn and(self, number: u8) -> Self {
        Self(self.0 | 1_u8.wrapping_shl(number.into()))
    }

    fn has(self, number: u8) -> bool {
        self.0 & Self::NONE.and(number).0 != 0
    }

    /// The first.
    pub(crate) fn first(self) -> u8 {
        self.0.trailing_zeros() as u8
    }
}

impl Peer {
    /// The number of the profile that the peer wears; zero for what the device does.
    #[inline]
    pub(crate) fn profile(&self) -> u8 {
        self.profile.load(Ordering::Relaxed)
    }

    /// Has the peer wear that profile, until it shows that it wears another.
    pub(crate) fn set_profile(&self, number: u8) {
        self.profile.store(number, Ordering::Relaxed);
    }

    /// Has the peer wear what it does itself, as a message of its own has shown, which came to something.
    pub(crate) fn learn_profile(&self, fits: Fits) {
        // What may be in more than one says nothing against what is worn.
        if !fits.has(self.profile()) {
            self.set_profile(fits.first());
        }
    }

    /// Whether messages to the peer look other than WireGuard's.
    #[cold]
    #[inline(never)]
    pub(crate) fn is_disguised(&self) -> bool {
        self.disguise_overhead().is_some()
    }

    /// By how much data messages to the peer are longer than those of WireGuard, padding aside, if they look
    /// other.
    #[cold]
    #[inline(never)]
    pub(crate) fn disguise_overhead(&self) -> Option<u32> {
        let guard = rcu::read_lock();
        let wardrobe = self.device.wardrobe.load((&guard).into())?;
        let guise = wardrobe.disguise(self.profile())?;
        Some(guise.profile().overhead() as u32)
    }
}
