# SPDX-License-Identifier: GPL-2.0
"""The generic netlink family `wireguard`: its numbers, its attributes, and what a device shows of itself."""

import ipaddress
import socket
import struct
import sys

import netlink
from netlink import DUMP, REQUEST, Request, attr, attributes, nest, text, u8, u16, u32

GET_DEVICE, SET_DEVICE = 0, 1

# Of a device.
IFINDEX, IFNAME, PRIVATE_KEY, PUBLIC_KEY, FLAGS, LISTEN_PORT, FWMARK, PEERS = range(1, 9)
REPLACE_PEERS = 1

# Of a device, this driver's own.
PEER_KEY, GENERATION, ALL_PEERS, HOLD_UNKNOWN, WANTED = range(128, 133)
DROPS, EVENT_SEQ, EVENT, EVENT_CLASSES, CARRIER = range(134, 139)
BIND_IFINDEX, LISTEN_ADDRESSES, DSCP, PATH_MTU = range(139, 143)
WANTED_DROPS, PEER_STATE, WANTED_SENDING = 1 << 0, 1 << 1, 1 << 3

# Of a peer.
(PEER_PUBLIC_KEY, PRESHARED_KEY, PEER_FLAGS, ENDPOINT, KEEPALIVE, LAST_HANDSHAKE, RX_BYTES, TX_BYTES, ALLOWED_IPS,
 PROTOCOL_VERSION) = range(1, 11)  # fmt: skip
INITIATION_TIME = 128
LABEL, FAILURE, FIXED_ENDPOINT, ALIVE = range(131, 135)
PRIORITY, MARK = 139, 140
PEER_PATH_MTU = 141
REMOVE_ME, REPLACE_ALLOWED_IPS, UPDATE_ONLY = 1, 2, 4

# Of an allowed IP.
FAMILY, ADDRESS, MASK, IP_FLAGS = range(1, 5)
REMOVE_IP = 1

DEVICE = "wg0"
INDEX = 77
"""The interface of the tests is always made with this number, so that requests need not be made anew."""


# --- attributes

def by_name(name=DEVICE):
    return text(IFNAME, name)


def by_index(index=INDEX):
    return u32(IFINDEX, index)


def private_key(key):
    return attr(PRIVATE_KEY, key)


def flags(value):
    return u32(FLAGS, value)


def port(value):
    return u16(LISTEN_PORT, value)


def mark(value):
    return u32(FWMARK, value)


def peers(*elements):
    return nest(PEERS, *elements)


def peer(key, *attrs):
    """An element of a list of peers."""
    return nest(0, attr(PEER_PUBLIC_KEY, key), *attrs)


def peer_flags(value):
    return u32(PEER_FLAGS, value)


def psk(key):
    return attr(PRESHARED_KEY, key)


def keepalive(seconds):
    return u16(KEEPALIVE, seconds)


def version(value):
    return u32(PROTOCOL_VERSION, value)


def sockaddr(address, number, scope=0, flow=0):
    address = ipaddress.ip_address(address)
    if address.version == 4:
        return struct.pack("=H", socket.AF_INET) + struct.pack("!H", number) + address.packed + bytes(8)
    head = struct.pack("=H", socket.AF_INET6) + struct.pack("!HI", number, flow)
    return head + address.packed + struct.pack("=I", scope)


def endpoint(address, number, **more):
    return attr(ENDPOINT, sockaddr(address, number, **more))


def allowed(*elements):
    return nest(ALLOWED_IPS, *elements)


def ip(prefix, value=None):
    """An element of a list of allowed IPs, with flags if `value` is given."""
    prefix = ipaddress.ip_network(prefix, strict=False)
    family = socket.AF_INET if prefix.version == 4 else socket.AF_INET6
    more = [] if value is None else [u32(IP_FLAGS, value)]
    return nest(
        0, u16(FAMILY, family), attr(ADDRESS, prefix.network_address.packed), u8(MASK, prefix.prefixlen), *more
    )  # fmt: skip


# --- requests

def set_device(*attrs, **unusual):
    return Request(SET_DEVICE, by_name() + b"".join(attrs), **unusual)


def get_device(*attrs, **unusual):
    return Request(GET_DEVICE, b"".join(attrs) or by_name(), **{"flags": REQUEST | DUMP, **unusual})


def only_peer(key):
    return attr(PEER_KEY, key)


def hold_unknown(milliseconds):
    return u16(HOLD_UNKNOWN, milliseconds)


