# SPDX-License-Identifier: GPL-2.0
"""Flows made for tests of rules. What is random is so by a seed."""

import random

from packets import Datagram, flows

CLIENT, SERVER = (b"\xc0\0\2\1", 40000), (b"\xc0\0\2\2", 443)
THERE, BACK = (CLIENT, SERVER), (SERVER, CLIENT)

chance = random.Random(1)


def flow(*messages, times=None):
    """The only flow of these messages, each (way, payload)."""
    times = times or range(len(messages))
    (found,) = flows([Datagram(time, *way, data) for time, (way, data) in zip(times, messages, strict=True)])
    return found


def noise(*sizes):
    """A flow of random bytes to the server."""
    return flow(*((THERE, chance.randbytes(size)) for size in sizes))


def initiation(sender=b"aaaa"):
    return b"\1\0\0\0" + sender + chance.randbytes(108) + bytes(32)


def response(sender=b"bbbb", receiver=b"aaaa"):
    return b"\2\0\0\0" + sender + receiver + chance.randbytes(48) + chance.randbytes(16) + bytes(16)


def cookie(receiver=b"aaaa"):
    return b"\3\0\0\0" + receiver + chance.randbytes(56)


def data(counter, receiver=b"bbbb", inner=96):
    return b"\4\0\0\0" + receiver + counter.to_bytes(8, "little") + chance.randbytes(inner + 16)


def tunnel(count=60):
    """Like WireGuard."""
    messages = [(THERE, initiation()), (BACK, response())]
    for counter in range(count):
        messages.append((THERE, data(counter, b"bbbb", 16 * chance.randrange(2, 60))))
        messages.append((BACK, data(counter, b"aaaa", 16 * chance.randrange(2, 60))))
    return messages
