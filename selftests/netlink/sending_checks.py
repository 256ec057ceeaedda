# SPDX-License-Identifier: GPL-2.0
"""Where a device listens, DSCP, marks and priorities by netlink: what is taken, refused and shown.

    sending_checks.py
"""

import os
import socket
import struct
import subprocess
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

import netlink
import wireguard as wg
from amneziawg import AmneziaWG
from netlink import TYPE_MASK, attr, attributes, error_name, nest, u8, u16, u32, u64
from request_table import A, B
from scenario import Child, command, device, inside, ip, namespaces, own_user_and_net
from sending import bind, dscp, listen, show
from tap import check, tell_all
from wireguard import BIND_IFINDEX, DEVICE, DSCP, LISTEN_ADDRESSES, MARK, PEERS, PRIORITY, SET_DEVICE, WireGuard, by_name

HERE4, HERE6, LINK = "192.0.2.1", "2001:db8::1", "fe80::1"
OTHER4, OTHER6 = "192.0.2.7", "2001:db8::7"
PORT = 5000

DUMMY, VRF = 41, 42
"""Indices of interfaces."""


@contextmanager
def place():
    """A namespace with an interface of the addresses above, and a VRF with another."""
    with namespaces("checks"), inside("checks"):
        ip("link", "add", "dummy0", "index", DUMMY, "type", "dummy")
        ip("address", "add", f"{HERE4}/24", "dev", "dummy0")
        for address in (f"{HERE6}/64", f"{LINK}/64"):
            ip("address", "add", address, "dev", "dummy0", "nodad")
        ip("link", "set", "dummy0", "up")
        ip("link", "add", "vrf0", "index", VRF, "type", "vrf", "table", 100)
        ip("link", "set", "vrf0", "up")
        ip("link", "add", "dummy1", "type", "dummy")
        ip("link", "set", "dummy1", "master", "vrf0")
        ip("address", "add", "198.51.100.1/24", "dev", "dummy1")
        ip("address", "add", "2001:db8:1::1/64", "dev", "dummy1", "nodad")
        ip("link", "set", "dummy1", "up")
        yield


def sockets():
    """What UDP sockets are bound to, each once."""
    said = subprocess.run(["ss", "-Hlun"], capture_output=True, text=True, check=True).stdout
    return sorted(line.split()[3] for line in said.splitlines())


def ask(family, *attrs, name=DEVICE):
    return family.ask(netlink.Request(SET_DEVICE, by_name(name) + b"".join(attrs)))[0]


def must(family, *attrs, name=DEVICE):
    answer = ask(family, *attrs, name=name)
    assert answer.error == 0, f"{error_name(answer.error)}: {answer.message}"


def up(name=DEVICE):
    return command("ip", "link", "set", name, "up")


def state(family, name=DEVICE):
    return family.configuration(name), show(family, name), sockets()


# --- what is refused

@dataclass(frozen=True)
class Bad:
    name: str
    attrs: bytes
    error: str
    words: str
    """The whole text; of the core's own, nothing is asked."""
    blamed: int | None = None
    """The type of the attribute, at any depth, that is pointed at."""
    before: tuple = field(default=())
    down: bool = False


POINTS = list(range(64))

