// SPDX-License-Identifier: GPL-2.0

//! How the world looks on a terminal.

use std::time::Duration;

use ratatui::layout::{Alignment, Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table};
use ratatui::Frame;

use crate::model::{self, State, Tone, World};
use crate::reading;
use crate::text::{self, age, bytes, cell, rate};
use crate::view::{self, Column, Page, Shown, View};

/// With fewer lines there is only the table,
const LINES_FOR_KEYS: u16 = 8;
/// and with fewer nothing below it.
const LINES_FOR_PANELS: u16 = 16;
/// With fewer columns events and drops are not beside each other.
const COLUMNS_FOR_BOTH: u16 = 80;
const DROPS_WIDTH: u16 = 34;

/// What is drawn.
pub struct Picture<'a> {
    pub world: &'a World,
    pub shown: &'a Shown,
    pub wall: Duration,
    /// What is listened to, and what cannot be read.
    pub status: &'a str,
    pub trouble: Option<&'a str>,
    pub has_colours: bool,
}

impl Picture<'_> {
    pub fn draw(&self, frame: &mut Frame<'_>, view: &mut View) {
        let area = frame.area();
        let keys = u16::from(area.height >= LINES_FOR_KEYS || view.writes);
        let [head, body, foot] = Layout::vertical([
            Constraint::Length(1),
            Constraint::Min(0),
            Constraint::Length(keys),
        ])
        .areas(area);
        frame.render_widget(Paragraph::new(self.head(view)), head);
        match view.page {
            Page::Table => self.draw_table_and_panels(frame, body, view),
            Page::Details => self.draw_details(frame, body, view),
            Page::Events => self.draw_events(frame, body, view),
            Page::Drops => self.draw_drops(frame, body, "drops", true),
            Page::Help => self.draw_lines(frame, body, "keys", help()),
        }
        if keys > 0 {
            frame.render_widget(Paragraph::new(self.foot(view)), foot);
        }
    }

    // --- the lines above and below

    fn head(&self, view: &View) -> Line<'static> {
        if let Some(trouble) = self.trouble {
            return Line::styled(trouble.to_string(), self.tone(Tone::Bad));
        }
        let world = self.world;
        let peers: usize = world.devices.iter().map(|device| device.peers.len()).sum();
        let up: usize = world
            .devices
            .iter()
            .map(|device| device.up(self.wall))
            .sum();
        let mut said = vec![Span::styled(
            format!("{up} of {peers} up"),
            Style::new().add_modifier(Modifier::BOLD),
        )];
        let mut say = |text: String| said.push(Span::raw(format!("  {text}")));
        if world.devices.is_empty() {
            say("no interface".into());
        }
        let rates: Vec<_> = world
            .devices
            .iter()
            .filter_map(|device| device.rates)
            .collect();
        if !rates.is_empty() {
            say(format!(
                "rx {}",
                rate(Some(rates.iter().map(|rates| rates.received).sum()))
            ));
            say(format!(
                "tx {}",
                rate(Some(rates.iter().map(|rates| rates.sent).sum()))
            ));
        }
        let drops: u64 = world.devices.iter().map(model::Device::drops).sum();
        if drops > 0 {
            say(format!("{drops} dropped"));
        }
        let lost: u64 = world.devices.iter().map(|device| device.lost).sum();
        if lost > 0 {
            say(format!("{lost} events lost"));
        }
        if !view.filter.is_empty() {
            say(format!("{} hidden by /{}", self.shown.hidden, view.filter));
        }
        say(self.status.into());
        Line::from(said)
    }

    fn foot(&self, view: &View) -> Line<'static> {
        let text = match (view.writes, view.page) {
            (true, _) => format!("/{}█", view.filter),
            (_, Page::Table) => {
                "q quit  ↑↓ select  enter details  s sort  r reverse  / filter  e events  d drops  ? help".into()
            }
            _ => "q quit  esc back".into(),
        };
        Line::styled(text, Style::new().add_modifier(Modifier::DIM))
    }

    // --- pages

    fn draw_table_and_panels(&self, frame: &mut Frame<'_>, area: Rect, view: &mut View) {
        let drops = self.world.devices.iter().any(|device| device.drops() > 0);
        let is_empty = self.world.log.is_empty() && !drops;
        if frame.area().height < LINES_FOR_PANELS || is_empty {
            return self.draw_table(frame, area, view);
        }
        let below = (area.height / 3).clamp(5, 12);
        let [above, below] =
            Layout::vertical([Constraint::Min(0), Constraint::Length(below)]).areas(area);
        self.draw_table(frame, above, view);
        if drops && area.width >= COLUMNS_FOR_BOTH {
            let [left, right] =
                Layout::horizontal([Constraint::Min(0), Constraint::Length(DROPS_WIDTH)])
                    .areas(below);
            self.draw_events(frame, left, view);
            self.draw_drops(frame, right, "drops", false);
        } else {
            self.draw_events(frame, below, view);
        }
    }

    fn draw_table(&self, frame: &mut Frame<'_>, area: Rect, view: &mut View) {
        let several = self.world.devices.len() > 1;
        let columns = view::columns(self.world, area.width.into(), several);
        let fits = usize::from(area.height).saturating_sub(1);
        let selected = view.scroll(self.shown, fits);
        let heads = columns.iter().map(|column| {
            let mark = match (*column == view.sorted_by(), view.reversed) {
                (false, _) => "",
                (true, false) => "▾",
                (true, true) => "▴",
            };
            Cell::from(aligned(*column, format!("{}{mark}", column.head())))
        });
        let lines = self.shown.rows.iter().skip(view.offset).take(fits);
        let rows = lines.zip(0..).filter_map(|((index, key), place)| {
            let (device, peer) = view::find(self.world, *index, key)?;
            let state = device.state(peer, self.wall);
            let cells = columns.iter().map(|column| {
                let text = cell(self.world, device, peer, *column, self.wall);
                let style = match column {
                    Column::State => self.state(state),
                    _ => Style::new(),
                };
                Cell::from(aligned(*column, text)).style(style)
            });
            let style = match selected == Some(place) {
                true => Style::new().add_modifier(Modifier::REVERSED),
                false => Style::new(),
            };
            Some(Row::new(cells).style(style))
        });
        let rows: Vec<_> = rows.collect();
        // What is left of the width is the last column's, or the name's if all others are numbers.
        let wide = match columns.last() {
            Some(Column::Endpoint | Column::AllowedIps) => columns.len() - 1,
            _ => columns
                .iter()
                .position(|column| *column == Column::Peer)
                .unwrap_or(0),
        };
        let widths: Vec<_> = columns
            .iter()
            .zip(0..)
            .map(|(column, place)| match place == wide {
                true => Constraint::Min(column.width() as u16),
                false => Constraint::Length(column.width() as u16),
            })
            .collect();
        let head = Row::new(heads).style(Style::new().add_modifier(Modifier::BOLD));
        let table = Table::new(rows, widths).header(head).column_spacing(1);
        frame.render_widget(table, area);
    }

    fn draw_events(&self, frame: &mut Frame<'_>, area: Rect, _: &View) {
        let fits = usize::from(area.height).saturating_sub(1);
        let newest = self.world.log.iter().rev().take(fits);
        let lines: Vec<_> = newest
            .map(|line| {
                let mut said = vec![Span::raw(format!(
                    "{:>8}  ",
                    age(Some(line.wall), self.wall)
                ))];
                if self.world.devices.len() != 1 || line.peer.is_none() {
                    said.push(Span::raw(format!("{}  ", line.device)));
                }
                if let Some(peer) = &line.peer {
                    said.push(Span::raw(format!("{peer}  ")));
                }
                said.push(Span::styled(line.text.clone(), self.tone(line.tone)));
                Line::from(said)
            })
            .collect();
        self.draw_lines(frame, area, "events", lines);
    }

    /// Those of devices by reason, and if all are wanted, those of peers.
    fn draw_drops(&self, frame: &mut Frame<'_>, area: Rect, title: &str, all: bool) {
        let world = self.world;
        let mut lines = Vec::new();
        for device in &world.devices {
            let name = match all || world.devices.len() > 1 {
                true => format!("  {}", device.is.name),
                false => String::new(),
            };
            lines.extend(of_most(&device.is.drops, &name));
        }
        if all {
            for (index, key) in &self.shown.rows {
                if lines.len() >= area.height.into() {
                    break;
                }
                let Some((device, peer)) = view::find(world, *index, key) else {
                    continue;
                };
                let name = cell(world, device, peer, Column::Peer, self.wall);
                lines.extend(of_most(
                    &peer.is.drops,
                    &format!("  {}  {name}", device.is.name),
                ));
            }
            if lines.is_empty() {
                lines.push(Line::raw(
                    "no packet was dropped that the driver gives a reason for",
                ));
            }
        }
        self.draw_lines(frame, area, title, lines);
    }

    fn draw_details(&self, frame: &mut Frame<'_>, area: Rect, view: &View) {
        let selected = view.selected.or(self.shown.rows.first().copied());
        let found = selected.and_then(|(index, key)| view::find(self.world, index, &key));
        let lines = match found {
            Some((device, peer)) => self.details(device, peer),
            None => vec![Line::raw("no peer is selected")],
        };
        self.draw_lines(frame, area, "peer", lines);
    }

    fn details(&self, device: &model::Device, peer: &model::Peer) -> Vec<Line<'static>> {
        let is = &peer.is;
        let mut lines = Vec::new();
        let mut say = |what: &str, text: String| {
            lines.push(Line::from(vec![
                Span::styled(
                    format!("{what:<12}"),
                    Style::new().add_modifier(Modifier::BOLD),
                ),
                Span::raw(text),
            ]));
        };
        say("interface", device.is.name.clone());
        if let Some(name) = self.world.name_of(is) {
            say("name", name.into());
        }
        say("public key", is.key.to_string());
        let state = device.state(peer, self.wall);
        say(
            "state",
            match (state, is.failure) {
                (State::Up, _) | (_, None) => state.to_string(),
                (_, Some(failure)) => format!("{state}: {failure}"),
            },
        );
        say(
            "handshake",
            match is.last_handshake {
                Some(_) => format!("{} ago", age(is.last_handshake, self.wall)),
                None => "never".into(),
            },
        );
        let fixed = if is.fixed_endpoint { ", fixed" } else { "" };
        say(
            "endpoint",
            is.endpoint
                .map_or("none".into(), |at| format!("{at}{fixed}")),
        );
        if let Some((from, to)) = is.keepalive {
            let range = if from == to {
                from.to_string()
            } else {
                format!("{from}-{to}")
            };
            say("keepalive", format!("every {range} s"));
        }
        let (received, sent) = peer.rates.map_or((None, None), |rates| {
            (Some(rates.received), Some(rates.sent))
        });
        say(
            "received",
            format!("{}, {}", bytes(is.received), rate(received)),
        );
        say("sent", format!("{}, {}", bytes(is.sent), rate(sent)));
        say("allowed ips", text::allowed_ips(&is.allowed_ips, ", "));
        for (reason, count) in &is.drops {
            say("dropped", format!("{count} {reason}"));
        }
        lines
    }

    fn draw_lines(&self, frame: &mut Frame<'_>, area: Rect, title: &str, lines: Vec<Line<'_>>) {
        let rule = Block::new()
            .borders(ratatui::widgets::Borders::TOP)
            .title(format!(" {title} "));
        frame.render_widget(Paragraph::new(lines).block(rule), area);
    }

    // --- colours, unless there shall be none

    fn colour(&self, colour: Color) -> Style {
        match self.has_colours {
            true => Style::new().fg(colour),
            false => Style::new(),
        }
    }

    fn state(&self, state: State) -> Style {
        match state {
            State::Up => self.colour(Color::Green),
            State::Silent => self.colour(Color::Yellow),
            State::Failed => self.colour(Color::Red),
            State::Idle | State::Never => Style::new(),
        }
    }

    fn tone(&self, tone: Tone) -> Style {
        match tone {
            Tone::Plain => Style::new(),
            Tone::Good => self.colour(Color::Green),
            Tone::Bad => self.colour(Color::Red),
        }
    }
}

