# SPDX-License-Identifier: GPL-2.0
"""Unlikely and malformed requests.

Each is made to a device that is as BASE says. Both drivers are to answer with the same errors, and after a request that
succeeds to show the same configuration; one that fails changes nothing. Where a case says otherwise it says why: `here`
is the answer of the driver under test if not the C driver's, `stays` that the C driver has applied a part of a failing
request, `shows` that both succeed to a different end.
"""

import socket
import struct
from dataclasses import dataclass

from netlink import ACK, BYTE_ORDER, DUMP, ECHO, MATCH, NESTED, REQUEST, ROOT, Request, attr, nest, text, u8, u16, u32
from wireguard import (
    ADDRESS, ALLOWED_IPS, ENDPOINT, FAMILY, FLAGS, FWMARK, GET_DEVICE, IFINDEX, IFNAME, IP_FLAGS, KEEPALIVE,
    LAST_HANDSHAKE, LISTEN_PORT, MASK, PEER_FLAGS, PEER_PUBLIC_KEY, PEERS, PRESHARED_KEY, PRIVATE_KEY, PROTOCOL_VERSION,
    PUBLIC_KEY, REMOVE_IP, REMOVE_ME, REPLACE_ALLOWED_IPS, REPLACE_PEERS, RX_BYTES, SET_DEVICE, TX_BYTES, UPDATE_ONLY,
    allowed, by_index, by_name, endpoint, flags, get_device, ip, keepalive, mark, peer, peer_flags, peers, port,
    private_key, psk, set_device, sockaddr, version,
)  # fmt: skip


def key(number):
    """A key that a driver takes as it is: it is clamped already."""
    return bytes([number & 0xF8]) + bytes([number]) * 30 + b"\x41"


SELF, OTHER_SELF = key(8), key(9)
OWN_PUBLIC = bytes.fromhex("c1af9d21a3c4dfd49b4676af28f4deae8aa147b37a42feb76a16d5255b844b37")
OTHER_PUBLIC = bytes.fromhex("930d95bb4f982c78ab89d7c1eab1561a97a89f9288ace8b95a27933c63ef1c45")
A, B, C, D = key(1), key(2), key(3), key(4)
SECRET = bytes(range(32))

# What the device is made to be before each request. It is down.
BASE = [
    flags(REPLACE_PEERS), private_key(SELF), port(51820), mark(0x2A),
    peers(
        peer(A, psk(SECRET), endpoint("192.0.2.1", 1000), keepalive(25), allowed(ip("10.1.0.0/16"), ip("fd01::/48"))),
        peer(B, endpoint("2001:db8::1", 2000), allowed(ip("10.1.2.3/32"), ip("0.0.0.0/0"), ip("::/0"))),
    ),
]  # fmt: skip


@dataclass(frozen=True)
class Case:
    name: str
    requests: tuple
    here: str | None = None
    stays: bool = False
    mute: bool = False
    """Neither driver says why: the core has refused it without a word."""
    strict: bool = False
    """With NETLINK_GET_STRICT_CHK on the socket."""


def case(name, *requests, **more):
    return Case(name, requests, **more)


def on_peer(*attrs):
    """A request for changes to peer A."""
    return set_device(peers(peer(A, *attrs)))


def on_ip(*attrs):
    """A request with one allowed IP of these attributes for peer A."""
    return on_peer(allowed(nest(0, *attrs)))


V4 = [u16(FAMILY, socket.AF_INET), attr(ADDRESS, bytes([10, 9, 0, 0])), u8(MASK, 16)]


# --- headers and commands