TABLE = [
    Bad("an IPv4 address of others", listen(OTHER4), "EADDRNOTAVAIL", "an address to listen on is not local", LISTEN_ADDRESSES),
    Bad("an IPv6 address of others", listen(OTHER6), "EADDRNOTAVAIL", "an address to listen on is not local", LISTEN_ADDRESSES),
    Bad("one of ours, and one of others", listen(HERE4, OTHER6), "EADDRNOTAVAIL", "an address to listen on is not local",
        LISTEN_ADDRESSES),
    Bad("an address of the VRF, outside of it", listen("198.51.100.1"), "EADDRNOTAVAIL", "an address to listen on is not local",
        LISTEN_ADDRESSES),
    Bad("one of IPv6", listen("2001:db8:1::1"), "EADDRNOTAVAIL", "an address to listen on is not local", LISTEN_ADDRESSES),
    Bad("an address outside of the VRF, in it", listen(HERE4) + bind(VRF), "EADDRNOTAVAIL", "an address to listen on is not local",
        LISTEN_ADDRESSES),
    Bad("the VRF, where an address outside is listened on", bind(VRF), "EADDRNOTAVAIL", "an address to listen on is not local",
        BIND_IFINDEX, before=(listen(HERE4),)),
    Bad("no such interface", bind(9999), "ENODEV", "there is no interface of this index", BIND_IFINDEX),
    Bad("no such interface, and the device is down", bind(9999), "ENODEV", "there is no interface of this index", BIND_IFINDEX,
        down=True),
    Bad("an index beyond all", bind(1 << 31), "ENODEV", "there is no interface of this index", BIND_IFINDEX),
    Bad("the highest index", bind(0xFFFFFFFF), "ENODEV", "there is no interface of this index", BIND_IFINDEX, down=True),
    Bad("any address of IPv4", listen("0.0.0.0"), "EINVAL", "all addresses are listened on if none is given", 0),
    Bad("any address of IPv6", listen("::"), "EINVAL", "all addresses are listened on if none is given", 0),
    Bad("multicast of IPv4", listen("224.0.0.1"), "EINVAL", "a multicast address cannot be listened on", 0),
    Bad("multicast of IPv6", listen("ff02::1"), "EINVAL", "a multicast address cannot be listened on", 0),
    Bad("the broadcast address", listen("255.255.255.255"), "EINVAL", "a broadcast address cannot be listened on", 0),
    Bad("the broadcast address of a network", listen("192.0.2.255"), "EINVAL", "a broadcast address cannot be listened on",
        LISTEN_ADDRESSES),
    Bad("two of IPv4", listen(HERE4, "127.0.0.1"), "EINVAL", "one address of each family can be listened on", 0),
    Bad("the same twice", listen(HERE6, HERE6), "EINVAL", "one address of each family can be listened on", 0),
    Bad("three", listen(HERE4, HERE6, "::1"), "EINVAL", "one address of each family can be listened on", 0),
    Bad("an address of no bytes", listen(b""), "EINVAL", "an address to listen on has 4 bytes or 16", 0),
    Bad("an address of 3 bytes", listen(bytes(3)), "EINVAL", "an address to listen on has 4 bytes or 16", 0),
    Bad("an address of 5 bytes behind a good one", listen(HERE6, bytes(5)), "EINVAL", "an address to listen on has 4 bytes or 16", 0),
    Bad("an address of 17 bytes", listen(bytes(17)), "EINVAL", "an address to listen on has 4 bytes or 16", 0),
    Bad("a sockaddr", listen(wg.sockaddr(HERE4, PORT)[:8]), "EINVAL", "an address to listen on has 4 bytes or 16", 0),
    Bad("one of IPv4 as one of IPv6", listen(f"::ffff:{HERE4}"), "EINVAL", "an address of IPv4 has 4 bytes", 0),
    Bad("a link-local address", listen(LINK), "EINVAL", "a link-local address needs an interface to be bound to", LISTEN_ADDRESSES),
    Bad("a link-local address, and the device is down", listen(LINK), "EINVAL",
        "a link-local address needs an interface to be bound to", LISTEN_ADDRESSES, down=True),
    Bad("no interface any more for a link-local address", bind(0), "EINVAL", "a link-local address needs an interface to be bound to",
        BIND_IFINDEX, before=(listen(LINK), bind(DUMMY))),
    Bad("a list that is none", attr(LISTEN_ADDRESSES, attr(0, bytes(4))), "EINVAL", "", LISTEN_ADDRESSES),
    Bad("an index of 16 bits", u16(BIND_IFINDEX, DUMMY), "EINVAL", "", BIND_IFINDEX),
    Bad("an index of 64 bits", u64(BIND_IFINDEX, DUMMY), "EINVAL", "", BIND_IFINDEX),
    Bad("a taken port", wg.port(PORT + 1), "EADDRINUSE", "cannot listen on this port", wg.LISTEN_PORT),
    Bad("a taken port at one address", wg.port(PORT + 1) + listen(HERE4), "EADDRINUSE", "port and address are taken", wg.LISTEN_PORT),
    Bad("a taken port at an address of IPv6", wg.port(PORT + 1) + listen(HERE6), "EADDRINUSE", "port and address are taken",
        wg.LISTEN_PORT),
    Bad("a taken address", listen(HERE4), "EADDRINUSE", "port and address are taken", LISTEN_ADDRESSES,
        before=(wg.port(PORT + 2), listen("127.0.0.1"))),
    Bad("all addresses, where one is taken", listen(), "EADDRINUSE", "cannot listen on this port", LISTEN_ADDRESSES,
        before=(wg.port(PORT + 2), listen("127.0.0.1"))),
    Bad("DSCP beyond all", dscp([64]), "EINVAL", "a DSCP is at most 63", DSCP),
    Bad("DSCP as a DS byte", dscp([0xB8]), "EINVAL", "a DSCP is at most 63", DSCP),
    Bad("a map with one beyond", dscp([*POINTS[:63], 64]), "EINVAL", "a DSCP is at most 63", DSCP),
    Bad("two DSCP", dscp([0, 1]), "EINVAL", "DSCP has no byte, one for all packets, or 64", DSCP),
    Bad("a map of 63", dscp(POINTS[:63]), "EINVAL", "DSCP has no byte, one for all packets, or 64", DSCP),
    Bad("a map of 65", dscp([*POINTS, 0]), "ERANGE", "", DSCP),
    Bad("a priority of 16 bits", wg.peers(wg.peer(A, u16(PRIORITY, 1))), "EINVAL", "", PRIORITY),
    Bad("a priority of 64 bits", wg.peers(wg.peer(A, u64(PRIORITY, 1))), "EINVAL", "", PRIORITY),
    Bad("a mark of 8 bits", wg.peers(wg.peer(A, u8(MARK, 1))), "EINVAL", "", MARK),
    Bad("a priority of the device", u32(142 + 50, 1), "EINVAL", ""),
    # What is wrong comes last: all before is good.
    Bad("all that is good, and an address of others", dscp([5]) + bind(DUMMY) + wg.mark(9) + listen(OTHER4), "EADDRNOTAVAIL",
        "an address to listen on is not local", LISTEN_ADDRESSES),
    Bad("all that is good, and a peer without a key", dscp([5]) + listen(HERE4) + wg.peers(nest(0, u32(MARK, 5))), "EINVAL",
        "a peer needs a public key"),
    Bad("sockets that are open already, and a peer too many bytes", listen("127.0.0.1") + wg.peers(wg.peer(A, attr(MARK, bytes(5)))),
        "EINVAL", "", MARK),
]  # fmt: skip


