# SPDX-License-Identifier: GPL-2.0
"""Who may do what, and in which network namespace a device is looked for."""

import os
import socket

from netlink import Socket, error_name
from request_table import A, BASE, SELF
from scenario import Child, become_nobody, command, device, inside, ip, namespaces, own_user_and_net, ports_in_use, scenario, until
from wireguard import DEVICE, INDEX, WireGuard, get_device, keepalive, mark, peer, peers, port, private_key, set_device


def show():
    """Whether a dump is given."""
    try:
        WireGuard().dump()
    except OSError as error:
        return error_name(error.errno)
    return "ok"


def change(*attrs):
    return WireGuard().set(*attrs)


@scenario("without privilege nothing is shown, nothing is set", both=[["EPERM"] * 4, True])
def nobody():
    with device(base=True) as wireguard, Child() as child:
        child.do(become_nobody)
        before = wireguard.configuration()
        answers = [child.do(show), child.do(change), child.do(change, mark(1)), child.do(change, private_key(SELF))]
        return [answers, wireguard.configuration() == before]


def use_of(number):
    """A dump and a change by a socket that was handed down."""
    sock = Socket.__new__(Socket)
    sock.family, sock.seq = WireGuard().family, 0
    sock.socket = socket.socket(fileno=os.dup(number))
    return [error_name(sock.ask(request)[-1].error) for request in (get_device(), set_device())]


@scenario("a socket that was opened with privilege is of no use without", both=[["ok", "ok"], ["EPERM", "EPERM"]])
def handed_down():
    with device(base=True) as wireguard, wireguard.open() as sock:
        with Child() as child:
            number = sock.socket.fileno()
            before = child.do(use_of, number)
            child.do(become_nobody)
            return [before, child.do(use_of, number)]


@scenario(
    "devices are looked for in the namespace of the socket",
    both=["ENODEV", "ENODEV", "ENODEV", "ENODEV", "ENODEV", "ok", "ok", 2],
)  # fmt: skip
def where_devices_are():
    with device(base=True), namespaces("near"):
        with inside("near"):
            there = WireGuard()
            sock = there.open()
            seen = [there.set(mark(1)), show()]
        seen.append(error_name(sock.ask(set_device())[0].error))
        sock.close()
        ip("link", "set", DEVICE, "netns", "near")
        seen += [show(), change(mark(1))]
        with inside("near"):
            seen += [show(), change(mark(2)), WireGuard().show()["mark"]]
            ip("link", "del", DEVICE)
        return seen


# --- a user namespace of one's own

def add_device():
    return command("ip", "link", "add", DEVICE, "index", INDEX, "type", "wireguard")


def up():
    return command("ip", "link", "set", DEVICE, "up")


def down():
    return command("ip", "link", "set", DEVICE, "down")


def pid():
    return os.getpid()


def listening():
    """The port as told by a dump, and those of the sockets."""
    return WireGuard().show()["port"], ports_in_use()


@scenario("root of a user namespace has devices of its own")
def own_device():
    with Child() as child:
        child.do(own_user_and_net)
        return [
            child.do(add_device), child.do(change, *BASE), child.do(show), child.do(up), child.do(listening),
            child.do(change, port(5000)), child.do(listening), child.do(change, mark(9)),
        ]  # fmt: skip


@scenario("a privileged port is refused to root of a user namespace, and the old one stays")
def privileged_port():
    with Child() as child:
        child.do(own_user_and_net)
        steps = [child.do(add_device), child.do(change, port(80)), child.do(up), child.do(listening)]
        steps += [child.do(change, port(5000)), child.do(up), child.do(change, port(80)), child.do(listening)]
        return [*steps, child.do(down), child.do(change, port(1023)), child.do(up), child.do(change, port(1024)), child.do(up)]


@scenario("what its creator's namespace is concerned with is not for who was given a device")
def given_device():
    with device(base=True) as wireguard, Child() as child:
        child.do(own_user_and_net)
        ip("link", "set", DEVICE, "netns", child.do(pid))
        before = child.do(configuration)
        refused = [child.do(change, port(7)), child.do(change, mark(7)), child.do(change, mark(0x2A)), child.do(change, port(51820))]
        refused += [child.do(change, mark(7), peers(peer(A, keepalive(7)))), child.do(change, private_key(bytes(32)), port(7))]
        unchanged = child.do(configuration) == before
        allowed = [child.do(change), child.do(change, private_key(bytes(32))), child.do(change, peers(peer(A, keepalive(7))))]
        return refused, unchanged, allowed, child.do(show), child.do(configuration)


def configuration():
    return WireGuard().configuration()


@scenario("it opens its sockets in the creator's namespace all the same")
def given_device_up():
    with device(base=True), Child() as child:
        child.do(own_user_and_net)
        ip("link", "set", DEVICE, "netns", child.do(pid))
        return child.do(up), child.do(ports_in_use), ports_in_use(), child.do(down), ports_in_use()


@scenario("a privileged port in the creator's namespace is refused to who was given the device")
def given_privileged_port():
    with device(port(80)), Child() as child:
        child.do(own_user_and_net)
        ip("link", "set", DEVICE, "netns", child.do(pid))
        return child.do(up), ports_in_use()


@scenario("the creating namespace is gone: no port, no mark, no sockets; all else goes on")
def creator_gone():
    with namespaces("creator"):
        ip("-n", "creator", "link", "add", DEVICE, "index", INDEX, "type", "wireguard")
        with inside("creator"):
            WireGuard().set(*BASE)
        ip("-n", "creator", "link", "set", DEVICE, "netns", os.getpid())
        before = [up(), change(port(7)), change(mark(7))]
        ip("netns", "del", "creator")
    try:
        # Its end takes a while, and nothing else shows that the driver has been told of it.
        until(lambda: change(mark(7)) != "ok")
        return before, [change(port(8)), change(mark(8)), change(), change(peers(peer(A, keepalive(8))))], [down(), up()], configuration()
    finally:
        ip("link", "del", DEVICE)
