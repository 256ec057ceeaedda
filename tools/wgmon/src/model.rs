// SPDX-License-Identifier: GPL-2.0

//! What is known of all devices, from readings and events. Clocks are arguments: `at` never goes back, `wall` is the time
//! since 1970.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fmt;
use std::time::Duration;

use crate::event::{self, Event};
use crate::names::Names;
use crate::reading::{self, Key};

/// As many lines of the log as are kept.
const LOG_LINES: usize = 1000;

/// Readings that are closer together tell nothing of rates.
const SHORTEST_SPAN: Duration = Duration::from_millis(10);

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum State {
    /// There is a session, and it answers.
    Up,
    /// There is a session, and it does not answer.
    Silent,
    /// The last attempt at a handshake failed.
    Failed,
    /// There was a session.
    Idle,
    /// There was none yet.
    Never,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Up => "up",
            Self::Silent => "silent",
            Self::Failed => "failed",
            Self::Idle => "idle",
            Self::Never => "never",
        })
    }
}

/// Bytes in a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rates {
    pub received: f64,
    pub sent: f64,
}

#[derive(Debug)]
pub struct Peer {
    pub is: reading::Peer,
    /// Unknown until it was read twice.
    pub rates: Option<Rates>,
    /// Whether it answers by what was heard since it was read.
    heard: Option<bool>,
    /// What was heard of its last attempt.
    gave_up: bool,
}

impl Peer {
    fn new(is: reading::Peer) -> Self {
        Self {
            is,
            rates: None,
            heard: None,
            gave_up: false,
        }
    }

    pub fn state(&self, session_life: Duration, wall: Duration) -> State {
        let handshake = self.is.last_handshake;
        let recent = handshake.is_some_and(|time| wall.saturating_sub(time) < session_life);
        match self.heard.or(self.is.alive) {
            Some(false) if recent => State::Silent,
            _ if recent => State::Up,
            _ if self.gave_up || self.is.failure.is_some() => State::Failed,
            _ if handshake.is_none() => State::Never,
            _ => State::Idle,
        }
    }

    pub fn drops(&self) -> u64 {
        sum(&self.is.drops)
    }

    fn take(&mut self, is: reading::Peer, span: Option<Duration>) {
        self.rates = span.and_then(|span| {
            let seconds = span.as_secs_f64();
            let received = is.received.checked_sub(self.is.received)? as f64;
            let sent = is.sent.checked_sub(self.is.sent)? as f64;
            Some(Rates {
                received: received / seconds,
                sent: sent / seconds,
            })
        });
        // What was read is newer. A driver that does not tell whether a peer answers cannot say that it does again.
        if is.alive.is_some() || self.heard == Some(true) {
            self.heard = None;
        }
        if is.failure.is_some() || is.last_handshake != self.is.last_handshake {
            self.gave_up = false;
        }
        self.is = is;
    }

    fn hear(&mut self, event: &Event, subject: &event::Subject, wall: Duration) {
        if subject.label.is_some() {
            self.is.label.clone_from(&subject.label);
        }
        self.is.endpoint = subject.endpoint.or(self.is.endpoint);
        match event.kind {
            event::Kind::SessionBegun | event::Kind::SessionRekeyed => {
                self.is.last_handshake = Some(wall);
                self.is.failure = None;
                (self.heard, self.gave_up) = (Some(true), false);
            }
            event::Kind::Back => self.heard = Some(true),
            event::Kind::Silent | event::Kind::SessionEnded => self.heard = Some(false),
            event::Kind::GaveUp => {
                self.is.failure = subject.failure.or(self.is.failure);
                (self.heard, self.gave_up) = (Some(false), true);
            }
            _ => {}
        }
    }
}

#[derive(Debug)]
pub struct Device {
    /// Its peers are below.
    pub is: reading::Device,
    pub peers: HashMap<Key, Peer>,
    pub rates: Option<Rates>,
    /// How many there were, of each kind.
    pub events: BTreeMap<event::Kind, u64>,
    /// How many were not heard.
    pub lost: u64,
    /// What was heard last of each group.
    sequences: [Option<u32>; event::GROUPS.len()],
    read_at: Duration,
}

impl Device {
    fn new(is: &reading::Device, at: Duration) -> Self {
        Self {
            is: reading::Device {
                peers: Vec::new(),
                ..is.clone()
            },
            peers: HashMap::new(),
            rates: None,
            events: BTreeMap::new(),
            lost: 0,
            sequences: [None; event::GROUPS.len()],
            read_at: at,
        }
    }

    pub fn state(&self, peer: &Peer, wall: Duration) -> State {
        peer.state(self.is.session_life, wall)
    }

    pub fn up(&self, wall: Duration) -> usize {
        let up = |peer: &&Peer| self.state(peer, wall) == State::Up;
        self.peers.values().filter(up).count()
    }

