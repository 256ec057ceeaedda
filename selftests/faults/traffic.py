# SPDX-License-Identifier: GPL-2.0
"""Traffic of the kinds that ask for memory in one place or another."""

import hashlib
import os
import random
import select
import socket
import struct
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Callable

from netlink import Socket, find_groups, u8
from relay import Relay
from request_table import OTHER_PUBLIC, OWN_PUBLIC, SELF
from scenario import inside, ip
from tunnel import EVEN, FAMILY, INSIDE, OUTSIDE, PAYLOAD, PORT, SOON, UNEVEN, arrives, listeners
from wireguard import (
    PATH_MTU, REMOVE_ME, REPLACE_PEERS, endpoint, flags, hold_unknown, keepalive, mark, peer, peer_flags, peers, private_key,
    set_device,
)  # fmt: skip

# In seconds: before a handshake is tried again, and after that.
SURELY = 4
AGAIN = 8

# Another private key for a while.
ANOTHER = bytes([24]) * 31 + b"\x41"

UDP_SEGMENT = 103
SOL_PACKET, PACKET_VNET_HDR, ETH_P_IP = 263, 15, 0x0800
NEEDS_CSUM, GSO_UDP_L4 = 1, 5

# Load is over a second after there was any.
CALM = 1.2


# --- kinds of traffic: each gets a tunnel without sessions, and returns how many datagrams were lost, if it knows

def plain(tunnel):
    return tunnel.exchange()


def carried_by_routes(tunnel):
    """Routes are forgotten everywhere, addresses change."""
    lost = tunnel.exchange(2)
    for end in tunnel.ends.values():
        end.set(mark(1))
    with inside("a"), open("/proc/sys/net/ipv4/route/flush", "w", encoding="ascii") as file:
        file.write("1")
    for verb in ("del", "add"):
        ip("-n", "a", "-6", "route", verb, "2001:db8::/64", "dev", "cable")
    lost += tunnel.exchange(2)
    for end in tunnel.ends.values():
        end.set(mark(0))
    return lost


def tapped(tunnel):
    with listeners(("a", "wg0"), ("a", "cable"), ("b", "cable"), ("b", "wg0")):
        return tunnel.exchange()


def trains(tunnel):
    """What stands for several packets."""
    lost = tunnel.exchange(2)
    for here, there in ((tunnel.a, tunnel.b), (tunnel.b, tunnel.a)):
        segment = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", 500))]
        try:
            here.udp[4].sendmsg([PAYLOAD * 4], segment, 0, (INSIDE[4][there.name], 5000))
        except OSError:
            pass
        lost += sum(not arrives(there.udp[4]) for _ in range(8)) if arrives(there.udp[4]) else 9
    return lost


def tapped_trains(tunnel):
    with listeners(("b", "cable")):
        return trains(tunnel)