def blamed_type(request, offset):
    """The type of the attribute at a place in a whole message."""
    return struct.unpack_from("=H", request, offset + 2)[0] & TYPE_MASK


STAGE = ExitStack()
"""Where requests are refused, one after the other: a device, and two more that have ports and addresses."""


@check("three devices, of which one is asked for what cannot be")
def set_stage():
    STAGE.enter_context(place())
    family = STAGE.enter_context(device())
    STAGE.enter_context(device(wg.port(PORT + 1), name="wg1", index=78))
    STAGE.enter_context(device(wg.port(PORT + 2), listen(HERE4), name="wg2", index=79))
    for name in ("wg1", "wg2"):
        assert up(name) == "ok"
    must(family, wg.peers(wg.peer(B, u32(MARK, 3), u32(PRIORITY, 4))), dscp([7]))


def refused(wrong):
    def run():
        family = WireGuard()
        ip("link", "set", DEVICE, "down")
        must(family, wg.port(PORT), bind(0), listen())
        must(family, *wrong.before)
        if not wrong.down:
            assert up() == "ok"
        before = state(family)
        with family.open() as sock:
            request = netlink.Request(SET_DEVICE, by_name() + wrong.attrs)
            answer = sock.ask(request)[0]
        assert error_name(answer.error) == wrong.error, (error_name(answer.error), answer.message)
        if wrong.words:
            assert answer.message == wrong.words, answer.message
        if wrong.blamed is not None:
            assert answer.offset is not None, "nothing is pointed at"
            found = blamed_type(request.encode(family.family, 0), answer.offset)
            assert found == wrong.blamed, found
        assert state(family) == before, (before, state(family))

    return run


for bad in TABLE:
    check(f"refused: {bad.name}")(refused(bad))

check("they go")(STAGE.close)


# --- what is taken

@check("nothing of it is in an answer to who has not asked")
def unasked():
    with place(), device(wg.port(PORT)) as family:
        must(family, listen(HERE4, HERE6), bind(DUMMY), dscp([9]), wg.peers(wg.peer(A, u32(MARK, 1), u32(PRIORITY, 2))))
        replies = family.dump()
        assert {ty for reply in replies for ty, _ in reply.attrs()} <= set(range(1, 9))
        peers = [raw for reply in replies for ty, raw in reply.attrs() if ty == PEERS]
        assert {ty for _, peer in attributes(peers[0]) for ty, _ in attributes(peer)} <= set(range(1, 11))


