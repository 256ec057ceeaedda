// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The two handshake messages we read, in stages that need no access to the slot.

use super::super::constants::TIMESTAMP_LEN;
use super::super::crypto::Crypto;
use super::super::identity::{RemoteStatic, StaticIdentity};
use super::super::messages::{Index, Initiation, PublicKey, Response};
use super::super::noise::{Key, SymmetricState};
use super::super::tai64n::Timestamp;
use super::HandshakeError;

/// An initiation whose sender is claimed but not yet proven.
pub struct IncomingInitiation<'a, C: Crypto> {
    symmetric: SymmetricState<C>,
    remote_static: PublicKey,
    message: &'a Initiation,
}

impl<'a, C: Crypto> IncomingInitiation<'a, C> {
    /// Decrypts the sender's static key. Costs a Diffie-Hellman.
    pub fn open(
        identity: &StaticIdentity<C>,
        message: &'a Initiation,
    ) -> Result<Self, HandshakeError> {
        let mut symmetric = SymmetricState::new(identity.public());
        symmetric.mix_ephemeral(&message.ephemeral);
        let key = symmetric.mix_dh(identity.private(), &message.ephemeral)?;
        let mut remote_static = PublicKey([0; 32]);
        symmetric.decrypt_and_hash(&mut remote_static.0, &message.encrypted_static, &key)?;
        Ok(Self {
            symmetric,
            remote_static,
            message,
        })
    }

    /// The static key the sender claims, to look its peer up with.
    #[must_use]
    pub const fn remote_static(&self) -> &PublicKey {
        &self.remote_static
    }

    /// Checks that the sender has the private key of `remote`, the peer found by
    /// [`remote_static`](Self::remote_static).
    pub fn authenticate(
        mut self,
        remote: &RemoteStatic<C>,
    ) -> Result<AuthenticatedInitiation<C>, HandshakeError> {
        let key = self.symmetric.mix_shared(remote.static_static()?);
        let mut timestamp = Timestamp([0; TIMESTAMP_LEN]);
        self.symmetric.decrypt_and_hash(
            &mut timestamp.0,
            &self.message.encrypted_timestamp,
            &key,
        )?;
        Ok(AuthenticatedInitiation {
            symmetric: self.symmetric,
            remote_ephemeral: self.message.ephemeral,
            remote_index: self.message.sender(),
            timestamp,
        })
    }
}

/// An initiation from the peer it claims. It may still be a replay.
pub struct AuthenticatedInitiation<C: Crypto> {
    pub(super) symmetric: SymmetricState<C>,
    pub(super) remote_ephemeral: PublicKey,
    pub(super) remote_index: Index,
    pub(super) timestamp: Timestamp,
}

impl<C: Crypto> AuthenticatedInitiation<C> {
    /// When the peer made it, by its own clock.
    #[must_use]
    pub const fn timestamp(&self) -> Timestamp {
        self.timestamp
    }
}

/// A copy of an initiation of ours that waits for its response.
pub struct PendingInitiation<C: Crypto> {
    pub(super) symmetric: SymmetricState<C>,
    pub(super) ephemeral: Key<C>,
    pub(super) local_index: Index,
}

impl<C: Crypto> PendingInitiation<C> {
    /// Checks that `message` answers this initiation and comes from `remote`. Costs two
    /// Diffie-Hellmans.
    pub fn open_response(
        self,
        identity: &StaticIdentity<C>,
        remote: &RemoteStatic<C>,
        message: &Response,
    ) -> Result<AuthenticatedResponse<C>, HandshakeError> {
        if message.receiver() != self.local_index {
            return Err(HandshakeError::WrongState);
        }
        let Self {
            mut symmetric,
            ephemeral,
            ..
        } = self;
        symmetric.mix_ephemeral(&message.ephemeral);
        symmetric.mix_dh_chaining(&ephemeral, &message.ephemeral)?;
        symmetric.mix_dh_chaining(identity.private(), &message.ephemeral)?;
        let key = symmetric.mix_preshared(remote.preshared_key());
        symmetric.decrypt_and_hash(&mut [], &message.encrypted_nothing, &key)?;
        Ok(AuthenticatedResponse {
            chaining_key: symmetric.into_chaining_key(),
            ephemeral,
            remote_index: message.sender(),
        })
    }
}

/// A response from the peer we addressed. The slot may have moved on meanwhile.
pub struct AuthenticatedResponse<C: Crypto> {
    pub(super) chaining_key: Key<C>,
    pub(super) ephemeral: Key<C>,
    pub(super) remote_index: Index,
}
