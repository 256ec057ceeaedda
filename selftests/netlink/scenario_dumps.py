# SPDX-License-Identifier: GPL-2.0
"""Dumps: what is in which message, what happens when something changes amid one, and what an unfinished one holds up."""

import socket
import struct
import subprocess

import netlink
from netlink import DUMP, DUMP_INTR, MULTI, NLMSG_DONE, REQUEST, Request, attributes, error_name, nest, text, u16
from request_table import A, B, C, SELF
from scenario import command, device, inside, ip, is_c_driver, namespaces, scenario, until
from wireguard import (
    DEVICE, INDEX, MARK, PROTOCOL_VERSION, REMOVE_ME, REPLACE_PEERS, allowed, flags, get_device, mark, merge, peer, peer_flags, peers,
    private_key, read_message,
)  # fmt: skip
from wireguard import ip as allowed_ip

SMALL = 4096
"""A buffer for which the kernel makes its smallest messages."""


def numbered(number):
    return struct.pack("!I", number + 1) + bytes(27) + b"\1"


def addresses(start, count):
    return allowed(*[allowed_ip(f"{16 + (number >> 16)}.{number >> 8 & 255}.{number & 255}.1/32") for number in range(start, start + count)])


def many_peers(count, each=0):
    """Several requests' worth of peers."""
    for start in range(0, count, 100):
        group = [peer(numbered(number), addresses(number * each, each)) for number in range(start, min(count, start + 100))]
        yield peers(*group)


def fill(wireguard, count, each=0):
    for part in many_peers(count, each):
        assert wireguard.set(part) == "ok"


def fill_one(wireguard, key, count):
    """Gives many allowed IPs to one peer."""
    for start in range(0, count, 500):
        assert wireguard.set(peers(peer(key, addresses(start, min(500, count - start))))) == "ok"


def fewer_messages(theirs, ours):
    if theirs["shown"] != ours["shown"]:
        return f"showed {ours['shown']}, the C driver {theirs['shown']}"
    if any(mine > other for mine, other in zip(ours["messages"], theirs["messages"])):
        return f"took {ours['messages']} messages, the C driver {theirs['messages']}"
    return None


@scenario("a device of 200 peers in no more messages than the C driver takes", judge=fewer_messages)
def device_of_many_peers():
    with device(private_key(SELF)) as wireguard:
        fill(wireguard, 200, 2)
        parts = {size: wireguard.dump(size=size) for size in (SMALL, 8192, 32768, 1 << 20)}
        shown = [merge(map(read_message, part)) for part in parts.values()]
        assert all(other == shown[0] for other in shown)
        wanted = [numbered(number).hex() for number in range(200)]
        return {
            "shown": {
                "in order": [found["key"] for found in shown[0]["peers"]] == wanted,
                "allowed IPs of the last": shown[0]["peers"][-1]["allowed"],
                "flags": sorted({reply.flags for part in parts.values() for reply in part}),
            },
            "messages": [len(part) for part in parts.values()],
        }


@scenario("a peer whose allowed IPs fill many messages")
def peer_of_many_addresses():
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        fill_one(wireguard, B, 1500)
        wireguard.set(peers(peer(C)))
        pieces = [piece for reply in wireguard.dump(size=SMALL) for piece in read_message(reply)["peers"]]
        whole = merge([{"peers": pieces}])["peers"]
        return {
            "peers": [found["key"] for found in whole],
            "pieces with more than key and addresses": sum("psk" in piece for piece in pieces),
            "addresses": len(whole[1]["allowed"]),
            "in order": whole[1]["allowed"] == [f"{16 + (n >> 16)}.{n >> 8 & 255}.{n & 255}.1/32" for n in range(1500)],
            "more than one piece": len(pieces) > 10,
        }


@scenario(
    "the first peer fills messages: how many have the device's attributes",
    theirs="several", here="one",
)  # fmt: skip
def device_attributes_once():
    with device(private_key(SELF)) as wireguard:
        fill_one(wireguard, A, 1000)
        with_device = sum("private" in read_message(reply) for reply in wireguard.dump(size=SMALL))
        return "one" if with_device == 1 else "several" if with_device > 1 else "none"


