// SPDX-License-Identifier: GPL-2.0

//! What slots remember, and which messages are authentic, by looking at who sent what.

use wireguard_proto::constants::INITIATION_SPACING;
use wireguard_proto::handshake::Reject;
use wireguard_proto::messages::{Initiation, Response};
use wireguard_proto::tai64n::Timestamp;

use super::Place;

/// A message that one party made for another.
pub(super) struct Sent {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) bytes: Vec<u8>,
    pub(super) content: Content,
}

#[derive(Clone, Copy)]
pub(super) enum Content {
    Initiation {
        timestamp: Timestamp,
    },
    /// Answers the initiation of this number, under a preshared key.
    Response {
        initiation: usize,
        preshared: u8,
    },
}

/// What ends with a session: the number of the response, and the index to send to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Finished {
    pub(super) response: usize,
    pub(super) remote_index: u32,
}

#[derive(Clone, Copy, Default)]
pub(super) enum State {
    #[default]
    Zeroed,
    CreatedInitiation(usize),
    ConsumedInitiation {
        number: usize,
        remote_index: u32,
    },
    CreatedResponse(Finished),
    ConsumedResponse(Finished),
}

#[derive(Default)]
pub(super) struct Slot {
    pub(super) state: State,
    pub(super) local_index: Option<u32>,
    pub(super) greatest: Timestamp,
    pub(super) last_accepted: Option<u64>,
}

impl Slot {
    /// The initiation that waits for a response.
    pub(super) fn initiation(&self) -> Option<usize> {
        match self.state {
            State::CreatedInitiation(number) => Some(number),
            _ => None,
        }
    }

    pub(super) fn verdict(&self, timestamp: Timestamp, now: u64) -> Result<(), Reject> {
        if timestamp <= self.greatest {
            return Err(Reject::Replay);
        }
        let spacing = INITIATION_SPACING.as_nanos() as u64;
        match self.last_accepted {
            Some(last) if now < last + spacing => Err(Reject::Flood),
            _ => Ok(()),
        }
    }
}

/// What a look at an initiation must reveal.
pub(super) enum Claim {
    /// Nothing: it is not for this receiver, or damaged.
    Nothing,
    /// Who its sender claims to be, but what proves it is damaged.
    Unproven(usize),
    /// The initiation of this number.
    Proven(usize),
}

/// Ephemeral key, encrypted static key, encrypted timestamp.
const INITIATION_KEYS: std::ops::Range<usize> = 8..88;
const INITIATION_TIMESTAMP: std::ops::Range<usize> = 88..116;
/// Ephemeral key and tag.
const RESPONSE_BODY: std::ops::Range<usize> = 12..60;

pub(super) fn judge_initiation(sent: &[Sent], who: usize, message: &Initiation) -> Claim {
    let bytes = zerocopy::IntoBytes::as_bytes(message);
    let made = sent
        .iter()
        .enumerate()
        .filter(|(_, sent)| sent.to == who && matches!(sent.content, Content::Initiation { .. }));
    let mut same = made.filter(|(_, sent)| sent.bytes[INITIATION_KEYS] == bytes[INITIATION_KEYS]);
    match same.next() {
        None => Claim::Nothing,
        Some((number, sent)) if sent.bytes[INITIATION_TIMESTAMP] == bytes[INITIATION_TIMESTAMP] => {
            Claim::Proven(number)
        }
        Some((_, sent)) => Claim::Unproven(sent.from),
    }
}

/// The number of the response that this is, if it answers the initiation `number` of this place.
pub(super) fn judge_response(
    sent: &[Sent],
    place: Place,
    number: usize,
    preshared: u8,
    message: &Response,
) -> Option<usize> {
    let bytes = zerocopy::IntoBytes::as_bytes(message);
    sent.iter().position(|sent| {
        let Content::Response {
            initiation,
            preshared: theirs,
        } = sent.content
        else {
            return false;
        };
        (sent.from, sent.to) == (place.peer, place.who)
            && initiation == number
            && theirs == preshared
            && sent.bytes[RESPONSE_BODY] == bytes[RESPONSE_BODY]
    })
}
