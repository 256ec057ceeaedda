// SPDX-License-Identifier: GPL-2.0

//! What messages look like, if not like WireGuard's: AmneziaWG.
//!
//! A guise is never changed but replaced whole, so whoever works on a packet sees all of one. A device has
//! one of its own, and may have others, by number, for single peers: see [`crate::wardrobe`].

use kernel::prelude::*;

use crate::{
    crypto::KernelCrypto,
    kapi::{array::Array, string},
    proto::awg::{self, Profile, Special, SPECIALS}, //
};

/// All settings but the special packets.
pub(crate) type Settings = awg::Settings<KernelCrypto>;

/// The texts of special packets, I1 to I5.
pub(crate) type SpecialTexts<'a> = [Option<&'a CStr>; SPECIALS];

/// Settings that were checked.
pub(crate) struct Guise {
    number: u8,
    is_plain: bool,
    profile: Profile<KernelCrypto>,
    /// Each with its NUL.
    specials: [Option<Array<u8>>; SPECIALS],
}

impl Guise {
    /// Makes that of a number, of settings and texts that were checked.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(number: u8, settings: Settings, texts: &SpecialTexts<'_>) -> Result<Self> {
        let mut specials = [const { None }; SPECIALS];
        for (special, text) in specials.iter_mut().zip(texts) {
            if let Some(text) = text {
                *special = Some(Array::copy_of(text.to_bytes_with_nul())?);
            }
        }
        Ok(Self {
            number,
            is_plain: settings.is_plain() && texts.iter().all(Option::is_none),
            profile: Profile::new(settings).map_err(|_| EINVAL)?,
            specials,
        })
    }

    /// Zero for a device's own, or that of a profile.
    #[inline]
    pub(crate) fn number(&self) -> u8 {
        self.number
    }

    /// Whether all is as WireGuard has it, on the wire and in time.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        self.is_plain
    }

    /// Whether it is of the same number as another, and all is as there.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.number == other.number
            && self.profile.settings().is_same(other.profile.settings())
            && Iterator::eq(self.special_texts(), other.special_texts())
    }

    /// Whether nothing was set that would have to be shown.
    pub(crate) fn is_untouched(&self) -> bool {
        let settings = self.profile.settings();
        // Jmin and Jmax are remembered without Jc, though nothing comes of them.
        self.is_plain && settings.junk_count == 0 && settings.junk_len.is_zero()
    }

    /// What it makes of messages.
    #[inline]
    pub(crate) fn profile(&self) -> &Profile<KernelCrypto> {
        &self.profile
    }

    /// The special packets that precede an initiation, in their order.
    pub(crate) fn specials(&self) -> impl Iterator<Item = Special<'_>> {
        let texts = self.specials.iter().filter_map(text);
        texts.filter_map(|text| Special::parse(string::bytes(text)).ok())
    }

    /// The text of each special packet, as it was configured.
    pub(crate) fn special_texts(&self) -> impl Iterator<Item = Option<&CStr>> {
        self.specials.iter().map(text)
    }
}

fn text(special: &Option<Array<u8>>) -> Option<&CStr> {
    string::first(special.as_ref()?)
}
