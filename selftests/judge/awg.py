# SPDX-License-Identifier: GPL-2.0
"""Carries a tunnel's messages in the wire format of AmneziaWG 2.0: a relay beside each end, which dresses what its device sends
and undresses what comes from the other relay. Written from the format alone.

  awg.py DEVICE-PORT PORT [ADDRESS]      DEVICE-PORT: where the device listens; PORT: where this does towards outside; ADDRESS: of
                                         the other relay, at the same port; without it this one waits for the other

The device's peer must have the endpoint 127.0.0.1:7000. MAC1 stays that of the type that WireGuard knows, which nobody can tell who
does not know the responder's key; AmneziaWG computes it with its own.
"""

import asyncio
import random
import secrets
import sys

INSIDE = ("127.0.0.1", 7000)

INITIATION, RESPONSE, COOKIE, DATA = 1, 2, 3, 4
SIZES = {INITIATION: 148, RESPONSE: 92, COOKIE: 64}
LEAST_DATA = 32

# S1 to S4, H1 to H4; Jc, and from Jmin to Jmax.
PADDING = {INITIATION: 42, RESPONSE: 108, COOKIE: 13, DATA: 12}
TYPES = {
    INITIATION: (100_000_000, 499_999_999),
    RESPONSE: (500_000_000, 899_999_999),
    COOKIE: (900_000_000, 1_299_999_999),
    DATA: (1_300_000_000, 1_699_999_999),
}
JUNK_PACKETS = 5
JUNK = (10, 50)


def dress(message, first):
    """All datagrams that go out for a message; `first` and junk before an initiation."""
    kind = message[0]
    if kind == INITIATION and first:
        yield first
        for _ in range(JUNK_PACKETS):
            yield secrets.token_bytes(random.randint(*JUNK))
    yield secrets.token_bytes(PADDING[kind]) + random.randint(*TYPES[kind]).to_bytes(4, "little") + message[4:]


def undress(datagram):
    """The message in it, or None."""
    for kind, size in SIZES.items():
        if len(datagram) == PADDING[kind] + size and is_of(kind, datagram):
            return bare(kind, datagram)
    if len(datagram) >= PADDING[DATA] + LEAST_DATA and is_of(DATA, datagram):
        return bare(DATA, datagram)
    return None


def is_of(kind, datagram):
    least, most = TYPES[kind]
    return least <= int.from_bytes(datagram[PADDING[kind] : PADDING[kind] + 4], "little") <= most


def bare(kind, datagram):
    return kind.to_bytes(4, "little") + datagram[PADDING[kind] + 4 :]


def fake_initial():
    # It takes long to load that, and only who begins needs it.
    from quic import first_datagram

    return first_datagram()


class Socket(asyncio.DatagramProtocol):
    def __init__(self, receive):
        self.receive = receive

    def datagram_received(self, data, address):
        self.receive(data, address)


class Relay:
    def __init__(self, device, other):
        self.device, self.other = device, other
        # What configurations have as I1.
        self.first = fake_initial() if other else b""
        self.inside = self.outside = None

    async def run(self, port):
        loop = asyncio.get_running_loop()
        self.inside, _ = await loop.create_datagram_endpoint(lambda: Socket(self.from_device), local_addr=INSIDE)
        self.outside, _ = await loop.create_datagram_endpoint(lambda: Socket(self.from_outside), local_addr=("0.0.0.0", port))
        await asyncio.Event().wait()

    def from_device(self, message, _):
        if self.other:
            for datagram in dress(message, self.first):
                self.outside.sendto(datagram, self.other)

    def from_outside(self, datagram, address):
        if message := undress(datagram):
            self.other = address
            self.inside.sendto(message, self.device)


def main():
    device, port, *address = sys.argv[1:]
    other = (address[0], int(port)) if address else None
    asyncio.run(Relay((INSIDE[0], int(device)), other).run(int(port)))


if __name__ == "__main__":
    main()
