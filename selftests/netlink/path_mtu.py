# SPDX-License-Identifier: GPL-2.0
"""Whether a device's senders are told what paths take, and how much that is.

    path_mtu.py INTERFACE on|off|show

`show` says that, and of each peer its public key and the MTU of the path to it, or `unknown`.
"""

import base64
import struct
import sys

from netlink import Request, Socket, attributes, find_family, u8
from wireguard import (
    PATH_MTU, PEER_PATH_MTU, PEER_PUBLIC_KEY, PEERS, SET_DEVICE, WANTED_SENDING, by_name, get_device, wanted,
)  # fmt: skip


def main():
    name, what = sys.argv[1:]
    family, _ = find_family("amneziawg" if name.startswith("awg") else "wireguard")
    with Socket(family) as kernel:
        if what == "show":
            answer = kernel.ask(get_device(by_name(name), wanted(WANTED_SENDING)))
            for reply in filter(lambda reply: reply.is_data(), answer):
                show(reply)
        else:
            answer = kernel.ask(Request(SET_DEVICE, by_name(name) + u8(PATH_MTU, what == "on")))
        if answer[-1].error:
            sys.exit(f"error {answer[-1].error}: {answer[-1].message}")


def show(reply):
    found = dict(reply.attrs())
    if PATH_MTU in found:
        print("on" if found[PATH_MTU] == b"\1" else "off")
    for _, peer in attributes(found.get(PEERS, b"")):
        peer = dict(attributes(peer))
        mtu = peer.get(PEER_PATH_MTU)
        key = base64.b64encode(peer[PEER_PUBLIC_KEY]).decode()
        print(key, "unknown" if mtu is None else struct.unpack("=I", mtu)[0])


if __name__ == "__main__":
    main()
