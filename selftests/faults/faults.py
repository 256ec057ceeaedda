# SPDX-License-Identifier: GPL-2.0
"""Fails every allocation of the driver at least once, and looks at what comes of it.

    faults.py SITES [faults=all]    SITES is what tools/fault-sites has written; `all` takes longer, and prints a table
"""

import re
import sys
import time

from control import (
    Add, AddFirst, AddNumbered, Get, GetChanges, GetLooks, Links, Load, Set, SetLooks, SetProfiles, Up, changes, judge, load, must, sweep,
    unload,
)  # fmt: skip
from hunt import hunt, removal, tried_again
from injection import Injection, read_sites
from reasons import DISGUISED, NOT_FAILED
from traffic import DISGUISES, KINDS
from tunnel import Tunnel

# What is configured while the device is down and up; all of it while it is either, if there is time.
CHANGES = {False: ("everything anew", "a private key"), True: ("peers changed",)}


def tell(injection, name, wrong):
    """A result for the script to pass on."""
    before, started = injection.failed.total(), time.monotonic()
    wrong = list(wrong)
    print(f"{'not ok' if wrong else 'ok'} {name}")
    for what in wrong[:20]:
        print(f"# {what[:1000]}")
    print(f"# {injection.failed.total() - before} allocations failed, {time.monotonic() - started:.1f} s")


def run(injection, operation, sites):
    tell(injection, operation.name, sweep(injection, operation, sites))


def control(injection, everything):
    """System calls."""
    must(load(), "load")
    injection.locate()
    must(unload(), "unload")
    run(injection, Load(), injection.sites)
    must(load(), "load")
    injection.locate()
    links = Links()
    run(injection, Add(links), injection.sites)
    run(injection, AddNumbered(links), injection.missed())
    run(injection, AddFirst(links), injection.missed())
    must(links.add(), "add")
    tell(injection, "an interface comes up, the first in its namespace", first_up(injection, Up(links)))
    for is_up in (False, True):
        for name, attrs in changes():
            if everything or name in CHANGES[is_up]:
                run(injection, Set(name, attrs, links, is_up), injection.sites)
    run(injection, Get(links), injection.sites)
    must(links.down(), "down")
    run(injection, Up(links), injection.sites)
    run(injection, GetChanges(links), injection.missed())
    must(links.delete(), "delete")
    run(injection, SetLooks(links), injection.missed())
    run(injection, SetProfiles(), injection.missed())
    run(injection, GetLooks(), injection.missed())
    must(links.delete(SetLooks.index), "delete")


def first_up(injection, operation):
    """What there is once for a namespace is made when it first has a socket, which can be seen but once."""
    for site in injection.sites:
        if site.name.endswith("nf_register_net_hooks"):
            with injection.failing(site, 1) as fault:
                error = operation.attempt()
            yield from judge(operation, error, fault)


def disguised(injection, everything):
    """Traffic between AmneziaWG devices, as far as it goes other ways than WireGuard's."""
    tunnel = Tunnel("amneziawg")
    wrong = hunt_twice(injection, tunnel, everything, DISGUISES, DISGUISED)
    tell(injection, "packets in disguise that are lost are counted, and later none is", wrong)
    tunnel.close()


def traffic(injection, everything):
    tunnel = Tunnel()
    tell(injection, "packets that are lost are counted, and later none is", hunt_twice(injection, tunnel, everything, KINDS, ""))
    tell(injection, "a handshake is tried again", tried_again(injection, tunnel))
    tell(injection, "without any memory all of it can go", removal(injection, tunnel))


def hunt_twice(injection, tunnel, everything, kinds, pattern):
    """On a slow machine packets may come too late for a site to be reached the first time."""
    for _ in range(2):
        sites = [site for site in injection.missed() if re.search(pattern, site.name) and not reason(site)]
        yield from hunt(injection, tunnel, sites, everything, kinds)


def reason(site):
    """Why a site is not failed, if it is known."""
    return next((why for pattern, why in NOT_FAILED.items() if re.search(pattern, site.name)), None)


def uncovered(injection):
    """Sites that were not failed without a reason, and reasons without a site."""
    for site in injection.missed():
        if not reason(site):
            yield f"never failed: {site.name}"
    for pattern in NOT_FAILED:
        if not any(re.search(pattern, site.name) for site in injection.sites):
            yield f"there is no such site: {pattern}"


def table(injection):
    for site in injection.sites:
        count = injection.failed[site]
        print(f"# {count:5} {site.name}{'' if count else f': {reason(site)}'}")


def main():
    sites, *options = sys.argv[1:]
    everything = options == ["faults=all"]
    injection = Injection(list(read_sites(sites)))
    control(injection, everything)
    disguised(injection, everything)
    traffic(injection, everything)
    failed = len(injection.sites) - len(injection.missed())
    tell(injection, "every place that asks for memory was refused it, or there is a reason", uncovered(injection))
    print(f"# {len(injection.sites)} places, {failed} of them refused, {injection.failed.total()} times")
    if everything:
        table(injection)


if __name__ == "__main__":
    main()
