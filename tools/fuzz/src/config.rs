// SPDX-License-Identifier: GPL-2.0

//! As much of the module's `config` as a change of looks needs.

use kernel::prelude::*;

use crate::{
    kapi::sync::rcu::RcuArc,
    wardrobe::{Draft, Wardrobe},
};

/// A device that is being configured.
pub(crate) struct Configuration<'a>(pub(crate) &'a Option<RcuArc<Wardrobe>>);

/// What it is to look like.
pub(crate) struct NewWardrobe(pub(crate) Option<RcuArc<Wardrobe>>);

impl Configuration<'_> {
    pub(crate) fn wardrobe(&self) -> Option<RcuArc<Wardrobe>> {
        self.0.clone()
    }

    pub(crate) fn prepare_wardrobe(&self, draft: Draft) -> Result<NewWardrobe> {
        draft.finish().map(NewWardrobe)
    }

    pub(crate) fn will_have_profile(&self, new: Option<&NewWardrobe>, number: u8) -> bool {
        let wardrobe = new.map_or(self.0, |NewWardrobe(wardrobe)| wardrobe);
        let mut all = wardrobe.iter().flat_map(|wardrobe| wardrobe.profiles());
        number == 0 || all.any(|guise| guise.number() == number)
    }
}
