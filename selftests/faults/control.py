# SPDX-License-Identifier: GPL-2.0
"""What is asked for by a system call, which tells whether it was granted: each of its allocations is failed in turn.

An operation has `attempt`, which returns an errno, and looks afterwards at what there is: `failed` yields what is wrong
after an error, `done` what is wrong after success and takes it back. `before` makes what it starts from.
"""

import ctypes
import errno
import os
import socket
import struct
from itertools import count

import amneziawg
import netlink
import sending
from awg_table import BASE
from netlink import ACK, REQUEST, Request, nest, text, u32
from sending import dscp, listen
from wireguard import (
    ALL_PEERS, DEVICE, INDEX, MARK, PRIORITY, REPLACE_ALLOWED_IPS, REPLACE_PEERS, REMOVE_ME, SET_DEVICE, WireGuard, allowed, by_name, endpoint, flags, ip,
    get_device, hold_unknown, keepalive, label, mark, merge, peer, peer_flags, peers, port, private_key, psk, read_message,
    set_device, since, wanted,
)  # fmt: skip

MODULE = "/job/wireguard.ko"
SYS_DELETE_MODULE, SYS_FINIT_MODULE = 176, 313

NETLINK_ROUTE = 0
RTM_NEWLINK, RTM_DELLINK = 16, 17
CREATE, EXCL = 0x400, 0x200
IFLA_IFNAME, IFLA_LINKINFO, IFLA_INFO_KIND = 3, 18, 1
IFF_UP = 1

# The network core's words for a lack of memory when sockets are made, beside ENOMEM.
NO_MEMORY = {errno.ENOMEM, errno.ENOBUFS, errno.ENFILE}

libc = ctypes.CDLL(None, use_errno=True)


def syscall(*arguments):
    return 0 if libc.syscall(*arguments) == 0 else ctypes.get_errno()


def load():
    file = os.open(MODULE, os.O_RDONLY)
    try:
        return syscall(SYS_FINIT_MODULE, file, b"", 0)
    finally:
        os.close(file)


def unload():
    return syscall(SYS_DELETE_MODULE, b"wireguard", 0)


def must(error, what):
    if error:
        raise RuntimeError(f"{what}: {netlink.error_name(error)}")


class Links:
    """Interfaces of the network namespace of the calling thread."""

    def __init__(self):
        self.socket = netlink.Socket(protocol=NETLINK_ROUTE)

    def ask(self, ty, index=0, state=0, change=0, attrs=b"", more=0):
        body = struct.pack("=BxHiII", 0, 0, index, state, change) + attrs
        return self.socket.ask(Request(0, family=ty, flags=REQUEST | ACK | more, body=body))[-1].error

    def add(self, name=DEVICE, kind="wireguard", index=INDEX):
        attrs = text(IFLA_IFNAME, name) + nest(IFLA_LINKINFO, text(IFLA_INFO_KIND, kind))
        return self.ask(RTM_NEWLINK, index, attrs=attrs, more=CREATE | EXCL)

    def delete(self, index=INDEX):
        return self.ask(RTM_DELLINK, index)

    def up(self, index=INDEX):
        return self.ask(RTM_NEWLINK, index, IFF_UP, IFF_UP)

    def down(self, index=INDEX):
        return self.ask(RTM_NEWLINK, index, 0, IFF_UP)


def has_link(name=DEVICE):
    return name in (name for _, name in socket.if_nameindex())


def is_up(name=DEVICE):
    with open(f"/sys/class/net/{name}/flags", encoding="ascii") as file:
        return bool(int(file.read(), 16) & IFF_UP)


class Load:
    name = "the module is loaded"

    def before(self):
        pass

    def attempt(self):
        return load()

    def failed(self):
        with open("/proc/modules", encoding="ascii") as file:
            if "wireguard" in file.read():
                yield "the module is still there"
        # What were left of its hooks would be called.
        must(os.system("ip netns add t && ip netns del t"), "a namespace")

    def done(self):
        yield from ()
        must(unload(), "unload")


class Add:
    name = "an interface is made"
    # The core does not look whether it could name the object of an interface before it adds that.
    errors = NO_MEMORY | {errno.EINVAL}

    def __init__(self, links, name=DEVICE):
        self.links = links
        self.wanted = name
        self.made = name.replace("%d", "0")

    def before(self):
        pass

    def attempt(self):
        return self.links.add(self.wanted)

    def failed(self):
        if has_link(self.made):
            yield "the interface is there"

    def done(self):
        if not has_link(self.made):
            yield "the interface is not there"
        must(self.links.delete(), "delete")


class AddFirst(Add):
    name = "an interface is made, the first since the module was loaded"

    def before(self):
        must(unload(), "unload")
        must(load(), "load")

    def failed(self):
        yield from super().failed()
        self.before()

    def done(self):
        yield from super().done()
        self.before()


