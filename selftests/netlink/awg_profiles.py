# SPDX-License-Identifier: GPL-2.0
"""Profiles of a device: what is taken, refused and shown.

    awg_profiles.py
"""

import sys
from dataclasses import dataclass
from functools import partial

import amneziawg
import netlink
import wireguard as wg
from amneziawg import (
    DEFAULTS, HEADER_PROTECTION_KEY, H1, I2, JC, JMIN, PROFILE, PROFILE_FLAGS, PROFILE_NUMBER, PROFILES, RANDOM_TRAILERS, S1,
    S3, WANT_PROFILES, no_profile, profile, profiles, settings,
)  # fmt: skip
from awg_checks import SIZES, ask, awg_device, blamed, mtu
from awg_table import BASE, KEY
from netlink import attr, error_name, nest, u8, u16, u32
from request_table import A, B, SELF
from scenario import device
from scenario_dumps import fill
from tap import CHECKS, check, tell_all
from wireguard import by_name

# Those of the module that only helps.
CHECKS.clear()

OTHER = {"H1": "5-9", "S1": "7", "Jc": "3", "Jmax": "9", "I2": "<r 8>"}


def must(family, *attrs):
    answer = ask(family, *attrs)
    assert answer.error == 0, f"{error_name(answer.error)}: {answer.message}"


def whole(values):
    """What is shown of settings that were made of nothing."""
    return {**DEFAULTS, **values}


# --- what is taken

@check("a new device has none; one that has no settings is WireGuard's")
def from_nothing():
    with awg_device() as awg:
        assert awg.profiles() == {}
        must(awg, profiles(profile(3)))
        assert awg.profiles() == {3: DEFAULTS} and awg.settings() == DEFAULTS
        must(awg, profiles(no_profile(3)))
        assert awg.profiles() == {} and awg.settings() == DEFAULTS


@check("all seven at once, each with its own, beside the device's")
def seven():
    with awg_device() as awg:
        looks = {number: {"Jc": str(number), "H1": f"{number}0-{number}9", "S4": str(10 * number)} for number in range(1, 8)}
        must(awg, settings(BASE), profiles(*(profile(number, settings(look)) for number, look in looks.items())))
        assert awg.profiles() == {number: whole(look) for number, look in looks.items()}
        assert awg.settings() == BASE


@check("what is not mentioned stays; the device's own and the others do, too")
def by_and_by():
    with awg_device() as awg:
        must(awg, profiles(profile(1, settings(BASE)), profile(7, settings(OTHER))))
        must(awg, profiles(profile(1, settings({"Jc": "9", "I1": ""}))))
        left = {name: value for name, value in {**BASE, "Jc": "9"}.items() if name != "I1"}
        assert awg.profiles() == {1: left, 7: whole(OTHER)} and awg.settings() == DEFAULTS
        must(awg, settings({"Jc": "5"}), wg.mark(3))
        assert awg.profiles() == {1: left, 7: whole(OTHER)}


@check("elements count one after the other: one that is removed first is set whole")
def in_order():
    with awg_device() as awg:
        must(awg, profiles(profile(1, settings(BASE)), profile(1, settings({"Jc": "9"}))))
        assert awg.profiles() == {1: {**BASE, "Jc": "9"}}
        must(awg, profiles(no_profile(1), profile(1, settings(OTHER)), no_profile(2)))
        assert awg.profiles() == {1: whole(OTHER)}


@check("profiles may be alike, and overlap")
def alike():
    with awg_device() as awg:
        must(awg, settings(BASE), profiles(profile(1, settings(BASE)), profile(2, settings({**BASE, "H1": "150-200", "H2": "201-299"}))))
        assert awg.profiles()[1] == awg.settings() == BASE


@check("a peer has the one that it is told, as long as it is there; nobody who does not ask is shown it")
def of_peers():
    with awg_device(wg.private_key(SELF)) as awg:
        must(awg, profiles(profile(2), profile(5)), wg.peers(wg.peer(A), wg.peer(B, u8(PROFILE, 5))))
        assert awg.worn() == {A: 0, B: 5}
        must(awg, wg.peers(wg.peer(A, u8(PROFILE, 2))))
        must(awg, wg.peers(wg.peer(A, wg.keepalive(5))))
        assert awg.worn() == {A: 2, B: 5}
        # As its endpoint, that is not what a list of all peers is about.
        must(awg, wg.flags(wg.REPLACE_PEERS), wg.peers(wg.peer(A), wg.peer(B, u8(PROFILE, 0))))
        assert awg.worn() == {A: 0, B: 0}
        must(awg, profiles(profile(4)), wg.peers(wg.peer(A, u8(PROFILE, 4))))
        must(awg, profiles(no_profile(4)))
        assert awg.worn() == {A: 4, B: 0} and awg.profiles() == {2: DEFAULTS, 5: DEFAULTS}
        found = {ty for reply in awg.dump() for ty, _ in reply.attrs()}
        assert found <= set(range(1, 35)), found
        for reply in awg.dump():
            for _, raw in netlink.attributes(dict(reply.attrs()).get(wg.PEERS, b"")):
                assert {ty for ty, _ in netlink.attributes(raw)} <= set(range(1, 12))


