// SPDX-License-Identifier: GPL-2.0

//! Metrics in the text format of Prometheus. Names and labels of the first three are those of `prometheus_wireguard_exporter`, so
//! dashboards that are there go on.

use std::fmt::{self, Write};
use std::time::Duration;

use crate::event::Kind;
use crate::model::{Device, Peer, State, World};
use crate::text::allowed_ips;

/// A value between quotation marks.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for letter in self.0.chars() {
            match letter {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

struct Page(String);

impl Page {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // A string takes all.
        let _ = writeln!(self.0, "{line}");
    }
}

/// All metrics.
pub fn page(world: &World, wall: Duration) -> String {
    let mut page = Page(String::new());
    let peers: Vec<_> = world
        .devices
        .iter()
        .flat_map(|device| {
            let mut peers: Vec<_> = device.peers.values().collect();
            peers.sort_by_key(|peer| peer.is.key);
            peers.into_iter().map(move |peer| (device, peer))
        })
        .map(|(device, peer)| (labels(world, device, peer), device, peer))
        .collect();
    let mut of_peers = |name: &str, kind, help, value: &dyn Fn(&Device, &Peer) -> u64| {
        page.metric(name, kind, help);
        for (labels, device, peer) in &peers {
            page.line(format_args!("{name}{{{labels}}} {}", value(device, peer)));
        }
    };
    of_peers(
        "wireguard_sent_bytes_total",
        "counter",
        "Bytes sent to the peer",
        &|_, peer| peer.is.sent,
    );
    of_peers(
        "wireguard_received_bytes_total",
        "counter",
        "Bytes received from the peer",
        &|_, peer| peer.is.received,
    );
    of_peers(
        "wireguard_latest_handshake_seconds",
        "gauge",
        "When the last handshake with the peer was complete, in seconds since 1970; 0 if never",
        &|_, peer| peer.is.last_handshake.map_or(0, |time| time.as_secs()),
    );
    of_peers(
        "wireguard_peer_up",
        "gauge",
        "Whether there is a session with the peer that answers",
        &|device, peer| (device.state(peer, wall) == State::Up).into(),
    );
    let name = "wireguard_peers";
    page.metric(name, "gauge", "Number of peers of the interface");
    for device in &world.devices {
        let interface = Escaped(&device.is.name);
        page.line(format_args!(
            "{name}{{interface=\"{interface}\"}} {}",
            device.peers.len()
        ));
    }
    let name = "wireguard_drops_total";
    page.metric(name, "counter", "Packets dropped, by reason");
    for device in &world.devices {
        for (reason, count) in &device.is.drops {
            let (interface, reason) = (Escaped(&device.is.name), Escaped(reason));
            page.line(format_args!(
                "{name}{{interface=\"{interface}\",reason=\"{reason}\"}} {count}"
            ));
        }
    }
    let name = "wireguard_peer_drops_total";
    page.metric(name, "counter", "Packets of the peer dropped, by reason");
    for (labels, _, peer) in &peers {
        for (reason, count) in &peer.is.drops {
            let reason = Escaped(reason);
            page.line(format_args!(
                "{name}{{{labels},reason=\"{reason}\"}} {count}"
            ));
        }
    }
    let name = "wireguard_events_total";
    page.metric(name, "counter", "Events heard, by kind");
    for device in &world.devices {
        for (kind, count) in &device.events {
            let interface = Escaped(&device.is.name);
            let event = match kind {
                Kind::Other(number) => format!("event_{number}"),
                known => known.name().into(),
            };
            page.line(format_args!(
                "{name}{{interface=\"{interface}\",event=\"{event}\"}} {count}"
            ));
        }
    }
    let name = "wireguard_events_lost_total";
    page.metric(
        name,
        "counter",
        "Events that were not heard, by their numbers",
    );
    for device in &world.devices {
        let interface = Escaped(&device.is.name);
        page.line(format_args!(
            "{name}{{interface=\"{interface}\"}} {}",
            device.lost
        ));
    }
    page.0
}

fn labels(world: &World, device: &Device, peer: &Peer) -> String {
    let mut labels = format!(
        "interface=\"{}\",public_key=\"{}\",allowed_ips=\"{}\"",
        Escaped(&device.is.name),
        peer.is.key,
        allowed_ips(&peer.is.allowed_ips, ",")
    );
    if let Some(name) = world.name_of(&peer.is) {
        labels += &format!(",friendly_name=\"{}\"", Escaped(name));
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::tests::event;
    use crate::model::tests::{device, now, WALL};

    #[test]
    fn metrics_are_named_as_others_name_them() {
        let mut world = World::default();
        let mut is = device(&[(1, 10, 20), (2, 0, 0)]);
        let peer = &mut is.peers[0];
        peer.label = Some("a \"b\" \\ c".into());
        peer.allowed_ips = vec![
            ("10.0.0.1".parse().unwrap(), 32),
            ("fd00::".parse().unwrap(), 8),
        ];
        peer.last_handshake = Some(WALL);
        peer.drops.insert("rx_replayed".into(), 3);
        is.drops.insert("rx_bad_mac1".into(), 5);
        world.take(is, true, now(0).at);
        world.hear(&event(10, 1, Some(1), |_| ()), WALL);
        world.hear(&event(11, 3, Some(1), |_| ()), WALL);
        let page = page(&world, WALL);
        let first =
            "interface=\"wg0\",public_key=\"AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\",\
                     allowed_ips=\"10.0.0.1/32,fd00::/8\",friendly_name=\"a \\\"b\\\" \\\\ c\"";
        let second = "interface=\"wg0\",public_key=\"AgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAgI=\",allowed_ips=\"\"";
        for line in [
            "# TYPE wireguard_sent_bytes_total counter".into(),
            format!("wireguard_sent_bytes_total{{{first}}} 20"),
            format!("wireguard_sent_bytes_total{{{second}}} 0"),
            format!("wireguard_received_bytes_total{{{first}}} 10"),
            format!("wireguard_latest_handshake_seconds{{{first}}} 1700000000"),
            format!("wireguard_latest_handshake_seconds{{{second}}} 0"),
            format!("wireguard_peer_up{{{first}}} 1"),
            format!("wireguard_peer_up{{{second}}} 0"),
            "wireguard_peers{interface=\"wg0\"} 2".into(),
            "wireguard_drops_total{interface=\"wg0\",reason=\"rx_bad_mac1\"} 5".into(),
            format!("wireguard_peer_drops_total{{{first},reason=\"rx_replayed\"}} 3"),
            "wireguard_events_total{interface=\"wg0\",event=\"silent\"} 1".into(),
            "wireguard_events_lost_total{interface=\"wg0\"} 1".into(),
        ] {
            assert!(page.lines().any(|found| found == line), "{line}\n\n{page}");
        }
        // Each name is described once, before its values.
        let names: Vec<_> = page
            .lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .collect();
        let mut sorted = names.clone();
        sorted.sort();
        sorted.dedup();
        assert_eq!(names.len(), sorted.len());
    }
}