class AddNumbered(Add):
    name = "an interface is made, which the kernel gives a number"

    def __init__(self, links):
        super().__init__(links, "wg%d")


class Up:
    name = "an interface comes up"

    def __init__(self, links):
        self.links = links

    def before(self):
        pass

    def attempt(self):
        return self.links.up()

    def failed(self):
        if is_up():
            yield "the interface is up"

    def done(self):
        if not is_up():
            yield "the interface is not up"
        must(self.links.down(), "down")


def key(number):
    return bytes([number & 0xF8]) + bytes([number]) * 30 + b"\x41"


def base():
    """A device with some of all."""
    return [
        private_key(key(8)), port(51800), listen(), mark(1), dscp([]), flags(REPLACE_PEERS), hold_unknown(0),
        peers(
            peer(
                key(16), psk(key(1)), endpoint("192.0.2.16", 1),
                allowed(ip("10.1.0.0/16"), ip("10.2.0.0/16"), ip("fd01::/32")),
            ),
            peer(key(17), keepalive(100), endpoint("2001:db8::17", 1), allowed(ip("10.3.0.0/16"))),
            peer(key(18), psk(key(2))),
        ),
    ]  # fmt: skip


def changes():
    """Requests that make, change, and remove, and have enough in them to fail in the middle."""
    some = [ip(f"10.{number}.0.0/16") for number in range(40, 48)] + [ip(f"fd{number}::/32") for number in range(40, 48)]
    yield "everything anew", [
        private_key(key(24)), port(51801), listen("127.0.0.1"), mark(2), dscp([10]), flags(REPLACE_PEERS), hold_unknown(300),
        peers(
            peer(key(32), psk(key(3)), endpoint("192.0.2.32", 2), keepalive(30), label("far end"), allowed(*some[:6])),
            peer(key(33), psk(key(4)), endpoint("2001:db8::33", 2), u32(MARK, 5), u32(PRIORITY, 6), allowed(*some[6:12])),
            peer(key(16), psk(key(5)), endpoint("192.0.2.34", 2), peer_flags(REPLACE_ALLOWED_IPS), allowed(*some[12:])),
        ),
    ]  # fmt: skip
    yield "peers changed", [
        port(51802),
        peers(
            peer(key(16), psk(key(6)), keepalive(40), allowed(ip("10.3.0.0/16"), *some[:4])),
            peer(
                key(17), peer_flags(REPLACE_ALLOWED_IPS), endpoint("192.0.2.35", 3),
                allowed(ip("10.1.0.0/16"), ip("10.9.0.0/16")),
            ),
            peer(key(18), peer_flags(REMOVE_ME)),
            peer(key(40), psk(key(7)), allowed(ip("0.0.0.0/0"), ip("::/0"))),
            peer(key(41), allowed(ip("10.1.0.0/16"))),
        ),
    ]  # fmt: skip
    yield "a private key", [private_key(key(48))]


class Set:
    """A change either takes effect as a whole, or none of it does."""

    def __init__(self, name, attrs, links, is_up):
        self.name = f"a device that is {'up' if is_up else 'down'} is configured: {name}"
        self.links = links
        self.is_up = is_up
        self.attrs = attrs
        self.wireguard = WireGuard()
        self.socket = self.wireguard.open()
        self.before()
        self.start = self.configuration()
        must(self.attempt(), "set")
        self.wanted = self.configuration()
        list(self.done())

    def configuration(self):
        return self.wireguard.configuration(), sending.show(self.wireguard)

    def before(self):
        if self.is_up and not is_up():
            must(self.links.up(), "up")
        must(self.ask(base()), "the base")

    def ask(self, attrs):
        self.answer = self.socket.ask(set_device(*attrs))[0]
        return self.answer.error

    def attempt(self):
        return self.ask(self.attrs)

    def failed(self):
        if not self.answer.message:
            yield "does not say what it had no memory for"
        if (found := self.configuration()) != self.start:
            yield f"failed and changed: {found}"
            self.before()

    def done(self):
        if (found := self.configuration()) != self.wanted:
            yield f"succeeded and set {found}"
        self.before()


class Get:
    name = "a device is shown"

    def __init__(self, links):
        self.wireguard = WireGuard()
        many = [ip(f"10.{number >> 8}.{number & 255}.0/24") for number in range(1000)]
        must(self.wireguard.ask(set_device(*base(), peers(peer(key(19), allowed(*many)))))[0].error, "the base")
        self.whole = self.wireguard.configuration()

    def before(self):
        pass

    def attempt(self):
        with self.wireguard.open() as asking:
            self.answer = asking.ask(get_device(by_name()), size=4096)
        return self.answer[-1].error if self.answer else errno.EIO

    def failed(self):
        if self.wireguard.configuration() != self.whole:
            yield "it is not shown afterwards"

    def done(self):
        shown = merge([read_message(reply) for reply in self.answer if reply.is_data()])
        for found in shown["peers"]:
            for word in ("handshake", "rx", "tx"):
                found.pop(word, None)
        if shown != self.whole:
            yield f"it is shown in part: {shown}"


