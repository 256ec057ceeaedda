# SPDX-License-Identifier: GPL-2.0
"""Dumps to the byte: the order of attributes, which of them are flagged as nests, the types of elements, and padding.

Programs of other makers may lean on any of these, and readers of dumps do not see them.
"""

import socket
import struct

import netlink
from netlink import NESTED, attr, nest, text, u8, u16, u32
from request_table import A, B, C, D, OWN_PUBLIC, SECRET, SELF, key
from scenario import device, scenario
from scenario_dumps import SMALL, fill_one
from wireguard import (
    ADDRESS, ALLOWED_IPS, DEVICE, ENDPOINT, FAMILY, FWMARK, GET_DEVICE, IFINDEX, IFNAME, INDEX, KEEPALIVE, LAST_HANDSHAKE,
    LISTEN_PORT, MASK, PEER_PUBLIC_KEY, PEERS, PRESHARED_KEY, PRIVATE_KEY, PROTOCOL_VERSION, PUBLIC_KEY, RX_BYTES, TX_BYTES,
    allowed, endpoint, ip, keepalive, mark, peer, peers, port, private_key, psk, sockaddr,
)  # fmt: skip

E = key(5)

V4, V6 = socket.AF_INET, socket.AF_INET6

# Each peer: its key, preshared key, keepalive interval, endpoint and allowed IPs: family, address, mask.
KNOWN = [
    (A, SECRET, 25, sockaddr("192.0.2.1", 1000), [(V4, "10.1.0.0", 16), (V6, "fd01::", 48), (V4, "10.9.9.9", 32)]),
    (B, bytes(32), 0, sockaddr("2001:db8::1", 2000), [(V6, "::", 0), (V4, "0.0.0.0", 0)]),
    (C, bytes(32), 65535, sockaddr("fe80::1", 3000, scope=7, flow=0x12345), [(V6, "2001:db8:1::1", 128)]),
    (D, SECRET, 1, None, [(V4, "192.168.0.0", 17)]),
    (E, bytes(32), 0, None, []),
]  # fmt: skip


def shown_ip(family, address, mask):
    return nest(0, u8(MASK, mask), u16(FAMILY, family), attr(ADDRESS, socket.inet_pton(family, address)))


def ask_for_known():
    for public, secret, seconds, where, ips in KNOWN:
        more = [attr(ENDPOINT, where)] if where else []
        elements = [ip(f"{address}/{mask}") for _, address, mask in ips]
        yield peer(public, psk(secret), keepalive(seconds), *more, allowed(*elements))


def shown_peer(public, secret, seconds, where, ips):
    """As it is to be shown, but for padding, which is up to the machine."""
    parts = [
        attr(PEER_PUBLIC_KEY, public), attr(PRESHARED_KEY, secret), attr(LAST_HANDSHAKE, bytes(16)), u16(KEEPALIVE, seconds),
        attr(TX_BYTES, bytes(8)), attr(RX_BYTES, bytes(8)), u32(PROTOCOL_VERSION, 1),
    ]  # fmt: skip
    if where:
        parts.append(attr(ENDPOINT, where))
    if ips:
        parts.append(nest(ALLOWED_IPS, *[shown_ip(*allowed_ip) for allowed_ip in ips]))
    return nest(0, *parts)


def shown_device(*more):
    return b"".join([u16(LISTEN_PORT, 51820), u32(FWMARK, 0x2A), u32(IFINDEX, INDEX), text(IFNAME, DEVICE), *more])


def without_padding(stream, inside=(PEERS, 0)):
    """Attributes less those that only align what follows them, which are of type 0 in a peer and not nests."""
    kept = b""
    for ty, payload in flagged_attributes(stream):
        if ty & NESTED and inside and ty & ~NESTED == inside[0]:
            payload = without_padding(payload, inside[1:])
        if ty or inside:
            kept += attr(ty, payload)
    return kept


def flagged_attributes(stream):
    """Like netlink.attributes(), with the flags of types."""
    for _, payload in netlink.attributes(stream):
        ty = struct.unpack_from("=H", stream, 2)[0]
        yield ty, payload
        stream = stream[netlink.align(4 + len(payload)) :]


def only_message(wireguard):
    message, = wireguard.dump(size=SMALL)  # fmt: skip
    assert message.body[: netlink.GENL_HEADER] == struct.pack("=BBH", GET_DEVICE, 1, 0)
    return message


def compared(message, wanted):
    """All its bytes, for the comparison, and whether they are those wanted of both drivers."""
    found = message.body[netlink.GENL_HEADER :]
    return {"as it is to be": without_padding(found) == wanted, "flags": message.flags, "bytes": found.hex()}


def judged(theirs, ours):
    for who, found in (("the C driver", theirs), ("this one", ours)):
        if not found["as it is to be"]:
            return f"{who} shows {found['bytes']}"
    if ours != theirs:
        return f"showed {ours}, the C driver {theirs}"
    return None


@scenario("a dump of a device with everything, to the byte", judge=judged)
def device_with_everything():
    with device(private_key(SELF), port(51820), mark(0x2A), peers(*ask_for_known())) as wireguard:
        keys = [attr(PRIVATE_KEY, SELF), attr(PUBLIC_KEY, OWN_PUBLIC)]
        wanted = shown_device(*keys, nest(PEERS, *[shown_peer(*known) for known in KNOWN]))
        return compared(only_message(wireguard), wanted)


@scenario("a dump of a device without keys, to the byte", judge=judged)
def device_without_keys():
    with device(port(51820), mark(0x2A)) as wireguard:
        return compared(only_message(wireguard), shown_device())


def shape(stream, of=(PEERS, 0, ALLOWED_IPS, 0)):
    """The types of attributes, flags included, and what is in nests; elements that are alike are told of once."""
    found = []
    for ty, payload in flagged_attributes(stream):
        is_nest = of and ty & ~NESTED == of[0]
        part = [ty & NESTED and "nested", ty & ~NESTED, shape(payload, of[1:]) if is_nest else len(payload)]
        if part not in found[-1:]:
            found.append(part)
    return found


ALLOWED_IP = ["nested", 0, [[0, MASK, 1], [0, FAMILY, 2], [0, ADDRESS, 4]]]
PIECE = ["nested", 0, [[0, PEER_PUBLIC_KEY, 32], ["nested", ALLOWED_IPS, [ALLOWED_IP]]]]


@scenario("messages that go on with a peer, to the attribute", both=[["nested", PEERS, [PIECE]]])
def messages_that_go_on():
    with device(private_key(SELF), peers(peer(A, endpoint("192.0.2.1", 1000)))) as wireguard:
        fill_one(wireguard, B, 1500)
        between = [shape(message.body[netlink.GENL_HEADER :]) for message in wireguard.dump(size=SMALL)][1:-1]
        assert len(between) > 3
        return between[0] if all(other == between[0] for other in between) else between
