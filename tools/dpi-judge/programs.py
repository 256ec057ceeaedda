# SPDX-License-Identifier: GPL-2.0
"""What other people's programs say of a capture, each in one verdict on all of it."""

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

import guest
from verdict import Verdict

HERE = Path(__file__).resolve().parent

NDPI_FLOW = re.compile(r"^\s*\d+\s+UDP .*?\[proto: [\d.]+/(?P<name>[^]]+)\].*?\[Confidence: (?P<how>[^]]+)\]")
NDPI_RISK = re.compile(r"\[Risk: \*\* (.*?) \*\*\]")

TSHARK_FIELDS = ("frame.protocols", "_ws.malformed", "quic.fixed_bit", "_ws.expert.message")

# What tshark's experts say of QUIC that does not hang together. That they lack secrets is as it should be.
INCOHERENT = re.compile(r"Unknown QUIC connection|Failed to create decryption context: (?!Secrets are not available)")

# What Suricata calls a flow that it has no name for.
UNNAMED = ("failed", None)

# Names that a censor would act on.
VPN = re.compile(r"wireguard|wg|vpn", re.IGNORECASE)


class Failed(Exception):
    """A program did not do its work."""


def run(command, **options):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False, **options)
    if done.returncode:
        said = done.stderr.strip().splitlines() or ["no word"]
        raise Failed(f"{Path(command[0]).name} ended with status {done.returncode}: {said[-1]}")
    return done.stdout


def tally(words):
    return ", ".join(f"{word} ×{many}" if many > 1 else word for word, many in Counter(words).most_common())


def verdict(names, why=""):
    """On all flows by their names."""
    names = list(names) or ["no flow"]
    return Verdict(tally(names), why, flagged=any(VPN.search(name) for name in names))


def ndpi_reader(capture):
    lines = run([guest.step("classifiers") / "bin/ndpiReader", "-i", capture, "-v", "2"]).splitlines()
    found = [match for line in lines if (match := NDPI_FLOW.match(line))]
    why = [f"by {match['how']}" for match in found]
    why += [risk for line in lines if NDPI_FLOW.match(line) for risk in NDPI_RISK.findall(line)]
    return verdict((match["name"] for match in found), tally(why))


def nfstream(capture):
    """In a process of its own: it has threads and signals."""
    environment = {**os.environ, "PYTHONPATH": str(guest.step("classifiers") / "nfstream")}
    said = run([sys.executable, HERE / "flows_by_nfstream.py", capture], env=environment)
    found = [json.loads(line) for line in said.splitlines()]
    why = ["guessed" if one["guessed"] else "by DPI" for one in found]
    why += [f"SNI {one['server']}" for one in found if one["server"]]
    return verdict((f"{one['name']}/{one['category']}" for one in found), tally(why))


def tshark(capture):
    """By its datagrams: it looks at each."""
    command = [guest.step("observers") / "bin/tshark", "-n", "-r", capture, "-Y", "udp && !icmp && !icmpv6", "-T", "fields"]
    said = run([*command, *(word for field in TSHARK_FIELDS for word in ("-e", field))])
    rows = [line.split("\t") for line in said.splitlines()]
    names = Counter(above_udp(protocols) for protocols, *_ in rows)
    malformed = sum(bool(row[1]) for row in rows)
    unfixed = sum(bool({"False", "0"} & set(row[2].split(","))) for row in rows)
    incoherent = sum(bool(INCOHERENT.search(row[3])) for row in rows)
    why = f"{malformed} malformed, {unfixed} without fixed bit, {incoherent} incoherent" if "quic" in names else ""
    word = ", ".join(f"{name} {many}/{len(rows)}" for name, many in names.most_common())
    return Verdict(word or "no datagram", why, flagged="wg" in names)


def above_udp(protocols):
    layers = protocols.split(":")
    return next(iter(layers[layers.index("udp") + 1 :]), "nothing")


def suricata(capture):
    step = guest.step("classifiers")
    with tempfile.TemporaryDirectory() as folder:
        settings = step / "tree/etc/suricata"
        command = [step / "bin/suricata", "-c", settings / "suricata.yaml", "-S", "/dev/null", "-l", folder, "-r", capture]
        command += ["--set", f"classification-file={settings}/classification.config"]
        run([*command, "--set", f"reference-config-file={settings}/reference.config"])
        events = [json.loads(line) for line in (Path(folder) / "eve.json").read_text().splitlines()]
    flows = [one.get("app_proto") for one in events if one["event_type"] == "flow" and one["proto"] == "UDP"]
    anomalies = [one["anomaly"]["event"].lower() for one in events if one["event_type"] == "anomaly"]
    return verdict(("none" if name in UNNAMED else name for name in flows), tally(anomalies))


PROGRAMS = {
    "ndpiReader": ndpi_reader,
    "nfstream": nfstream,
    "tshark": tshark,
    "Suricata": suricata,
}
