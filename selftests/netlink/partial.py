# SPDX-License-Identifier: GPL-2.0
"""Dumps of one peer, and of what has changed since an earlier one: what this driver alone gives, to who asks for it.

    partial.py [SEED]
"""

import random
import struct
import sys

from netlink import Request, attr, error_name, u32
from request_table import A, B, C, SELF
from scenario import device
from scenario_dumps import SMALL, addresses, fill, fill_one, numbered
from tap import check, tell_all
from wireguard import (
    ALL_PEERS, DROPS, GENERATION, HOLD_UNKNOWN, PEER_KEY, REMOVE_IP, REMOVE_ME, REPLACE_ALLOWED_IPS, REPLACE_PEERS, SET_DEVICE,
    UPDATE_ONLY, WANTED, WANTED_DROPS, allowed, by_name, endpoint, flags, get_device, hold_unknown, keepalive, mark, merge, only_peer, peer,
    peer_flags, peers, port, private_key, psk, read_message, since,
)  # fmt: skip
from wireguard import ip as allowed_ip

KEPT = 4096
"""So many changes the driver keeps."""


def ask(wireguard, *attrs, size=1 << 16):
    with wireguard.open() as sock:
        return sock.ask(get_device(by_name(), *attrs), size=size)


class Changes:
    """An answer to who has asked what has changed."""

    def __init__(self, wireguard, generation, size=1 << 16):
        self.take(ask(wireguard, since(generation), size=size))

    def take(self, answer):
        assert answer[-1].error == 0, error_name(answer[-1].error)
        self.replies = [reply for reply in answer if reply.is_data()]
        own = [dict(reply.attrs()) for reply in self.replies]
        self.generation = struct.unpack("=Q", own[0][GENERATION])[0]
        assert all(GENERATION not in later for later in own[1:])
        whole = [number for number, attrs in enumerate(own) if ALL_PEERS in attrs]
        assert len(whole) < 2
        self.is_whole = bool(whole)
        # What came before that is of no worth.
        self.device = merge(map(read_message, self.replies))
        self.peers = merge(map(read_message, self.replies[whole[0] if whole else 0 :]))["peers"]

    def keys(self):
        return {found["key"] for found in self.peers if "flags" not in found}

    def removed(self):
        return {found["key"] for found in self.peers if found.get("flags") == REMOVE_ME}


def stable(found):
    return {what: value for what, value in found.items() if what not in ("handshake", "rx", "tx")}


# --- one peer

@check("one peer is shown as in the dump of all")
def one_peer():
    with device(private_key(SELF)) as wireguard:
        fill(wireguard, 90, 1)
        wireguard.set(peers(peer(A, psk(B), keepalive(7), endpoint("192.0.2.9", 9), addresses(200, 3))))
        whole = wireguard.dump()
        alone = ask(wireguard, only_peer(A))[:-1]
        assert len(alone) == 1
        shown, wanted = read_message(alone[0]), merge(map(read_message, whole))
        assert shown["peers"] == [wanted["peers"][-1]], shown["peers"]
        shown.pop("peers"), wanted.pop("peers")
        assert shown == wanted
        assert [ty for ty, _ in alone[0].attrs()] == [ty for ty, _ in whole[0].attrs()]


@check("one peer whose allowed IPs fill many messages")
def one_big_peer():
    with device(private_key(SELF), peers(peer(A), peer(B))) as wireguard:
        fill_one(wireguard, A, 1500)
        parts = ask(wireguard, only_peer(A), size=SMALL)[:-1]
        found = merge(map(read_message, parts))["peers"]
        assert len(parts) > 10 and len(found) == 1
        assert found == [shown for shown in wireguard.show()["peers"] if shown["key"] == A.hex()]


@check("one peer that is removed amid its allowed IPs, and comes again")
def one_peer_anew():
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        fill_one(wireguard, A, 1500)
        sock.send(get_device(by_name(), only_peer(A)))
        sock.receive(SMALL)
        assert wireguard.set(peers(peer(A, peer_flags(REMOVE_ME)), peer(A, keepalive(9)))) == "ok"
        rest = sock.receive_all(SMALL)
        assert rest[-1].error == 0
        last = merge(map(read_message, [reply for reply in rest if reply.is_data()][-1:]))["peers"]
        assert [found["keepalive"] for found in last] == [9], last


