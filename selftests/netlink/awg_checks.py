# SPDX-License-Identifier: GPL-2.0
"""What the family `amneziawg` takes, refuses and shows, and who may use it.

    awg_checks.py
"""

import select
import socket
import struct
import subprocess
import sys
import time
from contextlib import contextmanager
from functools import partial

import amneziawg
import awg_table
import netlink
import wireguard as wg
from amneziawg import AmneziaWG, H1, H4, JC, PEER, S4, keepalive, no_profile, profile, profiles, setting, settings
from awg_table import BASE, KEY
from netlink import TYPE_MASK, Request, attr, attributes, error_name, u8, u32
from request_table import A, B, C, OTHER_PUBLIC, OTHER_SELF, OWN_PUBLIC, SELF
from scenario import Child, become_nobody, command, device, inside, ip, namespaces, until
from scenario_dumps import fill, fill_one
from tap import check, tell_all
from wireguard import DEVICE, SET_DEVICE, WireGuard, by_name

SIZES = (4096, 8192, 32768, 1 << 20)
"""Buffers for answers, from the one that programs have."""

awg_device = partial(device, family=AmneziaWG)


def ask(family, *attrs, device=DEVICE):
    """What a request for changes is answered."""
    return family.ask(Request(SET_DEVICE, by_name(device) + b"".join(attrs)))[0]


def must(family, values, version=amneziawg.VERSION):
    answer = ask(family, settings(values, version))
    assert answer.error == 0, f"{values}: {error_name(answer.error)}: {answer.message}"


def mtu(name=DEVICE):
    with open(f"/sys/class/net/{name}/mtu", encoding="ascii") as file:
        return int(file.read())


# --- the family

@check("the family is of version 3, and has the groups auth and unknown-peers")
def family():
    _, told = netlink.find_family("amneziawg")
    assert told[netlink.CTRL_ATTR_VERSION] == struct.pack("=I", 3)
    assert set(netlink.find_groups("amneziawg")) == {"auth", "config", "endpoint", "liveness", "session", "unknown-peers"}
    _, told = netlink.find_family("wireguard")
    assert told[netlink.CTRL_ATTR_VERSION] == struct.pack("=I", 1)
    assert set(netlink.find_groups("wireguard")) == {"config", "endpoint", "liveness", "session", "unknown-peers"}


@check("each family refuses devices of the other kind, and of any other, and says so")
def other_kinds():
    with awg_device(), device(name="wg1", index=78):
        for family, name, words in (
            (WireGuard(), DEVICE, "not a WireGuard interface"), (AmneziaWG(), "wg1", "not an AmneziaWG interface"),
            (WireGuard(), "lo", "not a WireGuard interface"), (AmneziaWG(), "lo", "not an AmneziaWG interface"),
        ):  # fmt: skip
            answer = ask(family, wg.mark(5), device=name)
            assert (error_name(answer.error), answer.message) == ("EOPNOTSUPP", words), (name, answer)
            with family.open() as sock:
                answer = sock.ask(wg.get_device(by_name(name)))[-1]
            assert (error_name(answer.error), answer.message) == ("EOPNOTSUPP", words), (name, answer)
        assert WireGuard().show("wg1")["mark"] == AmneziaWG().show()["mark"] == 0


def attempts():
    """What an unprivileged process is answered that sets, shows and listens."""
    awg = AmneziaWG()
    with awg.open() as sock:
        answers = [awg.set(settings({"Jc": "5"})), error_name(sock.ask(wg.get_device())[-1].error)]
        try:
            sock.join(netlink.find_groups("amneziawg")["auth"])
        except OSError as error:
            answers.append(error_name(error.errno))
    return answers


@check("who is no administrator can neither set, nor show, nor listen")
def nobody():
    with awg_device() as awg, Child() as child:
        child.do(become_nobody)
        assert child.do(attempts) == ["EPERM"] * 3
        assert awg.settings() == amneziawg.DEFAULTS


@check("an interface that there is not is ENODEV, and nothing hangs after that")
def no_device():
    for family in (AmneziaWG(), WireGuard()):
        for attrs in (settings(BASE), wg.mark(1), amneziawg.setting("Jc", "999")):
            answer = ask(family, attrs, device="nosuch")
            wanted = "ENODEV" if family.NAME == "amneziawg" or attrs == wg.mark(1) else "EINVAL"
            assert error_name(answer.error) == wanted, (family.NAME, answer)
        with family.open() as sock:
            assert error_name(sock.ask(wg.get_device(by_name("nosuch")))[-1].error) == "ENODEV"
    start = time.monotonic()
    with awg_device() as awg:
        must(awg, BASE)
    assert time.monotonic() - start < 20