def header_cases():
    for name, flag in [("REPLACE", 0x100), ("EXCL", 0x200), ("CREATE", 0x400), ("APPEND", 0x800), ("MULTI", 2)]:
        yield case(f"set with NLM_F_{name}", set_device(mark(1), flags=REQUEST | ACK | flag))
    yield case("set with NLM_F_ECHO", set_device(mark(1), flags=REQUEST | ACK | ECHO))
    yield case("set as a dump", set_device(mark(1), flags=REQUEST | ACK | DUMP), mute=True)
    yield case("set without NLM_F_REQUEST", set_device(mark(1), flags=ACK))
    yield case("set without NLM_F_ACK", set_device(mark(1), flags=REQUEST))
    yield case("bad set without NLM_F_ACK", Request(SET_DEVICE, flags=REQUEST))
    yield case("get without dump", get_device(flags=REQUEST | ACK), mute=True)
    yield case("get with NLM_F_ROOT only", get_device(flags=REQUEST | ACK | ROOT))
    yield case("get with NLM_F_MATCH only", get_device(flags=REQUEST | ACK | MATCH))
    yield case("get with NLM_F_ACK", get_device(flags=REQUEST | ACK | DUMP))
    yield case("get with NLM_F_CREATE", get_device(flags=REQUEST | DUMP | 0x400))
    for number in (2, 3, 127, 255):
        yield case(f"command {number}", Request(number, by_name()), mute=True)
        yield case(f"command {number} as a dump", Request(number, by_name(), REQUEST | DUMP), mute=True)
    for number in (0, 2, 255):
        yield case(f"version {number}", set_device(mark(1), version=number))
    yield case("reserved bits in a set", set_device(mark(1), reserved=1))
    yield case("reserved bits in a get", get_device(reserved=0x8000))
    yield case("no generic header", Request(0, body=b""), mute=True)
    yield case("half a generic header", Request(0, body=bytes([SET_DEVICE, 1])), mute=True)
    yield case("a header and no attributes", Request(SET_DEVICE))
    yield case("a header and no attributes in a get", get_device_of(b""))
    yield case("length beyond the datagram", set_device(mark(1), length=4096))
    yield case("length below the header", set_device(mark(1), length=15))
    yield case("length that cuts an attribute", set_device(mark(1), length=16 + 4 + 8 + 6))
    yield case("length that cuts off an attribute", set_device(mark(1), length=16 + 4 + 8))
    yield case("another family", set_device(mark(1), family=0x3FF), mute=True)
    yield case("a control message", set_device(mark(1), family=1))
    yield case("two requests, the first bad", Request(SET_DEVICE), set_device(mark(1)))
    yield case("two requests, the second bad", set_device(mark(1)), Request(SET_DEVICE))
    yield case("empty set", set_device())


def get_device_of(attrs):
    return Request(GET_DEVICE, attrs, REQUEST | DUMP)


# --- which device

def selector_cases():
    for what, make in [("set", lambda attrs: Request(SET_DEVICE, attrs)), ("get", get_device_of)]:
        yield case(f"{what}: both index and name", make(by_index() + by_name()))
        for number in (0, 99999, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF):
            yield case(f"{what}: index {number:#x}", make(by_index(number)))
        yield case(f"{what}: the loopback by index", make(by_index(1)))
        yield case(f"{what}: the loopback by name", make(by_name("lo")))
        yield case(f"{what}: right index", make(by_index()))
        yield case(f"{what}: two indexes, the last right", make(by_index(1) + by_index()))
        yield case(f"{what}: two names, the last right", make(by_name("lo") + by_name()))
        yield case(f"{what}: two names, the first right", make(by_name() + by_name("lo")))
        for length in (0, 1, 2, 3, 5, 8):
            yield case(f"{what}: index of {length} bytes", make(attr(IFINDEX, bytes(length))))
        names = {
            "unknown": b"wg9\0", "empty": b"\0", "of no bytes": b"", "without an end": b"wg0", "of 15 bytes": b"w" * 15 + b"\0",
            "of 15 bytes without an end": b"w" * 15, "of 16 bytes": b"w" * 16 + b"\0",
            "of 16 bytes without an end": b"w" * 16, "of 40 bytes": b"w" * 40 + b"\0",
            "with bytes behind its end": b"wg0\0xyz", "with many zeros behind": b"wg0" + bytes(12),
            "with too many zeros behind": b"wg0" + bytes(20), "with a slash": b"wg/0\0", "of a dot": b".\0",
            "with a percent sign": b"wg%d\0", "that is not UTF-8": b"\xff\xfe\0",
        }  # fmt: skip
        for name, raw in names.items():
            yield case(f"{what}: name {name}", make(attr(IFNAME, raw)))
        yield case(f"{what}: name with NLA_F_NESTED", make(attr(IFNAME | NESTED, b"wg0\0")))
        yield case(f"{what}: index with NLA_F_NET_BYTEORDER", make(attr(IFINDEX | BYTE_ORDER, struct.pack("!I", 77))))
    for name, more in [
        ("private key", private_key(SELF)), ("flags", flags(0)), ("peers", peers()), ("port", port(1)), ("mark", mark(1)),
        ("public key", attr(PUBLIC_KEY, A)), ("unknown type", u32(9, 0)), ("type 0", u32(0, 0)),
    ]:  # fmt: skip
        yield case(f"get with {name}", get_device_of(by_name() + more))
    yield case("get with bytes behind", get_device_of(by_name() + b"\1\2\3"))
    yield case("get on a strict socket", get_device(), strict=True)


