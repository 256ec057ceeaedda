# SPDX-License-Identifier: GPL-2.0
"""Whether a flow is QUIC by all that can be known without its keys: RFC 9000, 9001, 9369.

The keys of Initial packets come from the identifier that the client has chosen, so everybody can open them.
"""

import hmac
import struct
from dataclasses import dataclass, field
from hashlib import sha256

from verdict import Verdict

VERSION_1, VERSION_2 = 1, 0x6B3343CF
SALTS = {
    VERSION_1: bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a"),
    VERSION_2: bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9"),
}
LABELS = {VERSION_1: "quic", VERSION_2: "quicv2"}

LONG, FIXED = 0x80, 0x40
INITIAL, RETRY = "initial", "retry"

# By the two bits of the first byte.
KINDS = {
    VERSION_1: (INITIAL, "0-rtt", "handshake", RETRY),
    VERSION_2: (RETRY, INITIAL, "0-rtt", "handshake"),
}

LONGEST_ID = 20
SHORTEST_FIRST_ID = 8
LEAST_INITIAL = 1200

PADDING, PING, ACK, ACK_ECN, CRYPTO, CLOSE = 0, 1, 2, 3, 6, 0x1C
CLIENT_HELLO, SERVER_HELLO = 1, 2

TAG = 16
SAMPLE = 16
LONGEST_NUMBER = 4


class Wrong(Exception):
    """What QUIC would never be like."""


class Reader:
    def __init__(self, data, at=0):
        self.data = data
        self.at = at

    def take(self, length):
        if self.at + length > len(self.data):
            raise Wrong("a packet is longer than its datagram")
        self.at += length
        return self.data[self.at - length : self.at]

    def number(self, length):
        return int.from_bytes(self.take(length), "big")

    def varint(self):
        first = self.number(1)
        more = (1 << (first >> 6)) - 1
        return (first & 0x3F) << 8 * more | self.number(more)


@dataclass
class Packet:
    first: int
    kind: str = "short"
    version: int = 0
    destination: bytes = b""
    source: bytes = b""
    header: bytes = b""
    """Up to the number of the packet, which is the first of what is protected."""
    protected: bytes = b""


@dataclass
class Side:
    """What is known of one end."""

    ids: list
    """Identifiers by which the other side may address it, the newest last."""
    crypto: dict = field(default_factory=dict)
    """What its Initial packets have of the handshake, by offset."""


def begins_like_quic(data):
    """As a cheap look at the first bytes would tell."""
    if len(data) < 7 or data[0] & (LONG | FIXED) != LONG | FIXED:
        return False
    return struct.unpack_from(">I", data, 1)[0] in SALTS


def strict(flow):
    first = flow.datagrams[0].payload
    if not begins_like_quic(first):
        return Verdict("not QUIC", "begins otherwise")
    try:
        known = Connection(first)
    except Wrong as wrong:
        return Verdict("not QUIC", str(wrong), flagged=True)
    complaints = []
    for number, one in enumerate(flow.datagrams, 1):
        try:
            known.datagram(one)
        except Wrong as wrong:
            complaints.append(f"datagram {number}: {wrong}")
    complaints += known.missing()
    if complaints:
        more = f", and {len(complaints) - 1} more" if len(complaints) > 1 else ""
        return Verdict("fails", complaints[0] + more, flagged=True)
    return Verdict("QUIC", f"{known.opened} Initials opened, {known.short} short headers")


class Connection:
    def __init__(self, first):
        packet = next(packets(first, 0))
        if packet.kind != INITIAL or len(packet.destination) < SHORTEST_FIRST_ID:
            raise Wrong("the first packet is no Initial")
        if len(first) < LEAST_INITIAL:
            raise Wrong(f"the first Initial has only {len(first)} bytes")
        self.version = packet.version
        self.client = Side([packet.source])
        self.server = Side([packet.destination])
        self.renew_keys(packet.destination)
        self.opened = self.short = 0

    def renew_keys(self, destination):
        self.keys = {way: keys_of(self.version, destination, way) for way in ("client in", "server in")}

    def datagram(self, one):
        sender, receiver, way = (
            (self.client, self.server, "client in") if one.from_initiator else (self.server, self.client, "server in")
        )
        for packet in packets(one.payload, len(receiver.ids[-1])):
            if packet.kind == "negotiation":
                if one.from_initiator:
                    raise Wrong("a client negotiates versions")
                continue
            if packet.version and packet.version != self.version:
                raise Wrong(f"version {packet.version:#x}")
            if packet.destination not in receiver.ids:
                raise Wrong("to an identifier that nobody has named")
            if packet.kind == "short":
                self.short += 1
            if packet.kind == INITIAL:
                sender.crypto |= crypto_frames(open_initial(packet, self.keys[way]))
                self.opened += 1
            if packet.kind != "short" and packet.source not in sender.ids:
                sender.ids.append(packet.source)
            if packet.kind == RETRY:
                self.renew_keys(packet.source)

    def missing(self):
        """What must have been in Initial packets by the end."""
        for side, name, wanted in ((self.client, "ClientHello", CLIENT_HELLO), (self.server, "ServerHello", SERVER_HELLO)):
            if side.crypto.get(0, b"")[:1] != bytes([wanted]):
                yield f"there is no {name}"