@check("the family wireguard knows nothing of AmneziaWG's attributes")
def plain_family():
    with device() as plain:
        before = plain.configuration()
        for ty in [*range(9, 35)]:
            for payload in (b"\1", bytes(2), bytes(4), bytes(8), bytes(32), b"5\0"):
                answer = ask(plain, attr(ty, payload))
                assert error_name(answer.error) == "EINVAL", (ty, payload, answer)
        for attrs in (wg.peer_flags(8), attr(amneziawg.ADVANCED_SECURITY), u32(wg.KEEPALIVE, 5)):
            assert error_name(ask(plain, wg.peers(wg.peer(A, attrs))).error) == "EINVAL", attrs
        assert plain.configuration() == before
        assert plain.set(wg.peers(wg.peer(A, wg.keepalive(9)))) == "ok"
        found = {ty for reply in plain.dump() for ty, _ in reply.attrs()}
        assert found <= set(range(1, 9)), found
        of_peers = [raw for reply in plain.dump() for ty, raw in reply.attrs() if ty == wg.PEERS]
        shown = {ty: raw for _, peer in attributes(of_peers[0]) for ty, raw in attributes(peer)}
        assert wg.PEER_FLAGS not in shown and shown[wg.KEEPALIVE] == struct.pack("=H", 9)


# --- settings

@check("a new device looks like WireGuard, and shows all of it")
def new_device():
    with awg_device() as awg:
        assert awg.settings() == amneziawg.DEFAULTS
        assert mtu() == 1420


@check("each setting alone, set and read back, and back again")
def one_by_one():
    with awg_device() as awg:
        for name, value in BASE.items():
            if name == "HeaderProtectionKey":
                continue
            value = {"Jmin": "0", "H1": "5-9", "H2": "5-9", "H3": "5-9", "H4": "5-9"}.get(name, value)
            must(awg, {name: value})
            assert awg.settings() == {**amneziawg.DEFAULTS, name: value}, name
            must(awg, {name: amneziawg.DEFAULTS.get(name, "")})
            assert awg.settings() == amneziawg.DEFAULTS, name


@check("all settings at once; none that a request does not mention is changed")
def all_at_once():
    with awg_device() as awg:
        must(awg, BASE)
        assert awg.settings() == BASE
        for attrs in (b"", wg.mark(5), wg.peers(wg.peer(A)), wg.flags(wg.REPLACE_PEERS), wg.private_key(SELF)):
            assert ask(awg, attrs).error == 0
            assert awg.settings() == BASE
        must(awg, {"Jc": "7", "I5": "<r 3>", "RandomTrailers": "off"})
        assert awg.settings() == {**BASE, "Jc": "7", "I5": "<r 3>", "RandomTrailers": "off"}
        must(awg, {**amneziawg.DEFAULTS, **dict.fromkeys(("I1", "I3", "I5", "HeaderProtectionKey"), "")})
        assert awg.settings() == amneziawg.DEFAULTS


@check("one request, then another on top, is the same as both in one")
def one_after_the_other():
    later = {"H2": "700", "S4": "64", "I1": "", "I2": "<b 0x00>", "ContentPaddingAddition": "0", "HeaderProtectionKey": ""}
    with awg_device() as awg:
        must(awg, BASE)
        must(awg, later)
        assert awg.settings() == {name: value for name, value in {**BASE, **later}.items() if value}