@scenario("a dump of a device without anything")
def empty_device():
    with device() as wireguard:
        part = wireguard.dump()
        return [len(part), read_message(part[0]), part[0].flags == MULTI, sorted(ty for ty, _ in part[0].attrs())]


# --- changes amid a dump

def one_ahead(sock):
    """Has the kernel make a message only when the one before is read: then it is known where a dump has come to."""
    sock.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)


def interrupted(change, prepare=lambda wireguard: fill(wireguard, 90, 1)):
    """Reads one message of a dump, lets `change` happen after the second was made, and reads on.

    Tells which messages are flagged, of the first two, the third and the last but one, which has data as well.
    """
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        one_ahead(sock)
        prepare(wireguard)
        sock.send(get_device())
        first = sock.receive(SMALL)
        second = sock.receive(SMALL, peek=True)
        changed = change(wireguard, read_message(second[0]))
        found = first + sock.receive_all(SMALL)
        data = [reply for reply in found if reply.is_data()]
        flagged = [bool(reply.flags & DUMP_INTR) for reply in data]
        return {
            "change": changed,
            "flagged": [any(flagged[:2]), flagged[2], any(flagged[3:])],
            "end": error_name(found[-1].error),
        }, [read_message(reply) for reply in data]


def flags_after(change, **more):
    return interrupted(lambda wireguard, _: change(wireguard), **more)[0]


@scenario("nothing changes amid a dump", both={"change": "nothing", "flagged": [False, False, False], "end": "ok"})
def no_change():
    return flags_after(lambda wireguard: "nothing")


@scenario("an empty request amid a dump counts as a change")
def empty_change():
    return flags_after(lambda wireguard: wireguard.set())


@scenario("another mark amid a dump", both={"change": "ok", "flagged": [False, True, False], "end": "ok"})
def mark_changes():
    return flags_after(lambda wireguard: wireguard.set(mark(7)))


@scenario("a request that the core refuses amid a dump is no change")
def refused_by_core():
    return flags_after(lambda wireguard: wireguard.set(u16(99, 0)))


@scenario(
    "a request that the driver refuses amid a dump",
    theirs={"change": "EINVAL", "flagged": [False, True, False], "end": "ok"},
    here={"change": "EINVAL", "flagged": [False, False, False], "end": "ok"},
)  # fmt: skip
def refused_by_driver():
    return flags_after(lambda wireguard: wireguard.set(peers(nest(0))))


@scenario("the interface comes up amid a dump, and goes down: no change")
def link_changes():
    return flags_after(lambda wireguard: [ip("link", "set", DEVICE, "up"), ip("link", "set", DEVICE, "down")])


@scenario("the interface is renamed amid a dump: no change")
def name_changes():
    return flags_after(lambda wireguard: [ip("link", "set", DEVICE, "name", "wg1"), ip("link", "set", "wg1", "name", DEVICE)])


@scenario("the interface moves to another namespace amid a dump: it goes on")
def namespace_changes():
    with namespaces("far"):
        summary, parts = interrupted(lambda wireguard, _: ip("link", "set", DEVICE, "netns", "far"))
        with inside("far"):
            ip("link", "del", DEVICE)
        return summary, len(merge(parts)["peers"])


@scenario(
    "two changes amid a dump: the second is told of as well",
    both=[False, False, True, False, True, False],
)  # fmt: skip
def two_changes():
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        one_ahead(sock)
        fill(wireguard, 140)
        sock.send(get_device())
        found = []
        for number in range(4):
            found += sock.receive(SMALL)
            if number in (0, 2):
                wireguard.set(mark(number))
        found += sock.receive_all(SMALL)
        return [bool(reply.flags & DUMP_INTR) for reply in found[:6]]


def keys_after(change, **more):
    summary, parts = interrupted(change, **more)
    return {**summary, "peers": len(merge(parts)["peers"])}


def last_seen(seen):
    return bytes.fromhex(seen["peers"][-1]["key"])


@scenario(
    "the peer that a dump has come to is removed: the C driver ends, ours goes on",
    theirs={"change": "ok", "flagged": [False, True, False], "end": "ok", "whole": False},
    here={"change": "ok", "flagged": [False, True, False], "end": "ok", "whole": True},
)  # fmt: skip
def last_peer_removed():
    found = keys_after(lambda wireguard, seen: wireguard.set(peers(peer(last_seen(seen), peer_flags(REMOVE_ME)))))
    return {"whole": found.pop("peers") == 90, **found}


