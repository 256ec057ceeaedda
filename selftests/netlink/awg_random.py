# SPDX-License-Identifier: GPL-2.0
"""Random requests to change settings, right and wrong ones, while packets flow and devices come and go.

    awg_random.py COUNT [SEED]

Two devices have a tunnel between them, through which pings flow all the time. A third is deleted and made again by another
process, whatever is done to it. What must be taken and what must be refused, and what is shown after each request, is
known from models: one of the device's own settings, and one of each of its profiles.
"""

import multiprocessing
import os
import random
import subprocess
import sys
import time

import amneziawg
import wireguard as wg
from amneziawg import AmneziaWG, no_profile, profile, profiles, setting
from netlink import error_name
from request_table import OTHER_PUBLIC, OTHER_SELF, OWN_PUBLIC, SELF
from scenario import command, inside, ip, namespaces

KEYS = ["", "AQ" * 21 + "A=", "Ag" * 21 + "A="]

NUMBERS = {"Jc": 128, "Jmin": 1452, "Jmax": 1452, "S1": 1304, "S2": 1304, "S3": 1304, "S4": 1304}
HEADERS = ("H1", "H2", "H3", "H4")
RANGES = ("ContentPaddingAddition", "RekeyAfterTime", "RekeyTimeout", "RejectAfterTime", "KeepaliveTimeout", "MaxHandshakeAttempts")
SPECIALS = ("I1", "I2", "I3", "I4", "I5")
PROFILES = range(1, 8)
SWITCHES = ("RandomTrailers", "DisableCookies")
GOOD_SPECIALS = ("", "<r 10>", "<b 0xc0ffee><t>", "<c><rc 20><rd 20>", "<r 1400>", "text")
BAD_SPECIALS = ("<r 1401>", "<r", "<z>", "<b 0x1>", "<rd>", "<r 1>" * 65)


def ends(value):
    return amneziawg.ends(value)


class Model:
    """What a device shows of its own settings, or of those of a profile, if it does right."""

    def __init__(self):
        self.settings = dict(amneziawg.DEFAULTS)

    def takes(self, change):
        if any(change.get(name) in BAD_SPECIALS for name in SPECIALS):
            return False
        return self.is_sound({**self.settings, **change})

    def take(self, change):
        self.settings.update(change)
        for name in SPECIALS:
            if self.settings.get(name) == "text":
                self.settings[name] = ""

    def shown(self):
        return {name: value for name, value in self.settings.items() if value}

    @staticmethod
    def is_sound(settings):
        if any(int(settings[name]) > most for name, most in NUMBERS.items() if name != "Jmin"):
            return False
        if int(settings["Jmin"]) > int(settings["Jmax"]):
            return False
        if settings.get("HeaderProtectionKey") and any(int(settings[f"S{number}"]) < 12 for number in range(1, 5)):
            return False
        spans = [ends(settings[name]) for name in HEADERS]
        if any(low > high for low, high in spans + [ends(settings[name]) for name in RANGES]):
            return False
        if not Model.is_renewed(ends(settings["RekeyAfterTime"]), ends(settings["RejectAfterTime"])):
            return False
        spans.sort()
        return all(before[1] < after[0] for before, after in zip(spans, spans[1:]))

    @staticmethod
    def is_renewed(renewed, over):
        """Whether sessions are renewed before they end."""
        latest = 120 if renewed == (0, 0) else renewed[1]
        earliest = 180 if over == (0, 0) else over[0]
        return latest < earliest


