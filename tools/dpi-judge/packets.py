# SPDX-License-Identifier: GPL-2.0
"""UDP datagrams out of a capture, and the flows that they are."""

import struct
from dataclasses import dataclass, field

ETHERNET, RAW, COOKED, COOKED_2 = 1, 101, 113, 276

# Of the file's first four bytes: byte order, and how many parts of a second its times are in.
MAGICS = {
    b"\xd4\xc3\xb2\xa1": ("<", 10**6),
    b"\xa1\xb2\xc3\xd4": (">", 10**6),
    b"\x4d\x3c\xb2\xa1": ("<", 10**9),
    b"\xa1\xb2\x3c\x4d": (">", 10**9),
}

UDP = 17
VLAN = 0x8100


class Unreadable(Exception):
    """A file is no capture, or none that is known here."""


@dataclass
class Datagram:
    time: float
    source: tuple
    destination: tuple
    payload: bytes
    from_initiator: bool = True


@dataclass
class Flow:
    """What goes between two sockets. The initiator is who has sent first."""

    initiator: tuple
    responder: tuple
    datagrams: list = field(default_factory=list)

    @property
    def directions(self):
        """What each side has sent: the initiator, the responder."""
        return [[one for one in self.datagrams if one.from_initiator is way] for way in (True, False)]


def flows(datagrams):
    """In the order of their beginnings."""
    found = {}
    for one in datagrams:
        ends = frozenset((one.source, one.destination))
        flow = found.setdefault(ends, Flow(one.source, one.destination))
        one.from_initiator = one.source == flow.initiator
        flow.datagrams.append(one)
    return list(found.values())


def read(path):
    """All datagrams of a capture by tcpdump. Fragments are left out: who looks at single packets cannot read them either."""
    data = path.read_bytes()
    if data[:4] not in MAGICS or len(data) < 24:
        raise Unreadable(f"{path}: no capture; let tcpdump -w write one, or tshark -F pcap rewrite it")
    order, parts = MAGICS[data[:4]]
    (link,) = struct.unpack_from(f"{order}I", data, 20)
    link &= 0xFFFF
    if link not in LINKS:
        raise Unreadable(f"{path}: link type {link} is not known here; capture at an Ethernet or IP interface")
    found, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, kept, length = struct.unpack_from(f"{order}4I", data, at)
        packet = data[at + 16 : at + 16 + kept]
        if kept == length and (ends := udp(LINKS[link](packet))):
            found.append(Datagram(seconds + fraction / parts, *ends))
        at += 16 + kept
    return found


def of_ethernet(frame):
    at = 12
    while frame[at : at + 2] == VLAN.to_bytes(2, "big"):
        at += 4
    return frame[at + 2 :]


LINKS = {
    ETHERNET: of_ethernet,
    RAW: lambda packet: packet,
    COOKED: lambda packet: packet[16:],
    COOKED_2: lambda packet: packet[20:],
}


def udp(packet):
    """Source, destination and payload, or None if it is something else."""
    if len(packet) < 20:
        return None
    if packet[0] >> 4 == 4:
        header = packet[0] % 16 * 4
        fragment = int.from_bytes(packet[6:8], "big") & 0x3FFF
        protocol, source, destination = packet[9], packet[12:16], packet[16:20]
    else:
        header, fragment = 40, 0
        protocol, source, destination = packet[6], packet[8:24], packet[24:40]
    if protocol != UDP or fragment or len(packet) < header + 8:
        return None
    one, two, length = struct.unpack_from(">3H", packet, header)
    return (source, one), (destination, two), packet[header + 8 : header + length]