@check("the same again changes nothing: nobody is told, and the next initiation does not go sooner")
def same_again():
    values = {**BASE, "Jc": "0", "I1": "", "I3": "<r 9>", "RekeyTimeout": "60"}
    looks = profiles(profile(3, settings(BASE)), profile(5))
    far_end = wg.peers(wg.peer(OTHER_PUBLIC, wg.endpoint("127.0.0.1", 9999), wg.allowed(wg.ip("10.7.0.2/32"))))
    rest = wg.hold_unknown(0) + u8(wg.CARRIER, 0) + u32(wg.EVENT_CLASSES, 15) + wg.mark(0) + wg.private_key(SELF)
    with namespaces("same"), inside("same"), awg_device(wg.private_key(SELF), far_end) as awg:
        must(awg, values)
        assert ask(awg, looks).error == 0
        ip("address", "add", "10.7.0.1/24", "dev", DEVICE)
        ip("link", "set", DEVICE, "up")
        with (
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as far, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender,
            netlink.Socket() as listener,
        ):  # fmt: skip
            far.bind(("127.0.0.1", 9999))
            listener.join(netlink.find_groups("amneziawg")["config"])

            def initiates(patience):
                """Whether there is an initiation, behind the special packet of nine bytes."""
                sender.sendto(b"x", ("10.7.0.2", 9))
                while select.select([far], [], [], patience)[0]:
                    if len(far.recv(1 << 16)) > 100:
                        return True
                return False

            def is_told():
                return bool(select.select([listener.socket], [], [], 0.5)[0])

            assert initiates(10), "there is no initiation"
            for attrs in (settings(values), settings({"H1": BASE["H1"]}), setting("I2", "no packet"), looks, settings(values) + looks, rest):
                assert ask(awg, attrs).error == 0
            assert awg.settings() == {name: value for name, value in values.items() if value}
            assert awg.profiles() == {3: BASE, 5: amneziawg.DEFAULTS}
            assert not is_told(), "an event"
            assert not initiates(1), "another initiation"
            # What changes is told, and lets another one go at once.
            for attrs in (setting("KeepaliveTimeout", "6"), profiles(profile(3, setting("Jc", "9")))):
                assert ask(awg, attrs).error == 0
                assert is_told(), "no event"
                listener.socket.recv(1 << 16)
                assert initiates(10), "no initiation"
            # With the defaults, too, whether or not anybody has ever said so.
            assert ask(awg, settings({**amneziawg.DEFAULTS, "I3": "", "HeaderProtectionKey": ""}), profiles(no_profile(3), no_profile(5))).error == 0
            assert is_told(), "no event"
            listener.socket.recv(1 << 16)
            assert ask(awg, settings(amneziawg.DEFAULTS), profiles(no_profile(4))).error == 0
            assert not is_told(), "an event of defaults"


@check("the ends of what is allowed")
def ends():
    with awg_device() as awg:
        for values in (
            {"Jc": "128", "Jmin": "0", "Jmax": "1452"}, {"Jmin": "1452", "Jmax": "1452"}, {"S1": "1304", "S2": "1304"},
            {"S3": "1304", "S4": "1304"}, {"S1": "12", "S2": "12", "S3": "12", "S4": "12", "HeaderProtectionKey": KEY},
            {"H1": "0", "H2": "1-2147483647", "H3": "2147483648-4294967294", "H4": "4294967295"},
            {"ContentPaddingAddition": "0-65535", "RekeyAfterTime": "0-65534", "RejectAfterTime": "65535", "RekeyTimeout": "1-65535"},
            {"RekeyAfterTime": "0-1", "RejectAfterTime": "2", "KeepaliveTimeout": "65535", "MaxHandshakeAttempts": "0-65535"},
            {"I1": "<r 1400>", "I2": "x" * 2995 + "<r 9>", "I3": "<r 1>" * 64, "I4": "<b abCD>", "I5": "<b 0x" + "ab" * 1400 + ">"},
            {"S1": "20", "S2": "76"},
        ):  # fmt: skip
            must(awg, values)
            shown = awg.settings()
            assert all(shown[name] == value for name, value in values.items()), (values, shown)


@check("headers change places in one request")
def headers_move():
    with awg_device() as awg:
        must(awg, {"H1": "100-199", "H2": "200-299", "H3": "300", "H4": "400"})
        must(awg, {"H1": "250-299", "H2": "100-199"})
        must(awg, {"H1": "4", "H2": "3", "H3": "2", "H4": "1"})
        must(awg, {"H1": "1", "H2": "2", "H3": "3", "H4": "4"})
        must(awg, {"H1": "0-1", "H2": "2", "H3": "3", "H4": "4-5"})
        assert awg.settings() == {**amneziawg.DEFAULTS, "H1": "0-1", "H4": "4-5"}


