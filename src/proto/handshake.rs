// SPDX-License-Identifier: GPL-2.0 OR BSD-3-Clause

//! One peer's handshake: the slot both roles share, and the steps through it.
//!
//! ```text
//!             create_initiation            accept_response
//!  Zeroed ──────────────────────▶ CreatedInitiation ──────────────▶ ConsumedResponse ─┐
//!    │  ▲                               │                                             │ begin_session
//!    │  └───────────────────────────────┼─────────────────────────────────────────────┤
//!    │ accept_initiation                │ accept_initiation                           │
//!    └──────────────▶ ConsumedInitiation ◀┘ ────────────────────▶ CreatedResponse ────┘
//!                                            create_response
//! ```
//!
//! The heavy part of reading a message needs no slot: [`IncomingInitiation`] is opened with the
//! device's identity alone, names the peer, and is authenticated against its keys; a response is
//! opened against a [`PendingInitiation`] copied out of the slot. Only the outcome is brought back,
//! and checked against what the slot has become meanwhile. So a lock around the slot is never held
//! across a Diffie-Hellman that a stranger can ask for.

mod incoming;
mod outgoing;

pub use incoming::{
    AuthenticatedInitiation, AuthenticatedResponse, IncomingInitiation, PendingInitiation,
};

use core::mem;

use super::constants::INITIATION_SPACING;
use super::crypto::{AeadError, Crypto, DegenerateSharedSecret};
use super::messages::{Index, PublicKey};
use super::noise::{kdf2, Key, SymmetricState};
use super::tai64n::Timestamp;
use super::time::{BootTime, Maybe};

/// Why a step failed. The slot is as before unless the step says otherwise.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum HandshakeError {
    /// A Diffie-Hellman result is zero, or there is no identity to compute one with.
    DegenerateSharedSecret,
    /// The message is forged, damaged, or meant for other keys.
    Unauthentic,
    /// The slot is not, or no longer, in the state this step starts from.
    WrongState,
}

/// Why an authentic initiation is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Reject {
    /// Its timestamp is not newer than the newest seen from this peer.
    Replay,
    /// The last one from this peer was less than 20 ms ago.
    Flood,
}

impl From<DegenerateSharedSecret> for HandshakeError {
    fn from(_: DegenerateSharedSecret) -> Self {
        Self::DegenerateSharedSecret
    }
}

impl From<AeadError> for HandshakeError {
    fn from(_: AeadError) -> Self {
        Self::Unauthentic
    }
}

/// Which side of a handshake, and then of its session, we are.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Role {
    /// We sent the initiation.
    Initiator,
    /// We answered it.
    Responder,
}

/// How far a handshake is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Phase {
    /// There is none.
    Zeroed,
    /// We wait for a response.
    CreatedInitiation,
    /// We have yet to respond.
    ConsumedInitiation,
    /// We have responded: what remains is to begin the session.
    CreatedResponse,
    /// A response has come: likewise.
    ConsumedResponse,
}

impl Phase {
    /// Which side we are, if there is a handshake.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Zeroed => None,
            Self::CreatedInitiation | Self::ConsumedResponse => Some(Role::Initiator),
            Self::ConsumedInitiation | Self::CreatedResponse => Some(Role::Responder),
        }
    }
}

/// A message to send, and the local index it takes over from.
pub struct Created<M> {
    /// The message, without macs.
    pub message: M,
    /// The slot's former local index, which nothing refers to any more.
    pub replaced: Option<Index>,
}

/// What a finished handshake leaves behind.
pub struct SessionKeys<C: Crypto> {
    /// Our role.
    pub role: Role,
    /// Key of what we send.
    pub send: Key<C>,
    /// Key of what we receive.
    pub receive: Key<C>,
    /// The index we receive under, taken over from the handshake.
    pub local_index: Index,
    /// The index we send to.
    pub remote_index: Index,
}

/// The handshake slot of one peer.
pub struct Handshake<C: Crypto> {
    state: State<C>,
    local_index: Option<Index>,
    history: History,
}

/// What a peer's initiations are judged by. It must outlive every handshake.
#[derive(Clone, Copy, Debug, Default)]
pub struct History {
    greatest_timestamp: Timestamp,
    last_accepted: Maybe<BootTime>,
}

impl History {
    /// Whether an authentic initiation is neither a replay nor one too many.
    pub fn judge<C: Crypto>(
        &self,
        initiation: &AuthenticatedInitiation<C>,
        now: BootTime,
    ) -> Result<(), Reject> {
        if initiation.timestamp <= self.greatest_timestamp {
            return Err(Reject::Replay);
        }
        if self
            .last_accepted
            .get()
            .is_some_and(|last| !last.is_older_than(INITIATION_SPACING, now))
        {
            return Err(Reject::Flood);
        }
        Ok(())
    }
}

