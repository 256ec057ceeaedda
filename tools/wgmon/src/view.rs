// SPDX-License-Identifier: GPL-2.0

//! What of the world is shown, in which order, and what keys change of that.

use std::cmp::{Ordering, Reverse};
use std::time::Duration;

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use crate::model::{Device, Peer, World};
use crate::reading::Key;
use crate::text;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Column {
    Interface,
    Peer,
    State,
    Handshake,
    RxRate,
    TxRate,
    Received,
    Sent,
    Drops,
    Endpoint,
    AllowedIps,
}

/// In the order in which they are shown.
const COLUMNS: [Column; 11] = [
    Column::Interface,
    Column::Peer,
    Column::State,
    Column::Handshake,
    Column::RxRate,
    Column::TxRate,
    Column::Received,
    Column::Sent,
    Column::Drops,
    Column::Endpoint,
    Column::AllowedIps,
];

/// In the order in which they get room.
const BY_WEIGHT: [Column; 11] = [
    Column::Peer,
    Column::State,
    Column::RxRate,
    Column::TxRate,
    Column::Interface,
    Column::Handshake,
    Column::Drops,
    Column::Endpoint,
    Column::Received,
    Column::Sent,
    Column::AllowedIps,
];

/// What peers can be sorted by.
const SORTED_BY: [Column; 8] = [
    Column::Peer,
    Column::State,
    Column::Handshake,
    Column::RxRate,
    Column::TxRate,
    Column::Received,
    Column::Sent,
    Column::Drops,
];

/// Between columns.
const SPACE: usize = 1;

impl Column {
    pub fn head(self) -> &'static str {
        match self {
            Self::Interface => "INTERFACE",
            Self::Peer => "PEER",
            Self::State => "STATE",
            Self::Handshake => "HANDSHAKE",
            Self::RxRate => "RX/S",
            Self::TxRate => "TX/S",
            Self::Received => "RECEIVED",
            Self::Sent => "SENT",
            Self::Drops => "DROPS",
            Self::Endpoint => "ENDPOINT",
            Self::AllowedIps => "ALLOWED IPS",
        }
    }

    pub fn is_number(self) -> bool {
        matches!(
            self,
            Self::Handshake
                | Self::RxRate
                | Self::TxRate
                | Self::Received
                | Self::Sent
                | Self::Drops
        )
    }

    /// How wide it is at least, and the mark of what is sorted by fits in.
    pub fn width(self) -> usize {
        match self {
            Self::Interface => 10,
            Self::Peer => 13,
            Self::State => 6,
            Self::Handshake | Self::Received | Self::Sent => 10,
            Self::RxRate | Self::TxRate => 11,
            Self::Drops => 7,
            Self::Endpoint => 21,
            Self::AllowedIps => 18,
        }
    }
}

