# SPDX-License-Identifier: GPL-2.0
"""What takes more than one request: a scenario is a function that does something to the loaded driver and returns what
it saw. Both drivers are to let it see the same, which may be given as `both`; where they differ, the C driver is to show
`theirs`, the driver under test `here`."""

import json
import os
import pickle
import socket
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Callable

from request_table import BASE
from wireguard import DEVICE, INDEX, WireGuard

CLONE_NEWNET = 0x40000000
CLONE_NEWUSER = 0x10000000


@dataclass(frozen=True)
class Scenario:
    name: str
    run: Callable
    both: object = None
    theirs: object = None
    here: object = None
    judge: Callable | None = None
    """Given what was seen of the C driver and of ours: what is wrong, or nothing."""


SCENARIOS = []


def scenario(name, **expected):
    """Adds a function to the scenarios; `expected` are fields of Scenario."""

    def add(function):
        SCENARIOS.append(Scenario(name, function, **expected))
        return function

    return add


def is_c_driver():
    """Of the module that is loaded: the C driver comes with the kernel."""
    with open("/sys/module/wireguard/taint", encoding="ascii") as file:
        return "O" not in file.read()


# --- commands and conditions

def command(*words):
    """Runs a command; returns `ok`, or the last line that it said."""
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return "ok"
    return (done.stderr or done.stdout).strip().split("\n")[-1] or f"status {done.returncode}"


def ip(*words):
    """Runs ip, which must succeed."""
    if (answer := command("ip", *words)) != "ok":
        raise RuntimeError(f"ip {' '.join(map(str, words))}: {answer}")


def until(condition, seconds=60):
    """Waits for a condition; returns whether it came."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


# --- devices

@contextmanager
def device(*attrs, base=False, name=DEVICE, index=INDEX, family=WireGuard):
    """A device, down, and removed in the end."""
    ip("link", "add", name, "index", index, "type", family.NAME)
    try:
        wireguard = family()
        wanted = BASE if base else attrs
        if (answer := wireguard.set(*wanted, device=name)) != "ok":
            raise RuntimeError(f"the device cannot be configured: {answer}")
        yield wireguard
    finally:
        command("ip", "link", "del", name)


# --- namespaces and users

@contextmanager
def inside(name):
    """In a named network namespace."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{name}", os.O_RDONLY)
    try:
        os.setns(there, CLONE_NEWNET)
        yield
    finally:
        os.setns(home, CLONE_NEWNET)
        os.close(there)
        os.close(home)


@contextmanager
def namespaces(*names):
    for name in names:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")
    try:
        yield
    finally:
        for name in names:
            command("ip", "netns", "del", name)


class Child:
    """A process that does what it is told, one thing after the other; for another user or other namespaces."""

    def __init__(self):
        self.ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            self.ours.close()
            os._exit(serve(theirs))
        theirs.close()

    def do(self, function, *arguments):
        """Calls a function there that is known by name in its module."""
        self.ours.send(pickle.dumps((function, arguments)))
        kind, value = json.loads(self.ours.recv(1 << 16))
        if kind == "raised":
            raise RuntimeError(value)
        return value

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.ours.close()
        os.waitpid(self.pid, 0)


def serve(pipe):
    while message := pipe.recv(1 << 16):
        function, arguments = pickle.loads(message)
        try:
            answer = "value", function(*arguments)
        except Exception as error:  # noqa: BLE001: the parent shall know
            answer = "raised", repr(error)
        pipe.send(json.dumps(answer).encode())
    return 0


def become_nobody():
    os.setgroups([])
    os.setresgid(65534, 65534, 65534)
    os.setresuid(65534, 65534, 65534)


def own_user_and_net():
    """Root in a user namespace and a network namespace of its own."""
    uid, gid = os.geteuid(), os.getegid()
    os.unshare(CLONE_NEWUSER | CLONE_NEWNET)
    for file, text in [("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")]:
        with open(f"/proc/self/{file}", "w", encoding="ascii") as stream:
            stream.write(text)


def ports_in_use(name="self"):
    """The UDP ports of the sockets of a process's network namespace: a list for IPv4 and one for IPv6."""
    found = []
    for file in ("udp", "udp6"):
        with open(f"/proc/{name}/net/{file}", encoding="ascii") as stream:
            lines = stream.read().splitlines()[1:]
        found.append(sorted(int(line.split()[1].rsplit(":", 1)[1], 16) for line in lines))
    return found
