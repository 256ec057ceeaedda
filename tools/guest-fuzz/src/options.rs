// SPDX-License-Identifier: GPL-2.0

//! The command line.

use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

pub const USAGE: &str =
    "usage: guest-fuzz MODULE.KO [--seed N] [--actors N] [--seconds N | --operations N] \
    [--from N] [--only ACTOR] [--serial] [--patience SECONDS] [--trace FILE]";

#[derive(Clone)]
pub struct Options {
    pub module: PathBuf,
    pub seed: u64,
    pub actors: usize,
    pub seconds: u64,
    /// So many of each actor, however long that takes.
    pub operations: Option<u64>,
    /// Number of the first operation of each actor.
    pub from: u64,
    pub only: Option<usize>,
    /// All actors in turn, in one thread.
    pub serial: bool,
    /// How long a single operation may take.
    pub patience: u64,
    /// Where each operation is told before it begins.
    pub trace: Option<PathBuf>,
}

impl Options {
    pub fn parse(mut words: impl Iterator<Item = String>) -> Option<Self> {
        let mut options = Self {
            module: words.next()?.into(),
            seed: by_the_clock(),
            actors: 6,
            seconds: 60,
            operations: None,
            from: 0,
            only: None,
            serial: false,
            patience: 60,
            trace: None,
        };
        while let Some(word) = words.next() {
            if word == "--serial" {
                options.serial = true;
                continue;
            }
            let value = words.next()?;
            if word == "--trace" {
                options.trace = Some(value.into());
                continue;
            }
            let value: u64 = value.parse().ok()?;
            match &*word {
                "--seed" => options.seed = value,
                "--actors" => options.actors = (value as usize).max(1),
                "--seconds" => options.seconds = value,
                "--operations" => options.operations = Some(value),
                "--from" => options.from = value,
                "--only" => options.only = Some(value as usize),
                "--patience" => options.patience = value,
                _ => return None,
            }
        }
        Some(options)
    }

    /// The actors that act.
    pub fn cast(&self) -> Vec<usize> {
        match self.only {
            Some(actor) => vec![actor],
            None => (0..self.actors).collect(),
        }
    }

    /// How to do the same again.
    pub fn command(&self) -> String {
        let length = match self.operations {
            Some(count) => format!("--operations {count}"),
            None => format!("--seconds {}", self.seconds),
        };
        let only = self.only.map(|actor| format!(" --only {actor}"));
        format!(
            "guest-fuzz {} --seed {} --actors {} {length} --from {}{}{}",
            self.module.display(),
            self.seed,
            self.actors,
            self.from,
            only.unwrap_or_default(),
            if self.serial { " --serial" } else { "" },
        )
    }
}

fn by_the_clock() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(1, |since| since.as_nanos() as u64 >> 10)
}
