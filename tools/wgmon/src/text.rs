// SPDX-License-Identifier: GPL-2.0

//! How things are spelt, and the table as plain text.

use std::io::{self, Write};
use std::net::IpAddr;
use std::time::Duration;

use ratatui::text::Span;

use crate::model::{Device, Peer, World};
use crate::reading::Key;
use crate::view::{self, Column, Shown, View};
use crate::Result;

/// The beginning of a key, enough to tell it from others.
pub fn short(key: &Key) -> String {
    let mut text = key.to_string();
    text.truncate(12);
    text.push('…');
    text
}

/// As `wg` counts.
pub fn bytes(number: u64) -> String {
    quantity(number as f64, number.to_string())
}

/// In a second.
pub fn rate(number: Option<f64>) -> String {
    number.map_or("-".into(), |number| {
        quantity(number, format!("{number:.0}")) + "/s"
    })
}

fn quantity(number: f64, whole: String) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    let (mut number, mut unit) = (number, None);
    for next in UNITS {
        // What would be written as 1024.
        if number < 1023.5 {
            break;
        }
        (number, unit) = (number / 1024.0, Some(next));
    }
    match unit {
        None => format!("{whole} B"),
        Some(unit) if number < 9.995 => format!("{number:.2} {unit}"),
        Some(unit) if number < 99.95 => format!("{number:.1} {unit}"),
        Some(unit) => format!("{number:.0} {unit}"),
    }
}

/// How long ago something was.
pub fn age(then: Option<Duration>, now: Duration) -> String {
    then.map_or("never".into(), |then| {
        let seconds = now.saturating_sub(then).as_secs();
        match seconds {
            0..120 => format!("{seconds} s"),
            120..7200 => format!("{} min", seconds / 60),
            7200..172_800 => format!("{} h", seconds / 3600),
            _ => format!("{} d", seconds / 86400),
        }
    })
}

pub fn allowed_ips(list: &[(IpAddr, u8)], between: &str) -> String {
    let spelt: Vec<_> = list
        .iter()
        .map(|(address, len)| format!("{address}/{len}"))
        .collect();
    spelt.join(between)
}

/// What stands in a column.
pub fn cell(world: &World, device: &Device, peer: &Peer, column: Column, wall: Duration) -> String {
    match column {
        Column::Interface => device.is.name.clone(),
        Column::Peer => match world.name_of(&peer.is) {
            Some(name) => name.into(),
            None => short(&peer.is.key),
        },
        Column::State => device.state(peer, wall).to_string(),
        Column::Handshake => age(peer.is.last_handshake, wall),
        Column::RxRate => rate(peer.rates.map(|rates| rates.received)),
        Column::TxRate => rate(peer.rates.map(|rates| rates.sent)),
        Column::Received => bytes(peer.is.received),
        Column::Sent => bytes(peer.is.sent),
        Column::Drops => peer.drops().to_string(),
        Column::Endpoint => peer
            .is
            .endpoint
            .map_or("-".into(), |endpoint| endpoint.to_string()),
        Column::AllowedIps => allowed_ips(&peer.is.allowed_ips, " "),
    }
}

/// The table once, as wide as it is.
pub fn print(world: &World) -> Result {
    let mut out = io::BufWriter::new(io::stdout().lock());
    table(world, crate::monitor::wall())
        .iter()
        .try_for_each(|line| writeln!(out, "{line}"))
        .and_then(|()| out.flush())
        .or_else(ignore_closed)
        .map_err(|error| format!("nothing can be printed: {error}"))
}

/// Whoever does not want more has enough.
pub fn ignore_closed(error: io::Error) -> io::Result<()> {
    match error.kind() {
        io::ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    }
}

/// On a terminal, where letters of some scripts take two columns.
fn width(text: &str) -> usize {
    Span::raw(text).width()
}