enum State<C: Crypto> {
    Zeroed,
    CreatedInitiation {
        symmetric: SymmetricState<C>,
        ephemeral: Key<C>,
    },
    ConsumedInitiation {
        symmetric: SymmetricState<C>,
        remote_ephemeral: PublicKey,
        remote_index: Index,
    },
    CreatedResponse {
        chaining_key: Key<C>,
        remote_index: Index,
    },
    ConsumedResponse {
        chaining_key: Key<C>,
        remote_index: Index,
    },
}

impl<C: Crypto> Default for Handshake<C> {
    fn default() -> Self {
        Self::new()
    }
}

impl<C: Crypto> Handshake<C> {
    /// An empty slot of a peer never heard of.
    #[must_use]
    pub const fn new() -> Self {
        Self::resume(History {
            greatest_timestamp: Timestamp([0; 12]),
            last_accepted: Maybe::<BootTime>::NONE,
        })
    }

    /// An empty slot of a peer with that history.
    #[must_use]
    pub const fn resume(history: History) -> Self {
        Self {
            state: State::Zeroed,
            local_index: None,
            history,
        }
    }

    /// What has to be remembered if the slot is given up.
    #[must_use]
    pub const fn history(&self) -> History {
        self.history
    }

    /// The local index in use, by which a response or cookie reply finds this slot.
    #[must_use]
    pub const fn local_index(&self) -> Option<Index> {
        self.local_index
    }

    /// How far the handshake is.
    #[must_use]
    pub const fn phase(&self) -> Phase {
        match &self.state {
            State::Zeroed => Phase::Zeroed,
            State::CreatedInitiation { .. } => Phase::CreatedInitiation,
            State::ConsumedInitiation { .. } => Phase::ConsumedInitiation,
            State::CreatedResponse { .. } => Phase::CreatedResponse,
            State::ConsumedResponse { .. } => Phase::ConsumedResponse,
        }
    }

    /// Takes an authentic initiation in, in place of whatever went on in the slot.
    ///
    /// The newest timestamp and the time of the last one stay for the life of the slot, also across
    /// [`clear`](Self::clear).
    pub fn accept_initiation(
        &mut self,
        initiation: AuthenticatedInitiation<C>,
        now: BootTime,
    ) -> Result<(), Reject> {
        self.history.judge(&initiation, now)?;
        self.history = History {
            greatest_timestamp: initiation.timestamp,
            last_accepted: Maybe::<BootTime>::some(now),
        };
        self.state = State::ConsumedInitiation {
            symmetric: initiation.symmetric,
            remote_ephemeral: initiation.remote_ephemeral,
            remote_index: initiation.remote_index,
        };
        Ok(())
    }

    /// Copies out what is needed to open a response to our initiation, if we wait for one.
    #[must_use]
    pub fn snapshot(&self) -> Option<PendingInitiation<C>> {
        match &self.state {
            State::CreatedInitiation {
                symmetric,
                ephemeral,
            } => Some(PendingInitiation {
                symmetric: symmetric.duplicate(),
                ephemeral: ephemeral.duplicate(),
                local_index: self.local_index?,
            }),
            State::Zeroed
            | State::ConsumedInitiation { .. }
            | State::CreatedResponse { .. }
            | State::ConsumedResponse { .. } => None,
        }
    }

    /// Takes an authentic response in, if the slot still holds the initiation it answers.
    pub fn accept_response(
        &mut self,
        response: AuthenticatedResponse<C>,
    ) -> Result<(), HandshakeError> {
        match &self.state {
            State::CreatedInitiation { ephemeral, .. } if ephemeral.ct_eq(&response.ephemeral) => {}
            _ => return Err(HandshakeError::WrongState),
        }
        self.state = State::ConsumedResponse {
            chaining_key: response.chaining_key,
            remote_index: response.remote_index,
        };
        Ok(())
    }

    /// Ends the handshake: derives the session's keys and wipes the slot's secrets. The local index
    /// goes over to the session.
    pub fn begin_session(&mut self) -> Result<SessionKeys<C>, HandshakeError> {
        let (role, chaining_key, remote_index) = match &self.state {
            State::ConsumedResponse {
                chaining_key,
                remote_index,
            } => (Role::Initiator, chaining_key, *remote_index),
            State::CreatedResponse {
                chaining_key,
                remote_index,
            } => (Role::Responder, chaining_key, *remote_index),
            State::Zeroed | State::CreatedInitiation { .. } | State::ConsumedInitiation { .. } => {
                return Err(HandshakeError::WrongState);
            }
        };
        let local_index = self.local_index.ok_or(HandshakeError::WrongState)?;
        let (first, second) = kdf2(chaining_key, &[]);
        let (send, receive) = match role {
            Role::Initiator => (first, second),
            Role::Responder => (second, first),
        };
        self.clear();
        Ok(SessionKeys {
            role,
            send,
            receive,
            local_index,
            remote_index,
        })
    }

    /// Wipes all secrets of the slot and returns the local index it no longer uses.
    pub fn clear(&mut self) -> Option<Index> {
        self.state = State::Zeroed;
        self.local_index.take()
    }

    fn take_state(&mut self) -> State<C> {
        mem::replace(&mut self.state, State::Zeroed)
    }
}
