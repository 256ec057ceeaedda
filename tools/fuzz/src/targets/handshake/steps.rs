// SPDX-License-Identifier: GPL-2.0

//! What may happen, and what must come of it.

use wireguard_proto::crypto::{Crypto, Secret};
use wireguard_proto::handshake::{
    AuthenticatedInitiation, HandshakeError, IncomingInitiation, Role, SessionKeys,
};
use wireguard_proto::messages::{parse, HandshakeMessage, Initiation, Message, Response};
use wireguard_proto::tai64n::Timestamp;

use super::model::{judge_initiation, judge_response, Claim, Content, Finished, Sent, State};
use super::{key, Party, Pending, Place, World, PARTIES};
use crate::input::Input;

impl<C: Crypto> World<C> {
    pub(super) fn initiate(&mut self, place: Place) {
        let (ephemeral, index, now) = (key(2, self.fresh_serial()), self.fresh_index(), self.wall);
        let number = self.sent.len();
        let Party { identity, peers } = &mut self.parties[place.who];
        let peer = &mut peers[place.peer];
        let created = peer
            .slot
            .create_initiation(identity, &peer.remote, ephemeral, index, now);
        let created = created.expect("all keys are sound");
        assert_eq!(created.message.sender(), index);
        let replaced = peer.model.local_index.replace(index.0);
        assert_eq!(created.replaced.map(|index| index.0), replaced);
        peer.model.state = State::CreatedInitiation(number);
        let timestamp = Timestamp::new(now);
        self.send(place, &created.message, Content::Initiation { timestamp });
    }

    fn send(&mut self, place: Place, message: &impl HandshakeMessage, content: Content) {
        self.sent.push(Sent {
            from: place.who,
            to: place.peer,
            bytes: message.as_bytes().to_vec(),
            content,
        });
    }

    /// Brings a message that was sent once, perhaps changed or mixed with another, to anybody.
    pub(super) fn deliver(&mut self, input: &mut Input<'_>) {
        if self.sent.is_empty() {
            return;
        }
        let choice = &self.sent[input.below(self.sent.len().min(256))];
        let (mut bytes, kind_before) = (choice.bytes.clone(), choice.bytes[0]);
        let kind = input.u8();
        let who = match kind % 8 {
            0 => input.below(PARTIES),
            _ => choice.to,
        };
        self.damage(&mut bytes, kind >> 4, input);
        match parse(&bytes) {
            Ok(Message::Initiation(message)) => self.receive_initiation(who, message),
            Ok(Message::Response(message)) => {
                let peer = (who + 1 + input.below(PARTIES - 1)) % PARTIES;
                self.receive_response(Place { who, peer }, message);
            }
            _ => assert_ne!(bytes[..4], [kind_before, 0, 0, 0]),
        }
        if kind & 8 == 0 {
            self.take_last_pending();
        }
    }

    fn damage(&self, bytes: &mut [u8], how: u8, input: &mut Input<'_>) {
        match how {
            0..8 => {}
            8..12 => {
                let at = usize::from(input.u8()) % bytes.len();
                bytes[at] ^= input.u8();
            }
            _ => {
                let other = &self.sent[input.below(self.sent.len().min(256))].bytes;
                let end = bytes.len().min(other.len());
                let from = input.below(end);
                let to = from + input.below(end - from + 1);
                bytes[from..to].copy_from_slice(&other[from..to]);
            }
        }
    }

    fn receive_initiation(&mut self, who: usize, message: &Initiation) {
        let Party { identity, peers } = &self.parties[who];
        let claim = judge_initiation(&self.sent, who, message);
        let opened = IncomingInitiation::open(identity, message);
        let (from, number) = match claim {
            Claim::Nothing => return assert!(opened.is_err(), "a forged static key"),
            Claim::Unproven(from) => (from, None),
            Claim::Proven(number) => (self.sent[number].from, Some(number)),
        };
        let incoming = opened.expect("a static key as it was sent");
        let remote = &peers[from].remote;
        assert_eq!(incoming.remote_static(), remote.public());
        let authentic = incoming.authenticate(remote);
        let Some(number) = number else {
            return assert_eq!(authentic.err(), Some(HandshakeError::Unauthentic));
        };
        self.pending.push(Pending::Initiation {
            place: Place { who, peer: from },
            authentic: authentic.expect("an initiation as it was sent"),
            number,
            remote_index: message.sender().0,
        });
    }

    fn receive_response(&mut self, place: Place, message: &Response) {
        let Party { identity, peers } = &self.parties[place.who];
        let peer = &peers[place.peer];
        let Some(initiation) = peer.model.initiation() else {
            return;
        };
        let is_for_us = Some(message.receiver().0) == peer.model.local_index;
        let response = judge_response(&self.sent, place, initiation, peer.preshared, message);
        let waiting = peer.slot.snapshot().expect("we wait for a response");
        let opened = waiting.open_response(identity, &peer.remote, message);
        let Some(response) = response.filter(|_| is_for_us) else {
            let error = opened.err().expect("a forged response");
            return assert_eq!(error == HandshakeError::WrongState, !is_for_us);
        };
        self.pending.push(Pending::Response {
            place,
            authentic: opened.expect("a response as it was sent"),
            initiation,
            finished: Finished {
                response,
                remote_index: message.sender().0,
            },
        });
    }