# --- lengths and types of each attribute

# Where, its name, its type, the length of a right one, and a longer list of wrong ones.
FIXED = [
    (set_device, "private key", PRIVATE_KEY, 32), (set_device, "own public key", PUBLIC_KEY, 32),
    (set_device, "flags", FLAGS, 4), (set_device, "port", LISTEN_PORT, 2), (set_device, "mark", FWMARK, 4),
    (on_peer, "preshared key", PRESHARED_KEY, 32), (on_peer, "peer flags", PEER_FLAGS, 4),
    (on_peer, "keepalive", KEEPALIVE, 2), (on_peer, "last handshake", LAST_HANDSHAKE, 16),
    (on_peer, "received bytes", RX_BYTES, 8), (on_peer, "sent bytes", TX_BYTES, 8),
    (on_peer, "protocol version", PROTOCOL_VERSION, 4),
]  # fmt: skip


def length_cases():
    for where, name, ty, right in FIXED:
        for length in sorted({0, 1, right - 1, right + 1, 2 * right} - {right}):
            yield case(f"{name} of {length} bytes", where(attr(ty, bytes(length))))
        yield case(f"{name} with NLA_F_NESTED", where(attr(ty | NESTED, bytes(right))))
    for length in (0, 31, 33):
        yield case(f"peer's key of {length} bytes", set_device(peers(nest(0, attr(PEER_PUBLIC_KEY, bytes(length))))))
    for length in (0, 1, 3, 5, 8, 15, 16, 17):
        yield case(f"IPv4 address of {length} bytes", on_ip(V4[0], attr(ADDRESS, bytes(length)), V4[2]))
    for length in (0, 3, 4, 15, 17, 32):
        v6 = u16(FAMILY, socket.AF_INET6)
        yield case(f"IPv6 address of {length} bytes", on_ip(v6, attr(ADDRESS, bytes(length)), V4[2]))
    for name, ty, lengths in [("family", FAMILY, (0, 1, 4)), ("mask", MASK, (0, 2, 4)), ("IP flags", IP_FLAGS, (0, 1, 8))]:
        for length in lengths:
            yield case(f"{name} of {length} bytes", on_ip(*V4, attr(ty, bytes(length))))
    yield case("attributes that are read only", on_peer(attr(LAST_HANDSHAKE, b"x" * 16), attr(RX_BYTES, b"x" * 8), attr(TX_BYTES, b"x" * 8)))
    yield case("own public key is passed over", set_device(attr(PUBLIC_KEY, A)))
    for bit in (1, 5, 31):
        yield case(f"device flag {bit}", set_device(mark(1), flags(1 << bit)))
    for bit in (3, 8, 31):
        yield case(f"peer flag {bit}", on_peer(peer_flags(1 << bit)))
    for bit in (1, 16, 31):
        yield case(f"allowed IP flag {bit}", on_ip(*V4, u32(IP_FLAGS, 1 << bit)))
    yield case("all flags of a device", set_device(flags(0xFFFFFFFF)))
    yield case("mark with NLA_F_NET_BYTEORDER", set_device(attr(FWMARK | BYTE_ORDER, bytes(4))))


