# SPDX-License-Identifier: GPL-2.0
"""The port, and the sockets that listen on it."""

import socket

from request_table import A, B, SELF
from scenario import command, device, ip, ports_in_use, scenario
from wireguard import DEVICE, REPLACE_PEERS, endpoint, flags, keepalive, mark, peer, peers, port, private_key


def taken(family, number):
    """A socket that takes a port."""
    sock = socket.socket(family, socket.SOCK_DGRAM)
    if family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(("" if family == socket.AF_INET else "::", number))
    return sock


def up():
    ip("link", "set", DEVICE, "up")


def down():
    ip("link", "set", DEVICE, "down")


def told(wireguard):
    return wireguard.show()["port"]


@scenario("a port is remembered while down, and used when up")
def remembered():
    with device(port(6001)) as wireguard:
        seen = [told(wireguard), ports_in_use()]
        up()
        seen += [told(wireguard), ports_in_use()]
        down()
        return [*seen, told(wireguard), ports_in_use()]


@scenario("another port while up takes the place of the old")
def changed():
    with device(port(6001)) as wireguard:
        up()
        return wireguard.set(port(6002)), told(wireguard), ports_in_use(), wireguard.set(port(6002)), ports_in_use()


@scenario("port 0 means any: chosen when coming up, told, and kept")
def chosen():
    with device() as wireguard:
        seen = [told(wireguard)]
        up()
        number = told(wireguard)
        seen += [number > 1023, ports_in_use() == [[number], [number]]]
        down()
        seen.append(told(wireguard) == number)
        up()
        return [*seen, told(wireguard) == number, ports_in_use() == [[number], [number]]]


@scenario("port 0 while up chooses another")
def chosen_while_up():
    with device(port(6001)) as wireguard:
        up()
        answer = wireguard.set(port(0))
        number = told(wireguard)
        return answer, number not in (0, 6001), ports_in_use() == [[number], [number]]


@scenario("port 0 while down is told as 0")
def forgotten():
    with device(port(6001)) as wireguard:
        return wireguard.set(port(0)), told(wireguard)


def taken_port(family):
    with device(port(6001), mark(1), private_key(SELF), peers(peer(A))) as wireguard, taken(family, 6002):
        up()
        before = wireguard.configuration()
        seen = [wireguard.set(port(6002)), wireguard.configuration() == before]
        seen.append([[number for number in ports if number == 6001] for ports in ports_in_use()])
        # The mark comes before the port, and all else after it.
        seen.append(wireguard.set(port(6002), flags(REPLACE_PEERS), private_key(bytes(32)), peers(peer(B))))
        seen.append(wireguard.configuration() == before)
        down()
        seen += [wireguard.set(port(6002)), command("ip", "link", "set", DEVICE, "up"), told(wireguard)]
        return seen, ports_in_use()


@scenario("a port that is taken for IPv4 is refused, the old one stays")
def taken_v4():
    return taken_port(socket.AF_INET)


@scenario("a port that is taken for IPv6 is refused, the old one stays, none is left open for IPv4")
def taken_v6():
    return taken_port(socket.AF_INET6)


@scenario(
    "a mark and a port that is taken: the C driver has set the mark",
    theirs=["EADDRINUSE", 7], here=["EADDRINUSE", 1],
)  # fmt: skip
def taken_with_mark():
    with device(port(6001), mark(1)) as wireguard, taken(socket.AF_INET, 6002):
        up()
        return [wireguard.set(mark(7), port(6002)), wireguard.show()["mark"]]


@scenario("a port that is free for IPv4 but not for IPv6 is not chosen")
def pairs():
    with device() as wireguard:
        numbers = range(40000, 40100)
        with open("/proc/sys/net/ipv4/ip_local_port_range", "r+", encoding="ascii") as file:
            before = file.read()
            file.seek(0)
            file.write("40000 40099")
            file.flush()
            sockets = [taken(socket.AF_INET6, number) for number in numbers if number != 40050]
            answer = command("ip", "link", "set", DEVICE, "up")
            number = told(wireguard) if answer == "ok" else 40050
            for sock in sockets:
                sock.close()
            file.seek(0)
            file.write(before)
        return number


@scenario("two devices cannot listen on one port")
def two_devices():
    with device(port(6001)) as wireguard:
        up()
        ip("link", "add", "wg1", "type", "wireguard")
        try:
            return wireguard.set(port(6001), device="wg1"), command("ip", "link", "set", "wg1", "up"), ports_in_use()
        finally:
            ip("link", "del", "wg1")


@scenario("a change of peers while up leaves the sockets alone")
def others_untouched():
    with device(port(6001), private_key(SELF)) as wireguard:
        up()
        before = ports_in_use()
        return wireguard.set(peers(peer(A, keepalive(7), endpoint("127.0.0.1", 9)))), ports_in_use() == before