class GetChanges:
    name = "a device is asked for what has changed, the first time"

    def __init__(self, links):
        self.links = links
        self.wireguard = WireGuard()

    def before(self):
        must(self.links.delete(), "delete")
        must(self.links.add(), "add")
        must(self.wireguard.ask(set_device(*base()))[0].error, "the base")

    def attempt(self):
        self.answer = self.wireguard.ask(get_device(by_name(), since(0)))
        return self.answer[-1].error if self.answer else errno.EIO

    def failed(self):
        if len(self.wireguard.show()["peers"]) != 3:
            yield "the device has not the peers that it had"

    def done(self):
        if not any(ty == ALL_PEERS for ty, _ in self.answer[0].attrs()):
            yield "who knows nothing is not told everything"
        self.before()


class SetLooks:
    """As Set, of what the messages of an AmneziaWG device look like."""

    name = "an AmneziaWG device is told what to look like"
    device, index = "awg0", INDEX + 1
    profiles = {2: {**BASE, "Jc": "9"}, 7: amneziawg.DEFAULTS}

    def __init__(self, links):
        must(links.add(self.device, "amneziawg", self.index), "add")
        self.family = amneziawg.AmneziaWG()
        self.socket = self.family.open()

    def found(self):
        return self.family.settings(self.device), self.family.profiles(self.device)

    def before(self):
        values = {**amneziawg.DEFAULTS, **dict.fromkeys(BASE.keys() - amneziawg.DEFAULTS.keys(), "")}
        must(self.ask(values, *map(amneziawg.no_profile, self.profiles)), "the base")

    def ask(self, values, *profiles):
        attrs = by_name(self.device) + amneziawg.settings(values) + amneziawg.profiles(*profiles)
        self.answer = self.socket.ask(Request(SET_DEVICE, attrs))[0]
        return self.answer.error

    own = BASE
    """What it is told of itself; the base again, and it has nothing but profiles."""

    def attempt(self):
        return self.ask(self.own, *(amneziawg.profile(number, amneziawg.settings(values)) for number, values in self.profiles.items()))

    def failed(self):
        if not self.answer.message:
            yield "does not say what it had no memory for"
        if (found := self.found()) != (amneziawg.DEFAULTS, {}):
            yield f"failed and changed: {found}"
            self.before()

    def done(self):
        if (found := self.found()) != (self.own, self.profiles):
            yield f"succeeded and set {found}"
        self.before()


class SetProfiles(SetLooks):
    name = "an AmneziaWG device that is WireGuard's is told of profiles"
    own = amneziawg.DEFAULTS

    def __init__(self):
        self.family = amneziawg.AmneziaWG()
        self.socket = self.family.open()


class GetLooks:
    name = "an AmneziaWG device is shown"

    def __init__(self):
        self.family = amneziawg.AmneziaWG()
        self.whole = self.family.configuration(SetLooks.device)

    def before(self):
        pass

    def attempt(self):
        with self.family.open() as asking:
            self.answer = asking.ask(get_device(by_name(SetLooks.device), wanted(amneziawg.WANT_PROFILES)))
        return self.answer[-1].error if self.answer else errno.EIO

    def failed(self):
        if self.family.configuration(SetLooks.device) != self.whole:
            yield "it is not shown afterwards"

    def done(self):
        shown = merge([amneziawg.read_message(reply) for reply in self.answer if reply.is_data()])
        if shown != self.whole:
            yield f"it is shown in part: {shown}"


def sweep(injection, operation, sites):
    """Fails each allocation of an operation, site by site. Yields what is wrong."""
    operation.before()
    for site in reached(injection, operation, sorted(sites, key=injection.address)):
        for nth in count(1) if site.asks else (1,):
            with injection.failing(site, nth) as fault:
                error = operation.attempt()
            wrong = list(judge(operation, error, fault))
            yield from (f"{site.name}, allocation {nth}: {what}" for what in wrong)
            if not fault.count:
                break


def reached(injection, operation, sites):
    """Where an operation asks for memory: by halves, since of many sites it gets to a few."""
    if not sites:
        return []
    with injection.counting(sites) as fault:
        must(operation.attempt(), operation.name)
    for what in operation.done():
        raise RuntimeError(f"{operation.name}: {what}")
    if not fault.count or len(sites) == 1:
        return sites if fault.count else []
    middle = len(sites) // 2
    return reached(injection, operation, sites[:middle]) + reached(injection, operation, sites[middle:])


def judge(operation, error, fault):
    if error and not fault.count:
        yield f"fails without a reason: {netlink.error_name(error)}"
    elif error and error not in getattr(operation, "errors", NO_MEMORY):
        yield f"answers {netlink.error_name(error)}"
    yield from operation.failed() if error else operation.done()