fn aligned(column: Column, text: String) -> Line<'static> {
    match column.is_number() {
        true => Line::from(text).alignment(Alignment::Right),
        false => Line::from(text),
    }
}

/// Drops by reason, the most frequent first.
fn of_most(drops: &reading::Drops, whose: &str) -> Vec<Line<'static>> {
    let mut drops: Vec<_> = drops.iter().collect();
    drops.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    drops
        .into_iter()
        .map(|(reason, count)| Line::raw(format!("{count:>10}  {reason}{whose}")))
        .collect()
}

fn help() -> Vec<Line<'static>> {
    [
        "q, ctrl-c    quit",
        "up, down     select a peer; also k, j, page up, page down, home, end",
        "enter        all about the selected peer",
        "s, r         sort by the next column; the other way round",
        "/            show only peers with this text in name, key, state or addresses",
        "e            events, the newest first",
        "d            dropped packets by reason",
        "esc          back; no filter; nothing selected",
        "",
        "up           there is a session, and it answers",
        "silent       there is a session, and it does not answer",
        "failed       the last handshake failed",
        "idle         there was a session",
        "never        there was none yet",
    ]
    .into_iter()
    .map(Line::raw)
    .collect()
}

#[cfg(test)]
mod tests {
    use ratatui::backend::TestBackend;
    use ratatui::Terminal;