def mixed_trains(tunnel):
    """In one packet with a message of a session are others, which are looked at by themselves."""
    with listeners(("b", "cable")) as (ear,):
        lost = tunnel.exchange(2)
        messages = [message for message in heard(ear, PORT["b"]) if len(message) > len(initiation(OTHER_PUBLIC))]
    if messages:
        message = messages[-1]
        segment = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(message)))]
        with inside("a"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
            try:
                nobody.sendmsg([message + random.randbytes(2 * len(message))], segment, 0, (OUTSIDE[4]["b"], PORT["b"]))
            except OSError:
                pass
    return lost


def heard(ear, port):
    """The payloads of datagrams to a port that a packet socket has heard of, by IPv4."""
    while select.select([ear], [], [], 0)[0]:
        frame = ear.recv(1 << 16)
        if frame[12:14] == b"\x08\0" and frame[36:38] == struct.pack("!H", port):
            yield frame[42:]


def bursts(tunnel):
    """So many at once, before there is a session, that they travel together, in more than one packet.

    Who listens outside keeps the memory of those that went before in use, so that the next has to ask for more.
    """
    with listeners(("a", "wg0"), ("a", "cable")):
        with undisturbed():
            for _ in range(100):
                try:
                    tunnel.a.udp[4].sendto((PAYLOAD * 2)[:1300], (INSIDE[4]["b"], 5000))
                except OSError:
                    pass
        swallow(tunnel.b.udp[4])


@contextmanager
def undisturbed():
    """No worker gets to run before the end."""
    os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    try:
        yield
    finally:
        os.sched_setscheduler(0, os.SCHED_OTHER, os.sched_param(0))


def swallow(receiver):
    """Takes all that comes."""
    patience = SOON
    while arrives(receiver, patience):
        patience = SOON / 10


def long_trains(tunnel):
    """What stands for more packets than there can be messages in one."""
    tunnel.exchange(2)
    segment = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", 500))]
    try:
        tunnel.a.udp[4].sendmsg([bytes(127 * 500)], segment, 0, (INSIDE[4]["b"], 5000))
    except OSError:
        pass
    swallow(tunnel.b.udp[4])


def doubtful_trains(tunnel):
    """What stands for several packets by the word of a packet socket: that is left to the stack to cut."""
    tunnel.exchange(2)
    payload = bytes(1500)
    udp = struct.pack("!HHHH", 5000, 5000, 8 + len(payload), 0) + payload
    source, target = (socket.inet_aton(INSIDE[4][end]) for end in "ab")
    packet = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, socket.IPPROTO_UDP, 0, source, target) + udp
    header = struct.pack("=BBHHHH", NEEDS_CSUM, GSO_UDP_L4, 28, 500, 20, 6)
    with inside("a"), socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sender:
        sender.setsockopt(SOL_PACKET, PACKET_VNET_HDR, 1)
        try:
            sender.sendto(header + packet, ("wg0", ETH_P_IP))
        except OSError:
            pass
    swallow(tunnel.b.udp[4])


def stream(tunnel, send):
    with inside("a"), socket.socket() as client:
        client.settimeout(SOON)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("=ii", 1, 0))
        try:
            client.connect((INSIDE[4]["b"], 5000))
            server, _ = tunnel.b.tcp.accept()
        except OSError:
            return None
        with server:
            server.settimeout(SOON)
            try:
                send(client)
                left = 1 << 16
                while left > 0 and (data := server.recv(1 << 16)):
                    left -= len(data)
                server.sendall(bytes(1 << 15))
                client.recv(1 << 15)
            except OSError:
                pass
    return None


def streams(tunnel):
    def send(client):
        # Alone in its packet; then in trains.
        client.sendall(bytes(1000))
        time.sleep(SOON / 4)
        client.sendall(bytes((1 << 16) - 1000))

    return stream(tunnel, send)


def tapped_streams(tunnel):
    with listeners(("a", "wg0"), ("a", "cable"), ("b", "cable"), ("b", "wg0")):
        return streams(tunnel)


def files(tunnel):
    """Packets whose data are the pages of a file."""
    with open("/tmp/file", "w+b") as file:
        file.write(bytes(1 << 16))
        file.flush()

        def send(client):
            # Alone in its packet, whose checksum is still to be made; then in trains.
            os.sendfile(client.fileno(), file.fileno(), 0, 1000)
            time.sleep(SOON / 4)
            os.sendfile(client.fileno(), file.fileno(), 1000, (1 << 16) - 1000)

        return stream(tunnel, send)


def outer_fragments(tunnel):
    """Messages that do not fit into a packet outside, and nobody minds."""
    with mtu("cable", 1280), unminded(tunnel):
        with listeners(("b", "cable")):
            return tunnel.exchange(length=1300)


@contextmanager
def unminded(tunnel):
    for end in tunnel.ends.values():
        end.set(u8(PATH_MTU, 0))
    try:
        yield
    finally:
        for end in tunnel.ends.values():
            end.set(u8(PATH_MTU, 1))


