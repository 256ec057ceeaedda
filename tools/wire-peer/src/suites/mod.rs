// SPDX-License-Identifier: GPL-2.0

//! The suites, each a list of tests in the order they run in.

mod captures;
mod datagrams;
mod drops;
mod events;
mod forget;
mod handshake;
mod packets;
mod secrets;
mod strangers;
mod timers;

use crate::bench::Bench;

type Suite = fn(&mut Bench);

const SUITES: &[(&str, Suite)] = &[
    ("captures", captures::run),
    ("datagrams", datagrams::run),
    ("drops", drops::run),
    ("events", events::run),
    ("forget", forget::run),
    ("handshake", handshake::run),
    ("packets", packets::run),
    ("secrets", secrets::run),
    ("strangers", strangers::run),
    ("timers", timers::run),
];

pub fn by_name(name: &str) -> Option<Suite> {
    SUITES
        .iter()
        .find_map(|(known, suite)| (*known == name).then_some(*suite))
}

pub fn names() -> String {
    let names: Vec<_> = SUITES.iter().map(|(name, _)| *name).collect();
    names.join(", ")
}