def spans(rng, most):
    low = rng.randrange(most)
    high = min(most - 1, low + rng.choice((0, 0, 5, most // 8)))
    if rng.random() < 0.05 and low < high:
        low, high = high, low
    return amneziawg.show_range(low, high)


def random_change(rng):
    names = rng.sample(list(amneziawg.SETTINGS), rng.choice((1, 1, 2, 3, 6, 24)))
    change = {}
    for name in names:
        if name in NUMBERS:
            # Small ones more often, so that a key is possible, and not much is sent.
            change[name] = str(rng.randrange(rng.choice((5, 40, 40, 200, NUMBERS[name] + 2))))
        elif name in HEADERS:
            change[name] = spans(rng, rng.choice((16, 1 << 10, 1 << 32)))
        elif name in RANGES:
            most = 200 if name == "RekeyAfterTime" else 1 << 16
            change[name] = rng.choice(("0", spans(rng, most), str(rng.randrange(1, 300))))
        elif name in SPECIALS:
            change[name] = rng.choice(BAD_SPECIALS) if rng.random() < 0.03 else rng.choice(GOOD_SPECIALS)
        elif name in SWITCHES:
            change[name] = rng.choice(("on", "off"))
        else:
            change[name] = rng.choice(KEYS)
    return change


class Device:
    def __init__(self, namespace, name, rng):
        self.namespace, self.name, self.rng = namespace, name, rng
        self.models = {0: Model()}
        with inside(namespace):
            self.family = AmneziaWG()
            self.socket = self.family.open()

    def set(self, change, version, number=0):
        attrs = b"".join(setting(name, value, version) for name, value in change.items())
        return self.ask(profiles(profile(number, attrs)) if number else attrs)

    def ask(self, attrs):
        return self.socket.ask(wg.Request(wg.SET_DEVICE, wg.by_name(self.name) + attrs))[0]

    def remove_profile(self):
        number = self.rng.choice(PROFILES)
        assert self.ask(profiles(no_profile(number))).error == 0
        self.models.pop(number, None)

    def step(self):
        """One request, and whether it went as it must; returns whether it was taken."""
        if self.rng.random() < 0.05:
            self.remove_profile()
        number = 0 if self.rng.random() < 0.6 else self.rng.choice(PROFILES)
        model = self.models.get(number) or Model()
        change = random_change(self.rng)
        if self.rng.random() < 0.1:
            change = {**amneziawg.DEFAULTS, **dict.fromkeys(SPECIALS, ""), "HeaderProtectionKey": ""}
        old = all("-" not in change.get(name, "") for name in HEADERS)
        answer = self.set(change, self.rng.choice((1, 2, 3) if old else (2, 3)), number)
        wanted = model.takes(change)
        assert answer.error == (0 if wanted else 22), f"{change} on top of {model.shown()}: {error_name(answer.error)} {answer.message}"
        assert wanted or answer.message
        if wanted:
            model.take(change)
            self.models[number] = model
        if self.rng.random() < 0.2:
            self.look()
        return wanted

    def look(self):
        answer = self.socket.ask(wg.get_device(wg.by_name(self.name), wg.wanted(amneziawg.WANT_PROFILES)))
        replies = [reply for reply in answer if reply.is_data()]
        shown = wg.merge(map(amneziawg.read_message, replies))
        found = {0: {name: shown[name] for name in amneziawg.SETTINGS if name in shown}, **amneziawg.read_profiles(replies)}
        wanted = {number: model.shown() for number, model in self.models.items()}
        assert found == wanted, f"shown: {found}, wanted: {wanted}"


def come_and_go(namespace, seed):
    """Deletes a device and makes it again, until the process is ended."""
    rng = random.Random(seed)
    with inside(namespace):
        while True:
            ip("link", "add", "awg2", "type", "amneziawg")
            if rng.random() < 0.7:
                command("ip", "link", "set", "awg2", "up")
            time.sleep(rng.random() * 0.1)
            command("ip", "link", "del", "awg2")


def make_tunnel():
    ip("link", "add", "to-there", "netns", "here", "type", "veth", "peer", "name", "to-here", "netns", "there")
    for name, dev, number, private, public, other in (
        ("here", "to-there", 1, SELF, OTHER_PUBLIC, 2), ("there", "to-here", 2, OTHER_SELF, OWN_PUBLIC, 1),
    ):  # fmt: skip
        ip("-n", name, "address", "add", f"192.0.2.{number}/24", "dev", dev)
        ip("-n", name, "link", "set", dev, "up")
        ip("-n", name, "link", "add", "awg0", "type", "amneziawg")
        ip("-n", name, "address", "add", f"10.7.0.{number}/24", "dev", "awg0")
        ip("-n", name, "link", "set", "awg0", "up")
        with inside(name):
            peer = wg.peer(public, wg.endpoint(f"192.0.2.{other}", 51820), wg.allowed(wg.ip("10.7.0.0/24")))
            assert AmneziaWG().set(wg.private_key(private), wg.port(51820), wg.peers(peer), device="awg0") == "ok"


def run(count, seed):
    rng = random.Random(seed)
    devices = [Device(namespace, "awg0", rng) for namespace in ("here", "there")]
    guest = Device("here", "awg2", rng)
    taken = gone = 0
    for number in range(count):
        if number % 10 == 9:
            answer = guest.set(random_change(rng), 3, rng.choice((0, *PROFILES)))
            name = error_name(answer.error)
            assert name in ("ok", "EINVAL", "ENODEV", "EOPNOTSUPP"), name
            gone += name == "ENODEV"
        else:
            taken += rng.choice(devices).step()
    for device in devices:
        device.look()
    return taken, gone


def check_tunnel():
    """With the same settings at both ends, packets cross."""
    for namespace in ("here", "there"):
        with inside(namespace):
            values = {**amneziawg.DEFAULTS, **dict.fromkeys(SPECIALS, ""), "HeaderProtectionKey": ""}
            none = profiles(*map(no_profile, PROFILES))
            assert AmneziaWG().set(amneziawg.settings(values), none, device="awg0") == "ok"
    end = time.monotonic() + 60
    while command("ip", "netns", "exec", "here", "ping", "-q", "-c", "3", "-i", "0.2", "-W", "2", "10.7.0.2") != "ok":
        assert time.monotonic() < end, "no ping crosses"


def main(count, seed):
    print(f"# seed {seed}")
    with namespaces("here", "there"):
        make_tunnel()
        check_tunnel()
        words = ["ip", "netns", "exec", "here", "ping", "-q", "-i", "0.002", "-s", "900", "10.7.0.2"]
        traffic = subprocess.Popen(words, stdout=subprocess.DEVNULL)
        other = multiprocessing.Process(target=come_and_go, args=("here", seed), daemon=True)
        other.start()
        try:
            taken, gone = run(count, seed)
        finally:
            assert other.exitcode is None, "nobody deletes devices any more"
            other.terminate()
            other.join()
            traffic.terminate()
            traffic.wait()
        print(f"# {count} requests: {taken} were taken, {gone} came to nobody")
        assert taken > count // 10 and taken < count
        check_tunnel()
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else int.from_bytes(os.urandom(4), "little")))
