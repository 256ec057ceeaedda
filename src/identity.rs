// SPDX-License-Identifier: GPL-2.0

//! Who a device is: its static key pair.

use crate::{
    crypto::{KernelCrypto, Key},
    proto::{
        cookie::CookieKeys,
        identity::StaticIdentity, //
    }, //
};

/// A device's static key pair, and what follows from it; never changed but replaced whole.
pub(crate) struct Identity {
    keys: StaticIdentity<KernelCrypto>,
    cookie_keys: CookieKeys<KernelCrypto>,
}

impl Identity {
    /// The identity of a private key, if it makes one: zero does not.
    pub(crate) fn from_private(private: Key) -> Option<Self> {
        let keys = StaticIdentity::from_private(private)?;
        let cookie_keys = CookieKeys::new(keys.public());
        Some(Self { keys, cookie_keys })
    }

    /// The keys.
    pub(crate) fn keys(&self) -> &StaticIdentity<KernelCrypto> {
        &self.keys
    }

    /// What the macs of messages to us are made with, and cookie replies of ours.
    pub(crate) fn cookie_keys(&self) -> &CookieKeys<KernelCrypto> {
        &self.cookie_keys
    }

    /// Whether both are the same key pair, in constant time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.keys.private().ct_eq(other.keys.private())
    }
}
