// SPDX-License-Identifier: GPL-2.0

//! What an AmneziaWG device looks like, if not like WireGuard.
//!
//! A guise is never changed but replaced whole, so whoever works on a packet sees all of one.

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
    profile: Profile<KernelCrypto>,
    /// Each with its NUL.
    specials: [Option<Array<u8>>; SPECIALS],
}

impl Guise {
    /// Makes one of settings and texts that were checked.
    ///
    /// # Errors
    ///
    /// `ENOMEM`.
    pub(crate) fn new(settings: Settings, texts: &SpecialTexts<'_>) -> Result<Self> {
        let mut specials = [const { None }; SPECIALS];
        for (special, text) in specials.iter_mut().zip(texts) {
            if let Some(text) = text {
                *special = Some(Array::copy_of(text.to_bytes_with_nul())?);
            }
        }
        Ok(Self {
            profile: Profile::new(settings).map_err(|_| EINVAL)?,
            specials,
        })
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