    pub fn drops(&self) -> u64 {
        sum(&self.is.drops)
    }

    fn take(&mut self, mut is: reading::Device, whole: bool, at: Duration) {
        let span = at
            .checked_sub(self.read_at)
            .filter(|span| *span >= SHORTEST_SPAN);
        let mut there = HashSet::new();
        for peer in is.peers.drain(..) {
            if whole {
                there.insert(peer.key);
            }
            match self.peers.get_mut(&peer.key) {
                Some(known) => known.take(peer, span),
                None => {
                    self.peers.insert(peer.key, Peer::new(peer));
                }
            }
        }
        // A picture that was disturbed may lack some that are there.
        if whole {
            self.peers.retain(|key, _| there.contains(key));
        }
        let known: Vec<Rates> = self.peers.values().filter_map(|peer| peer.rates).collect();
        self.rates = (!known.is_empty() || (self.peers.is_empty() && span.is_some())).then(|| {
            known.iter().fold(Rates::default(), |sum, rates| Rates {
                received: sum.received + rates.received,
                sent: sum.sent + rates.sent,
            })
        });
        self.is = is;
        self.read_at = at;
    }

    /// How many events of this group are missing before this one.
    fn missing(&mut self, event: &Event) -> u64 {
        let (Some(group), Some(sequence)) = (event.kind.group(), event.sequence) else {
            return 0;
        };
        let before = self.sequences[group].replace(sequence);
        let gap = before.map_or(0, |before| sequence.wrapping_sub(before).wrapping_sub(1));
        self.lost += u64::from(gap);
        gap.into()
    }

    fn hear(&mut self, event: &Event, wall: Duration) {
        *self.events.entry(event.kind).or_default() += 1;
        let Some(subject) = &event.peer else { return };
        if event.kind == event::Kind::PeerRemoved {
            self.peers.remove(&subject.key);
            return;
        }
        let peer = self
            .peers
            .entry(subject.key)
            .or_insert_with(|| Peer::new(reading::Peer::new(subject.key)));
        peer.hear(event, subject, wall);
    }
}