@check("headers and keepalives as all versions of AmneziaWG encode them")
def encodings():
    numbers = ["7", "42", "999", "1000", "65535", "123456", "1234567", "12345678", "123456789", "4294967295"]
    spans = ["5-9", "10-99", "5-23456", "12-3456", "123-4567", "2147483648-4294967295"]
    with awg_device() as awg:
        names = ("H1", "H2", "H3", "H4")
        for name in names:
            others = [other for other in names if other != name]
            must(awg, {name: "3", **{other: str(number) for number, other in enumerate(others)}})
            for version in (1, 2, 3):
                for value in numbers + (spans if version > 1 else []):
                    must(awg, {name: value}, version)
                    assert awg.settings()[name] == value, (name, version, value)
        # Every length of text that a number or a range may have.
        for length in range(1, 11):
            must(awg, {"H4": "9" * length if length < 10 else "4" + "0" * 9}, 2)
        for low in range(1, 11):
            for high in range(low, 11):
                value = f"{'3' * low}-{'4' + '2' * (high - 1)}"
                must(awg, {"H4": value}, 2)
                assert awg.settings()["H4"] == value
        for value, version, bits in (("25", 1, 25 << 16 | 25), ("25", 3, 25 << 16 | 25), ("20-30", 3, 30 << 16 | 20), ("off", 3, 0)):
            assert ask(awg, wg.peers(wg.peer(A, keepalive(value, version)))).error == 0
            assert awg.show()["peers"][0]["keepalive"] == bits, value


@check("special packets that make none are unset")
def no_packet():
    with awg_device() as awg:
        for value in ("", "just text", "<r 0>", "<rc 0><rd 0>"):
            must(awg, {"I2": "<r 5>"})
            must(awg, {"I2": value})
            assert awg.settings() == amneziawg.DEFAULTS, value


@check("peers may be said to have advanced security, and are shown so")
def advanced_security():
    with awg_device() as awg:
        for attrs in (attr(amneziawg.ADVANCED_SECURITY), wg.peer_flags(8), wg.peer_flags(8) + attr(amneziawg.ADVANCED_SECURITY), b""):
            assert ask(awg, wg.flags(wg.REPLACE_PEERS), wg.peers(wg.peer(A, attrs))).error == 0
            shown, = awg.show()["peers"]
            assert shown["flags"] == amneziawg.HAS_ADVANCED_SECURITY
        fill_one(awg, A, 1500)
        pieces = [piece for reply in awg.dump(size=4096) for piece in wg.read_message(reply)["peers"]]
        assert len(pieces) > 3 and all(piece["flags"] == amneziawg.HAS_ADVANCED_SECURITY for piece in pieces)


@check("a second attribute of a type is the one that counts")
def twice():
    with awg_device() as awg:
        assert ask(awg, setting("Jc", "5"), setting("Jc", "6")).error == 0
        assert ask(awg, setting("I1", "<r 5>"), setting("I1", "<r 6>")).error == 0
        assert awg.settings() == {**amneziawg.DEFAULTS, "Jc": "6", "I1": "<r 6>"}


def bad_settings(case):
    with awg_device(wg.private_key(SELF), wg.peers(wg.peer(A, wg.allowed(wg.ip("10.1.0.0/16"))))) as awg:
        if not case.new:
            must(awg, BASE)
        before = awg.configuration()
        answer = ask(awg, case.attrs)
        assert error_name(answer.error) == case.error, f"{error_name(answer.error)}: {answer.message}"
        assert answer.message, "there is no text"
        assert all(word in answer.message for word in case.words), answer.message
        assert len(answer.message) < 80
        if case.blamed:
            assert blamed(answer, by_name() + case.attrs) == case.blamed, f"{answer.message} at {answer.offset}"
        assert awg.configuration() == before, "something changed"


def blamed(answer, stream):
    """The type of the attribute that an answer points at, which may be within another."""
    at = answer.offset - netlink.HEADER - netlink.GENL_HEADER
    length, ty = struct.unpack_from("=HH", stream, at)
    assert 4 <= length <= len(stream) - at
    return ty & TYPE_MASK


CASES = list(awg_table.cases())
assert len(CASES) >= 40

for bad_case in CASES:
    check(f"refused: {bad_case.name}")(partial(bad_settings, bad_case))


# --- the MTU