@check("a peer that is not there: ENOENT, and where it was named")
def no_peer():
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        answer = ask(wireguard, only_peer(B))
        place = 16 + 4 + len(by_name())
        assert [(reply.error, reply.message, reply.offset) for reply in answer] == [(2, "no peer has this public key", place)], answer


@check("what makes no sense is refused, and the attribute is named")
def nonsense():
    place = 16 + 4 + len(by_name())
    cases = [
        ("a short key", attr(PEER_KEY, bytes(31)), "ERANGE", place),
        ("a long key", attr(PEER_KEY, bytes(33)), "ERANGE", place),
        ("a short generation", attr(GENERATION, bytes(4)), "EINVAL", place),
        ("a flag of answers", attr(ALL_PEERS), "EINVAL", place),
        ("one peer and changes", only_peer(A) + since(0), "EINVAL", place + 36),
        ("a wish that cannot be had", u32(WANTED, WANTED_DROPS | 1 << 31), "EINVAL", place),
        ("a short wish", attr(WANTED, bytes(2)), "EINVAL", place),
        ("what is in answers alone", attr(DROPS), "EINVAL", place),
        ("an attribute that there is not", attr(127, bytes(4)), "EINVAL", place),
    ]
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        for what, attrs, error, where in cases:
            answer = ask(wireguard, attrs)
            seen = [(error_name(reply.error), bool(reply.message), reply.offset) for reply in answer]
            assert seen == [(error, True, where)], f"{what}: {seen}"
        for attrs in (only_peer(A), since(0)):
            answer = wireguard.ask(Request(SET_DEVICE, by_name() + attrs + mark(5)))
            assert error_name(answer[0].error) == "EINVAL", "as a request for changes"
        assert wireguard.show()["mark"] == 0


@check("answers to others have nothing new, before and after somebody has asked")
def nothing_new():
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        before = [(reply.flags, reply.body) for reply in wireguard.dump()]
        Changes(wireguard, 0)
        assert [(reply.flags, reply.body) for reply in wireguard.dump()] == before
        assert {ty for reply in wireguard.dump() for ty, _ in reply.attrs()} <= set(range(1, 9))


@check("counts of drops are told to who wants them, whatever else is asked for")
def drops():
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        for attrs in (b"", only_peer(A), since(0)):
            plain, wanted = ask(wireguard, attrs), ask(wireguard, attrs, u32(WANTED, WANTED_DROPS))
            assert wanted[-1].error == 0, error_name(wanted[-1].error)
            # There are none, and no peer has any.
            assert dict(wanted[0].attrs())[DROPS] == b""
            assert read_message(wanted[0]) == read_message(plain[0])
            assert DROPS not in dict(plain[0].attrs())
            assert ask(wireguard, attrs, u32(WANTED, 0))[0].body == plain[0].body


@check("how long unknown peers are held: 0 to 5000 ms, told to who asks for changes")
def hold():
    with device(private_key(SELF)) as wireguard:
        assert HOLD_UNKNOWN not in dict(ask(wireguard, since(0))[0].attrs())
        for value, answer in [(0, "ok"), (1, "ok"), (5000, "ok"), (5001, "ERANGE"), (0xFFFF, "ERANGE")]:
            assert wireguard.set(hold_unknown(value)) == answer, value
        found = dict(ask(wireguard, since(0))[0].attrs())
        assert struct.unpack("=H", found[HOLD_UNKNOWN])[0] == 5000
        assert wireguard.set(attr(HOLD_UNKNOWN, bytes(4))) == "EINVAL"
        assert wireguard.set(hold_unknown(7) + peers(peer(A, peer_flags(8)))) == "EINVAL"
        assert struct.unpack("=H", dict(ask(wireguard, since(0))[0].attrs())[HOLD_UNKNOWN])[0] == 5000
        assert HOLD_UNKNOWN not in dict(wireguard.dump()[0].attrs())


# --- what has changed