fn sum(drops: &reading::Drops) -> u64 {
    drops.values().fold(0, |sum, n| sum.saturating_add(*n))
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Tone {
    Plain,
    Good,
    Bad,
}

/// Something that has happened.
#[derive(Clone, Debug)]
pub struct Line {
    pub wall: Duration,
    pub device: String,
    pub peer: Option<String>,
    pub text: String,
    pub tone: Tone,
}

#[derive(Debug, Default)]
pub struct World {
    /// By name.
    pub devices: Vec<Device>,
    /// The newest is the last.
    pub log: VecDeque<Line>,
    pub names: Names,
    /// Counts what has changed, for those who have drawn it.
    pub version: u64,
}

impl World {
    pub fn new(names: Names) -> Self {
        Self {
            names,
            ..Self::default()
        }
    }

    pub fn device(&self, index: u32) -> Option<&Device> {
        self.devices.iter().find(|device| device.is.index == index)
    }

    /// How a peer is called: as its label says, as a file says, or not at all.
    pub fn name_of<'a>(&'a self, peer: &'a reading::Peer) -> Option<&'a str> {
        let from_file = || self.names.get(&peer.key).map(String::as_str);
        peer.label.as_deref().or_else(from_file)
    }

    /// Takes a reading of a device. `whole` says that nothing had changed meanwhile.
    pub fn take(&mut self, is: reading::Device, whole: bool, at: Duration) {
        let place = self
            .devices
            .iter()
            .position(|device| device.is.index == is.index && device.is.kind == is.kind);
        let place = place.unwrap_or_else(|| {
            self.devices.push(Device::new(&is, at));
            self.devices.len() - 1
        });
        self.devices[place].take(is, whole, at);
        self.devices.sort_by(|a, b| a.is.name.cmp(&b.is.name));
        self.version += 1;
    }

    /// Forgets devices that are not there any more, and returns their names.
    pub fn keep(&mut self, is_there: impl Fn(u32) -> bool, wall: Duration) -> Vec<String> {
        let mut gone = Vec::new();
        self.devices.retain(|device| {
            let stays = is_there(device.is.index);
            if !stays {
                gone.push(device.is.name.clone());
            }
            stays
        });
        for name in &gone {
            self.note(name, "the interface is gone", Tone::Bad, wall);
        }
        gone
    }

    /// A line of the log that is about no peer.
    pub fn note(&mut self, device: &str, text: &str, tone: Tone, wall: Duration) {
        self.push(Line {
            wall,
            device: device.into(),
            peer: None,
            text: text.into(),
            tone,
        });
    }

    fn push(&mut self, line: Line) {
        if self.log.len() == LOG_LINES {
            self.log.pop_front();
        }
        self.log.push_back(line);
        self.version += 1;
    }

    /// Takes an event. Returns how many were lost before it; [`None`] if the device is not known.
    pub fn hear(&mut self, event: &Event, wall: Duration) -> Option<u64> {
        let of_event = |device: &&mut Device| device.is.index == event.index;
        let device = self.devices.iter_mut().find(of_event)?;
        let lost = device.missing(event);
        // The name is that of before, if it is gone after.
        let name_before = event
            .peer
            .as_ref()
            .and_then(|peer| device.peers.get(&peer.key)?.is.label.clone());
        device.hear(event, wall);
        let device_name = device.is.name.clone();
        if lost > 0 {
            let plural = if lost == 1 { "" } else { "s" };
            let text = format!("{lost} event{plural} lost");
            self.note(&device_name, &text, Tone::Bad, wall);
        }
        let peer = event.peer.as_ref().map(|peer| {
            let label = peer.label.clone().or(name_before);
            let named = label.or_else(|| self.names.get(&peer.key).cloned());
            named.unwrap_or_else(|| crate::text::short(&peer.key))
        });
        self.push(Line {
            wall,
            device: device_name,
            peer,
            text: event.words(),
            tone: tone(event.kind),
        });
        Some(lost)
    }
}

fn tone(kind: event::Kind) -> Tone {
    match kind {
        event::Kind::SessionBegun | event::Kind::SessionRekeyed | event::Kind::Back => Tone::Good,
        event::Kind::SessionEnded | event::Kind::GaveUp | event::Kind::Silent => Tone::Bad,
        _ => Tone::Plain,
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::event::tests::event;
    use crate::reading::{Failure, Kind};

    pub const WALL: Duration = Duration::from_secs(1_700_000_000);

    /// Some time after the beginning, by both clocks.
    pub struct Now {
        pub at: Duration,
        pub wall: Duration,
    }

    pub fn now(seconds: u64) -> Now {
        let since = Duration::from_secs(seconds);
        Now {
            at: since,
            wall: WALL + since,
        }
    }

    /// Keys, and what was received and sent.
    pub fn device(peers: &[(u8, u64, u64)]) -> reading::Device {
        let mut device = reading::Device::new(7, "wg0", Kind::WireGuard);
        device.peers = peers
            .iter()
            .map(|(key, received, sent)| reading::Peer {
                received: *received,
                sent: *sent,
                ..reading::Peer::new(Key([*key; 32]))
            })
            .collect();
        device
    }

    fn peer(world: &World, key: u8) -> &Peer {
        &world.devices[0].peers[&Key([key; 32])]
    }

    fn state(world: &World, key: u8, seconds: u64) -> State {
        world.devices[0].state(peer(world, key), now(seconds).wall)
    }

    fn world(peers: &[(u8, u64, u64)]) -> World {
        let mut world = World::default();
        world.take(device(peers), true, now(0).at);
        world
    }

    #[test]
    fn rates_are_differences() {
        let mut world = world(&[(1, 1000, 500), (2, 0, 0)]);
        assert_eq!(peer(&world, 1).rates, None);
        assert_eq!(world.devices[0].rates, None);
        world.take(
            device(&[(1, 3000, 500), (2, 10, 20), (3, 9, 9)]),
            true,
            now(2).at,
        );
        let rates = |received, sent| Some(Rates { received, sent });
        assert_eq!(peer(&world, 1).rates, rates(1000.0, 0.0));
        assert_eq!(peer(&world, 2).rates, rates(5.0, 10.0));
        assert_eq!(peer(&world, 3).rates, None);
        assert_eq!(world.devices[0].rates, rates(1005.0, 10.0));
        // Counters that have begun anew, and no time.
        world.take(device(&[(1, 10, 500), (2, 10, 20)]), true, now(4).at);
        assert_eq!(peer(&world, 1).rates, None);
        world.take(device(&[(1, 20, 500), (2, 10, 20)]), true, now(4).at);
        assert_eq!(peer(&world, 2).rates, None);
    }

    #[test]
    fn peers_vanish_by_whole_pictures_only() {
        let mut world = world(&[(1, 0, 0), (2, 0, 0)]);
        world.take(device(&[(1, 0, 0)]), false, now(1).at);
        assert_eq!(world.devices[0].peers.len(), 2);
        world.take(device(&[(1, 0, 0)]), true, now(2).at);
        assert_eq!(world.devices[0].peers.len(), 1);
    }

    #[test]
    fn without_events_age_says_how_a_peer_is() {
        let mut world = world(&[(1, 0, 0)]);
        assert_eq!(state(&world, 1, 0), State::Never);
        let mut next = device(&[(1, 0, 0)]);
        next.peers[0].last_handshake = Some(WALL);
        world.take(next.clone(), true, now(1).at);
        assert_eq!(state(&world, 1, 179), State::Up);
        assert_eq!(state(&world, 1, 180), State::Idle);
        next.session_life = Duration::from_secs(300);
        world.take(next, true, now(2).at);
        assert_eq!(state(&world, 1, 299), State::Up);
    }

    #[test]
    fn a_driver_that_knows_is_believed() {
        let mut world = World::default();
        let mut next = device(&[(1, 0, 0)]);
        for (handshake, alive, failure, wanted) in [
            (Some(WALL), Some(true), None, State::Up),
            (Some(WALL), Some(false), None, State::Silent),
            (
                Some(WALL),
                Some(false),
                Some(Failure::NoAnswer),
                State::Silent,
            ),
            (None, Some(false), Some(Failure::NoAnswer), State::Failed),
            (None, Some(false), None, State::Never),
            (
                Some(WALL - Duration::from_secs(200)),
                Some(true),
                None,
                State::Idle,
            ),
            (
                Some(WALL - Duration::from_secs(500)),
                Some(false),
                None,
                State::Idle,
            ),
        ] {
            let peer = &mut next.peers[0];
            (peer.last_handshake, peer.alive, peer.failure) = (handshake, alive, failure);
            world.take(next.clone(), true, now(1).at);
            assert_eq!(state(&world, 1, 1), wanted);
        }
    }

    #[test]
    fn events_change_states_at_once() {
        let mut world = world(&[(1, 0, 0)]);
        let mut hear = |kind, sequence, seconds| {
            let event = event(kind, sequence, Some(1), |_| ());
            assert_eq!(world.hear(&event, now(seconds).wall), Some(0));
            state(&world, 1, seconds)
        };
        assert_eq!(hear(5, 1, 10), State::Up);
        assert_eq!(hear(10, 1, 20), State::Silent);
        assert_eq!(hear(11, 2, 30), State::Up);
        assert_eq!(hear(7, 2, 200), State::Idle);
        assert_eq!(hear(8, 3, 300), State::Failed);
        assert_eq!(hear(6, 4, 400), State::Up);
        assert_eq!(world.log.len(), 6);
        assert_eq!(world.devices[0].events[&event::Kind::GaveUp], 1);
        // What was heard is over once it is read, if the driver tells it.
        let mut next = device(&[(1, 0, 0)]);
        next.peers[0].alive = Some(false);
        world.take(next, true, now(401).at);
        assert_eq!(state(&world, 1, 401), State::Never);
    }

    #[test]
    fn peers_come_and_go_by_events() {
        let mut world = world(&[(1, 0, 0)]);
        world.hear(&event(1, 1, Some(2), |_| ()), WALL);
        assert_eq!(world.devices[0].peers.len(), 2);
        world.hear(&event(3, 2, Some(1), |_| ()), WALL);
        assert_eq!(world.devices[0].peers.len(), 1);
        world.hear(&event(4, 3, None, |_| ()), WALL);
        let said: Vec<_> = world.log.iter().map(|line| line.text.as_str()).collect();
        assert_eq!(said, ["peer added", "peer removed", "device changed"]);
    }

    #[test]
    fn gaps_are_counted_for_each_group() {
        let mut world = world(&[(1, 0, 0)]);
        let mut hear = |kind, sequence| {
            world
                .hear(&event(kind, sequence, Some(1), |_| ()), WALL)
                .unwrap()
        };
        assert_eq!(
            [
                hear(5, 10),
                hear(6, 11),
                hear(10, 3),
                hear(5, 14),
                hear(11, 4)
            ],
            [0, 0, 0, 2, 0]
        );
        assert_eq!([hear(9, u32::MAX), hear(9, 1), hear(9, 2)], [0, 1, 0]);
        assert_eq!(world.devices[0].lost, 3);
        let lost: Vec<_> = world
            .log
            .iter()
            .filter(|line| line.text.ends_with("lost"))
            .collect();
        assert_eq!(
            [&lost[0].text, &lost[1].text],
            ["2 events lost", "1 event lost"]
        );
    }

    #[test]
    fn what_is_not_known_is_told() {
        let mut world = World::default();
        assert_eq!(world.hear(&event(5, 1, Some(1), |_| ()), WALL), None);
        world.take(device(&[]), true, now(0).at);
        assert_eq!(world.keep(|index| index != 7, WALL), ["wg0"]);
        assert!(world.devices.is_empty());
        assert_eq!(world.log[0].text, "the interface is gone");
    }

    #[test]
    fn the_log_is_bounded() {
        let mut world = world(&[]);
        for number in 0..LOG_LINES + 5 {
            world.note("wg0", &number.to_string(), Tone::Plain, WALL);
        }
        assert_eq!(
            (world.log.len(), world.log[0].text.as_str()),
            (LOG_LINES, "5")
        );
    }
}