# --- structure

def structure_cases():
    yield case("unknown attribute of a device", set_device(u32(9, 0), mark(1)))
    yield case("type 0 in a device", set_device(u32(0, 0), mark(1)))
    yield case("highest type in a device", set_device(u32(0x3FFF, 0)))
    yield case("unknown attribute of a peer", on_peer(u32(11, 0)))
    yield case("type 0 in a peer", on_peer(u32(0, 0)))
    yield case("unknown attribute of an allowed IP", on_ip(*V4, u32(5, 0)))
    yield case("type 0 in an allowed IP", on_ip(*V4, u32(0, 0)))
    for extra in (1, 2, 3):
        yield case(f"{extra} bytes behind the attributes", set_device(mark(1), bytes(extra)))
        yield case(f"{extra} bytes behind those of a peer", set_device(peers(attr(NESTED, attr(PEER_PUBLIC_KEY, A) + b"x" * extra))))
    yield case("attribute longer than the message", set_device(mark(1), attr(FLAGS, bytes(4), length=100)))
    yield case("attribute shorter than its header", set_device(mark(1), attr(FLAGS, bytes(4), length=3)))
    yield case("attribute of length 0", set_device(mark(1), attr(FLAGS, bytes(4), length=0)))
    yield case("nested attribute longer than its nest", set_device(peers(nest(0, attr(PEER_PUBLIC_KEY, A, length=64)))))
    yield case("peers without NLA_F_NESTED", set_device(attr(PEERS, peer(C))))
    yield case("peers with NLA_F_NET_BYTEORDER", set_device(attr(PEERS | NESTED | BYTE_ORDER, peer(C))))
    yield case("no peers at all", set_device(peers()))
    yield case("no peers at all, without NLA_F_NESTED", set_device(attr(PEERS)))
    yield case("peer without NLA_F_NESTED", set_device(peers(attr(0, attr(PEER_PUBLIC_KEY, C)))))
    yield case("peer without NLA_F_NESTED after another", set_device(mark(1), peers(peer(C), attr(0, attr(PEER_PUBLIC_KEY, D)))), stays=True)
    yield case("empty peer", set_device(peers(nest(0))))
    yield case("empty peer after another", set_device(peers(peer(C), nest(0))), stays=True)
    yield case("empty peer without NLA_F_NESTED", set_device(peers(attr(0))))
    for length in (1, 2, 3):
        yield case(f"peer of {length} bytes", set_device(peers(attr(NESTED, bytes(length)))))
        yield case(f"allowed IP of {length} bytes", on_peer(allowed(attr(NESTED, bytes(length)))))
    yield case("peers of any type", set_device(peers(nest(7, attr(PEER_PUBLIC_KEY, C)), nest(0x3FFF, attr(PEER_PUBLIC_KEY, D)))))
    for extra in (1, 2, 3):
        yield case(f"{extra} bytes behind the last peer", set_device(attr(PEERS | NESTED, peer(C) + b"x" * extra)))
        yield case(f"{extra} bytes behind the last allowed IP", on_peer(attr(ALLOWED_IPS | NESTED, ip("10.9.0.0/16") + b"x" * extra)))
    yield case("second peer longer than the list", set_device(attr(PEERS | NESTED, peer(C) + attr(NESTED, peer(D), length=200))))
    yield case("allowed IPs without NLA_F_NESTED", on_peer(attr(ALLOWED_IPS, ip("10.9.0.0/16"))))
    yield case("no allowed IPs at all", on_peer(allowed()))
    yield case("allowed IP without NLA_F_NESTED", on_peer(allowed(attr(0, b"".join(V4)))))
    yield case("allowed IP without NLA_F_NESTED after another", on_peer(allowed(ip("10.8.0.0/16"), attr(0, b"".join(V4)))), stays=True)
    yield case("empty allowed IP", on_ip())
    yield case("allowed IPs of any type", on_peer(allowed(nest(3, *V4))))
    yield case("nests in nests", set_device(nest(PEERS, nest(0, nest(PEERS, nest(0, nest(PEERS)))))))


# --- attributes that come twice