/// The columns for which there is room, that of interfaces only if they are to be told apart.
pub fn columns(world: &World, width: usize, has_interfaces: bool) -> Vec<Column> {
    let knows_drops = world.devices.iter().any(|device| {
        !device.is.drops.is_empty()
            || device
                .peers
                .values()
                .any(|peer| !peer.is.drops.is_empty() || peer.is.alive.is_some())
    });
    let mut taken = 0usize;
    let mut chosen = Vec::new();
    for column in BY_WEIGHT {
        if (column == Column::Drops && !knows_drops)
            || (column == Column::Interface && !has_interfaces)
        {
            continue;
        }
        let more = column.width() + if chosen.is_empty() { 0 } else { SPACE };
        // Peers are shown in any case.
        if taken + more > width && !chosen.is_empty() {
            break;
        }
        taken += more;
        chosen.push(column);
    }
    let mut shown = COLUMNS.to_vec();
    shown.retain(|column| chosen.contains(column));
    shown
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Page {
    #[default]
    Table,
    Details,
    Events,
    Drops,
    Help,
}

#[derive(Debug, Default)]
pub struct View {
    pub page: Page,
    /// A place in what can be sorted by.
    pub sorted: usize,
    pub reversed: bool,
    pub filter: String,
    /// Whether keys write the filter.
    pub writes: bool,
    /// A device and a peer, which stay selected wherever they are.
    pub selected: Option<(u32, Key)>,
    /// The first line that is shown.
    pub offset: usize,
    /// How many there is room for: what is drawn says it.
    pub height: usize,
}

/// What is to be done after a key.
#[derive(Debug, Eq, PartialEq)]
pub enum Next {
    Go,
    Quit,
}

/// The peers that are shown, in order.
#[derive(Debug, Default)]
pub struct Shown {
    pub rows: Vec<(u32, Key)>,
    /// How many there are beside.
    pub hidden: usize,
}

impl View {
    pub fn sorted_by(&self) -> Column {
        SORTED_BY[self.sorted % SORTED_BY.len()]
    }

    /// Obeys a key.
    pub fn key(&mut self, key: KeyEvent, shown: &Shown) -> Next {
        let control = key.modifiers.contains(KeyModifiers::CONTROL);
        if control && matches!(key.code, KeyCode::Char('c' | 'd')) {
            return Next::Quit;
        }
        if self.writes {
            self.write(key.code);
            return Next::Go;
        }
        match key.code {
            KeyCode::Char('q') => return Next::Quit,
            KeyCode::Esc if self.page != Page::Table => self.page = Page::Table,
            KeyCode::Esc if !self.filter.is_empty() => self.filter.clear(),
            KeyCode::Esc => self.selected = None,
            KeyCode::Up | KeyCode::Char('k') => self.walk(shown, -1),
            KeyCode::Down | KeyCode::Char('j') => self.walk(shown, 1),
            KeyCode::PageUp => self.walk(shown, -(self.height.max(1) as isize)),
            KeyCode::PageDown => self.walk(shown, self.height.max(1) as isize),
            KeyCode::Home => self.walk(shown, isize::MIN),
            KeyCode::End => self.walk(shown, isize::MAX),
            KeyCode::Char('s') => self.sorted = (self.sorted + 1) % SORTED_BY.len(),
            KeyCode::Char('r') => self.reversed = !self.reversed,
            KeyCode::Char('/') => (self.writes, self.page) = (true, Page::Table),
            KeyCode::Enter => self.turn(Page::Details),
            KeyCode::Char('e') => self.turn(Page::Events),
            KeyCode::Char('d') => self.turn(Page::Drops),
            KeyCode::Char('?' | 'h') => self.turn(Page::Help),
            _ => {}
        }
        Next::Go
    }

    fn write(&mut self, code: KeyCode) {
        match code {
            KeyCode::Enter => self.writes = false,
            KeyCode::Esc => {
                self.filter.clear();
                self.writes = false;
            }
            KeyCode::Backspace => drop(self.filter.pop()),
            KeyCode::Char(letter) => self.filter.push(letter),
            _ => {}
        }
    }

    /// To a page, or back from it.
    fn turn(&mut self, page: Page) {
        self.page = if self.page == page { Page::Table } else { page };
    }

    fn walk(&mut self, shown: &Shown, steps: isize) {
        let last = shown.rows.len().saturating_sub(1);
        let place = match self.place(shown) {
            Some(place) => place.saturating_add_signed(steps).min(last),
            // The first key selects.
            None if steps == isize::MAX => last,
            None => 0,
        };
        self.selected = shown.rows.get(place).copied();
    }

    fn place(&self, shown: &Shown) -> Option<usize> {
        let selected = self.selected?;
        shown.rows.iter().position(|row| *row == selected)
    }

    /// Sees to it that what is selected is among as many lines as there is room for. Returns its place among them.
    pub fn scroll(&mut self, shown: &Shown, height: usize) -> Option<usize> {
        self.height = height;
        let place = self.place(shown);
        if let Some(place) = place {
            let lowest = (place + 1).saturating_sub(height);
            self.offset = self.offset.clamp(lowest, place.max(lowest));
        }
        let most = shown.rows.len().saturating_sub(height);
        self.offset = self.offset.min(most);
        place?.checked_sub(self.offset)
    }
}

/// A peer that is shown, unless it has gone since.
pub fn find<'a>(world: &'a World, index: u32, key: &Key) -> Option<(&'a Device, &'a Peer)> {
    let device = world.device(index)?;
    Some((device, device.peers.get(key)?))
}