@scenario("a peer is removed that a dump has yet to come to")
def later_peer_removed():
    return keys_after(lambda wireguard, _: wireguard.set(peers(peer(numbered(89), peer_flags(REMOVE_ME)))))


@scenario("a peer is removed that a dump has passed")
def earlier_peer_removed():
    return keys_after(lambda wireguard, _: wireguard.set(peers(peer(numbered(0), peer_flags(REMOVE_ME)))))


@scenario("all peers are removed amid a dump")
def all_peers_removed():
    found = keys_after(lambda wireguard, _: wireguard.set(flags(REPLACE_PEERS)))
    return {**found, "peers": 0 < found["peers"] < 90}


@scenario("a peer is added amid a dump")
def peer_added():
    return keys_after(lambda wireguard, _: wireguard.set(peers(peer(A))))


def big_peer(wireguard):
    """A peer whose allowed IPs fill several messages, and one behind it."""
    fill_one(wireguard, A, 600)
    wireguard.set(peers(peer(B, allowed(allowed_ip("10.0.0.0/8")))))


def amid_big_peer(change):
    summary, parts = interrupted(lambda wireguard, _: change(wireguard), prepare=big_peer)
    whole = merge(parts)["peers"]
    return {**summary, "addresses": [len(found["allowed"]) for found in whole], "in full": ["psk" in found for found in whole]}


@scenario("a dump amid a peer's allowed IPs, undisturbed")
def undisturbed_addresses():
    return amid_big_peer(lambda wireguard: wireguard.set())


def first_addresses(theirs, ours):
    """The C driver leaves out the rest of the peer whose allowed IPs have changed, ours goes on with them."""
    for found in (theirs, ours):
        if found["flagged"] != [False, True, False] or found["end"] != "ok" or found["in full"] != [True, True]:
            return f"saw {found}"
    if not 0 < theirs["addresses"][0] < 600:
        return f"the C driver showed {theirs['addresses']} allowed IPs"
    if ours["addresses"] != [601, 1]:
        return f"showed {ours['addresses']} allowed IPs"
    return None


@scenario("an allowed IP is added amid those of its peer", judge=first_addresses)
def address_added():
    return amid_big_peer(lambda wireguard: wireguard.set(peers(peer(A, allowed(allowed_ip("11.0.0.0/8"))))))


def next_in_full(theirs, ours):
    for found in (theirs, ours):
        if found["flagged"] != [False, True, False] or found["end"] != "ok":
            return f"saw {found}"
    if theirs["in full"] != [True, False]:
        return f"the C driver showed {theirs}"
    if ours["in full"] != [True, True] or ours["addresses"][1] != 1:
        return f"showed {ours}"
    return None


@scenario("a peer is removed amid its allowed IPs: the next is shown in full", judge=next_in_full)
def partial_peer_removed():
    return amid_big_peer(lambda wireguard: wireguard.set(peers(peer(A, peer_flags(REMOVE_ME)))))


# --- dumps that are not read

@scenario("a second dump on a socket is refused until the first is read")
def one_dump_per_socket():
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        fill(wireguard, 90)
        sock.send(get_device())
        sock.send(get_device())
        first = sock.receive_all(SMALL)
        sock.send(get_device())
        again = sock.receive_all(SMALL)
        return [error_name(reply.error) for reply in first + again if not reply.is_data()]


@scenario("an unfinished dump keeps the module, until its socket is closed")
def module_stays():
    with device(private_key(SELF)) as wireguard:
        with wireguard.open() as sock:
            fill(wireguard, 90)
            sock.send(get_device())
            held = command("rmmod", "wireguard") != "ok"
        with open("/sys/module/wireguard/refcnt", encoding="ascii") as file:
            return held, file.read().strip()


