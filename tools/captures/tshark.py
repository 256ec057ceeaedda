# SPDX-License-Identifier: GPL-2.0
"""Captures as tshark decodes them: one `Frame` for each packet in the file."""

import subprocess
from dataclasses import dataclass

# Checksums are looked at wherever there is one, and what comes in fragments is put together first.
PREFERENCES = [
    "ip.check_checksum:TRUE",
    "udp.check_checksum:TRUE",
    "tcp.check_checksum:TRUE",
    "ip.defragment:TRUE",
    "ipv6.defragment:TRUE",
]

FIELDS = [
    "frame.number", "frame.protocols", "ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "ip.checksum.status",
    "udp.checksum.status", "tcp.checksum.status", "ip.reassembled_in", "ipv6.reassembled.in", "ip.fragment.count",
    "ipv6.fragment.count", "udp.srcport", "udp.dstport", "udp.length", "udp.checksum", "tcp.seq_raw", "tcp.ack_raw",
    "tcp.checksum", "wg.type", "wg.sender", "wg.receiver", "wg.counter", "wg.timestamp.value", "wg.handshake_ok",
    "wg.keepalive", "_ws.expert.severity", "_ws.expert.message", "_ws.malformed", "_ws.short",
]  # fmt: skip

# Of experts' severities; less are warnings, notes and chats.
ERROR = 0x800000
GOOD = "1"

ICMP = ("icmp", "icmpv6")


class Unreadable(Exception):
    """tshark could not make anything of a file at all."""


@dataclass
class Frame:
    values: dict[str, list[str]]

    def all(self, field):
        return self.values[field]

    def first(self, field):
        return next(iter(self.values[field]), None)

    def last(self, field):
        return next(reversed(self.values[field]), None)

    @property
    def number(self):
        return int(self.first("frame.number"))

    @property
    def layers(self):
        return self.first("frame.protocols").split(":")

    @property
    def is_message(self):
        """Whether it carries a message of WireGuard, and is not an ICMP error about one."""
        return "wg" in self.layers and not set(ICMP) & set(self.layers[: self.layers.index("wg")])

    @property
    def inner(self):
        """The layers inside the message."""
        return self.layers[self.layers.index("wg") + 1 :]

    @property
    def outside(self):
        return 6 if "ipv6" in self.layers[: self.layers.index("wg")] else 4

    @property
    def type(self):
        return int(self.first("wg.type"))

    @property
    def in_fragments(self):
        return bool(self.all("ip.fragment.count") or self.all("ipv6.fragment.count"))

    @property
    def is_part(self):
        """A fragment of what is decoded with the last one."""
        return bool(self.all("ip.reassembled_in") or self.all("ipv6.reassembled.in"))

    def errors(self):
        """What tshark finds wrong with it."""
        severe = any(int(severity) >= ERROR for severity in self.all("_ws.expert.severity"))
        if severe or self.all("_ws.malformed") or self.all("_ws.short"):
            yield f"frame {self.number}: {', '.join(self.all('_ws.expert.message')) or 'malformed'}"

    def checksum_errors(self):
        """Each header has its checksum, and it fits. A packet within an ICMP error is cut off and has none to check."""
        layers = self.layers
        is_whole = not set(ICMP) & set(layers)
        for name in ("ip", "udp", "tcp"):
            status = self.all(f"{name}.checksum.status")
            # Inner packets of IPv6 are shown as ip:ipv6, with one header.
            headers = sum(one == name and two != "ipv6" for one, two in zip(layers, [*layers[1:], ""], strict=True))
            if any(one != GOOD for one in status if is_whole) or (is_whole and len(status) != headers):
                yield f"frame {self.number}: {name} checksums: status {status} of {headers} headers"

    def packet(self):
        """What the packet inside the tunnel is known by: its addresses, and what sums up all of it but the IP header."""
        inside = [address for field in ("ip.src", "ip.dst", "ipv6.src", "ipv6.dst")
                  for address in self.all(field) if address.startswith(("10.7.", "fd07:"))]  # fmt: skip
        if "tcp" in self.layers:
            return *inside, *(self.first(f"tcp.{field}") for field in ("seq_raw", "ack_raw", "checksum"))
        return *inside, *(self.last(f"udp.{field}") for field in ("srcport", "dstport", "length", "checksum"))


def decode(tshark, capture, keys=None):
    """All frames of a capture, messages opened by the keys as far as they go."""
    preferences = [*PREFERENCES, *([f"wg.keylog_file:{keys}"] if keys else [])]
    command = [tshark, "-n", "-2", "-r", capture, "-T", "fields", "-E", "separator=/t", "-E", "aggregator=;"]
    command += [word for preference in preferences for word in ("-o", preference)]
    command += [word for field in FIELDS for word in ("-e", field)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Unreadable(f"{capture}: {done.stderr.strip().splitlines()[-1]}")
    return [frame_of(line) for line in done.stdout.splitlines()]


def frame_of(line):
    columns = line.split("\t")
    return Frame({field: [word for word in text.split(";") if word] for field, text in zip(FIELDS, columns, strict=True)})