def narrow_path(tunnel):
    """A path that is asked what it takes, and senders that are told."""
    tunnel.exchange(2)
    with mtu("cable", 1400):
        for length in (1250, 1370):
            for version in (4, 6):
                tunnel.send(tunnel.a, tunnel.b, version, (PAYLOAD * 2)[:length], patience=SOON / 4)
    # Those whom it was told know it no more.
    for family in "-4", "-6":
        ip("-n", "a", family, "route", "flush", "cache")


@contextmanager
def mtu(device, value):
    for end in "ab":
        ip("-n", end, "link", "set", device, "mtu", value)
    try:
        yield
    finally:
        for end in "ab":
            ip("-n", end, "link", "set", device, "mtu", 1500)


def to_nobody(tunnel):
    """No peer has the address, or it is not known where the peer is."""
    for address in ("10.9.0.1", "fd09::1", "10.9.1.1"):
        with inside("a"), socket.socket(FAMILY[6 if ":" in address else 4], socket.SOCK_DGRAM) as sender:
            try:
                sender.sendto(b"x", (address, 1))
            except OSError:
                pass


def keepalives(tunnel):
    """One goes out at once, when it is asked for, and one is the answer to a response."""
    for interval in (1, 0, 1):
        tunnel.a.wireguard.ask(set_device(peers(peer(OTHER_PUBLIC, keepalive(interval)))))
        time.sleep(SOON / 2)


def crowds(tunnel):
    """So many handshakes at once that the table of their numbers has to grow; then they end, and it may shrink."""
    lost = tunnel.exchange(2)
    keys = [bytes([64 + number]) * 32 for number in range(24)]
    nowhere = endpoint(OUTSIDE[4]["b"], 9)
    tunnel.a.set(peers(*(peer(key, nowhere, keepalive(1)) for key in keys)))
    lost += tunnel.exchange(2)
    tunnel.a.set(peers(*(peer(key, peer_flags(REMOVE_ME)) for key in keys)))
    return lost + tunnel.exchange(2)


def blake2s(key, data, size):
    return hashlib.blake2s(data, key=key, digest_size=size).digest()


def initiation(public):
    """From nobody: only mac1 is right."""
    head = struct.pack("=II", 1, random.getrandbits(32)) + random.randbytes(108)
    key = hashlib.blake2s(b"mac1----" + public).digest()
    return head + blake2s(key, head, 16) + bytes(16)


def under_load(tunnel):
    """So many initiations at once that proof of addresses is wanted, also from the one who has something to say."""
    with listeners(("b", "cable")):
        flood()
        for _ in range(5):
            tunnel.send(tunnel.a, tunnel.b, 4, b"x")
            # The cookie is kept, and the next initiation may go out at once.
            for key in (ANOTHER, SELF):
                tunnel.a.wireguard.ask(set_device(private_key(key)))
    time.sleep(CALM)


def handshakes_in_a_train(tunnel):
    """Several messages that are not of one session come as one packet, by both versions outside."""
    for version in (4, 6):
        with inside("a"), socket.socket(FAMILY[version], socket.SOCK_DGRAM) as nobody:
            messages = [initiation(OTHER_PUBLIC) for _ in range(3)]
            segment = [(socket.SOL_UDP, UDP_SEGMENT, struct.pack("=H", len(messages[0])))]
            try:
                nobody.sendmsg(messages, segment, 0, (OUTSIDE[version]["b"], PORT["b"]))
            except OSError:
                pass


def stranger(tunnel):
    """One end calls the other before it is configured there, and is announced."""
    tunnel.b.set(flags(REPLACE_PEERS), hold_unknown(1000))
    with inside("b"), Socket() as listener:
        listener.join(find_groups("wireguard")["unknown-peers"])
        tunnel.send(tunnel.a, tunnel.b, 4, b"x", patience=0)
        if select.select([listener.socket], [], [], SOON)[0]:
            tunnel.b.set(peers(peer(OWN_PUBLIC)))
    tunnel.b.set(hold_unknown(0))