@scenario(
    "an interface goes away while a dump of it is unfinished: the C driver waits for the reader",
    theirs=["waits", "read to its end", "ok", "gone"], here=["gone", "read to its end", "ENODEV", "gone"],
)  # fmt: skip
def interface_goes():
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        fill(wireguard, 90)
        sock.send(get_device())
        assert sock.receive(SMALL)[0].is_data()
        with subprocess.Popen(["ip", "link", "del", DEVICE]) as removal:
            # That it waits can only be seen by waiting.
            gone = until(lambda: removal.poll() is not None, 2 if is_c_driver() else 60)
            if gone:
                # Another of the same name and number is not to be taken for the one that was.
                ip("link", "add", DEVICE, "index", INDEX, "type", "wireguard")
                wireguard.set(mark(1), peers(peer(A)))
            rest = sock.receive_all()
            done = until(lambda: removal.poll() is not None)
        return [
            "gone" if gone else "waits", "read to its end" if rest[-1].ty == NLMSG_DONE else "no end",
            error_name(rest[-1].error), "gone" if done else "stays",
        ]  # fmt: skip


@scenario("an interface goes away after a dump of it was abandoned and its socket closed")
def abandoned_and_closed():
    with device(private_key(SELF)) as wireguard:
        with wireguard.open() as sock:
            fill(wireguard, 90)
            sock.send(get_device())
        return command("timeout", 60, "ip", "link", "del", DEVICE)


# --- what the controller knows

@scenario("what the controller tells of the family")
def family():
    _, told = netlink.find_family("wireguard")
    varying = (netlink.CTRL_ATTR_FAMILY_ID, netlink.CTRL_ATTR_MCAST_GROUPS)
    return {ty: payload.hex() for ty, payload in told.items() if ty not in varying}


@scenario("the multicast groups of the family", theirs=[], here=["config", "endpoint", "liveness", "session", "unknown-peers"])
def groups():
    return sorted(netlink.find_groups("wireguard"))


def policy_dump(*attrs):
    with netlink.Socket(netlink.GENL_ID_CTRL) as ctrl:
        request = Request(netlink.CTRL_CMD_GETPOLICY, text(netlink.CTRL_ATTR_FAMILY_NAME, "wireguard") + b"".join(attrs), REQUEST | DUMP)
        found = ctrl.ask(request)
    return [
        error_name(reply.error) if reply.ty == NLMSG_DONE or reply.error else told_policy(reply)
        for reply in found
        if not own_types(reply)
    ]  # fmt: skip


def own_types(reply):
    """The types of attributes that a part of an answer tells of, if no other driver has them."""
    policies = [payload for ty, payload in reply.attrs() if ty == netlink.CTRL_ATTR_POLICY] if reply.is_data() else []
    return [ty for policy in policies for _, types in attributes(policy) for ty, _ in attributes(types) if ty >= 128]


def told_policy(reply):
    return [
        [ty, told_types(payload) if ty == netlink.CTRL_ATTR_POLICY else payload.hex()]
        for ty, payload in reply.attrs()
        if ty != netlink.CTRL_ATTR_FAMILY_ID
    ]


# The highest type that a list's elements may have, which is that of a peer: one of ours, or the last of the C driver's.
HIGHEST = 9
HIGHEST_OF_PEER = [struct.pack("=I", ty) for ty in (PROTOCOL_VERSION, MARK)]


def told_types(payload):
    """What is told of types of attributes, but for what the two drivers differ in."""
    return [
        [policy, ty, [[fact, value.hex()] for fact, value in attributes(told) if fact != HIGHEST or value not in HIGHEST_OF_PEER]]
        for policy, types in attributes(payload)
        for ty, told in attributes(types)
    ]


@scenario("the policies of all commands, down to allowed IPs")
def all_policies():
    found = policy_dump()
    assert len(found) > 25
    return found


@scenario("what only one driver has: types of attributes", theirs=[], here=[128, 129, 131, 131, 132, 133, 137, 138, 139, 139, 140, 140, 141, 142])
def own_policies():
    with netlink.Socket(netlink.GENL_ID_CTRL) as ctrl:
        name = text(netlink.CTRL_ATTR_FAMILY_NAME, "wireguard")
        found = ctrl.ask(Request(netlink.CTRL_CMD_GETPOLICY, name, REQUEST | DUMP))
    return sorted(ty for reply in found for ty in own_types(reply))


@scenario("the policies of each command")
def policies_of_commands():
    return [policy_dump(netlink.u32(10, number)) for number in range(3)]
