# SPDX-License-Identifier: GPL-2.0
"""A tunnel between two namespaces, with sockets at both ends."""

import select
import socket
from contextlib import contextmanager

from amneziawg import AmneziaWG, settings
from awg_table import KEY
from control import Links, must
from request_table import OTHER_PUBLIC, OTHER_SELF, OWN_PUBLIC, SELF
from scenario import inside, ip
from wireguard import (
    REPLACE_PEERS, WireGuard, allowed, endpoint, flags, peer, peers, port, private_key, psk, set_device,
)  # fmt: skip
from wireguard import ip as prefix

PORT = {"a": 51821, "b": 51822}
OUTSIDE = {4: {"a": "192.0.2.1", "b": "192.0.2.2"}, 6: {"a": "2001:db8::1", "b": "2001:db8::2"}}
INSIDE = {4: {"a": "10.7.0.1", "b": "10.7.0.2"}, 6: {"a": "fd07::1", "b": "fd07::2"}}
KEYS = {"a": (SELF, OWN_PUBLIC), "b": (OTHER_SELF, OTHER_PUBLIC)}
OTHER = {"a": "b", "b": "a"}
FAMILY = {4: socket.AF_INET, 6: socket.AF_INET6}

# Of a peer that is nowhere.
NOBODY = bytes([16]) * 32

ETH_P_ALL = 3
PAYLOAD = bytes(range(256)) * 4

# What messages of an AmneziaWG device look like: all that there is, and such that packets in a row may travel together, or not.
EVEN = {
    "Jc": "2", "Jmin": "8", "Jmax": "40", "S1": "20", "S2": "30", "S3": "40", "S4": "16", "H1": "100-199", "H2": "200-299",
    "H3": "300-399", "H4": "400-499", "I1": "<b 0xf00d><r 10>", "HeaderProtectionKey": KEY, "ContentPaddingAddition": "0",
    "RandomTrailers": "on",
}  # fmt: skip
UNEVEN = {**EVEN, "ContentPaddingAddition": "1-100"}

FAMILIES = {"wireguard": WireGuard, "amneziawg": AmneziaWG}

# A packet has arrived by then, if nothing fails that it needs.
SOON = 0.2


class End:
    """A namespace with a device in it, and sockets."""

    def __init__(self, name, kind):
        self.name = name
        with inside(name):
            self.links = Links()
            self.wireguard = FAMILIES[kind]().open()
            self.udp = {version: self.bound(socket.SOCK_DGRAM, version, 5000) for version in (4, 6)}
            self.tcp = self.bound(socket.SOCK_STREAM, 4, 5000)
            self.tcp.listen()

    def bound(self, kind, version, number, address=None):
        found = socket.socket(FAMILY[version], kind)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind((address or INSIDE[version][self.name], number))
        found.settimeout(SOON)
        return found

    def set(self, *attrs):
        must(self.wireguard.ask(set_device(*attrs))[0].error, "set")

    def make_peer(self, version, port_there, more=()):
        other = OTHER[self.name]
        there = OUTSIDE[version][other]
        networks = [f"{INSIDE[4][other]}/32", f"{INSIDE[6][other]}/128", "10.8.0.0/16"]
        # One that stays as it is would keep its session.
        self.set(flags(REPLACE_PEERS))
        self.set(
            peers(
                peer(NOBODY, allowed(prefix("10.9.1.0/24"))),
                peer(KEYS[other][1], psk(bytes(range(32))), endpoint(there, port_there), allowed(*map(prefix, networks)), *more),
            ),
        )  # fmt: skip

    def close(self):
        for found in (*self.udp.values(), self.tcp, self.wireguard, self.links.socket):
            found.close()

    def drain(self):
        """Takes what has come late, and tells how much it was."""
        return sum(arrives(found, 0) for found in self.udp.values() for _ in range(20))

    def lost(self):
        """Packets that the device has counted as lost, in either direction."""
        with inside(self.name), open("/proc/thread-self/net/dev", encoding="ascii") as file:
            line = next(line for line in file if line.strip().startswith("wg0:"))
        numbers = list(map(int, line.split(":")[1].split()))
        return sum(numbers[index] for index in (2, 3, 10, 11))


class Tunnel:
    def __init__(self, kind="wireguard"):
        for end in "ab":
            ip("netns", "add", end)
            ip("-n", end, "link", "set", "lo", "up")
        ip("link", "add", "cable", "netns", "a", "type", "veth", "peer", "name", "cable", "netns", "b")
        self.ends = {}
        for end in "ab":
            for version, length in ((4, 24), (6, 64)):
                nodad = ["nodad"] if version == 6 else []
                ip("-n", end, "address", "add", f"{OUTSIDE[version][end]}/{length}", "dev", "cable", *nodad)
            ip("-n", end, "link", "set", "cable", "up")
            ip("-n", end, "link", "add", "wg0", "index", 77, "type", kind)
            for version, length in ((4, 24), (6, 64)):
                nodad = ["nodad"] if version == 6 else []
                ip("-n", end, "address", "add", f"{INSIDE[version][end]}/{length}", "dev", "wg0", *nodad)
            ip("-n", end, "link", "set", "wg0", "up")
            ip("-n", end, "route", "add", "10.8.0.0/16", "dev", "wg0")
            ip("-n", end, "route", "add", "10.9.0.0/16", "dev", "wg0")
            ip("-n", end, "-6", "route", "add", "fd09::/16", "dev", "wg0")
            self.ends[end] = End(end, kind)
            self.ends[end].set(private_key(KEYS[end][0]), port(PORT[end]))
        self.a, self.b = self.ends["a"], self.ends["b"]

    def close(self):
        for end, found in self.ends.items():
            found.close()
            ip("netns", "del", end)

    def fresh(self, version=4, through=None, looks=None):
        """No sessions, and nothing known of those before; `through` are ports of a relay that stands for the other end."""
        through = through or {"a": PORT["b"], "b": PORT["a"]}
        for end in "ab":
            if looks:
                self.ends[end].set(settings(looks))
            self.ends[end].make_peer(version, through[end])
            self.ends[end].drain()

    def counted(self):
        return self.a.lost() + self.b.lost()

    def exchange(self, count=4, length=200, relay=None, patience=SOON):
        """Datagrams both ways by both versions inside; returns how many were sent and did not arrive."""
        lost = 0
        for number in range(count):
            for version in (4, 6):
                here, there = (self.a, self.b) if number % 2 == 0 else (self.b, self.a)
                lost += not self.send(here, there, version, PAYLOAD * 2 if length > 1024 else PAYLOAD[:length], relay, patience)
        return lost

    def send(self, here, there, version, payload, relay=None, patience=SOON):
        try:
            here.udp[version].sendto(payload, (INSIDE[version][there.name], 5000))
        except OSError:
            return False
        return (relay or arrives)(there.udp[version], patience)


def arrives(receiver, patience=SOON):
    if not select.select([receiver], [], [], patience)[0]:
        return False
    receiver.recv(1 << 16)
    return True


@contextmanager
def listeners(*places):
    """Whoever listens to a device gets clones of what passes."""
    sockets = []
    for end, device in places:
        with inside(end):
            listener = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
            listener.bind((device, ETH_P_ALL))
            sockets.append(listener)
    try:
        yield sockets
    finally:
        for listener in sockets:
            listener.close()
