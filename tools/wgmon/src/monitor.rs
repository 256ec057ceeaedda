// SPDX-License-Identifier: GPL-2.0

//! Brings together what is read and what is heard.

use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::net::if_::if_nametoindex;

use crate::event::{Event, CONFIG};
use crate::model::{Tone, World};
use crate::names;
use crate::netlink::{Link, Source};
use crate::options::{Mode, Options};
use crate::reading::Kind;
use crate::Result;

/// Something that has happened, for those who tell it on.
pub enum Happening {
    /// And how many were lost before it.
    Event(Box<Event>, u64),
    /// An unknown number of events was lost.
    Overrun,
    Gone(String),
}

pub struct Monitor {
    source: Source,
    pub world: World,
    interval: Duration,
    /// All there are if empty.
    interfaces: Vec<String>,
    started: Instant,
    /// When the last reading began, and how long it took.
    read_at: Instant,
    read_took: Duration,
    /// Whether something was told since that is not known whole.
    is_stale: bool,
}

/// How long what is known may be stale.
const STALE: Duration = Duration::from_secs(2);

/// The time since 1970.
pub fn wall() -> Duration {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
}

impl Monitor {
    /// Reads everything for the first time.
    pub fn start(options: &Options) -> Result<Self> {
        let names = names::load(&options.names)?;
        let now = Instant::now();
        let mut this = Self {
            source: Source::open()?,
            world: World::new(names),
            interval: options.interval,
            interfaces: options.interfaces.clone(),
            started: now,
            read_at: now,
            read_took: Duration::ZERO,
            is_stale: false,
        };
        let links = this.source.links()?;
        this.check(&links, options)?;
        this.read()?;
        Ok(this)
    }

    /// Whether there is what is asked for.
    fn check(&self, links: &[Link], options: &Options) -> Result {
        for name in &self.interfaces {
            if links.iter().any(|link| link.name == *name) {
                continue;
            }
            return Err(match if_nametoindex(name.as_str()) {
                Ok(_) => format!(
                    "{name} is neither a WireGuard nor an AmneziaWG interface: name another one"
                ),
                Err(_) => format!(
                    "there is no interface {name}: make it by ip link add {name} type wireguard"
                ),
            });
        }
        if !links.is_empty() {
            return Ok(());
        }
        if !self.source.has_driver() {
            return Err("wireguard is not there: load the module, by modprobe wireguard".into());
        }
        // Who watches may wait for one.
        match options.mode {
            Mode::Once | Mode::Json { once: true } => Err(
                "there is no WireGuard interface: make one by ip link add wg0 type wireguard"
                    .into(),
            ),
            _ => Ok(()),
        }
    }

    /// Until all is to be read again: not before counters are wanted, unless events leave something open, and no more than half of
    /// the time.
    pub fn due_in(&self) -> Duration {
        let wanted = match self.is_stale {
            true => self.interval.min(STALE),
            false => self.interval,
        };
        let pause = wanted.max(2 * self.read_took);
        pause.saturating_sub(self.read_at.elapsed())
    }

    /// Reads all devices.
    pub fn read(&mut self) -> Result<Vec<Happening>> {
        self.read_at = Instant::now();
        self.is_stale = false;
        let mut links = self.source.links()?;
        links.retain(|link| self.is_watched(&link.name));
        let mut there = Vec::new();
        for link in &links {
            if let Some((device, whole)) = self.source.read(link)? {
                there.push(device.index);
                self.world.take(device, whole, self.started.elapsed());
            }
        }
        let gone = self.world.keep(|index| there.contains(&index), wall());
        self.read_took = self.read_at.elapsed();
        Ok(gone.into_iter().map(Happening::Gone).collect())
    }

    fn is_watched(&self, name: &String) -> bool {
        self.interfaces.is_empty() || self.interfaces.contains(name)
    }

    /// Takes what has been told since.
    pub fn hear(&mut self) -> Vec<Happening> {
        let wall = wall();
        let mut happened = Vec::new();
        let heard = self.source.hear();
        for event in heard.events {
            match self.world.hear(&event, wall) {
                Some(lost) => {
                    // What is configured is told by name only.
                    self.is_stale |= lost > 0 || event.kind.group() == Some(CONFIG);
                    happened.push(Happening::Event(event.into(), lost));
                }
                None => self.is_stale |= self.is_watched(&event.device),
            }
        }
        if heard.overrun {
            self.is_stale = true;
            let text = "events were lost: there were too many";
            self.world.note("", text, Tone::Bad, wall);
            happened.push(Happening::Overrun);
        }
        happened
    }

    /// What is to be waited for.
    pub fn ears(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.source.ears()
    }

    /// The groups by which events of a kind of devices come.
    pub fn groups(&self, kind: Kind) -> &[String] {
        self.source.groups(kind)
    }

    /// What is listened to, in words.
    pub fn status(&self) -> String {
        let kinds = self.world.devices.iter().map(|device| device.is.kind);
        let mut groups: Vec<_> = kinds.flat_map(|kind| self.groups(kind)).collect();
        groups.sort();
        groups.dedup();
        let every = format!("every {} s", self.interval.as_secs_f64());
        match groups.is_empty() {
            true => format!("no events, read {every}"),
            false => {
                let names: Vec<_> = groups.iter().map(|name| name.as_str()).collect();
                format!("events: {}; counters {every}", names.join(" "))
            }
        }
    }
}