def repetition_cases():
    yield case("two marks", set_device(mark(1), mark(2)))
    yield case("two marks, the first malformed", set_device(attr(FWMARK, b"x"), mark(2)))
    yield case("two marks, the second malformed", set_device(mark(2), attr(FWMARK, b"x")))
    yield case("two private keys", set_device(private_key(OTHER_SELF), private_key(key(16))))
    yield case("two lists of peers", set_device(peers(peer(C)), peers(peer(D))))
    yield case("two lists of peers, the first malformed", set_device(peers(nest(0, u32(11, 0))), peers(peer(D))))
    yield case("two lists of peers, the first with an empty peer", set_device(peers(nest(0)), peers(peer(D))))
    yield case("two public keys", set_device(peers(nest(0, attr(PEER_PUBLIC_KEY, C), attr(PEER_PUBLIC_KEY, D)))))
    yield case("two preshared keys", on_peer(psk(bytes(32)), psk(key(7))))
    yield case("two endpoints", on_peer(endpoint("192.0.2.5", 5), endpoint("2001:db8::6", 6)))
    yield case("two endpoints, the second of an unknown form", on_peer(endpoint("192.0.2.5", 5), attr(ENDPOINT, bytes(16))))
    yield case("two lists of allowed IPs", on_peer(allowed(ip("10.8.0.0/16")), allowed(ip("10.9.0.0/16"))))
    yield case("two peer flags", on_peer(peer_flags(REMOVE_ME), peer_flags(0)))
    yield case("two masks", on_ip(*V4, u8(MASK, 24)))
    yield case("two masks, the first too long", on_ip(V4[0], V4[1], u8(MASK, 33), V4[2]))
    yield case("two families", on_ip(u16(FAMILY, socket.AF_INET6), *V4))
    yield case("the same peer twice", set_device(peers(peer(C, keepalive(1)), peer(C, keepalive(2)))))
    yield case("a peer made, removed, made", set_device(peers(peer(C, keepalive(1)), peer(C, peer_flags(REMOVE_ME)), peer(C))))
    yield case("the same allowed IP twice", on_peer(allowed(ip("10.9.0.0/16"), ip("10.9.0.0/16"))))


# --- peers