/// Which peers are shown, in order.
pub fn shown(world: &World, view: &View, wall: Duration) -> Shown {
    let wanted = view.filter.to_lowercase();
    let all = world
        .devices
        .iter()
        .flat_map(|device| device.peers.values().map(move |peer| (device, peer)));
    let mut hidden = 0;
    let mut rows = Vec::new();
    for (device, peer) in all {
        if wanted.is_empty() || matches(world, device, peer, &wanted, wall) {
            rows.push((device, peer));
        } else {
            hidden += 1;
        }
    }
    // By name where nothing else decides, so that rows stay where they are.
    rows.sort_by_cached_key(|(device, peer)| {
        let name = world.name_of(&peer.is).map(str::to_lowercase);
        // Those without a name come behind.
        (device.is.name.clone(), name.is_none(), name, peer.is.key)
    });
    match view.sorted_by() {
        Column::Peer => {}
        Column::State => rows.sort_by_key(|(device, peer)| device.state(peer, wall)),
        Column::Handshake => rows.sort_by_key(|(_, peer)| Reverse(peer.is.last_handshake)),
        Column::RxRate => rows.sort_by(|(_, a), (_, b)| by_rate(a, b, |rates| rates.received)),
        Column::TxRate => rows.sort_by(|(_, a), (_, b)| by_rate(a, b, |rates| rates.sent)),
        Column::Received => rows.sort_by_key(|(_, peer)| Reverse(peer.is.received)),
        Column::Sent => rows.sort_by_key(|(_, peer)| Reverse(peer.is.sent)),
        _ => rows.sort_by_key(|(_, peer)| Reverse(peer.drops())),
    }
    if view.reversed {
        rows.reverse();
    }
    Shown {
        rows: rows
            .iter()
            .map(|(device, peer)| (device.is.index, peer.is.key))
            .collect(),
        hidden,
    }
}

/// The greatest first.
fn by_rate(a: &Peer, b: &Peer, which: impl Fn(crate::model::Rates) -> f64) -> Ordering {
    let rate = |peer: &Peer| peer.rates.map_or(-1.0, &which);
    rate(b).total_cmp(&rate(a))
}