@check("S4 makes the MTU smaller, unless the user has set another")
def mtu_follows():
    with awg_device() as awg:
        for prefix, wanted in ((16, 1404), (64, 1356), (140, 1280), (141, 1280), (1304, 1280), (0, 1420), (20, 1400)):
            must(awg, {"S4": str(prefix)})
            assert mtu() == wanted, (prefix, mtu())
        ip("link", "set", DEVICE, "mtu", 1300)
        for prefix in (0, 100, 30):
            must(awg, {"S4": str(prefix)})
            assert mtu() == 1300, (prefix, mtu())
        ip("link", "set", DEVICE, "mtu", 1390)
        must(awg, {"Jc": "5"})
        must(awg, {"S4": "50"})
        assert mtu() == 1370, "1390 is the default with S4 at 30"
        refused = ask(awg, setting("S4", "60"), setting("Jc", "999"))
        assert refused.error and mtu() == 1370


# --- dumps

@check("five texts of 3000 characters and 100 peers: whole, with buffers of any size")
def large_dump():
    texts = {f"I{number}": f"<b 0x{number:02x}{'ab' * 1399}>".ljust(3000, ".") for number in range(1, 6)}
    with awg_device(wg.private_key(SELF)) as awg:
        must(awg, {**BASE, **texts})
        fill(awg, 100, 2)
        parts = {size: awg.dump(size=size) for size in SIZES}
        shown = [wg.merge(map(amneziawg.read_message, part)) for part in parts.values()]
        assert all(other == shown[0] for other in shown)
        assert awg.settings() == {**BASE, **texts} and len(shown[0]["peers"]) == 100
        for size, part in parts.items():
            assert all(len(reply.body) + netlink.HEADER <= max(size, 4096) for reply in part)
            own = [ty for reply in part for ty, _ in reply.attrs() if ty != wg.PEERS]
            assert len(own) == len(set(own)), "an attribute of the device comes twice"
            first = [ty for ty, _ in part[0].attrs()]
            assert {wg.IFNAME, wg.PRIVATE_KEY, JC, S4, H1, H4} <= set(first)
        assert len(parts[4096]) > len(parts[1 << 20])


@check("a dump amid which special packets change goes on, and is flagged")
def dump_amid_changes():
    texts = {f"I{number}": f"<r {number}>{'.' * 2994}" for number in range(1, 6)}
    with awg_device(wg.private_key(SELF)) as awg, awg.open() as sock:
        for change in ({"I5": "<r 9>"}, dict.fromkeys(texts, ""), {"Jc": "3"}):
            must(awg, texts)
            sock.send(wg.get_device(by_name()))
            seen = sock.receive(4096)
            must(awg, change)
            rest = sock.receive_all(4096)
            assert rest[-1].error == 0
            assert any(reply.flags & netlink.DUMP_INTR for reply in rest)
            assert "Jc" in amneziawg.read_message(seen[0])


@check("one peer, and what has changed, are asked for by this driver's own attributes here, too")
def own_attributes():
    texts = {f"I{number}": f"<r {number}>{'.' * 2994}" for number in range(1, 6)}
    with awg_device(wg.private_key(SELF), wg.peers(wg.peer(A), wg.peer(B))) as awg, awg.open() as sock:
        must(awg, texts)
        found = wg.merge(map(amneziawg.read_message, sock.ask(wg.get_device(by_name(), wg.only_peer(B)), size=4096)[:-1]))
        assert [peer["key"] for peer in found["peers"]] == [B.hex()] and found["I5"] == texts["I5"]
        first = sock.ask(wg.get_device(by_name(), wg.since(0)), size=4096)
        generation, = struct.unpack("=Q", dict(first[0].attrs())[wg.GENERATION])
        assert awg.set(wg.peers(wg.peer(C))) == "ok"
        later = wg.merge(map(amneziawg.read_message, sock.ask(wg.get_device(by_name(), wg.since(generation)), size=4096)[:-1]))
        assert [peer["key"] for peer in later["peers"]] == [C.hex()]
        assert awg.set(wg.hold_unknown(500)) == "ok"


# --- who is told of unknown peers

@contextmanager
def stranger():
    """An AmneziaWG device in `here`, and in `there` a WireGuard device that sends it initiations, which it does not know."""
    with namespaces("here", "there"):
        ip("link", "add", "to-there", "netns", "here", "type", "veth", "peer", "name", "to-here", "netns", "there")
        for name, dev, address, kind in (("here", "to-there", "192.0.2.1", "amneziawg"), ("there", "to-here", "192.0.2.2", "wireguard")):
            ip("-n", name, "address", "add", f"{address}/24", "dev", dev)
            ip("-n", name, "link", "set", dev, "up")
            ip("-n", name, "link", "add", DEVICE, "type", kind)
        with inside("here"):
            awg = AmneziaWG()
            assert awg.set(wg.private_key(SELF), wg.port(51820)) == "ok"
            ip("link", "set", DEVICE, "up")
        with inside("there"):
            peer = wg.peer(OWN_PUBLIC, wg.endpoint("192.0.2.1", 51820), wg.keepalive(1), wg.allowed(wg.ip("10.0.0.0/8")))
            assert WireGuard().set(wg.private_key(OTHER_SELF), wg.port(51821), wg.peers(peer)) == "ok"
        yield awg


