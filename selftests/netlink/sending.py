# SPDX-License-Identifier: GPL-2.0
"""What only this driver can be told of where a device listens, and how it sends: attributes, and a small command.

    sending.py [KIND:]DEVICE set [Bind=INTERFACE|INDEX] [Listen=ADDRESS,…] [Port=PORT] [Dscp=POINT|MAP|off] [PublicKey=… [Key=value]…]…
    sending.py [KIND:]DEVICE show
    sending.py [KIND:]DEVICE moves SECONDS Listen=…[+Bind=…]…

KIND is `amneziawg`, or `wireguard`, which may be left out. Keys of a peer are `Mark` and `Priority`. A map of DSCP is written as
`INNER:OUTER,…`, and `copy` is the one in which all are as they were. `moves` has the device listen at each place in turn, over
and over, and tells how often it moved.
"""

import base64
import ipaddress
import os
import socket
import struct
import sys
import time

import wireguard as wg
from amneziawg import AmneziaWG
from netlink import attr, attributes, error_name, nest, u32
from wireguard import BIND_IFINDEX, DSCP, LISTEN_ADDRESSES, MARK, PRIORITY, WANTED_SENDING, WireGuard

FAMILIES = {"wireguard": WireGuard, "amneziawg": AmneziaWG}


# --- attributes

def listen(*addresses):
    """Addresses as text, or any bytes in place of one."""
    packed = (addr if isinstance(addr, bytes) else ipaddress.ip_address(addr).packed for addr in addresses)
    return nest(LISTEN_ADDRESSES, *(attr(0, bytes) for bytes in packed))


def bind(index):
    return u32(BIND_IFINDEX, index)


def dscp(points):
    return attr(DSCP, bytes(points))


def index_of(value):
    return int(value) if value.isdigit() else socket.if_nametoindex(value)


def dscp_map(value):
    if value == "off":
        return dscp([])
    if value == "copy":
        return dscp(range(64))
    if ":" not in value:
        return dscp([int(value, 0)])
    points = [0] * 64
    for pair in value.split(","):
        inner, outer = pair.split(":")
        points[int(inner, 0)] = int(outer, 0)
    return dscp(points)


OF_DEVICE = {
    "Bind": lambda value: bind(index_of(value)),
    "Listen": lambda value: listen(*filter(None, value.split(","))),
    "Port": lambda value: wg.port(int(value)),
    "Dscp": dscp_map,
}

OF_PEER = {
    "PublicKey": lambda value: attr(wg.PEER_PUBLIC_KEY, base64.b64decode(value)),
    "Mark": lambda value: u32(MARK, int(value, 0)),
    "Priority": lambda value: u32(PRIORITY, int(value, 0)),
    "UpdateOnly": lambda _: wg.peer_flags(wg.UPDATE_ONLY),
}


def request(arguments):
    attrs, peers = [], []
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name == "PublicKey":
            peers.append([])
        known, place = (OF_PEER, peers[-1]) if peers else (OF_DEVICE, attrs)
        place.append(known[name](value))
    if peers:
        attrs.append(wg.peers(*(nest(0, *peer) for peer in peers)))
    return attrs


# --- what is shown

def read(replies):
    """What is shown of a device and of its peers, by their public keys; what is not there is left out."""
    shown, peers = {}, {}
    for reply in replies:
        found = dict(reply.attrs())
        if BIND_IFINDEX in found:
            shown["bind"], = struct.unpack("=I", found[BIND_IFINDEX])
            packed = [raw for _, raw in attributes(found[LISTEN_ADDRESSES])]
            shown["listen"] = [str(ipaddress.ip_address(raw)) for raw in packed]
            shown["port"], = struct.unpack("=H", found[wg.LISTEN_PORT])
        if DSCP in found:
            shown["dscp"] = list(found[DSCP])
        for _, raw in attributes(found.get(wg.PEERS, b"")):
            peer = dict(attributes(raw))
            numbers = {name: struct.unpack("=I", peer[ty])[0] for name, ty in (("mark", MARK), ("priority", PRIORITY)) if ty in peer}
            peers[peer[wg.PEER_PUBLIC_KEY]] = numbers
    return shown, peers


def show(family, device=wg.DEVICE):
    return read(family.dump(device, attrs=wg.wanted(WANTED_SENDING)))


# --- the command

def must(family, device, attrs):
    answer = family.ask(wg.Request(wg.SET_DEVICE, wg.by_name(device) + b"".join(attrs)))[0]
    if answer.error:
        sys.exit(f"{error_name(answer.error)}: {answer.message or os.strerror(answer.error)}")


def command_show(family, device):
    shown, peers = show(family, device)
    for name, value in shown.items():
        print(f"{name} = {','.join(map(str, value)) if isinstance(value, list) else value}")
    for key, numbers in peers.items():
        print(base64.b64encode(key).decode(), *(f"{name}={value:#x}" for name, value in numbers.items()))


def command_moves(family, device, seconds, *places):
    end, moved = time.monotonic() + float(seconds), 0
    while time.monotonic() < end:
        for place in places:
            must(family, device, request(place.split("+")))
            moved += 1
            time.sleep(0.05)
    print(moved)


def main(arguments):
    if len(arguments) < 2:
        sys.exit(__doc__)
    kind, _, device = arguments[0].rpartition(":")
    family, (what, *rest) = FAMILIES[kind or "wireguard"](), arguments[1:]
    if what == "set":
        must(family, device, request(rest))
    elif what == "moves":
        command_moves(family, device, *rest)
    elif what == "show":
        command_show(family, device)
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