    use super::*;
    use crate::event::tests::event;
    use crate::model::tests::{device, now, WALL};

    fn world() -> World {
        let mut world = World::default();
        world.take(device(&[(1, 0, 0), (2, 0, 0)]), true, now(0).at);
        let mut is = device(&[(1, 20_480, 4096), (2, 0, 0)]);
        is.peers[0].label = Some("home".into());
        is.peers[0].last_handshake = Some(WALL);
        is.peers[0].endpoint = Some("192.0.2.1:5".parse().unwrap());
        is.peers[0].alive = Some(true);
        is.peers[0].allowed_ips = vec![("10.0.0.1".parse().unwrap(), 32)];
        is.peers[1].failure = Some(reading::Failure::NoAnswer);
        is.drops.insert("rx_bad_mac1".into(), 4);
        world.take(is, true, now(2).at);
        world.hear(&event(5, 1, Some(1), |_| ()), now(3).wall);
        world
    }

    /// The lines of a screen.
    fn screen(world: &World, view: &mut View, width: u16, height: u16) -> Vec<String> {
        let shown = view::shown(world, view, now(5).wall);
        let picture = Picture {
            world,
            shown: &shown,
            wall: now(5).wall,
            status: "events: config session",
            trouble: None,
            has_colours: true,
        };
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| picture.draw(frame, view)).unwrap();
        let buffer = terminal.backend().buffer();
        let cells: Vec<_> = buffer.content().iter().map(|cell| cell.symbol()).collect();
        let lines = cells.chunks(width.max(1).into());
        lines
            .map(|line| line.concat().trim_end().to_string())
            .collect()
    }

    fn has(lines: &[String], wanted: &str) -> bool {
        lines.iter().any(|line| line.contains(wanted))
    }

    #[test]
    fn a_wide_screen_has_all() {
        let lines = screen(&world(), &mut View::default(), 130, 20);
        assert_eq!(
            lines[0],
            "1 of 2 up  rx 10.0 KiB/s  tx 2.00 KiB/s  4 dropped  events: config session"
        );
        assert!(
            lines[1].starts_with("PEER▾         STATE   HANDSHAKE"),
            "{}",
            lines[1]
        );
        let home = &lines[2];
        for part in [
            "home",
            "up",
            "2 s",
            "10.0 KiB/s",
            "2.00 KiB/s",
            "20.0 KiB",
            "4.00 KiB",
            "192.0.2.1:5",
            "10.0.0.1/32",
        ] {
            assert!(home.contains(part), "{part}: {home}");
        }
        assert!(lines[3].contains("AgICAgICAgIC…") && lines[3].contains("failed"));
        assert!(has(&lines, "2 s  home  session begun"));
        assert!(has(&lines, "4  rx_bad_mac1"));
        assert!(lines[19].starts_with("q quit"));
    }

    #[test]
    fn a_narrow_screen_has_the_peers() {
        let lines = screen(&world(), &mut View::default(), 20, 5);
        assert_eq!(lines[0], "1 of 2 up  rx 10.0 K");
        assert_eq!(lines[1], "PEER▾         STATE");
        assert_eq!(lines[2], "home          up");
        assert_eq!(lines[3], "AgICAgICAgIC… failed");
        assert_eq!(lines[4], "");
    }

    #[test]
    fn no_size_is_too_small() {
        for page in [
            Page::Table,
            Page::Details,
            Page::Events,
            Page::Drops,
            Page::Help,
        ] {
            for size in 0..18 {
                for (width, height) in [(size, 3), (3, size), (size, 24), (90, size)] {
                    let mut view = View {
                        page,
                        writes: size % 2 == 0,
                        ..View::default()
                    };
                    screen(&world(), &mut view, width, height);
                }
            }
        }
    }

    #[test]
    fn pages_show_what_they_say() {
        let show = |page| {
            screen(
                &world(),
                &mut View {
                    page,
                    ..View::default()
                },
                80,
                24,
            )
        };
        let details = show(Page::Details);
        for line in [
            "interface   wg0",
            "name        home",
            "public key  AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=",
            "state       up",
            "endpoint    192.0.2.1:5",
            "received    20.0 KiB, 10.0 KiB/s",
            "allowed ips 10.0.0.1/32",
        ] {
            assert!(
                details.iter().any(|found| found == line),
                "{line}: {details:#?}"
            );
        }
        assert!(has(&show(Page::Drops), "4  rx_bad_mac1  wg0"));
        assert!(has(&show(Page::Events), "session begun"));
        assert!(has(&show(Page::Help), "ctrl-c"));
    }

    #[test]
    fn a_filter_is_shown_while_it_is_written() {
        let mut view = View {
            filter: "home".into(),
            writes: true,
            ..View::default()
        };
        let lines = screen(&world(), &mut view, 100, 6);
        assert!(lines[0].contains("1 hidden by /home"));
        assert_eq!(lines[5], "/home█");
        assert!(!has(&lines, "AgIC"));
    }

    #[test]
    fn two_devices_are_told_apart() {
        let mut world = world();
        let mut other = device(&[(9, 0, 0)]);
        (other.index, other.name) = (8, "wg1".into());
        world.take(other, true, now(2).at);
        let lines = screen(&world, &mut View::default(), 100, 20);
        assert!(lines[1].starts_with("INTERFACE"));
        assert!(lines[4].starts_with("wg1"));
        assert!(has(&lines, "wg0  home  session begun"));
    }

    #[test]
    fn colours_are_left_out_if_told() {
        let world = world();
        let shown = view::shown(&world, &View::default(), WALL);
        for has_colours in [true, false] {
            let picture = Picture {
                world: &world,
                shown: &shown,
                wall: WALL,
                status: "",
                trouble: None,
                has_colours,
            };
            let mut terminal = Terminal::new(TestBackend::new(100, 20)).unwrap();
            terminal
                .draw(|frame| picture.draw(frame, &mut View::default()))
                .unwrap();
            let buffer = terminal.backend().buffer();
            let coloured = buffer.content().iter().any(|cell| cell.fg != Color::Reset);
            assert_eq!(coloured, has_colours);
        }
    }
}
