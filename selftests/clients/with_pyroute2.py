#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0
"""What clients.sh has pyroute2 do: with_pyroute2.py create|configure|show|remove-peer NAME [VALUE…]"""

import sys

from pyroute2 import IPRoute, NetlinkError, WireGuard


def create(name):
    with IPRoute() as route:
        route.link("add", ifname=name, kind="wireguard")


def configure(name, private_key, public_key, preshared_key, *allowed_ips):
    peer = {
        "public_key": public_key,
        "preshared_key": preshared_key,
        "endpoint_addr": "192.0.2.2",
        "endpoint_port": 51822,
        "persistent_keepalive": 25,
        "allowed_ips": allowed_ips,
    }
    WireGuard().set(name, private_key=private_key, listen_port=51821, fwmark=0x2A, peer=peer)


def remove_peer(name, public_key):
    WireGuard().set(name, peer={"public_key": public_key, "remove": True})


def show(name):
    """One line for each thing that is configured, in an order of its own."""
    for message in WireGuard().info(name):
        for key in ("IFNAME", "LISTEN_PORT", "FWMARK", "PRIVATE_KEY", "PUBLIC_KEY"):
            print(key, text(message.get_attr(f"WGDEVICE_A_{key}")))
        for peer in message.get_attr("WGDEVICE_A_PEERS") or ():
            show_peer(peer)


def show_peer(peer):
    for key in ("PUBLIC_KEY", "PRESHARED_KEY", "PERSISTENT_KEEPALIVE_INTERVAL", "PROTOCOL_VERSION"):
        print("PEER", key, text(peer.get_attr(f"WGPEER_A_{key}")))
    endpoint = peer.get_attr("WGPEER_A_ENDPOINT")
    print("PEER ENDPOINT", endpoint["addr"], endpoint["port"])
    for ip in peer.get_attr("WGPEER_A_ALLOWEDIPS") or ():
        print("PEER ALLOWEDIP", ip["addr"])


def text(value):
    if isinstance(value, dict):
        value = value["value"]
    return value.decode() if isinstance(value, bytes) else value


def main():
    actions = {"create": create, "configure": configure, "show": show, "remove-peer": remove_peer}
    try:
        actions[sys.argv[1]](*sys.argv[2:])
    except NetlinkError as error:
        sys.exit(f"errno {error.code}")


if __name__ == "__main__":
    main()