@check("listeners of the group auth hear of unknown peers, and only while there are any")
def auth():
    with stranger(), inside("here"), AmneziaWG().open() as sock, WireGuard().open() as plain:
        sock.join(netlink.find_groups("amneziawg")["auth"])
        plain.join(netlink.find_groups("wireguard")["unknown-peers"])
        heard = []
        ip("-n", "there", "link", "set", DEVICE, "up")
        assert until(lambda: heard.extend(sock.receive()) or heard, 30)
        message = heard[0]
        assert message.body[0] == amneziawg.UNKNOWN_PEER
        found = dict(message.attrs())
        assert set(found) == {wg.IFINDEX, wg.IFNAME, PEER}, found
        assert found[wg.IFNAME] == f"{DEVICE}\0".encode()
        peer = dict(attributes(found[PEER]))
        assert peer[wg.PEER_PUBLIC_KEY] == OTHER_PUBLIC
        assert wg.show_endpoint(peer[wg.ENDPOINT]).startswith("192.0.2.2:51821")
        assert peer[amneziawg.ADVANCED_SECURITY] == b"" and set(peer) == {wg.PEER_PUBLIC_KEY, wg.ENDPOINT, amneziawg.ADVANCED_SECURITY}
        # Who is configured is no stranger any more.
        assert AmneziaWG().set(wg.peers(wg.peer(OTHER_PUBLIC, wg.allowed(wg.ip("10.0.0.0/8"))))) == "ok"
        assert until(lambda: AmneziaWG().show()["peers"][0]["handshake"], 30)
        assert not plain.receive()


@check("listeners of unknown-peers hear of the same, if initiations are held, and answer")
def held():
    with stranger(), inside("here"), AmneziaWG().open() as sock:
        sock.join(netlink.find_groups("amneziawg")["unknown-peers"])
        assert AmneziaWG().set(wg.hold_unknown(5000)) == "ok"
        heard = []
        ip("-n", "there", "link", "set", DEVICE, "up")
        assert until(lambda: heard.extend(sock.receive()) or heard, 30)
        assert heard[0].body[0] == 128
        assert AmneziaWG().set(wg.peers(wg.peer(OTHER_PUBLIC, wg.allowed(wg.ip("10.0.0.0/8"))))) == "ok"
        assert until(lambda: AmneziaWG().show()["peers"][0]["handshake"], 4)


# --- the command

@check("the command sets and shows, by the keys of configuration files")
def by_command():
    program = [sys.executable, "-B", amneziawg.__file__]
    key = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAUE="
    with awg_device() as awg:
        words = [f"{name}={value}" for name, value in BASE.items()]
        words += ["listenport=7", "FwMark=0x10", f"PublicKey={key}", "AllowedIPs=10.0.0.0/8, fd00::/8", "Endpoint=[2001:db8::1]:9",
                  "PersistentKeepalive=20-30", "AdvancedSecurity=on"]  # fmt: skip
        subprocess.run([*program, "set", DEVICE, *words], check=True)
        assert awg.settings() == BASE
        shown = subprocess.run([*program, "show", DEVICE], check=True, capture_output=True, text=True).stdout
        for line in ("S1 = 20", "H4 = 400-499", f"HeaderProtectionKey = {KEY}", "RandomTrailers = on", f"PublicKey = {key}",
                     "PersistentKeepalive = 20-30", "AllowedIPs = 10.0.0.0/8, fd00::/8"):  # fmt: skip
            assert line in shown.splitlines(), (line, shown)
        failed = subprocess.run([*program, "set", DEVICE, "Jc=999"], capture_output=True, text=True, check=False)
        assert failed.returncode == 1 and failed.stderr.startswith("EINVAL: Jc"), failed
        assert command(*program, "show", "nosuch").startswith("ENODEV")


if __name__ == "__main__":
    sys.exit(tell_all())