@check("a new device is bound to nothing, and shows it")
def new_device():
    for kind in (WireGuard, AmneziaWG):
        with place(), device(wg.port(PORT), wg.peers(wg.peer(A)), family=kind) as family:
            shown, peers = show(family)
            assert shown == {"bind": 0, "listen": [], "port": PORT}, shown
            assert list(peers.values()) == [{}]


@check("what is set is shown, and is what sockets are bound to; by both families")
def shown_again():
    for kind in (WireGuard, AmneziaWG):
        with place(), device(wg.port(PORT), family=kind) as family:
            assert up() == "ok"
            for addresses, bound, expected in (
                ([HERE4], 0, [f"{HERE4}:{PORT}"]),
                ([HERE6], 0, [f"[{HERE6}]:{PORT}"]),
                ([HERE4, HERE6], 0, [f"{HERE4}:{PORT}", f"[{HERE6}]:{PORT}"]),
                ([HERE6, HERE4], DUMMY, [f"{HERE4}%dummy0:{PORT}", f"[{HERE6}]%dummy0:{PORT}"]),
                ([LINK], DUMMY, [f"[{LINK}]%dummy0:{PORT}"]),
                (["198.51.100.1", "2001:db8:1::1"], VRF, [f"198.51.100.1%vrf0:{PORT}", f"[2001:db8:1::1]%vrf0:{PORT}"]),
                ([], VRF, [f"0.0.0.0%vrf0:{PORT}", f"[::]%vrf0:{PORT}"]),
                ([], 0, [f"0.0.0.0:{PORT}", f"[::]:{PORT}"]),
            ):  # fmt: skip
                must(family, listen(*addresses), bind(bound))
                shown, _ = show(family)
                assert shown == {"bind": bound, "listen": sorted(addresses, key=lambda a: ":" in a), "port": PORT}, shown
                assert sockets() == sorted(expected), (sockets(), expected)


@check("DSCP, marks and priorities are shown as they were set")
def sending_shown():
    with place(), device(wg.port(PORT), wg.peers(wg.peer(A), wg.peer(B))) as family:
        for points in ([0], [46], POINTS, [63] * 64, []):
            must(family, dscp(points))
            assert show(family)[0].get("dscp", []) == points
        must(family, wg.peers(wg.peer(A, u32(MARK, 0xFFFFFFFF)), wg.peer(B, u32(PRIORITY, 0x10002))))
        assert show(family)[1] == {A: {"mark": 0xFFFFFFFF}, B: {"priority": 0x10002}}
        must(family, wg.peers(wg.peer(A, u32(PRIORITY, 6)), wg.peer(B, u32(MARK, 7))))
        assert show(family)[1] == {A: {"mark": 0xFFFFFFFF, "priority": 6}, B: {"priority": 0x10002, "mark": 7}}
        must(family, wg.peers(wg.peer(A, u32(MARK, 0)), wg.peer(B)))
        assert show(family)[1] == {A: {"priority": 6}, B: {"priority": 0x10002, "mark": 7}}
        must(family, wg.peers(wg.peer(A, u32(PRIORITY, 0))))
        assert show(family)[1][A] == {}
        # One that is removed leaves nothing to who comes again.
        must(family, wg.peers(wg.peer(B, wg.peer_flags(wg.REMOVE_ME))))
        must(family, wg.peers(wg.peer(B)))
        assert show(family)[1][B] == {}
        must(family, wg.peers(wg.peer(B, u32(MARK, 5))))
        must(family, wg.flags(wg.REPLACE_PEERS), wg.peers(wg.peer(B)))
        assert show(family)[1] == {B: {}}


@check("a device that is down remembers, and comes up there or not at all")
def down():
    with place(), device(wg.port(PORT)) as family:
        must(family, listen(OTHER4))
        assert show(family)[0]["listen"] == [OTHER4] and sockets() == []
        assert up() != "ok" and sockets() == []
        ip("address", "add", f"{OTHER4}/24", "dev", "dummy0")
        assert up() == "ok" and sockets() == [f"{OTHER4}:{PORT}"]
        ip("link", "set", DEVICE, "down")
        must(family, bind(DUMMY), listen(HERE6))
        assert up() == "ok" and sockets() == [f"[{HERE6}]%dummy0:{PORT}"]
        ip("link", "set", DEVICE, "down")
        ip("link", "del", "dummy0")
        assert up() != "ok" and sockets() == []
        # What is said again of an interface that has gone is no news.
        must(family, bind(DUMMY), wg.mark(1))
        must(family, bind(0), listen())
        assert up() == "ok" and sockets() == sorted([f"0.0.0.0:{PORT}", f"[::]:{PORT}"])