def label(words):
    return text(LABEL, words)


def wanted(mask):
    return u32(WANTED, mask)


def since(generation):
    return attr(GENERATION, struct.pack("=Q", generation))


# --- what a device shows

def show_endpoint(raw):
    family = struct.unpack_from("=H", raw)[0]
    number = struct.unpack_from("!H", raw, 2)[0]
    if family == socket.AF_INET:
        return f"{ipaddress.ip_address(raw[4:8])}:{number} {raw[8:].hex()}"
    flow, scope = struct.unpack_from("!I", raw, 4)[0], struct.unpack_from("=I", raw, 24)[0]
    return f"[{ipaddress.ip_address(raw[8:24])}]:{number} flow {flow} scope {scope}"


def show_ip(raw):
    found = dict(attributes(raw))
    return f"{ipaddress.ip_address(found[ADDRESS])}/{found[MASK][0]}"


def read_peer(raw):
    found = dict(attributes(raw))
    shown = {"key": found[PEER_PUBLIC_KEY].hex(), "allowed": []}
    if PEER_FLAGS in found:
        shown["flags"] = struct.unpack("=I", found[PEER_FLAGS])[0]
    if ALLOWED_IPS in found:
        shown["allowed"] = [show_ip(raw) for _, raw in attributes(found[ALLOWED_IPS])]
    if PRESHARED_KEY in found:
        seconds, nanoseconds = struct.unpack("=qq", found[LAST_HANDSHAKE])
        shown |= {
            "psk": found[PRESHARED_KEY].hex(),
            "keepalive": int.from_bytes(found[KEEPALIVE], sys.byteorder),
            "version": struct.unpack("=I", found[PROTOCOL_VERSION])[0],
            "endpoint": show_endpoint(found[ENDPOINT]) if ENDPOINT in found else None,
            "handshake": seconds * 10**9 + nanoseconds,
            "rx": struct.unpack("=Q", found[RX_BYTES])[0],
            "tx": struct.unpack("=Q", found[TX_BYTES])[0],
        }
    return shown


def read_message(reply):
    """One message of a dump: the device's own attributes, if they are in it, and the pieces of peers."""
    found = dict(reply.attrs())
    shown = {"peers": [read_peer(raw) for _, raw in attributes(found.get(PEERS, b""))]}
    if IFNAME in found:
        shown |= {
            "name": found[IFNAME].rstrip(b"\0").decode(),
            "index": struct.unpack("=I", found[IFINDEX])[0],
            "port": struct.unpack("=H", found[LISTEN_PORT])[0],
            "mark": struct.unpack("=I", found[FWMARK])[0],
            "private": found.get(PRIVATE_KEY, b"").hex(),
            "public": found.get(PUBLIC_KEY, b"").hex(),
        }
    return shown


def merge(messages):
    """A whole device out of the messages of its dump."""
    device = {}
    merged = []
    for shown in messages:
        device = {**shown, **device}
        for piece in shown["peers"]:
            if merged and merged[-1]["key"] == piece["key"]:
                merged[-1]["allowed"] += piece["allowed"]
            else:
                merged.append(piece)
    return {**device, "peers": merged}


class WireGuard:
    """The family in the network namespace of the calling thread."""

    NAME = "wireguard"

    def __init__(self):
        self.family, _ = netlink.find_family(self.NAME)

    def open(self, **options):
        return netlink.Socket(self.family, **options)

    def ask(self, *requests):
        with self.open() as sock:
            return sock.ask(*requests)

    def set(self, *attrs, device=DEVICE):
        """Sets, and returns the error's name, or `ok`."""
        answer = self.ask(Request(SET_DEVICE, by_name(device) + b"".join(attrs)))
        return netlink.error_name(answer[0].error)

    def dump(self, device=DEVICE, size=1 << 16, attrs=b""):
        """The messages of a dump; an error is raised."""
        with self.open() as sock:
            answer = sock.ask(get_device(by_name(device), attrs), size=size)
        if answer[-1].error:
            raise OSError(answer[-1].error, answer[-1].message)
        return [reply for reply in answer if reply.is_data()]

    def show(self, device=DEVICE):
        return merge([self.read(reply) for reply in self.dump(device)])

    read = staticmethod(read_message)

    def configuration(self, device=DEVICE):
        """What is configured, without what changes by itself."""
        shown = self.show(device)
        for peer in shown["peers"]:
            for key in ("handshake", "rx", "tx"):
                peer.pop(key, None)
        return shown
