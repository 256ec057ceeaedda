// SPDX-License-Identifier: GPL-2.0

//! What becomes of messages in either direction.

use std::{
    collections::VecDeque,
    fmt,
    net::SocketAddr,
    time::{SystemTime, UNIX_EPOCH},
};

use crate::{
    config::Config,
    format::Format,
    macs::{Macs, Receiver},
    message::{self, set_type, Kind},
    special::Before,
};

#[cfg(test)]
mod tests;

/// Trailers stay below it as long as no message with data was longer.
const FIRST_WINDOW: usize = 500;

/// How many are remembered. An end has four sessions at most, and begins one every five seconds while nobody
/// answers, but does not say when one is over.
const REMEMBERED: usize = 64;

/// What has happened to a datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    Sent(Kind),
    Received(Kind),
    /// From the end beside us.
    NoMessage(usize),
    NobodyKnown,
    CookiesDisabled,
    StrangeCookie,
    /// From outside: junk, or what is for nobody here.
    Ignored(usize),
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sent(kind) => write!(f, "sent {}", kind.name()),
            Self::Received(kind) => write!(f, "received {}", kind.name()),
            Self::NoMessage(length) => write!(f, "not sent: {length} bytes are no message"),
            Self::NobodyKnown => f.write_str("not sent: nobody is known outside yet"),
            Self::CookiesDisabled => f.write_str("not sent: cookie replies are disabled"),
            Self::StrangeCookie => f.write_str("not sent: a cookie reply to no message"),
            Self::Ignored(length) => write!(f, "ignored {length} bytes"),
        }
    }
}

pub struct Relay {
    format: Format,
    before: Before,
    disable_cookies: bool,
    /// Where messages go, and came from last.
    endpoint: Option<SocketAddr>,
    /// The end beside us, and the one outside.
    near: Receiver,
    far: Receiver,
    /// Indexes by which the end beside us is addressed.
    indexes: VecDeque<u32>,
    /// The last handshake message that was sent, as what a cookie reply can come.
    sent: Option<Macs>,
    /// Handshake messages that were received, by their sender's index, since cookie replies can be late.
    received: VecDeque<(u32, Macs)>,
    window: usize,
}

impl Relay {
    pub fn new(config: &Config) -> Self {
        Self {
            format: config.format.clone(),
            before: config.before.clone(),
            disable_cookies: config.disable_cookies,
            endpoint: config.endpoint,
            near: Receiver::new(&config.public_key),
            far: Receiver::new(&config.peer_public_key),
            indexes: VecDeque::new(),
            sent: None,
            received: VecDeque::new(),
            window: FIRST_WINDOW,
        }
    }

    /// What the end beside us has said, and how it goes out.
    pub fn send(&mut self, message: &[u8], mut wire: impl FnMut(&[u8], SocketAddr)) -> Outcome {
        let Some(kind) = Kind::of(message) else {
            return Outcome::NoMessage(message.len());
        };
        let Some(to) = self.endpoint else {
            return Outcome::NobodyKnown;
        };
        let mut message = message.to_vec();
        if let Err(outcome) = self.retype_for_outside(kind, &mut message) {
            return outcome;
        }
        if kind == Kind::Initiation {
            for packet in self.before.packets(seconds()) {
                wire(&packet, to);
            }
        }
        let datagram = self.format.dress(kind, &message, self.window);
        self.widen(kind, datagram.len());
        wire(&datagram, to);
        Outcome::Sent(kind)
    }

    fn retype_for_outside(&mut self, kind: Kind, message: &mut [u8]) -> Result<(), Outcome> {
        let value = self.format.pick_type(kind);
        match kind {
            Kind::Initiation | Kind::Response => {
                remember(&mut self.indexes, message::sender(kind, message));
                self.sent = Some(self.far.retype(message, value));
            }
            Kind::Cookie if self.disable_cookies => return Err(Outcome::CookiesDisabled),
            Kind::Cookie => {
                self.reseal_for_outside(message)
                    .ok_or(Outcome::StrangeCookie)?;
                set_type(message, value);
            }
            Kind::Data => set_type(message, value),
        }
        Ok(())
    }

    fn reseal_for_outside(&mut self, reply: &mut [u8]) -> Option<()> {
        let addressed = message::receiver(Kind::Cookie, reply)?;
        let to = self
            .received
            .iter()
            .filter(|(index, _)| *index == addressed);
        // An index may come again, and a reply that does not open is as it was.
        for (_, macs) in to.rev() {
            if self.near.reseal(reply, macs) {
                return Some(());
            }
        }
        None
    }

    /// What has come from outside, and the message in it.
    pub fn receive(&mut self, datagram: &[u8], from: SocketAddr) -> (Outcome, Option<Vec<u8>>) {
        let Some((kind, message)) = self.classify(datagram) else {
            return (Outcome::Ignored(datagram.len()), None);
        };
        if self.endpoint.replace(from) != Some(from) {
            self.window = FIRST_WINDOW;
        }
        self.widen(kind, datagram.len());
        (Outcome::Received(kind), Some(message))
    }

    /// A message is what its length and type allow, and something that nobody has by chance proves.
    fn classify(&mut self, datagram: &[u8]) -> Option<(Kind, Vec<u8>)> {
        let order = [Kind::Data, Kind::Initiation, Kind::Response, Kind::Cookie];
        order.into_iter().find_map(|kind| {
            let mut message = self.format.undress(kind, datagram)?;
            self.retype_for_near(kind, &mut message)?;
            Some((kind, message))
        })
    }

    /// Nothing if the message is not one for the end beside us.
    fn retype_for_near(&mut self, kind: Kind, message: &mut [u8]) -> Option<()> {
        match kind {
            Kind::Initiation | Kind::Response => {
                self.near.is_addressed(message).then_some(())?;
                let macs = self.near.retype(message, kind.plain_type());
                let sender = message::sender(kind, message)?;
                remember(&mut self.received, Some((sender, macs)));
            }
            Kind::Cookie => {
                self.is_live(kind, message).then_some(())?;
                let macs = self.sent?;
                self.far.reseal(message, &macs).then_some(())?;
                set_type(message, kind.plain_type());
            }
            Kind::Data => {
                self.is_live(kind, message).then_some(())?;
                set_type(message, kind.plain_type());
            }
        }
        Some(())
    }

    fn is_live(&self, kind: Kind, message: &[u8]) -> bool {
        message::receiver(kind, message).is_some_and(|index| self.indexes.contains(&index))
    }

    fn widen(&mut self, kind: Kind, length: usize) {
        if kind == Kind::Data {
            self.window = self.window.max(length);
        }
    }
}

/// Keeps the last few.
fn remember<T>(among: &mut VecDeque<T>, new: Option<T>) {
    among.extend(new);
    while among.len() > REMEMBERED {
        among.pop_front();
    }
}

fn seconds() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_secs() as u32)
}
