# SPDX-License-Identifier: GPL-2.0
"""By what other programs know WireGuard: the rules of nDPI, Wireshark, Zeek and OpenGFW, written anew from what they do.

Each takes a flow and says whether the program would call it WireGuard, and by which datagram it knows.
"""

from collections import deque

from verdict import NOTHING, Verdict

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
SIZES = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
LEAST_DATA = 32

# TunnelBear's, which are longer.
OTHER_SIZES = {INITIATION: 204, RESPONSE: 100}

# After how many data messages for the same session nDPI is sure, the first one included.
NDPI_DATA = 3

# By the signature for Zeek: what is behind the first four bytes.
ZEEK_REST = 144

# How many indexes OpenGFW remembers, and after how many strange datagrams in a row it gives up.
OPENGFW_INDEXES = 6
OPENGFW_STRANGE = 4


def named(number, why):
    return Verdict("WireGuard", f"datagram {number}: {why}", flagged=True)


def is_reserved_zero(payload):
    return payload[1:4] == bytes(3)


def ndpi(flow):
    """Two initiations, an answer to the initiation's index, or three data messages for one index. Anything else ends it."""
    initiator = None
    indexes = {}
    for number, one in enumerate(flow.datagrams, 1):
        data, size = one.payload, len(one.payload)
        if size < LEAST_DATA or not is_reserved_zero(data):
            return NOTHING
        kind = data[0]
        if kind == INITIATION and size in (SIZES[kind], OTHER_SIZES[kind]):
            if initiator is not None:
                return named(number, "a second initiation")
            initiator = data[4:8]
        elif kind == RESPONSE and size in (SIZES[kind], OTHER_SIZES[kind]):
            if data[8:12] == initiator:
                return named(number, "a response to the initiation")
        elif kind == COOKIE and size == SIZES[kind]:
            if data[4:8] == initiator:
                return named(number, "a cookie for the initiation")
        elif kind == DATA:
            index, seen = indexes.get(one.from_initiator, (data[4:8], 0))
            if index == data[4:8] and seen + 1 >= NDPI_DATA:
                return named(number, "data for the same index")
            indexes[one.from_initiator] = (data[4:8], seen + 1 if index == data[4:8] else 1)
        else:
            return NOTHING
    return NOTHING


def wireshark(flow):
    """Any one message of the right size. Only cookies and data must have zeros where they are reserved."""
    for number, one in enumerate(flow.datagrams, 1):
        kind, size = one.payload[:1], len(one.payload)
        if kind in (b"\1", b"\2") and size == SIZES[kind[0]]:
            return named(number, "size of a handshake message")
        if kind == b"\3" and size == SIZES[COOKIE] and is_reserved_zero(one.payload):
            return named(number, "size of a cookie")
        if kind == b"\4" and size >= LEAST_DATA and is_reserved_zero(one.payload):
            return named(number, "a data message")
    return NOTHING


def zeek(flow):
    """The signature: a type from 1 to 3, three zeros, and much behind it. Only the initiation is that long."""
    for number, one in enumerate(flow.datagrams, 1):
        if one.payload[:1] in (b"\1", b"\2", b"\3") and is_reserved_zero(one.payload) and len(one.payload) >= 4 + ZEEK_REST:
            return named(number, "matches the signature")
    return NOTHING


def opengfw(flow):
    """A message to an index that the other side has used as its own."""
    remembered = deque(maxlen=OPENGFW_INDEXES)
    strange = 0
    for number, one in enumerate(flow.datagrams, 1):
        sender, receiver = opengfw_message(one.payload)
        if sender is receiver is None:
            strange += 1
            if strange >= OPENGFW_STRANGE:
                return NOTHING
            continue
        strange = 0
        if (not one.from_initiator, receiver) in remembered:
            return named(number, "to an index that the other side has named")
        if sender:
            remembered.append((one.from_initiator, sender))
    return NOTHING


def opengfw_message(data):
    """The sender's and the receiver's index, or None for either that a message has not; both of them if it is none."""
    if len(data) < 4 or not is_reserved_zero(data):
        return None, None
    kind, size = data[0], len(data)
    if kind == INITIATION and size == SIZES[kind]:
        return data[4:8], None
    if kind == RESPONSE and size == SIZES[kind]:
        return data[4:8], data[8:12]
    if (kind == COOKIE and size == SIZES[kind]) or (kind == DATA and size >= LEAST_DATA and size % 16 == 0):
        return None, data[4:8]
    return None, None