@check("any port is one for both families, also at addresses, and stays when those change")
def any_port():
    with place(), device() as family:
        must(family, listen(HERE4, HERE6))
        assert up() == "ok"
        port = show(family)[0]["port"]
        assert port and sockets() == sorted([f"{HERE4}:{port}", f"[{HERE6}]:{port}"])
        must(family, listen(HERE6))
        assert show(family)[0]["port"] == port and sockets() == [f"[{HERE6}]:{port}"]
        must(family, listen(), wg.port(0))
        other = show(family)[0]["port"]
        assert other and sockets() == sorted([f"0.0.0.0:{other}", f"[::]:{other}"])


@check("where any port was taken for IPv6, another is for both")
def any_port_twice():
    with place(), device() as family, open("/proc/sys/net/ipv4/ip_local_port_range", "r+", encoding="ascii") as ports:
        ports.write("40000 40003\n")
        ports.flush()
        taken = []
        for number in range(40000, 40003):
            taken.append(socket.socket(socket.AF_INET6, socket.SOCK_DGRAM))
            taken[-1].setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            taken[-1].bind((HERE6, number))
        must(family, listen(HERE4, HERE6))
        assert up() == "ok" and show(family)[0]["port"] == 40003
        for each in taken:
            each.close()


@check("two devices at one port, at two addresses; and three, with a VRF")
def one_port():
    with place(), device(wg.port(PORT), listen(HERE4, HERE6)) as family, \
            device(wg.port(PORT), listen("127.0.0.1", "::1"), name="wg1", index=78), \
            device(wg.port(PORT), bind(VRF), listen("198.51.100.1"), name="wg2", index=79):  # fmt: skip
        assert [up(name) for name in (DEVICE, "wg1", "wg2")] == ["ok"] * 3
        assert len(sockets()) == 5
        # Nobody else takes what they have, whatever he lets be shared.
        for address in (HERE4, "127.0.0.1", "0.0.0.0"):
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
                thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    thief.bind((address, PORT))
                    raise AssertionError(f"{address} was not taken")
                except OSError:
                    pass
        # Nor after a move.
        must(family, listen(HERE6))
        must(family, listen(HERE4, HERE6))
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as thief:
            thief.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                thief.bind((HERE4, PORT))
                raise AssertionError("what was moved can be shared")
            except OSError:
                pass


def events_of(family, *requests):
    """How many events of the group `config` there are of each request."""
    group = netlink.find_groups("wireguard")["config"]
    counts = []
    with family.open() as listener:
        listener.join(group)
        for attrs in requests:
            must(family, attrs)
            counts.append(len(listener.receive_all()))
    return counts


@check("what changes is told, and what is said again is not")
def told():
    with place(), device(wg.port(PORT), u32(wg.EVENT_CLASSES, 1), wg.peers(wg.peer(A))) as family:
        assert up() == "ok"
        for attrs in (
            listen(HERE4), bind(DUMMY), listen(HERE4, HERE6) + bind(0), dscp([3]), dscp(POINTS), dscp([]), listen(),
        ):  # fmt: skip
            assert events_of(family, attrs, attrs) == [1, 0], attrs
        marked = wg.peers(wg.peer(A, u32(MARK, 5), u32(PRIORITY, 6)))
        assert events_of(family, marked)[0] == 1


def attempts():
    """What is answered to who is an administrator of the device's namespace alone."""
    family = WireGuard()
    requests = (
        bind(1), listen("127.0.0.1"), dscp([1]), wg.peers(wg.peer(A, u32(MARK, 1))), wg.peers(wg.peer(A, u32(PRIORITY, 1))),
        wg.peers(wg.peer(A)),
    )  # fmt: skip
    answers = [ask(family, attrs) for attrs in requests]
    return [[error_name(answer.error), answer.message] for answer in answers]


@check("what acts in the namespace of the sockets takes its administrator")
def rights():
    words = "not an administrator of the creating netns"
    with device(wg.port(PORT)), Child() as child:
        child.do(own_user_and_net)
        ip("link", "set", DEVICE, "netns", child.do(os.getpid))
        answers = child.do(attempts)
        assert answers == [["EPERM", words]] * 5 + [["ok", ""]], answers


if __name__ == "__main__":
    sys.exit(tell_all())