def flood():
    with inside("a"), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as nobody:
        nobody.connect((OUTSIDE[4]["b"], PORT["b"]))
        messages = noise()
        # The device does not get to work on any before the last has come.
        with undisturbed():
            for message in messages:
                nobody.send(message)


@cache
def noise():
    return [initiation(OTHER_PUBLIC) for _ in range(600)]


def relayed(send, *taps):
    def kind(tunnel):
        relay = Relay(tunnel, send)
        try:
            with listeners(*taps):
                return tunnel.exchange(relay=relay)
        finally:
            relay.close()

    return Kind(kind, {"through": Relay.PORTS})


@dataclass(frozen=True)
class Kind:
    run: Callable
    tunnel: dict = field(default_factory=dict)
    """What the tunnel has to be like."""
    patience: int = SURELY
    """For how long to wait for packets afterwards."""


KINDS = {
    "packets": Kind(plain),
    "packets, IPv6 outside": Kind(plain, {"version": 6}),
    "packets, and others listen": Kind(tapped),
    "packets, IPv6 outside, and others listen": Kind(tapped, {"version": 6}),
    "trains of packets": Kind(trains),
    "long trains of packets": Kind(long_trains),
    "doubtful trains of packets": Kind(doubtful_trains),
    "bursts of packets": Kind(bursts),
    "streams": Kind(streams),
    "streams, and others listen": Kind(tapped_streams),
    "streams, IPv6 outside, and others listen": Kind(tapped_streams, {"version": 6}),
    "streams of files": Kind(files),
    "routes change": Kind(carried_by_routes),
    "routes change, IPv6 outside": Kind(carried_by_routes, {"version": 6}),
    "fragments outside": Kind(outer_fragments),
    "a narrow path": Kind(narrow_path),
    "to nobody": Kind(to_nobody),
    "keepalives": Kind(keepalives),
    "many handshakes": Kind(crowds),
    "messages in pages": relayed(Relay.in_pages),
    "messages in pages, and others listen": relayed(Relay.in_pages, ("b", "lo"), ("b", "cable"), ("a", "cable")),
    "messages in fragments": relayed(Relay.in_fragments),
    "messages in fragments, and others listen": relayed(Relay.in_fragments, ("b", "cable"), ("b", "lo"), ("a", "cable")),
    "handshakes in a train": Kind(handshakes_in_a_train),
    # Now and then the handshake after it takes a second attempt.
    "a stranger": Kind(stranger, patience=AGAIN),
    "load": Kind(under_load),
}


def relayed_looks(looks, send, *taps):
    kind = relayed(send, *taps)
    return Kind(kind.run, {**kind.tunnel, "looks": looks})


# Between AmneziaWG devices.
DISGUISES = {
    "packets": Kind(plain, {"looks": EVEN}),
    "packets, IPv6 outside": Kind(plain, {"looks": EVEN, "version": 6}),
    "packets, and others listen": Kind(tapped, {"looks": EVEN}),
    "trains of packets": Kind(trains, {"looks": EVEN}),
    "trains of packets, and others listen": Kind(tapped_trains, {"looks": EVEN}),
    "trains that others are in": Kind(mixed_trains, {"looks": EVEN}),
    "long trains of packets": Kind(long_trains, {"looks": EVEN}),
    "bursts of packets": Kind(bursts, {"looks": EVEN}),
    "padded packets, and others listen": Kind(tapped, {"looks": UNEVEN}),
    "long trains of padded packets": Kind(long_trains, {"looks": UNEVEN}),
    "messages in pages": relayed_looks(EVEN, Relay.in_pages),
    "messages in pages, and others listen": relayed_looks(EVEN, Relay.in_pages, ("b", "lo"), ("b", "cable"), ("a", "cable")),
    "messages in fragments, and others listen": relayed_looks(EVEN, Relay.in_fragments, ("b", "cable"), ("b", "lo"), ("a", "cable")),
    "streams": Kind(streams, {"looks": EVEN}),
}