@check("the MTU leaves room for the longest S4 of all")
def longest():
    with awg_device() as awg:
        for attrs, wanted in (
            (settings({"S4": "20"}), 1400), (profiles(profile(1, settings({"S4": "50"}))), 1370),
            (profiles(profile(2, settings({"S4": "30"}))), 1370), (profiles(profile(1, settings({"S4": "10"}))), 1390),
            (profiles(no_profile(1), no_profile(2)), 1400), (settings({"S4": "0"}), 1420),
        ):  # fmt: skip
            must(awg, attrs)
            assert mtu() == wanted, (wanted, mtu())


@check("the family wireguard knows nothing of it")
def plain_family():
    with device() as plain:
        before = plain.configuration()
        for attrs in (profiles(profile(1)), wg.peers(wg.peer(A, u8(PROFILE, 0)))):
            assert error_name(ask(plain, attrs).error) == "EINVAL"
        assert plain.configuration() == before
        with plain.open() as sock:
            answer = sock.ask(wg.get_device(by_name(), wg.wanted(WANT_PROFILES)))
        assert answer[-1].error == 0
        assert {ty for reply in answer if reply.is_data() for ty, _ in reply.attrs()} <= set(range(1, 9))


# --- what is refused

@dataclass(frozen=True)
class Bad:
    name: str
    attrs: bytes
    words: tuple[str, ...]
    blamed: int
    error: str = "EINVAL"


def look(number, **values):
    return profiles(profile(number, settings(values)))


BAD = [
    Bad("number 0", profiles(profile(0)), ("1 to 7",), PROFILE_NUMBER),
    Bad("number 8", profiles(profile(8)), ("1 to 7",), PROFILE_NUMBER),
    Bad("no number", profiles(nest(0, settings(OTHER))), ("number",), 0),
    Bad("a number of 16 bits", profiles(nest(0, u16(PROFILE_NUMBER, 1))), (), PROFILE_NUMBER),
    Bad("an unknown flag", profiles(profile(1, u32(PROFILE_FLAGS, 2))), (), PROFILE_FLAGS),
    Bad("an unknown attribute", profiles(profile(1, u8(35, 1))), (), 35),
    Bad("an attribute of a device", profiles(profile(1, u16(wg.LISTEN_PORT, 7))), (), wg.LISTEN_PORT),
    Bad("no list", attr(PROFILES, bytes(4)), (), PROFILES),
    Bad("an element that is no list", nest(PROFILES, attr(0, profile(1))), (), 0),
    Bad("a removed one with settings", profiles(nest(0, u8(PROFILE_NUMBER, 6), u32(PROFILE_FLAGS, 1), settings(OTHER))),
        ("removed",), JC),
    Bad("Jmin above Jmax", look(6, Jmin="90"), ("Jmin", "Jmax"), JMIN),
    Bad("S1 that is too long", look(1, S1="1305"), ("S1", "1304"), S1),
    Bad("a key, and S3 too short for it", look(1, S1="12", S2="12", S3="11", S4="12", HeaderProtectionKey=KEY), ("S3", "12"), S3),
    Bad("a key, and S too short before", look(6, HeaderProtectionKey=KEY), ("S1", "12"), HEADER_PROTECTION_KEY),
    Bad("H that overlap", look(6, H1="2"), ("H1", "H2", "overlap"), H1),
    Bad("a range that ends before it begins", look(1, H1="9-5"), ("H1", "range"), H1),
    Bad("I2 with a tag that there is not", look(6, I2="<q 5>"), ("I2", "tag"), I2),
    Bad("RandomTrailers 2", profiles(profile(1, u8(RANDOM_TRAILERS, 2))), ("RandomTrailers", "0 or 1"), RANDOM_TRAILERS),
    Bad("a key of 31 bytes", profiles(profile(1, attr(HEADER_PROTECTION_KEY, bytes(31)))), (), HEADER_PROTECTION_KEY, "ERANGE"),
    Bad("two good ones and a bad one", profiles(profile(1, settings(OTHER)), no_profile(6), profile(2, settings({"Jc": "129"}))),
        ("Jc", "128"), JC),
    Bad("a good one, and a bad setting of the device", look(1, Jc="5") + settings({"Jc": "200"}), ("Jc", "128"), JC),
    Bad("a peer with one that there is not", wg.peers(wg.peer(A, u8(PROFILE, 1))), ("no profile",), PROFILE, "ENOENT"),
    Bad("a peer with one of no number that may be", wg.peers(wg.peer(A, u8(PROFILE, 255))), ("no profile",), PROFILE, "ENOENT"),
    Bad("a peer with one that goes", profiles(no_profile(6)) + wg.peers(wg.peer(A, u8(PROFILE, 6))), ("no profile",), PROFILE,
        "ENOENT"),
    Bad("a new peer with one that there is not", wg.peers(wg.peer(SELF, u8(PROFILE, 7))), ("no profile",), PROFILE, "ENOENT"),
    Bad("a good one, and a peer without a key", look(1, Jc="5") + wg.peers(nest(0, u8(PROFILE, 1))), ("public key",), 0),
    Bad("a profile of a peer, of 32 bits", wg.peers(wg.peer(A, u32(PROFILE, 6))), (), PROFILE),
]  # fmt: skip
assert len(BAD) >= 12