    pub(super) fn take_pending(&mut self, input: &mut Input<'_>) {
        if !self.pending.is_empty() {
            let choice = input.below(self.pending.len().min(256));
            let pending = self.pending.swap_remove(choice);
            self.take(pending);
        }
    }

    fn take_last_pending(&mut self) {
        if let Some(pending) = self.pending.pop() {
            self.take(pending);
        }
    }

    fn take(&mut self, pending: Pending<C>) {
        match pending {
            Pending::Initiation {
                place,
                authentic,
                number,
                remote_index,
            } => {
                let consumed = State::ConsumedInitiation {
                    number,
                    remote_index,
                };
                self.take_initiation(place, authentic, number, consumed);
            }
            Pending::Response {
                place,
                authentic,
                initiation,
                finished,
            } => {
                let peer = self.peer(place);
                let is_awaited = peer.model.initiation() == Some(initiation);
                let expected = is_awaited.then_some(()).ok_or(HandshakeError::WrongState);
                assert_eq!(peer.slot.accept_response(authentic), expected);
                if is_awaited {
                    peer.model.state = State::ConsumedResponse(finished);
                }
            }
        }
    }

    fn take_initiation(
        &mut self,
        place: Place,
        authentic: AuthenticatedInitiation<C>,
        number: usize,
        consumed: State,
    ) {
        let Content::Initiation { timestamp } = self.sent[number].content else {
            unreachable!("the number is that of an initiation");
        };
        let (boot, now) = (self.boot, self.boot());
        let peer = self.peer(place);
        let expected = peer.model.verdict(timestamp, boot);
        assert_eq!(peer.slot.accept_initiation(authentic, now), expected);
        if expected.is_ok() {
            peer.model.greatest = timestamp;
            peer.model.last_accepted = Some(boot);
            peer.model.state = consumed;
        }
    }

    pub(super) fn respond(&mut self, place: Place) {
        let (ephemeral, index) = (key(3, self.fresh_serial()), self.fresh_index());
        let response = self.sent.len();
        let peer = self.peer(place);
        let created = peer.slot.create_response(&peer.remote, ephemeral, index);
        let State::ConsumedInitiation {
            number,
            remote_index,
        } = peer.model.state
        else {
            return assert_eq!(created.err(), Some(HandshakeError::WrongState));
        };
        let created = created.expect("all keys are sound");
        let replaced = peer.model.local_index.replace(index.0);
        assert_eq!(created.replaced.map(|index| index.0), replaced);
        assert_eq!(created.message.sender(), index);
        assert_eq!(created.message.receiver().0, remote_index);
        peer.model.state = State::CreatedResponse(Finished {
            response,
            remote_index,
        });
        let content = Content::Response {
            initiation: number,
            preshared: peer.preshared,
        };
        self.send(place, &created.message, content);
    }

    pub(super) fn begin_session(&mut self, place: Place) {
        let peer = self.peer(place);
        let begun = peer.slot.begin_session();
        let (role, finished) = match peer.model.state {
            State::CreatedResponse(finished) => (Role::Responder, finished),
            State::ConsumedResponse(finished) => (Role::Initiator, finished),
            State::Zeroed | State::CreatedInitiation(_) | State::ConsumedInitiation { .. } => {
                return assert_eq!(begun.err(), Some(HandshakeError::WrongState));
            }
        };
        let keys = begun.expect("a complete handshake");
        assert_eq!(keys.role, role);
        assert_eq!(Some(keys.local_index.0), peer.model.local_index.take());
        assert_eq!(keys.remote_index.0, finished.remote_index);
        peer.model.state = State::Zeroed;
        self.match_session(finished.response, keys);
    }

    /// The two ends of a session have the same keys, and nobody else has them.
    fn match_session(&mut self, response: usize, keys: SessionKeys<C>) {
        let other = self.sessions.iter().find(|(number, _)| *number == response);
        if let Some((_, other)) = other {
            assert_ne!(keys.role, other.role, "a response was used twice");
            assert_eq!(keys.send.as_bytes(), other.receive.as_bytes());
            assert_eq!(keys.receive.as_bytes(), other.send.as_bytes());
        } else {
            for key in [&keys.send, &keys.receive] {
                assert!(self.keys.insert(*key.as_bytes()), "keys of another session");
            }
        }
        self.sessions.push((response, keys));
    }

    pub(super) fn clear(&mut self, place: Place) {
        let peer = self.peer(place);
        let index = peer.slot.clear().map(|index| index.0);
        assert_eq!(index, peer.model.local_index.take());
        peer.model.state = State::Zeroed;
    }

    pub(super) fn set_preshared(&mut self, place: Place, preshared: u8) {
        let peer = self.peer(place);
        peer.preshared = preshared;
        peer.remote
            .set_preshared_key(Secret::from_bytes([preshared; 32]));
    }
}
