# SPDX-License-Identifier: GPL-2.0
"""Dumps of many peers while others change them: whole pictures, or flagged as none.

    many.py [PEERS]
"""

import os
import random
import signal
import struct
import sys
import time

from netlink import DUMP_INTR, attributes
from request_table import SELF
from scenario import device
from scenario_dumps import numbered
from tap import check, tell_all
from wireguard import KEEPALIVE, PEER_PUBLIC_KEY, PEERS, REMOVE_ME, get_device, keepalive, peer, peer_flags, peers, private_key, set_device

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
BATCH = 500

SUM = 1000
"""The keepalives of the first and the last peer add up to this, since each request sets both."""

FIRST, LAST = numbered(0), numbered(COUNT - 1)


def fill(wireguard):
    for start in range(0, COUNT, BATCH):
        assert wireguard.set(peers(*[peer(numbered(number)) for number in range(start, min(COUNT, start + BATCH))])) == "ok"


def change(sock, chance):
    """One request that moves a keepalive from one end of the list to the other, and exchanges a peer amid it.

    The one that comes goes to the end. Which ones are there changes, but never how many.
    """
    part = chance.randrange(SUM + 1)
    old, new = CHANGING[0], CHANGING[0] + 1
    CHANGING[0] = new
    answer = sock.ask(set_device(peers(
        peer(FIRST, keepalive(part)), peer(LAST, keepalive(SUM - part)),
        peer(numbered(1 << 20 | old), peer_flags(REMOVE_ME)), peer(numbered(1 << 20 | new)),
    )))  # fmt: skip
    assert answer[0].error == 0, answer


CHANGING = [0]


def keep_changing(wireguard, pause):
    """The changer: makes changes until it is killed, the last by then one of many. `pause` is the longest between two."""
    chance = random.Random(1)
    with wireguard.open() as sock:
        while True:
            change(sock, chance)
            time.sleep(chance.random() * pause)


def spawn(function, *arguments):
    pid = os.fork()
    if pid:
        return pid
    try:
        function(*arguments)
    finally:
        os._exit(1)


class Dump:
    """What a dump showed, read as little as possible."""

    def __init__(self, wireguard):
        keepalives, self.count, self.is_flagged, self.steps = {}, 0, False, []
        with wireguard.open() as sock:
            begin = start = time.monotonic()
            sock.send(get_device())
            while part := sock.receive():
                self.steps.append(time.monotonic() - start)
                for reply in part:
                    self.read(reply, keepalives)
                start = time.monotonic()
        self.sum = sum(keepalives.values())
        self.took = time.monotonic() - begin

    def read(self, reply, keepalives):
        if not reply.is_data():
            assert reply.error == 0
            return
        self.is_flagged |= bool(reply.flags & DUMP_INTR)
        for ty, payload in reply.attrs():
            if ty != PEERS:
                continue
            for _, raw in attributes(payload):
                self.count += 1
                if raw[4:36] in (FIRST, LAST):
                    found = dict(attributes(raw))
                    keepalives[found[PEER_PUBLIC_KEY]] = struct.unpack("=H", found[KEEPALIVE])[0]

    def is_consistent(self):
        return self.sum == SUM and self.count == COUNT + 1


def figures(name, seconds):
    milliseconds = sorted(1000 * second for second in seconds)
    print(f"# {name}: {len(seconds)}, half below {milliseconds[len(milliseconds) // 2]:.2f} ms, all below {milliseconds[-1]:.2f} ms")


@check(f"{COUNT} peers, dumped while they change: a whole picture, or flagged as none")
def consistent_or_flagged():
    with device(private_key(SELF)) as wireguard:
        fill(wireguard)
        with wireguard.open() as sock:
            change(sock, random.Random(0))
            quiet = Dump(wireguard)
        assert quiet.is_consistent() and not quiet.is_flagged, vars(quiet)
        figures("messages of a quiet dump", quiet.steps)
        # Now and then nothing happens for longer than a dump takes, the reading of it included.
        pid = spawn(keep_changing, wireguard, 4 * quiet.took)
        try:
            seen = {"flagged": 0, "whole": 0, "flagged, and no whole picture": 0}
            steps, end = [], time.monotonic() + 60 * quiet.took + 20
            while time.monotonic() < end and (seen["whole"] < 3 or seen["flagged, and no whole picture"] < 3):
                found = Dump(wireguard)
                steps += found.steps
                assert found.is_flagged or found.is_consistent(), f"not flagged: sum {found.sum}, {found.count} peers"
                seen["flagged" if found.is_flagged else "whole"] += 1
                seen["flagged, and no whole picture"] += not found.is_consistent()
        finally:
            os.kill(pid, signal.SIGKILL)
            _, status = os.waitpid(pid, 0)
        assert os.WTERMSIG(status) == signal.SIGKILL, "the changer gave up"
        print(f"# dumps: {seen}")
        figures("messages of dumps amid changes", steps)
        assert seen["whole"] and seen["flagged, and no whole picture"], "not all kinds of dumps were seen"


@check("a request is answered while a dump is under way, and between any two of its messages")
def changes_amid_dump():
    with device(private_key(SELF)) as wireguard, wireguard.open() as dumping, wireguard.open() as changing:
        fill(wireguard)
        chance, waits, flagged = random.Random(2), [], 0
        dumping.send(get_device())
        while part := dumping.receive():
            start = time.monotonic()
            change(changing, chance)
            waits.append(time.monotonic() - start)
            flagged += sum(reply.is_data() and bool(reply.flags & DUMP_INTR) for reply in part)
        figures("requests amid a dump", waits)
        assert flagged >= len(waits) - 3, f"{flagged} of {len(waits)} messages are flagged"


if __name__ == "__main__":
    sys.exit(tell_all())
