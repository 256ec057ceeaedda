// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::net::{IpAddr, Ipv4Addr};
use std::ops::Range;

use crate::peers::MAX_PEERS;

const USAGE: &str = "usage: scale load|list|move|remove|clear|key|greet|expect INTERFACE COUNT \
    [--first N] [--shift N] [--bytes N] [--others N] [--from NAMESPACE] [--to ADDRESS]";

/// A list of peers is one attribute, whose length is a number of 16 bits.
const MAX_BYTES: u32 = 65_000;
/// A request has a peer at least.
const MIN_BYTES: u32 = 1;
const DEFAULT_BYTES: u32 = 60 << 10;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Command {
    Load,
    List,
    Move,
    Remove,
    Clear,
    Key,
    Greet,
    Expect,
}

impl Command {
    const ALL: [Self; 8] = [
        Self::Load,
        Self::List,
        Self::Move,
        Self::Remove,
        Self::Clear,
        Self::Key,
        Self::Greet,
        Self::Expect,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Load => "load",
            Self::List => "list",
            Self::Move => "move",
            Self::Remove => "remove",
            Self::Clear => "clear",
            Self::Key => "key",
            Self::Greet => "greet",
            Self::Expect => "expect",
        }
    }

    fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|command| command.name() == name)
    }
}

pub struct Options {
    pub command: Command,
    pub interface: String,
    pub count: u32,
    first: u32,
    shift: u32,
    /// Of attributes in a request.
    pub bytes: usize,
    /// How many peers of other origin a dump lists.
    pub others: u32,
    /// Where those who begin handshakes are, and where they find the device.
    pub from: String,
    pub to: IpAddr,
}

impl Options {
    /// The error is what to tell the user, in one line.
    pub fn parse(words: impl Iterator<Item = String>) -> Result<Self, String> {
        let words: Vec<String> = words.collect();
        let [command, interface, count, rest @ ..] = words.as_slice() else {
            return Err(USAGE.into());
        };
        let mut options = Self {
            command: Command::find(command).ok_or(USAGE)?,
            interface: interface.clone(),
            count: number("COUNT", count, 1..MAX_PEERS + 1)?,
            first: 0,
            shift: 0,
            bytes: DEFAULT_BYTES as usize,
            others: 0,
            from: String::new(),
            to: Ipv4Addr::LOCALHOST.into(),
        };
        for pair in rest.chunks(2) {
            let [word, value] = pair else {
                return Err(USAGE.into());
            };
            let numbers = 0..MAX_PEERS;
            match word.as_str() {
                "--first" => options.first = number(word, value, numbers)?,
                "--shift" => options.shift = number(word, value, numbers)?,
                "--from" => options.from = value.clone(),
                "--to" => {
                    options.to = value
                        .parse()
                        .map_err(|_| format!("{value} is no address"))?
                }
                "--others" => options.others = number(word, value, numbers)?,
                "--bytes" => {
                    options.bytes = number(word, value, MIN_BYTES..MAX_BYTES + 1)? as usize
                }
                _ => return Err(USAGE.into()),
            }
        }
        if options.command == Command::Greet && options.from.is_empty() {
            return Err(
                "greet needs --from and --to: where the callers are, and where the device is"
                    .into(),
            );
        }
        if options.first + options.count > MAX_PEERS {
            return Err(format!(
                "there are no more than {MAX_PEERS} peers: lower COUNT or --first"
            ));
        }
        Ok(options)
    }

    /// The numbers of the peers.
    pub fn range(&self) -> Range<u32> {
        self.first..self.first + self.count
    }

    /// Whose addresses a peer has when all have been moved.
    pub fn owned_by(&self, number: u32) -> u32 {
        let place = u64::from(number - self.first) + u64::from(self.shift);
        self.first + (place % u64::from(self.count)) as u32
    }
}

fn number(what: &str, word: &str, allowed: Range<u32>) -> Result<u32, String> {
    let found = word.parse().ok().filter(|value| allowed.contains(value));
    found.ok_or_else(|| {
        format!(
            "{what} is a number from {} to {}, not {word}",
            allowed.start,
            allowed.end - 1
        )
    })
}
