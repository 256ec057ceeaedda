# SPDX-License-Identifier: GPL-2.0
"""Stands between the two ends of a tunnel, and passes messages on in other forms."""

import os
import random
import select
import socket
import struct
import time

from scenario import inside
from tunnel import OTHER, OUTSIDE, PORT, SOON


class Relay:
    """Stands between the two ends in b's namespace, and passes on what it gets in other forms."""

    PORTS = {"a": 7001, "b": 7002}

    def __init__(self, tunnel, send):
        self.send = send
        with inside("b"):
            self.of = {end: tunnel.b.bound(socket.SOCK_DGRAM, 4, self.PORTS[end], OUTSIDE[4]["b"]) for end in "ab"}
            self.raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
        self.of["a"].connect((OUTSIDE[4]["a"], PORT["a"]))
        self.of["b"].connect((OUTSIDE[4]["b"], PORT["b"]))

    def __call__(self, receiver, patience):
        """Relays until something arrives."""
        end = time.monotonic() + patience
        while time.monotonic() < end:
            ready, _, _ = select.select([receiver, *self.of.values()], [], [], SOON)
            if receiver in ready:
                receiver.recv(1 << 16)
                return True
            for side in "ab":
                if self.of[side] in ready:
                    self.pass_on(OTHER[side], self.of[side].recv(1 << 16))
        return False

    def pass_on(self, to, message):
        try:
            self.send(self, to, message)
        except OSError:
            pass

    def in_pages(self, to, message):
        """All of it in pages, nothing in the packet's head but the headers."""
        reading, writing = os.pipe()
        os.write(writing, message)
        os.splice(reading, self.of[to].fileno(), len(message))
        os.close(reading)
        os.close(writing)

    def in_fragments(self, to, message):
        """In fragments, of which the first has next to nothing."""
        datagram = struct.pack("!HHHH", self.PORTS[to], PORT[to], 8 + len(message), 0) + message
        number = random.getrandbits(16)
        source, target = (socket.inet_aton(OUTSIDE[4][end]) for end in ("b", to))
        start = 0
        for end in (8, 24, 48, len(datagram)):
            if start >= len(datagram):
                break
            piece = datagram[start:end]
            more = 0x2000 if end < len(datagram) else 0
            header = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(piece), number, more | start // 8, 64, 17, 0, source, target)
            self.raw.sendto(header + piece, (OUTSIDE[4][to], 0))
            start = end

    def close(self):
        for found in (self.raw, *self.of.values()):
            found.close()
