// SPDX-License-Identifier: GPL-2.0

//! Lines of JSON, each an object with a `type`. A line of a device says how many lines of peers follow.

use std::io::{self, Write};
use std::time::Duration;

use nix::poll::PollFlags;
use serde_json::{json, Map, Value};

use crate::event::{Event, Kind, Role};
use crate::model::{Device, Peer, World};
use crate::monitor::{wall, Happening, Monitor};
use crate::reading::Drops;
use crate::signals::{wait, Signals};
use crate::text::ignore_closed;
use crate::Result;

/// Prints what there is, and what happens until nobody reads it any more.
pub fn run(monitor: &mut Monitor, once: bool) -> Result {
    let signals = Signals::catch()?;
    let mut written = print(&snapshot(monitor));
    while !once && matches!(written, Ok(())) {
        let ears = monitor.ears().chain([signals.as_fd()]);
        wait(ears.map(|fd| (fd, PollFlags::POLLIN)), monitor.due_in());
        if signals.came() {
            break;
        }
        let mut lines = happened(&monitor.hear());
        if monitor.due_in().is_zero() {
            lines.extend(happened(&monitor.read()?));
            lines.extend(snapshot(monitor));
        }
        written = print(&lines);
    }
    written
        .or_else(ignore_closed)
        .map_err(|error| format!("nothing can be printed: {error}"))
}

fn print(lines: &[Value]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
    out.flush()
}

fn snapshot(monitor: &Monitor) -> Vec<Value> {
    let wall = wall();
    let mut lines = Vec::new();
    for device in &monitor.world.devices {
        lines.push(of_device(device, monitor.groups(device.is.kind), wall));
        let mut peers: Vec<_> = device.peers.values().collect();
        peers.sort_by_key(|peer| peer.is.key);
        lines.extend(
            peers
                .into_iter()
                .map(|peer| of_peer(&monitor.world, device, peer, wall)),
        );
    }
    lines
}

fn happened(happenings: &[Happening]) -> Vec<Value> {
    let now = seconds(wall());
    let lost = |interface: Option<&str>, count: Option<u64>| json!({"type": "lost", "time": now, "interface": interface, "count": count});
    let mut lines = Vec::new();
    for happening in happenings {
        match happening {
            Happening::Event(event, missing) => {
                if *missing > 0 {
                    lines.push(lost(Some(&event.device), Some(*missing)));
                }
                lines.push(of_event(event, now));
            }
            Happening::Overrun => lines.push(lost(None, None)),
            Happening::Gone(name) => {
                lines.push(json!({"type": "gone", "time": now, "interface": name}));
            }
        }
    }
    lines
}

fn seconds(time: Duration) -> f64 {
    time.as_secs_f64()
}

fn drops(drops: &Drops) -> Value {
    let drops: Map<_, _> = drops
        .iter()
        .map(|(reason, count)| (reason.clone(), (*count).into()))
        .collect();
    drops.into()
}

fn of_device(device: &Device, groups: &[String], wall: Duration) -> Value {
    json!({
        "type": "device",
        "time": seconds(wall),
        "interface": device.is.name,
        "kind": device.is.kind.name(),
        "public_key": device.is.key.map(|key| key.to_string()),
        "listen_port": device.is.port,
        "fwmark": device.is.mark,
        "peers": device.peers.len(),
        "peers_up": device.up(wall),
        "received_rate": device.rates.map(|rates| rates.received),
        "sent_rate": device.rates.map(|rates| rates.sent),
        "drops": drops(&device.is.drops),
        "event_groups": groups,
        "events_lost": device.lost,
    })
}

fn of_peer(world: &World, device: &Device, peer: &Peer, wall: Duration) -> Value {
    let is = &peer.is;
    let allowed_ips: Vec<_> = is
        .allowed_ips
        .iter()
        .map(|(address, len)| format!("{address}/{len}"))
        .collect();
    json!({
        "type": "peer",
        "time": seconds(wall),
        "interface": device.is.name,
        "public_key": is.key.to_string(),
        "name": world.name_of(is),
        "state": device.state(peer, wall).to_string(),
        "endpoint": is.endpoint.map(|endpoint| endpoint.to_string()),
        "fixed_endpoint": is.fixed_endpoint,
        "allowed_ips": allowed_ips,
        "keepalive": is.keepalive.map(|(from, to)| [from, to]),
        "latest_handshake": is.last_handshake.map(seconds),
        "failure": is.failure.map(|failure| failure.to_string()),
        "received_bytes": is.received,
        "sent_bytes": is.sent,
        "received_rate": peer.rates.map(|rates| rates.received),
        "sent_rate": peer.rates.map(|rates| rates.sent),
        "drops": drops(&is.drops),
    })
}

