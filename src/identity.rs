// SPDX-License-Identifier: GPL-2.0

//! Who a device is: its static key pair.

use crate::{
    crypto::{KernelCrypto, Key},
    proto::identity::StaticIdentity, //
};

/// A device's static key pair, never changed but replaced whole.
pub(crate) struct Identity(StaticIdentity<KernelCrypto>);

impl Identity {
    /// The identity of a private key, if it makes one: zero does not.
    pub(crate) fn from_private(private: Key) -> Option<Self> {
        StaticIdentity::from_private(private).map(Self)
    }

    /// The keys.
    pub(crate) fn keys(&self) -> &StaticIdentity<KernelCrypto> {
        &self.0
    }

    /// Whether both are the same key pair, in constant time.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.private().ct_eq(other.0.private())
    }
}