def refused(case):
    with awg_device(wg.private_key(SELF), wg.peers(wg.peer(A), wg.peer(B))) as awg:
        must(awg, settings(BASE), profiles(profile(6, settings(OTHER))), wg.peers(wg.peer(B, u8(PROFILE, 6))))
        seen = awg.configuration(), awg.profiles(), awg.worn()
        answer = ask(awg, case.attrs)
        assert error_name(answer.error) == case.error, f"{error_name(answer.error)}: {answer.message}"
        assert answer.message, "there is no text"
        assert all(word in answer.message for word in case.words), answer.message
        assert blamed(answer, by_name() + case.attrs) == case.blamed, f"{answer.message} at {answer.offset}"
        assert (awg.configuration(), awg.profiles(), awg.worn()) == seen, "something changed"


for bad_case in BAD:
    check(f"refused: {bad_case.name}")(partial(refused, bad_case))


@check("who asks for what there is not is refused")
def bad_wishes():
    with awg_device() as awg, awg.open() as sock:
        for attrs in (wg.wanted(1 << 31), u8(wg.WANTED, 4), profiles(profile(1))):
            assert sock.ask(wg.get_device(by_name(), attrs))[-1].error == 22


# --- dumps

@check("seven profiles with five texts of 3000 characters each, and 100 peers: whole, with buffers of any size")
def large_dump():
    texts = {f"I{number}": f"<b 0x{number:02x}{'ab' * 1399}>".ljust(3000, ".") for number in range(1, 6)}
    with awg_device(wg.private_key(SELF)) as awg:
        must(awg, settings({**BASE, **texts}))
        for number in range(1, 8):
            must(awg, profiles(profile(number, settings({**BASE, **texts, "Jc": str(number)}))))
        fill(awg, 100, 2)
        for size in SIZES:
            part = awg.dump_profiles(size=size)
            assert all(len(reply.body) + netlink.HEADER <= max(size, 4096) for reply in part)
            shown = wg.merge(map(amneziawg.read_message, part))
            assert len(shown["peers"]) == 100 and shown["I5"] == texts["I5"]
            assert amneziawg.read_profiles(part) == {number: {**BASE, **texts, "Jc": str(number)} for number in range(1, 8)}
            assert len(amneziawg.read_worn(part)) == 100


@check("a dump amid which profiles go and come goes on, and is flagged")
def dump_amid_changes():
    texts = {f"I{number}": f"<r {number}>{'.' * 2994}" for number in range(1, 6)}
    with awg_device(wg.private_key(SELF), wg.peers(wg.peer(A))) as awg, awg.open() as sock:
        for change in (
            (no_profile(1),), (no_profile(1), no_profile(2)), (no_profile(1), profile(1, settings(OTHER))),
            (profile(1, settings(dict.fromkeys(texts, ""))),), (profile(3),),
        ):  # fmt: skip
            must(awg, profiles(profile(1, settings(texts)), profile(2, settings(texts)), no_profile(3)))
            sock.send(wg.get_device(by_name(), wg.wanted(WANT_PROFILES)))
            seen = sock.receive(4096)
            must(awg, profiles(*change))
            rest = sock.receive_all(4096)
            assert rest[-1].error == 0
            assert any(reply.flags & netlink.DUMP_INTR for reply in rest)
            found = wg.merge(amneziawg.read_message(reply) for reply in seen + rest if reply.is_data())
            assert [peer["key"] for peer in found["peers"]] == [A.hex()]


@check("who asks for one peer, or for what has changed, may want profiles as well")
def with_other_wishes():
    with awg_device(wg.private_key(SELF), wg.peers(wg.peer(A), wg.peer(B))) as awg, awg.open() as sock:
        must(awg, profiles(profile(1, settings(OTHER))), wg.peers(wg.peer(B, u8(PROFILE, 1))))
        for attrs, wanted in ((wg.only_peer(B), {B: 1}), (wg.since(0), {A: 0, B: 1})):
            answer = sock.ask(wg.get_device(by_name(), attrs, wg.wanted(WANT_PROFILES)))[:-1]
            assert amneziawg.read_worn(answer) == wanted
            assert amneziawg.read_profiles(answer) == {1: whole(OTHER)}


if __name__ == "__main__":
    sys.exit(tell_all())