def packets(data, id_length):
    """What is in a datagram, of which short headers have identifiers of that length."""
    reader = Reader(data)
    # Behind packets with a long header there may be zeros, to make the datagram longer.
    while data[reader.at :].strip(b"\0"):
        begin = reader.at
        first = reader.number(1)
        if not first & LONG:
            if not first & FIXED:
                raise Wrong("the fixed bit is 0")
            packet = Packet(first, destination=reader.take(id_length))
            if len(data) - reader.at < LONGEST_NUMBER + SAMPLE:
                raise Wrong("a short header with too little behind it")
            reader.at = len(data)
            yield packet
            continue
        version = reader.number(4)
        packet = Packet(first, "negotiation", version, reader.take(id_of(reader)), reader.take(id_of(reader)))
        if not version:
            yield packet
            return
        if version not in KINDS:
            raise Wrong(f"version {version:#x}")
        if not first & FIXED:
            raise Wrong("the fixed bit is 0")
        packet.kind = KINDS[version][first >> 4 & 3]
        if packet.kind == RETRY:
            yield packet
            return
        if packet.kind == INITIAL:
            reader.take(reader.varint())
        length = reader.varint()
        packet.header = data[begin : reader.at]
        packet.protected = reader.take(length)
        if length < LONGEST_NUMBER + SAMPLE:
            raise Wrong("a packet is too short")
        yield packet


def id_of(reader):
    length = reader.number(1)
    if length > LONGEST_ID:
        raise Wrong(f"an identifier of {length} bytes")
    return length


# --- what protects Initial packets


def expand(secret, label, length):
    """HKDF-Expand-Label of TLS 1.3, for no more than one block."""
    info = struct.pack(">HB", length, 6 + len(label)) + b"tls13 " + label.encode() + b"\0\1"
    return hmac.digest(secret, info, sha256)[:length]


def keys_of(version, destination, way):
    secret = expand(hmac.digest(SALTS[version], destination, sha256), way, 32)
    prefix = LABELS[version]
    return [expand(secret, f"{prefix} {name}", length) for name, length in (("key", 16), ("iv", 12), ("hp", 16))]


def open_initial(packet, keys):
    # Not everybody who wants to read a capture's other rules has it.
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, iv, mask_key = keys
    protected = packet.protected
    sample = protected[LONGEST_NUMBER : LONGEST_NUMBER + SAMPLE]
    # Of each packet one block: that is what the mode is for.
    mask = Cipher(algorithms.AES(mask_key), modes.ECB()).encryptor().update(sample)
    first = packet.first ^ mask[0] & 0x0F
    length = (first & 3) + 1
    number = bytes(one ^ two for one, two in zip(protected[:length], mask[1:], strict=False))
    header = bytes([first]) + packet.header[1:] + number
    # Initial packets are so few that their numbers are never cut.
    nonce = (int.from_bytes(iv, "big") ^ int.from_bytes(number, "big")).to_bytes(12, "big")
    try:
        plain = AESGCM(key).decrypt(nonce, protected[length:], header)
    except InvalidTag:
        raise Wrong("an Initial packet cannot be opened") from None
    if first & 0x0C:
        raise Wrong("reserved bits of an Initial packet are set")
    return plain


def crypto_frames(plain):
    """The pieces of the handshake, by offset. An Initial packet may have few other frames."""
    reader, found = Reader(plain), {}
    while reader.at < len(plain):
        kind = reader.varint()
        if kind in (PADDING, PING):
            continue
        if kind in (ACK, ACK_ECN):
            skip_ack(reader, kind)
        elif kind == CRYPTO:
            offset = reader.varint()
            found[offset] = reader.take(reader.varint())
        elif kind == CLOSE:
            reader.varint()
            reader.varint()
            reader.take(reader.varint())
        else:
            raise Wrong(f"frame {kind:#x} in an Initial packet")
    return found


def skip_ack(reader, kind):
    reader.varint()
    reader.varint()
    more = reader.varint()
    for _ in range(1 + 2 * more + (3 if kind == ACK_ECN else 0)):
        reader.varint()