@check("who knows nothing is told everything")
def from_nothing():
    with device(private_key(SELF), port(1234), peers(peer(A), peer(B))) as wireguard:
        first = Changes(wireguard, 0)
        assert first.is_whole and first.keys() == {A.hex(), B.hex()}
        assert {**first.device, "peers": first.peers} == wireguard.show()
        again = Changes(wireguard, first.generation)
        assert not again.is_whole and again.peers == [] and again.generation == first.generation
        assert again.device["port"] == 1234


CASES = [
    # What it is, the requests, peers that are shown, and those that are told to be gone.
    ("a mark", [mark(5)], "", ""),
    ("a keepalive", [peers(peer(A, keepalive(5)))], "A", ""),
    ("a preshared key", [peers(peer(B, psk(C)))], "B", ""),
    ("an endpoint", [peers(peer(B, endpoint("192.0.2.1", 1)))], "B", ""),
    ("an allowed IP", [peers(peer(A, allowed(allowed_ip("10.8.0.0/16"))))], "A", ""),
    ("an allowed IP less", [peers(peer(A, allowed(allowed_ip("10.1.0.0/16", REMOVE_IP))))], "A", ""),
    ("no allowed IP any more", [peers(peer(A, peer_flags(REPLACE_ALLOWED_IPS)))], "A", ""),
    ("an allowed IP that moves", [peers(peer(B, allowed(allowed_ip("10.1.0.0/16"))))], "AB", ""),
    ("an allowed IP within that of another", [peers(peer(B, allowed(allowed_ip("10.1.1.0/24"))))], "B", ""),
    ("an allowed IP that moves, and goes with its peer", [peers(peer(B, allowed(allowed_ip("fd01::/64")))), peers(peer(B, peer_flags(REMOVE_ME)))], "A", "B"),
    ("a peer", [peers(peer(C))], "C", ""),
    ("two requests", [peers(peer(C)), peers(peer(A))], "AC", ""),
    ("a peer less", [peers(peer(A, peer_flags(REMOVE_ME)))], "", "A"),
    ("a peer that comes and goes", [peers(peer(C)), peers(peer(C, peer_flags(REMOVE_ME)))], "", "C"),
    ("a peer that goes and comes", [peers(peer(A, peer_flags(REMOVE_ME))), peers(peer(A))], "A", ""),
    ("both in one request", [peers(peer(A, peer_flags(REMOVE_ME)), peer(A))], "A", ""),
    ("another peer in place of all", [flags(REPLACE_PEERS) + peers(peer(C))], "C", "AB"),
    ("a peer that is not there, updated only", [peers(peer(C, peer_flags(UPDATE_ONLY)))], "", ""),
    ("a peer that is not there, removed", [peers(peer(C, peer_flags(REMOVE_ME)))], "", ""),
    ("a request that fails", [peers(peer(A, keepalive(1)), peer(B, allowed(allowed_ip("10.0.0.0/8"), attr(0))))], "", ""),
]  # fmt: skip


@check("each kind of change is told, and of no more peers than it is of")
def kinds_of_changes():
    keys = {"A": A.hex(), "B": B.hex(), "C": C.hex()}
    for what, requests, shown, gone in CASES:
        pair = peers(peer(A, allowed(allowed_ip("10.1.0.0/16"), allowed_ip("fd01::/64"))), peer(B))
        with device(private_key(SELF), pair) as wireguard:
            known = Changes(wireguard, 0).generation
            for request in requests:
                answer = wireguard.set(request)
                assert answer == ("EINVAL" if "fails" in what else "ok"), f"{what}: {answer}"
            found = Changes(wireguard, known)
            assert not found.is_whole, what
            assert found.keys() == {keys[name] for name in shown}, f"{what}: {found.keys()}"
            assert found.removed() == {keys[name] for name in gone}, f"{what}: {found.removed()}"
            wanted = {other["key"]: stable(other) for other in wireguard.show()["peers"]}
            assert all(stable(other) == wanted[other["key"]] for other in found.peers if "flags" not in other), what


@check("a peer whose key becomes the device's own is gone")
def own_key():
    with device(private_key(B)) as wireguard:
        public = bytes.fromhex(wireguard.show()["public"])
    with device(private_key(SELF), peers(peer(public), peer(A))) as wireguard:
        known = Changes(wireguard, 0).generation
        assert wireguard.set(private_key(B)) == "ok"
        found = Changes(wireguard, known)
        assert (found.is_whole, found.keys(), found.removed()) == (False, set(), {public.hex()})