def peer_cases():
    bad = nest(0, V4[0], V4[1], u8(MASK, 33))
    yield case("peer without a key", set_device(peers(nest(0, keepalive(1)))))
    yield case("peer without a key after another", set_device(mark(1), peers(peer(C), nest(0, keepalive(1)))), stays=True)
    for number in (0, 2, 0xFFFFFFFF):
        yield case(f"protocol version {number}", on_peer(version(number)))
    yield case("protocol version 1", on_peer(version(1), keepalive(3)))
    yield case("unknown version after another peer", set_device(peers(peer(C), peer(D, version(2)))), stays=True)
    yield case("unknown version, to be removed", on_peer(version(2), peer_flags(REMOVE_ME)))
    yield case("unknown version of an unknown peer, to be removed", set_device(peers(peer(C, version(2), peer_flags(REMOVE_ME)))))
    yield case("remove a peer", on_peer(peer_flags(REMOVE_ME)))
    yield case("remove an unknown peer", set_device(peers(peer(C, peer_flags(REMOVE_ME)))))
    yield case("remove a peer and give it allowed IPs", on_peer(peer_flags(REMOVE_ME), allowed(ip("10.9.0.0/16"))))
    yield case("remove a peer with a bad allowed IP", on_peer(peer_flags(REMOVE_ME), allowed(bad)))
    yield case("remove and update only", on_peer(peer_flags(REMOVE_ME | UPDATE_ONLY)))
    yield case("all flags of a peer", on_peer(peer_flags(7), allowed(ip("10.9.0.0/16"))))
    yield case("update a peer only", on_peer(peer_flags(UPDATE_ONLY), keepalive(9)))
    yield case("update an unknown peer only", set_device(peers(peer(C, peer_flags(UPDATE_ONLY), keepalive(9)))))
    yield case("update an unknown peer only, with a bad allowed IP", set_device(peers(peer(C, peer_flags(UPDATE_ONLY), allowed(bad)))), here="EINVAL")
    yield case("our own peer", set_device(peers(peer(OWN_PUBLIC, keepalive(9), allowed(ip("10.9.0.0/16"))))))
    yield case("our own peer, with a bad allowed IP", set_device(peers(peer(OWN_PUBLIC, allowed(bad)))), here="EINVAL")
    yield case("our own peer, to be removed", set_device(peers(peer(OWN_PUBLIC, peer_flags(REMOVE_ME)))))
    yield case("peer of the key zero", set_device(peers(peer(bytes(32), allowed(ip("10.9.0.0/16"))))))
    yield case("peer of the key all ones", set_device(peers(peer(b"\xff" * 32))))
    yield case("a peer's key that differs in its unused bit", set_device(peers(peer(A[:31] + bytes([A[31] ^ 0x80])))))
    yield case("preshared key zero", on_peer(psk(bytes(32))))
    for seconds in (0, 1, 65535):
        yield case(f"keepalive {seconds}", on_peer(keepalive(seconds)))
    yield case("replace allowed IPs by none", on_peer(peer_flags(REPLACE_ALLOWED_IPS)))
    yield case("replace allowed IPs by a list", on_peer(peer_flags(REPLACE_ALLOWED_IPS), allowed(ip("10.9.0.0/16"), ip("10.1.0.0/16"))))
    yield case("replace allowed IPs by the same list", on_peer(peer_flags(REPLACE_ALLOWED_IPS), allowed(ip("10.1.0.0/16"), ip("fd01::/48"))))
    yield case("replace allowed IPs of an unknown peer", set_device(peers(peer(C, peer_flags(REPLACE_ALLOWED_IPS), allowed(ip("10.9.0.0/16"))))))
    yield case("replace allowed IPs by a bad list", on_peer(peer_flags(REPLACE_ALLOWED_IPS), allowed(ip("10.9.0.0/16"), bad)), stays=True)
    yield case("replace peers", set_device(flags(REPLACE_PEERS)))
    yield case("replace peers by others", set_device(flags(REPLACE_PEERS), peers(peer(D), peer(C))))
    yield case("replace peers by a bad one", set_device(flags(REPLACE_PEERS), peers(peer(C), nest(0))), stays=True)
    yield case("replace peers and update only", set_device(flags(REPLACE_PEERS), peers(peer(A, peer_flags(UPDATE_ONLY)))))


def endpoint_cases():
    v4, v6 = sockaddr("192.0.2.5", 5), sockaddr("2001:db8::5", 5)
    forms = {
        "AF_INET of 16 bytes": v4, "AF_INET6 of 28 bytes": v6, "AF_INET of 15 bytes": v4[:15], "of no bytes": b"",
        "AF_INET of 17 bytes": v4 + b"\0", "AF_INET of 28 bytes": v4 + bytes(12), "AF_INET6 of 16 bytes": v6[:16],
        "AF_INET6 of 24 bytes": v6[:24], "AF_INET6 of 27 bytes": v6[:27], "AF_INET6 of 29 bytes": v6 + b"\0",
        "of a sockaddr_storage": v6 + bytes(100), "AF_UNSPEC": bytes(16), "AF_UNSPEC of 28 bytes": bytes(28),
        "AF_UNIX": struct.pack("=H", socket.AF_UNIX) + bytes(14), "of 4096 bytes": v4 + bytes(4080),
    }  # fmt: skip
    for name, raw in forms.items():
        yield case(f"endpoint {name}", on_peer(attr(ENDPOINT, raw), keepalive(3)))
    for address in ("0.0.0.0", "255.255.255.255", "224.0.0.1", "127.0.0.1", "::", "ff02::1", "::1", "::ffff:192.0.2.5", "fe80::1"):
        yield case(f"endpoint {address}", on_peer(endpoint(address, 7)))
    yield case("endpoint of port 0", on_peer(endpoint("192.0.2.5", 0)))
    yield case("endpoint with a scope", on_peer(endpoint("fe80::1", 7, scope=77)))
    yield case("endpoint with a flow", on_peer(endpoint("2001:db8::5", 7, flow=0xABCDE)))
    yield case("endpoint with bytes in sin_zero", on_peer(attr(ENDPOINT, v4[:8] + b"12345678")))
    yield case("endpoint of an unknown form of a new peer", set_device(peers(peer(C, attr(ENDPOINT, bytes(16))))))
    yield case("the same endpoint", on_peer(endpoint("192.0.2.1", 1000)))


