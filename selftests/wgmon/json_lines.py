# SPDX-License-Identifier: GPL-2.0
"""Looks at lines of JSON that wgmon has printed, and at its metrics, beside what `wg` says.

  json_lines.py snapshot FILE INTERFACE DUMP     one snapshot, and `wg show INTERFACE dump` of the same moment
  json_lines.py rates FILE INTERFACE             of several snapshots, the last has rates
  json_lines.py events FILE INTERFACE EVENT…     these were told in this order, whatever came between
  json_lines.py count FILE INTERFACE NUMBER      one snapshot, and so many peers in it
  json_lines.py metrics ADDRESS INTERFACE DUMP   metrics are served that say what `wg` says
"""

import json
import re
import sys
import urllib.request
from pathlib import Path

OF_DEVICE = {
    "type", "time", "interface", "kind", "public_key", "listen_port", "fwmark", "peers", "peers_up", "received_rate",
    "sent_rate", "drops", "event_groups", "events_lost",
}  # fmt: skip
OF_PEER = {
    "type", "time", "interface", "public_key", "name", "state", "endpoint", "fixed_endpoint", "allowed_ips", "keepalive",
    "latest_handshake", "failure", "received_bytes", "sent_bytes", "received_rate", "sent_rate", "drops",
}  # fmt: skip
STATES = {"up", "silent", "failed", "idle", "never"}

SAMPLE = re.compile(r'(?P<name>\w+)\{(?P<labels>(?:\w+="(?:[^"\\]|\\.)*",?)*)\} (?P<value>\d+)')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def wanted(what, want, found):
    if want != found:
        sys.exit(f"{what}: wanted {want!r}, found {found!r}")


def lines(file):
    return [json.loads(line) for line in Path(file).read_text().splitlines()]


def snapshots(file, interface):
    """Lists of peers. Each is as long as the line before it says, but for one that was cut off at the end."""
    found = []
    missing = 0
    for line in lines(file):
        if line["type"] == "device":
            wanted("peers that are missing", 0, missing)
            wanted("fields of a device", OF_DEVICE, set(line))
            missing = line["peers"]
            if line["interface"] == interface:
                found.append((line, []))
        elif line["type"] == "peer":
            wanted("fields of a peer", OF_PEER, set(line))
            wanted("a state", True, line["state"] in STATES)
            missing -= 1
            if line["interface"] == interface:
                found[-1][1].append(line)
    wanted("peers that are missing in the end", 0, missing)
    return found


def dump_of(text):
    """Peers as `wg` shows them, by public key."""
    rows = [line.split("\t") for line in text.strip().splitlines()]
    return {row[0]: row for row in rows if len(row) == 8}


def only(found):
    wanted("number of snapshots", 1, len(found))
    return found[0]


def snapshot(file, interface, dump):
    _, peers = only(snapshots(file, interface))
    told = {peer["public_key"]: peer for peer in peers}
    known = dump_of(dump)
    wanted("peers", set(known), set(told))
    for key, (_, _, endpoint, allowed_ips, handshake, received, sent, keepalive) in known.items():
        peer = told[key]
        wanted("endpoint", endpoint, peer["endpoint"] or "(none)")
        wanted("allowed IPs", set(allowed_ips.split(",")), set(peer["allowed_ips"]) or {"(none)"})
        wanted("handshake", int(handshake), int(peer["latest_handshake"] or 0))
        wanted("bytes", (int(received), int(sent)), (peer["received_bytes"], peer["sent_bytes"]))
        wanted("keepalive", keepalive, str(peer["keepalive"][0]) if peer["keepalive"] else "off")


def rates(file, interface):
    found = snapshots(file, interface)
    wanted("enough snapshots", True, len(found) >= 2)
    device, peers = found[-1]
    wanted("a device's rate", True, device["received_rate"] > 100)
    wanted("a peer's rate", True, max(peer["sent_rate"] for peer in peers) > 100)


def events(file, interface, *kinds):
    told = [line["event"] for line in lines(file) if line["type"] == "event" and line["interface"] == interface]
    rest = iter(told)
    missing = [kind for kind in kinds if kind not in rest]
    if missing:
        sys.exit(f"{', '.join(missing)} were not told, but {told}")


def count(file, interface, number):
    _, peers = only(snapshots(file, interface))
    wanted("peers", int(number), len({peer["public_key"] for peer in peers}))


def metrics(address, interface, dump):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=20) as answer:
        wanted("kind of content", "text/plain; version=0.0.4; charset=utf-8", answer.headers["Content-Type"])
        text = answer.read().decode()
    values = {}
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        match = SAMPLE.fullmatch(line)
        if not match:
            sys.exit(f"this is no sample: {line}")
        labels = dict(LABEL.findall(match["labels"]))
        if labels["interface"] == interface and "public_key" in labels and "reason" not in labels:
            values[match["name"], labels["public_key"]] = (int(match["value"]), labels["allowed_ips"])
    for key, (_, _, _, allowed_ips, handshake, received, sent, _) in dump_of(dump).items():
        for name, value in (("sent_bytes_total", sent), ("received_bytes_total", received), ("latest_handshake_seconds", handshake)):
            wanted(name, int(value), values[f"wireguard_{name}", key][0])
            wanted("allowed IPs", set(allowed_ips.split(",")), set(values[f"wireguard_{name}", key][1].split(",")))


if __name__ == "__main__":
    {function.__name__: function for function in (snapshot, rates, events, count, metrics)}[sys.argv[1]](*sys.argv[2:])