@check("a changed peer of many allowed IPs goes on in the next message")
def big_change():
    with device(private_key(SELF), peers(peer(A), peer(B))) as wireguard:
        known = Changes(wireguard, 0).generation
        fill_one(wireguard, A, 1500)
        wireguard.set(peers(peer(B, keepalive(3))))
        found = Changes(wireguard, known, SMALL)
        assert len(found.replies) > 10 and not found.is_whole
        assert sorted(map(str, found.peers)) == sorted(map(str, wireguard.show()["peers"]))


@check("as many changes as are kept are told; of one more is told everything")
def too_many_changes():
    with device(private_key(SELF), peers(peer(A), peer(B))) as wireguard:
        known = Changes(wireguard, 0).generation
        fill(wireguard, KEPT)
        found = Changes(wireguard, known)
        assert not found.is_whole and len(found.peers) == KEPT
        wireguard.set(peers(peer(A)))
        found = Changes(wireguard, known)
        assert found.is_whole and len(found.peers) == KEPT + 2
        latest = Changes(wireguard, found.generation)
        assert not latest.is_whole and not latest.peers


@check("changes are lost amid a dump of them: all peers follow")
def lost_amid_dump():
    with device(private_key(SELF)) as wireguard, wireguard.open() as sock:
        known = Changes(wireguard, 0).generation
        fill(wireguard, KEPT // 2)
        sock.send(get_device(by_name(), since(known)))
        first = sock.receive(SMALL)
        for _ in range(2):
            wireguard.set(flags(REPLACE_PEERS))
            fill(wireguard, KEPT // 2)
        found = Changes.__new__(Changes)
        found.take(first + sock.receive_all())
        assert found.is_whole and len(found.peers) == KEPT // 2
        assert ALL_PEERS not in dict(first[0].attrs())


@check("a generation of another device, or of none, is not taken for one of this")
def other_generation():
    with device(private_key(SELF), peers(peer(A))) as wireguard:
        early = Changes(wireguard, 0).generation
        for _ in range(20):
            wireguard.set(mark(1))
        late = Changes(wireguard, 0).generation
    with device(private_key(SELF), peers(peer(B))) as wireguard:
        for _ in range(2):
            for generation in (early, late, 1, (1 << 64) - 1):
                found = Changes(wireguard, generation)
                assert found.is_whole and found.keys() == {B.hex()}, generation


# --- a picture kept by changes

def random_change(chance):
    """A request about some of 12 peers and 12 prefixes."""
    elements = []
    for _ in range(chance.randrange(1, 4)):
        attrs = []
        if chance.random() < 0.25:
            attrs.append(peer_flags(REMOVE_ME))
        elif chance.random() < 0.2:
            attrs.append(peer_flags(REPLACE_ALLOWED_IPS))
        if chance.random() < 0.5:
            attrs.append(keepalive(chance.randrange(100)))
        prefixes = [allowed_ip(f"10.{chance.randrange(12)}.0.0/16", chance.choice((None, None, REMOVE_IP))) for _ in range(chance.randrange(4))]
        elements.append(peer(numbered(chance.randrange(12)), *attrs, allowed(*prefixes)))
    more = [flags(REPLACE_PEERS)] if chance.random() < 0.03 else []
    return b"".join(more) + peers(*elements)


@check("a picture that is kept by changes stays that of the device")
def mirrored():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 32)
    print(f"# seed {seed}")
    chance = random.Random(seed)
    with device(private_key(SELF)) as wireguard:
        picture, known, wholes = {}, 0, 0
        for round_ in range(400):
            for _ in range(chance.randrange(4)):
                assert wireguard.set(random_change(chance)) == "ok"
            found = Changes(wireguard, known, chance.choice((SMALL, 1 << 16)))
            if found.is_whole:
                picture, wholes = {}, wholes + 1
            for other in found.peers:
                picture.pop(other["key"], None)
                if "flags" not in other:
                    picture[other["key"]] = other
            known = found.generation
            wanted = {other["key"]: other for other in wireguard.show()["peers"]}
            assert picture == wanted, f"seed {seed}, round {round_}"
        assert wholes == 1


if __name__ == "__main__":
    sys.exit(tell_all())
