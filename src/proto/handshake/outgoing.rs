// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! The two handshake messages we make.

use super::super::crypto::Crypto;
use super::super::identity::{RemoteStatic, StaticIdentity};
use super::super::messages::{Index, Initiation, Response};
use super::super::noise::{public_key, Key, SymmetricState};
use super::super::tai64n::Timestamp;
use super::super::time::WallTime;
use super::{Created, Handshake, HandshakeError, State};

impl<C: Crypto> Handshake<C> {
    /// Starts a handshake (5.4.2), in place of whatever went on in the slot.
    ///
    /// `ephemeral` is fresh random; `local_index` is unused by any other handshake or session of
    /// the device. The message still lacks its macs.
    pub fn create_initiation(
        &mut self,
        identity: &StaticIdentity<C>,
        remote: &RemoteStatic<C>,
        ephemeral: Key<C>,
        local_index: Index,
        now: WallTime,
    ) -> Result<Created<Initiation>, HandshakeError> {
        let static_static = remote.static_static()?;
        let ephemeral_public = public_key(&ephemeral)?;
        let mut message = Initiation::new(local_index, ephemeral_public);
        let mut symmetric = SymmetricState::new(remote.public());

        symmetric.mix_ephemeral(&ephemeral_public);
        let key = symmetric.mix_dh(&ephemeral, remote.public())?;
        symmetric.encrypt_and_hash(&mut message.encrypted_static, &identity.public().0, &key)?;
        let key = symmetric.mix_shared(static_static);
        let timestamp = Timestamp::new(now);
        symmetric.encrypt_and_hash(&mut message.encrypted_timestamp, &timestamp.0, &key)?;

        self.state = State::CreatedInitiation {
            symmetric,
            ephemeral,
        };
        Ok(Created {
            message,
            replaced: self.local_index.replace(local_index),
        })
    }

    /// Answers the initiation the slot holds (5.4.3). If this fails the slot is left empty.
    ///
    /// `ephemeral` is fresh random; `local_index` is unused by any other handshake or session of
    /// the device. The message still lacks its macs.
    pub fn create_response(
        &mut self,
        remote: &RemoteStatic<C>,
        ephemeral: Key<C>,
        local_index: Index,
    ) -> Result<Created<Response>, HandshakeError> {
        let (mut symmetric, remote_ephemeral, remote_index) = match self.take_state() {
            State::ConsumedInitiation {
                symmetric,
                remote_ephemeral,
                remote_index,
            } => (symmetric, remote_ephemeral, remote_index),
            other => {
                self.state = other;
                return Err(HandshakeError::WrongState);
            }
        };
        let ephemeral_public = public_key(&ephemeral)?;
        let mut message = Response::new(local_index, remote_index, ephemeral_public);

        symmetric.mix_ephemeral(&ephemeral_public);
        symmetric.mix_dh_chaining(&ephemeral, &remote_ephemeral)?;
        symmetric.mix_dh_chaining(&ephemeral, remote.public())?;
        let key = symmetric.mix_preshared(remote.preshared_key());
        symmetric.encrypt_and_hash(&mut message.encrypted_nothing, &[], &key)?;

        self.state = State::CreatedResponse {
            chaining_key: symmetric.into_chaining_key(),
            remote_index,
        };
        Ok(Created {
            message,
            replaced: self.local_index.replace(local_index),
        })
    }
}