fn matches(world: &World, device: &Device, peer: &Peer, wanted: &str, wall: Duration) -> bool {
    let has = |text: &str| text.to_lowercase().contains(wanted);
    has(&device.is.name)
        || world.name_of(&peer.is).is_some_and(has)
        || has(&peer.is.key.to_string())
        || has(&device.state(peer, wall).to_string())
        || peer.is.endpoint.is_some_and(|at| has(&at.to_string()))
        || has(&text::allowed_ips(&peer.is.allowed_ips, " "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{device, now, WALL};

    fn world() -> World {
        let mut world = World::default();
        let mut is = device(&[(1, 10, 0), (2, 30, 0), (3, 20, 0)]);
        is.peers[2].label = Some("Berlin".into());
        is.peers[1].endpoint = Some("192.0.2.77:1".parse().unwrap());
        is.peers[0].last_handshake = Some(WALL);
        world.take(is, true, now(0).at);
        world
    }

    fn keys(shown: &Shown) -> Vec<u8> {
        shown.rows.iter().map(|(_, key)| key.0[0]).collect()
    }

    fn press(view: &mut View, world: &World, codes: &[KeyCode]) -> Shown {
        for code in codes {
            let shown = shown(world, view, WALL);
            assert_eq!(view.key(KeyEvent::from(*code), &shown), Next::Go);
        }
        shown(world, view, WALL)
    }

    #[test]
    fn keys_sort() {
        let (world, mut view) = (world(), View::default());
        assert_eq!(keys(&shown(&world, &view, WALL)), [3, 1, 2]);
        let s = KeyCode::Char('s');
        assert_eq!(keys(&press(&mut view, &world, &[s])), [1, 3, 2]);
        assert_eq!(keys(&press(&mut view, &world, &[s; 4])), [2, 3, 1]);
        assert_eq!(view.sorted_by(), Column::Received);
        assert_eq!(
            keys(&press(&mut view, &world, &[KeyCode::Char('r')])),
            [1, 3, 2]
        );
        press(&mut view, &world, &[s; 3]);
        assert_eq!(view.sorted_by(), Column::Peer);
    }

    #[test]
    fn a_filter_is_written() {
        let (world, mut view) = (world(), View::default());
        let write = |text: &str| text.chars().map(KeyCode::Char).collect::<Vec<_>>();
        let found = press(&mut view, &world, &write("/bERq"));
        assert!(found.rows.is_empty() && found.hidden == 3 && view.writes);
        let found = press(&mut view, &world, &[KeyCode::Backspace, KeyCode::Enter]);
        assert_eq!(
            (keys(&found), found.hidden, view.writes),
            (vec![3], 2, false)
        );
        assert_eq!(keys(&press(&mut view, &world, &[KeyCode::Esc])).len(), 3);
        assert_eq!(keys(&press(&mut view, &world, &write("/.77:"))), [2]);
        assert_eq!(keys(&press(&mut view, &world, &[KeyCode::Esc])).len(), 3);
        assert_eq!(keys(&press(&mut view, &world, &write("/up"))), [1]);
    }

    #[test]
    fn what_is_selected_stays_so() {
        let (mut world, mut view) = (world(), View::default());
        press(&mut view, &world, &[KeyCode::Down]);
        assert_eq!(view.selected, Some((7, Key([3; 32]))));
        press(
            &mut view,
            &world,
            &[KeyCode::Down, KeyCode::Char('s'), KeyCode::Char('s')],
        );
        assert_eq!(view.selected, Some((7, Key([1; 32]))));
        press(
            &mut view,
            &world,
            &[KeyCode::End, KeyCode::Down, KeyCode::PageDown],
        );
        assert_eq!(view.selected.unwrap().1, last(&world, &view));
        press(&mut view, &world, &[KeyCode::Home]);
        assert_eq!(view.selected.unwrap().1 .0[0], 1);
        // It goes, and so does the selection, until the next key.
        world.take(device(&[(2, 0, 0)]), true, now(1).at);
        let found = shown(&world, &view, WALL);
        assert_eq!(view.scroll(&found, 5), None);
        press(&mut view, &world, &[KeyCode::Up]);
        assert_eq!(view.selected, Some((7, Key([2; 32]))));
        assert!(find(&world, 7, &Key([1; 32])).is_none());
    }

    fn last(world: &World, view: &View) -> Key {
        shown(world, view, WALL).rows.last().unwrap().1
    }

    #[test]
    fn what_is_selected_is_in_sight() {
        let mut world = World::default();
        let peers: Vec<_> = (0..100).map(|key| (key, 0, 0)).collect();
        world.take(device(&peers), true, now(0).at);
        let mut view = View::default();
        let found = press(&mut view, &world, &[KeyCode::End]);
        assert_eq!((view.scroll(&found, 10), view.offset), (Some(9), 90));
        let found = press(&mut view, &world, &[KeyCode::PageUp]);
        assert_eq!((view.scroll(&found, 10), view.offset), (Some(0), 89));
        // A terminal that is resized, also to nothing.
        assert_eq!((view.scroll(&found, 100), view.offset), (Some(89), 0));
        view.scroll(&found, 0);
        let found = press(&mut view, &world, &[KeyCode::Home]);
        assert_eq!((view.scroll(&found, 3), view.offset), (Some(0), 0));
        assert_eq!(Shown::default().rows.len(), 0);
        assert_eq!(view.scroll(&Shown::default(), 3), None);
    }

    #[test]
    fn pages_turn_and_q_quits() {
        let (world, mut view) = (world(), View::default());
        press(&mut view, &world, &[KeyCode::Char('e')]);
        assert_eq!(view.page, Page::Events);
        press(&mut view, &world, &[KeyCode::Char('d')]);
        assert_eq!(view.page, Page::Drops);
        press(&mut view, &world, &[KeyCode::Char('d')]);
        assert_eq!(view.page, Page::Table);
        press(&mut view, &world, &[KeyCode::Enter, KeyCode::Esc]);
        assert_eq!(view.page, Page::Table);
        let found = Shown::default();
        assert_eq!(view.key(KeyCode::Char('q').into(), &found), Next::Quit);
        let interrupt = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        view.writes = true;
        assert_eq!(view.key(interrupt, &found), Next::Quit);
        assert_eq!(view.key(KeyCode::Char('q').into(), &found), Next::Go);
        assert_eq!(view.filter, "q");
    }

    #[test]
    fn columns_are_those_that_fit() {
        let mut world = world();
        use Column::*;
        assert_eq!(columns(&world, 20, true), [Peer, State]);
        assert_eq!(columns(&world, 43, false), [Peer, State, RxRate]);
        assert_eq!(columns(&world, 44, true), [Peer, State, RxRate, TxRate]);
        assert_eq!(columns(&world, 12, true), [Peer]);
        let few = columns(&world, 55, false);
        assert_eq!(few, [Peer, State, Handshake, RxRate, TxRate]);
        let all = columns(&world, usize::MAX, true);
        assert!(all.contains(&AllowedIps) && !all.contains(&Drops));
        let mut is = device(&[(1, 0, 0)]);
        is.peers[0].alive = Some(true);
        world.take(is, true, now(1).at);
        assert_eq!(columns(&world, usize::MAX, true), COLUMNS);
    }
}