# --- allowed IPs

def allowed_ip_cases():
    family, address, mask = V4
    yield case("allowed IP without a family", on_ip(address, mask))
    yield case("allowed IP without an address", on_ip(family, mask))
    yield case("allowed IP without a mask", on_ip(family, address))
    yield case("only flags of an allowed IP", on_ip(u32(IP_FLAGS, REMOVE_IP)))
    for number in (0, socket.AF_UNIX, 11, 0x0200, 0xFFFF):
        yield case(f"allowed IP of family {number}", on_ip(u16(FAMILY, number), address, mask))
    for number in (0, 8, 31, 32, 33, 64, 128, 129, 255):
        yield case(f"IPv4 mask {number}", on_ip(family, address, u8(MASK, number)))
    v6 = [u16(FAMILY, socket.AF_INET6), attr(ADDRESS, bytes([0xFD] * 16))]
    for number in (0, 1, 63, 64, 65, 127, 128, 129, 255):
        yield case(f"IPv6 mask {number}", on_ip(*v6, u8(MASK, number)))
    yield case("bits beyond the mask", on_ip(family, attr(ADDRESS, bytes([10, 9, 8, 7])), u8(MASK, 12)))
    yield case("bits beyond an IPv6 mask", on_ip(*v6, u8(MASK, 61)))
    yield case("IPv4-mapped IPv6", on_peer(allowed(ip("::ffff:10.9.0.0/112"))))
    yield case("bad allowed IP after others", on_peer(allowed(ip("10.8.0.0/16"), nest(0, family, address, u8(MASK, 33)))), stays=True)
    yield case("bad allowed IP, a good peer after it", set_device(peers(peer(A, keepalive(1), allowed(nest(0, family, address))), peer(B, keepalive(1)))))
    yield case("remove an allowed IP", on_peer(allowed(ip("10.1.0.0/16", REMOVE_IP))))
    yield case("remove an IPv6 one", on_peer(allowed(ip("fd01::/48", REMOVE_IP))))
    yield case("remove one that is not there", on_peer(allowed(ip("10.2.0.0/16", REMOVE_IP))))
    yield case("remove one by a longer prefix", on_peer(allowed(ip("10.1.0.0/17", REMOVE_IP))))
    yield case("remove one by a shorter prefix", on_peer(allowed(ip("10.0.0.0/15", REMOVE_IP))))
    yield case("remove one by bits beyond the mask", on_ip(family, attr(ADDRESS, bytes([10, 1, 2, 3])), mask, u32(IP_FLAGS, REMOVE_IP)))
    yield case("remove another peer's", on_peer(allowed(ip("10.1.2.3/32", REMOVE_IP))))
    yield case("remove a malformed one", on_ip(family, address, u8(MASK, 33), u32(IP_FLAGS, REMOVE_IP)))
    yield case("remove one of an unknown peer", set_device(peers(peer(C, allowed(ip("10.1.0.0/16", REMOVE_IP))))))
    yield case("remove one of an unknown peer, update only", set_device(peers(peer(C, peer_flags(UPDATE_ONLY), allowed(ip("10.1.0.0/16", REMOVE_IP))))))
    yield case("add one, remove it", on_peer(allowed(ip("10.9.0.0/16"), ip("10.9.0.0/16", REMOVE_IP))))
    yield case("remove one, add it", on_peer(allowed(ip("10.1.0.0/16", REMOVE_IP), ip("10.1.0.0/16"))))
    yield case("replace all, remove one", on_peer(peer_flags(REPLACE_ALLOWED_IPS), allowed(ip("10.1.0.0/16", REMOVE_IP))))
    yield case("take another peer's", on_peer(allowed(ip("10.1.2.3/32"), ip("0.0.0.0/0"))))
    yield case("add one again", on_peer(allowed(ip("10.1.0.0/16"))))
    yield case("two peers take from each other", set_device(peers(peer(A, allowed(ip("::/0"))), peer(B, allowed(ip("fd01::/48"), ip("::/0"))))))
    yield case("addresses that the device itself might have", on_peer(allowed(ip("127.0.0.0/8"), ip("224.0.0.0/4"), ip("ff00::/8"))))