fn of_event(event: &Event, now: f64) -> Value {
    let mut line = json!({
        "type": "event",
        "time": now,
        "interface": event.device,
        "event": event.kind.name(),
        "sequence": event.sequence,
    });
    let Some(fields) = line.as_object_mut() else {
        return line;
    };
    if let Kind::Other(number) = event.kind {
        fields.insert("number".into(), number.into());
    }
    let Some(peer) = &event.peer else { return line };
    let mut add = |name: &str, value: Option<Value>| {
        if let Some(value) = value {
            fields.insert(name.into(), value);
        }
    };
    add("public_key", Some(peer.key.to_string().into()));
    add("label", peer.label.clone().map(Value::from));
    add("endpoint", peer.endpoint.map(|at| at.to_string().into()));
    add(
        "old_endpoint",
        peer.old_endpoint.map(|at| at.to_string().into()),
    );
    add(
        "role",
        peer.role.map(|role| match role {
            Role::Initiator => "initiator".into(),
            Role::Responder => "responder".into(),
        }),
    );
    add("duration", peer.duration.map(|time| seconds(time).into()));
    add("ended", peer.ended.map(|end| end.to_string().into()));
    add(
        "failure",
        peer.failure.map(|failure| failure.to_string().into()),
    );
    line
}

#[cfg(test)]
mod tests {
    use wire_peer::uapi;

    use super::*;
    use crate::event::tests::event;
    use crate::model::tests::{device, now, WALL};

    #[test]
    fn a_peer_is_told_whole() {
        let mut world = World::default();
        let mut is = device(&[(1, 10, 20)]);
        is.peers[0].label = Some("a \"b\"\\".into());
        is.peers[0].allowed_ips = vec![
            ("10.0.0.1".parse().unwrap(), 32),
            ("fd00::".parse().unwrap(), 8),
        ];
        is.peers[0].last_handshake = Some(WALL);
        is.peers[0].drops.insert("rx_replayed".into(), u64::MAX);
        world.take(is, true, now(0).at);
        let device = &world.devices[0];
        let peer = device.peers.values().next().unwrap();
        let line = of_peer(&world, device, peer, WALL).to_string();
        assert_eq!(line.lines().count(), 1);
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(read["name"], "a \"b\"\\");
        assert_eq!(
            read["public_key"],
            "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE="
        );
        assert_eq!(read["allowed_ips"], json!(["10.0.0.1/32", "fd00::/8"]));
        assert_eq!(
            (&read["state"], &read["endpoint"]),
            (&json!("up"), &Value::Null)
        );
        assert_eq!(read["latest_handshake"], json!(1_700_000_000.0));
        assert_eq!(
            (&read["received_bytes"], &read["sent_rate"]),
            (&json!(10), &Value::Null)
        );
        assert_eq!(read["drops"]["rx_replayed"], json!(u64::MAX));
        let read = of_device(device, &["config".into()], WALL);
        assert_eq!((&read["peers"], &read["peers_up"]), (&json!(1), &json!(1)));
        assert_eq!(read["event_groups"], json!(["config"]));
    }

    #[test]
    fn events_have_what_they_have() {
        let roamed = event(9, 4, Some(1), |p| {
            p.attr(
                uapi::ENDPOINT,
                &uapi::sockaddr("192.0.2.1:1".parse().unwrap()),
            );
            p.u32(135, 1);
            p.attr(136, &1500u64.to_ne_bytes());
        });
        let lines = happened(&[
            Happening::Event(roamed.into(), 2),
            Happening::Overrun,
            Happening::Event(event(77, 5, None, |_| ()).into(), 0),
            Happening::Gone("wg0".into()),
        ]);
        let types: Vec<_> = lines
            .iter()
            .map(|line| line["type"].as_str().unwrap())
            .collect();
        assert_eq!(types, ["lost", "event", "lost", "event", "gone"]);
        assert_eq!(
            (&lines[0]["interface"], &lines[0]["count"]),
            (&json!("wg0"), &json!(2))
        );
        assert_eq!(lines[2]["count"], Value::Null);
        let event = &lines[1];
        assert_eq!(
            (&event["event"], &event["sequence"]),
            (&json!("roamed"), &json!(4))
        );
        assert_eq!(
            (&event["role"], &event["duration"]),
            (&json!("initiator"), &json!(1.5))
        );
        assert!(event.get("label").is_none() && event.get("ended").is_none());
        assert_eq!(lines[3]["number"], json!(77));
    }
}
