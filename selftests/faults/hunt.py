# SPDX-License-Identifier: GPL-2.0
"""Failures where nobody is told of them: packets are lost, and handshakes.

A kind of traffic is run while one site fails, whoever gets there first. What counts is that packets that were lost are
counted as lost, and that afterwards nothing is.
"""

import os
import re
from dataclasses import dataclass

from control import must, unload
from netlink import error_name
from reasons import UNCOUNTED
from traffic import AGAIN, KINDS
from tunnel import NOBODY, PAYLOAD
from wireguard import REMOVE_ME, REPLACE_PEERS, flags, peer, peer_flags, peers, set_device


def hunt(injection, tunnel, sites, everything, kinds=KINDS):
    """Fails each site under the first kind of traffic that gets there, or all kinds. Yields what is wrong."""
    for site in sites:
        for name, kind in kinds.items():
            if lost := strike(injection, tunnel, site, kind):
                yield from (f"{site.name}, {name}: {what}" for what in aftermath(injection, tunnel, site, kind, lost))
                if not everything:
                    break


def aftermath(injection, tunnel, site, kind, lost):
    if lost.packets and not lost.counted and not is_uncounted(site):
        yield f"{lost.packets} packets lost, none counted"
    # Of several in a row others than the first.
    strike(injection, tunnel, site, kind, times=4, interval=3)
    tunnel.fresh(looks=kind.tunnel.get("looks"))
    if missing := tunnel.exchange(2, patience=kind.patience):
        yield f"{missing} of 4 packets do not arrive afterwards"


def is_uncounted(site):
    return any(re.search(pattern, site.name) for pattern in UNCOUNTED)


@dataclass(frozen=True)
class Lost:
    packets: int | None
    counted: int


def strike(injection, tunnel, site, kind, **failures):
    """Runs traffic while a site fails. Returns what was lost, or nothing if it does not get there."""
    tunnel.fresh(**kind.tunnel)
    before = tunnel.counted()
    with injection.failing_anyone(site, **failures) as fault:
        packets = kind.run(tunnel)
    if not fault.count:
        return None
    if packets:
        packets -= sum(end.drain() for end in tunnel.ends.values())
    # What still waits for a session is lost by now.
    tunnel.fresh()
    return Lost(packets, tunnel.counted() - before)


def tried_again(injection, tunnel):
    """A handshake of which a message could not be had comes about by itself."""
    for site in injection.sites:
        if re.search(r"send_to_peer > skb_alloc$", site.name):
            tunnel.fresh()
            with injection.failing_anyone(site) as fault:
                tunnel.send(tunnel.a, tunnel.b, 4, PAYLOAD)
            if not fault.count:
                yield "no message was failed"
            if not tunnel.send(tunnel.a, tunnel.b, 4, PAYLOAD, patience=AGAIN):
                yield "nothing arrives"
            return
    yield "there is no such site"


def removal(injection, tunnel):
    """Without any memory for the driver all of it can go."""
    one = set_device(peers(peer(NOBODY, peer_flags(REMOVE_ME))))
    yield from gone(injection, "a peer", lambda: tunnel.b.wireguard.ask(one)[0].error)
    yield from gone(injection, "peers", lambda: tunnel.b.wireguard.ask(set_device(flags(REPLACE_PEERS)))[0].error)
    tunnel.fresh()
    tunnel.exchange()
    yield from gone(injection, "down", tunnel.b.links.down)
    tunnel.b.links.up()
    yield from gone(injection, "an interface", tunnel.b.links.delete)
    must(tunnel.b.links.add(), "add")
    for end in tunnel.ends.values():
        end.close()
    yield from gone(injection, "a namespace", lambda: os.system("ip netns del b"))
    yield from gone(injection, "the module", unload)


def gone(injection, what, act):
    with injection.failing_all():
        if error := act():
            yield f"{what}: {error_name(error)}"