# --- key, port, mark

def device_cases():
    raw = bytes([0xFF] * 32)
    yield case("private key zero", set_device(private_key(bytes(32))))
    yield case("private key zero and clamped", set_device(private_key(bytes(31) + b"\x40")))
    yield case("private key that wants clamping", set_device(private_key(raw)))
    yield case("the same private key", set_device(private_key(SELF)))
    yield case("private key whose public one is a peer's", set_device(peers(peer(OTHER_PUBLIC)), private_key(OTHER_SELF)))
    yield case("such a peer, then such a key", set_device(peers(peer(OTHER_PUBLIC))), set_device(private_key(OTHER_SELF)))
    yield case("a new key, and our old one as a peer's", set_device(private_key(OTHER_SELF), peers(peer(OWN_PUBLIC))))
    yield case("no key, and our old one as a peer's", set_device(private_key(bytes(32)), peers(peer(OWN_PUBLIC))))
    for number in (0, 1, 1023, 51820, 51821, 65535):
        yield case(f"port {number} while down", set_device(port(number)))
    for number in (0, 1, 0x2A, 0xFFFFFFFF):
        yield case(f"mark {number:#x}", set_device(mark(number)))
    yield case("everything at once", set_device(flags(REPLACE_PEERS), private_key(OTHER_SELF), port(7), mark(7), peers(peer(C, psk(SECRET)), peer(D))))
    yield case("everything at once, the last peer bad", set_device(flags(REPLACE_PEERS), private_key(OTHER_SELF), port(7), mark(7), peers(peer(C), nest(0))), stays=True)


# --- much of it

def bulk_cases():
    def many(count, make):
        return b"".join(make(number) for number in range(count))

    def new_peer(number):
        return peer(struct.pack("=I", number + 1) + bytes(27) + b"\1")

    def new_ip(number):
        return nest(0, V4[0], attr(ADDRESS, struct.pack("!I", 0x0B000000 + number)), u8(MASK, 32))

    yield case("1000 peers", set_device(nest(PEERS, many(1000, new_peer))))
    yield case("1000 peers, the last without a key", set_device(nest(PEERS, many(1000, new_peer), nest(0, keepalive(1)))), stays=True)
    yield case("1500 peers and 2000 bytes of nothing to it", set_device(nest(PEERS, many(1500, new_peer)), attr(PUBLIC_KEY, A)))
    yield case("2000 allowed IPs", on_peer(nest(ALLOWED_IPS, many(2000, new_ip))))
    yield case("2000 allowed IPs, the last bad", on_peer(nest(ALLOWED_IPS, many(2000, new_ip), nest(0, *V4[:2]))), stays=True)
    yield case("2000 marks", set_device(many(2000, mark)))
    yield case("one peer 1500 times", set_device(nest(PEERS, many(1500, lambda _: peer(C)))))
    yield case("1000 removals of unknown peers", set_device(nest(PEERS, many(1000, lambda number: peer(struct.pack("=I", number) + bytes(28), peer_flags(REMOVE_ME))))))
    yield case("20 requests at once", *[set_device(mark(number)) for number in range(20)])
    yield case("20 requests at once, every other bad", *[set_device(attr(FWMARK, bytes(4 + number % 2))) for number in range(20)])
    yield case("the same name 500 times", Request(SET_DEVICE, by_name() * 500))


def cases():
    for group in (
        header_cases, selector_cases, length_cases, structure_cases, repetition_cases, peer_cases, endpoint_cases,
        allowed_ip_cases, device_cases, bulk_cases,
    ):  # fmt: skip
        yield from group()