fn table(world: &World, wall: Duration) -> Vec<String> {
    let mut lines: Vec<String> = world
        .devices
        .iter()
        .map(|device| {
            let mut line = format!(
                "{}: {}, port {}, {} peers, {} up",
                device.is.name,
                device.is.kind.name(),
                device.is.port,
                device.peers.len(),
                device.up(wall)
            );
            if !device.is.drops.is_empty() {
                let drops: Vec<_> = device
                    .is
                    .drops
                    .iter()
                    .map(|(reason, count)| format!("{count} {reason}"))
                    .collect();
                line += &format!("; dropped: {}", drops.join(", "));
            }
            line
        })
        .collect();
    let Shown { rows, .. } = view::shown(world, &View::default(), wall);
    // Rates take a while.
    let columns: Vec<Column> = view::columns(world, usize::MAX, true)
        .into_iter()
        .filter(|column| !matches!(column, Column::RxRate | Column::TxRate))
        .collect();
    let heads = columns.iter().map(|column| column.head().into()).collect();
    let mut cells: Vec<Vec<String>> = vec![heads];
    for (index, key) in &rows {
        let Some((device, peer)) = view::find(world, *index, key) else {
            continue;
        };
        let row = columns.iter();
        cells.push(
            row.map(|column| cell(world, device, peer, *column, wall))
                .collect(),
        );
    }
    let wide = |at: usize| cells.iter().map(|row| width(&row[at])).max();
    let widths: Vec<usize> = (0..columns.len()).filter_map(wide).collect();
    for row in &cells {
        let mut line = String::new();
        for ((text, wanted), column) in row.iter().zip(&widths).zip(&columns) {
            if !line.is_empty() {
                line.push_str("  ");
            }
            let padding = " ".repeat(wanted - width(text));
            match column.is_number() {
                true => line += &(padding + text),
                false => line += &(text.clone() + &padding),
            }
        }
        lines.push(line.trim_end().into());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{device, now, WALL};

    #[test]
    fn quantities_have_three_digits() {
        for (number, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.00 KiB"),
            (10_239, "10.0 KiB"),
            (102_400, "100 KiB"),
            ((1 << 20) - 1, "1.00 MiB"),
            (u64::MAX, "16.0 EiB"),
        ] {
            assert_eq!(bytes(number), text, "{number}");
        }
        assert_eq!(rate(None), "-");
        assert_eq!(rate(Some(0.4)), "0 B/s");
        assert_eq!(rate(Some(2048.0)), "2.00 KiB/s");
    }

    #[test]
    fn ages_are_rough() {
        let ago = |seconds| age(Some(WALL - Duration::from_secs(seconds)), WALL);
        assert_eq!([ago(0), ago(119), ago(120)], ["0 s", "119 s", "2 min"]);
        assert_eq!(
            [ago(7199), ago(7200), ago(172_800)],
            ["119 min", "2 h", "2 d"]
        );
        assert_eq!(age(None, WALL), "never");
        // A clock that was set back.
        assert_eq!(age(Some(WALL + Duration::from_secs(9)), WALL), "0 s");
    }

    #[test]
    fn the_table_has_all_peers() {
        let mut world = World::default();
        let mut is = device(&[(1, 4096, 0), (2, 0, 0)]);
        is.port = 51820;
        is.drops.insert("rx_bad_mac1".into(), 3);
        is.peers[0].label = Some("home".into());
        is.peers[0].last_handshake = Some(WALL);
        is.peers[0].endpoint = Some("192.0.2.1:5".parse().unwrap());
        is.peers[0].allowed_ips = vec![
            ("10.0.0.1".parse().unwrap(), 32),
            ("::".parse().unwrap(), 0),
        ];
        world.take(is, true, now(0).at);
        assert_eq!(
            table(&world, now(5).wall),
            [
                "wg0: wireguard, port 51820, 2 peers, 1 up; dropped: 3 rx_bad_mac1",
                "INTERFACE  PEER           STATE  HANDSHAKE  RECEIVED  SENT  DROPS  ENDPOINT     ALLOWED IPS",
                "wg0        home           up           5 s  4.00 KiB   0 B      0  192.0.2.1:5  10.0.0.1/32 ::/0",
                "wg0        AgICAgICAgIC…  never      never       0 B   0 B      0  -",
            ]
        );
    }
}
