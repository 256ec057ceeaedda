// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! Who we are and who a peer is: long-lived keys and what can be computed from them but once.

use super::crypto::{Crypto, DegenerateSharedSecret};
use super::messages::PublicKey;
use super::noise::{dh, public_key, Key};

/// A device's static key pair.
pub struct StaticIdentity<C: Crypto> {
    private: Key<C>,
    public: PublicKey,
}

impl<C: Crypto> StaticIdentity<C> {
    /// The identity of a private key, which is clamped; none if the key is all zero or its public
    /// key is degenerate.
    #[must_use]
    pub fn from_private(mut private: Key<C>) -> Option<Self> {
        if private.is_zero() {
            return None;
        }
        clamp(private.as_mut_bytes());
        let public = public_key(&private).ok()?;
        Some(Self { private, public })
    }

    /// The private key, clamped.
    #[must_use]
    pub const fn private(&self) -> &Key<C> {
        &self.private
    }

    /// The public key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }
}

/// Brings a scalar into the form RFC 7748 asks for.
fn clamp([first, .., last]: &mut [u8; 32]) {
    *first &= 248;
    *last = (*last & 127) | 64;
}

/// A peer's static public key, the preshared key, and the static-static secret, computed once.
pub struct RemoteStatic<C: Crypto> {
    public: PublicKey,
    preshared_key: Key<C>,
    static_static: Option<Key<C>>,
}

impl<C: Crypto> RemoteStatic<C> {
    /// A peer without preshared key, seen from `identity`. Costs a Diffie-Hellman.
    #[must_use]
    pub fn new(public: PublicKey, identity: Option<&StaticIdentity<C>>) -> Self {
        let mut remote = Self {
            public,
            preshared_key: Key::zeroed(),
            static_static: None,
        };
        remote.refresh(identity);
        remote
    }

    /// Computes anew what depends on the device's identity. Costs a Diffie-Hellman.
    pub fn refresh(&mut self, identity: Option<&StaticIdentity<C>>) {
        self.static_static = identity.and_then(|identity| dh(&identity.private, &self.public).ok());
    }

    /// A copy, to be worked with while the original may change.
    #[must_use]
    pub fn duplicate(&self) -> Self {
        Self {
            public: self.public,
            preshared_key: self.preshared_key.duplicate(),
            static_static: self.static_static.as_ref().map(Key::duplicate),
        }
    }

    /// Sets the preshared key for future handshakes; all zero is none.
    pub fn set_preshared_key(&mut self, preshared_key: Key<C>) {
        self.preshared_key = preshared_key;
    }

    /// The peer's public key.
    #[must_use]
    pub const fn public(&self) -> &PublicKey {
        &self.public
    }

    /// The preshared key; all zero is none.
    #[must_use]
    pub const fn preshared_key(&self) -> &Key<C> {
        &self.preshared_key
    }

    /// Whether a handshake is possible at all: there is an identity, and the peer's key is sound.
    #[must_use]
    pub const fn can_handshake(&self) -> bool {
        self.static_static.is_some()
    }

    pub(super) fn static_static(&self) -> Result<&Key<C>, DegenerateSharedSecret> {
        self.static_static.as_ref().ok_or(DegenerateSharedSecret)
    }
}
