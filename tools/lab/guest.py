# SPDX-License-Identifier: GPL-2.0
"""Runs scripts in guests that boot the lab's kernels, and judges how the guests fared.

A guest has two serial ports: the kernel's console, and the output of the job. The job's last line, written by
guest-init, carries its exit status and what the kernel found wrong behind a word that is new for each run.
"""

import functools
import os
import re
import secrets
import shutil
import subprocess
import tempfile
import time
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path

from machine import HANDED_OUT, machine

LAB = Path(os.environ["LAB"])
TREE = Path(__file__).resolve().parents[2]

# What a sound kernel never says.
SPLAT = re.compile(
    r"Kernel panic|\bOops\b|BUG:|kernel BUG at|WARNING: |Call Trace:|KASAN|KCSAN|UBSAN|kmemleak: \d+ new"
    r"|general protection fault|unable to handle|possible recursive locking|inconsistent lock state"
    r"|suspicious RCU usage|INFO: task .* blocked|rcu:.*detected stall|soft lockup|bad unlock balance"
    r"|sleeping function called|scheduling while atomic|refcount_t: |list_(add|del) corruption|slab-use-after-free"
    r"|waiting for .* to become free"
)

# Taint flags that say the same: bad page, died, warned, soft lockup.
BAD_TAINT = {5: "bad page", 7: "oops", 9: "warning", 14: "soft lockup"}

CONSOLE_TAIL = 40
SPLAT_LINES = 80

# Lines of a job's output that only matter if the guest fares badly: what it was about to do. The last ones are shown then.
TRACE = "trace "
TRACE_TAIL = 60

# What comes before a file that is handed out.
HANDED_FILE = re.compile(rb"(?P<name>[\w.-]+) (?P<size>\d+)\n")

SCRIPT_FAILED = "the script ended with status"
NO_END = "no end within"


@functools.cache
def step(name):
    """Where the result of a step of the lab is."""
    return Path(subprocess.check_output([TREE / "tools/lab/lab", "path", name], text=True).strip())


@dataclass
class Job:
    """What one guest is to do."""

    script: Path
    kernel: str = "stock"
    """The step of the lab that made the kernel: stock, or one of the debug kernels."""
    module: Path | None = None
    """The module under test; None for the kernel's own."""
    image: str = "guest"
    """The step of the lab that made the guest's userland: guest, or tools."""
    smp: int = 1
    mem: int = 512
    timeout: int = 120
    append: str = ""
    netdevs: list[str] = field(default_factory=list)
    files: list[Path] = field(default_factory=list)
    archives: list[Path] = field(default_factory=list)
    """More to unpack over the userland and the modules, in cpio's format."""
    handed_out: Path | None = None
    """Folder for the files that the job hands out; see hand_out in selftests/lib.sh. QEMU only."""
    environment: dict[str, str] = field(default_factory=dict)
    shell: bool = False
    machine: object = None
    """A machine other than the usual one of that kernel: see machine.py."""
    reproducible: bool = False
    """Whether the guest must find the same in each run, to the byte."""
    log: Path | None = None
    """Folder to leave the console and the output in."""


def shell_quote(value):
    return "'" + value.replace("'", "'\\''") + "'"


def may_be_late(problem):
    """Whether that may happen to a sound guest when processors are busy."""
    verdict = problem.split("\n")[0]
    return SCRIPT_FAILED in verdict or NO_END in verdict


class Guest:
    """One running guest. `poll` moves it on, `verdict` judges it once it has ended."""

    def __init__(self, job, name="guest"):
        self.job = job
        self.name = name
        self.dir = Path(tempfile.mkdtemp(prefix="guest-"))
        self.console = self.dir / "console"
        self.output = self.dir / "output"
        self.starter = self.dir / "starter"
        self.machine = job.machine or machine(job.kernel, job.smp)
        self.end_word = "guest-end-" + ("0" * 16 if job.reproducible else secrets.token_hex(8))
        self.end = None
        self.trace = deque(maxlen=TRACE_TAIL)
        self.pending = b""
        self.offset = 0
        self.timed_out = False
        self.start()

    def start(self):
        for path in (self.console, self.output, self.starter):
            path.touch()
        self.write_initramfs()
        self.started = time.monotonic()
        self.process = self.machine.start(
            self.job, step(self.job.kernel) / "kernel", self.dir / "initrd", self.console, self.output, self.starter
        )

    def write_initramfs(self):
        """The userland, the kernel's modules, and an archive with the job, one behind the other."""
        job = self.dir / "tree" / "job"
        job.mkdir(parents=True)
        shutil.copy(self.job.script, job / "script")
        for path in self.job.files:
            shutil.copy(path, job / path.name)
        if self.job.module:
            shutil.copy(self.job.module, job / "wireguard.ko")
        (job / "environment").write_text(self.environment())
        paths = sorted(job.iterdir())
        if self.job.reproducible:
            for path in [*paths, job]:
                os.utime(path, (0, 0))
        names = "".join(f"job/{path.name}\n" for path in paths)
        archive = subprocess.run(
            ["cpio", "--quiet", "--reproducible", "-o", "-H", "newc", "-R", "0:0"],
            input=("job\n" + names).encode(), cwd=self.dir / "tree", stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        with (self.dir / "initrd").open("wb") as initrd:
            parts = [step(self.job.image) / "initramfs.cpio", step(self.job.kernel) / "modules.cpio"]
            for part in [*parts, *self.job.archives]:
                with part.open("rb") as stream:
                    shutil.copyfileobj(stream, initrd, 1 << 20)
            initrd.write(archive)

    def environment(self):
        variables = {"GUEST_END": self.end_word, **self.job.environment}
        if self.job.shell:
            size = shutil.get_terminal_size()
            variables |= {
                "GUEST_SHELL": "1",
                "TERM": os.environ.get("TERM", "linux"),
                "GUEST_ROWS": str(size.lines),
                "GUEST_COLUMNS": str(size.columns),
            }
        return "".join(f"{name}={shell_quote(value)}\n" for name, value in variables.items())

    def poll(self):
        """Returns the output lines that have come since, and whether the guest still runs."""
        running = self.process.poll() is None
        if running and time.monotonic() - self.started > self.job.timeout:
            self.timed_out = True
            self.stop()
        lines = self.new_lines()
        if self.end and not self.machine.powers_off:
            self.stop()
        return lines, running

    def new_lines(self):
        with self.output.open("rb") as stream:
            stream.seek(self.offset)
            data = stream.read()
        self.offset += len(data)
        *lines, self.pending = (self.pending + data).split(b"\n")
        return [line for line in (raw.decode(errors="replace").rstrip("\r") for raw in lines) if self.is_output(line)]

    def is_output(self, line):
        if line.startswith(self.end_word):
            self.end = dict(word.split("=") for word in line.split()[1:])
            return False
        if line.startswith(TRACE):
            self.trace.append(line)
            return False
        return True

    def stop(self):
        self.process.kill()
        self.process.wait()

    def console_lines(self):
        text = self.console.read_text(errors="replace")
        return [line.rstrip("\r") for line in text.splitlines()]

    def splat(self):
        """The index of the first console line that a sound kernel never prints, or None."""
        return next((index for index, line in enumerate(self.console_lines()) if SPLAT.search(line)), None)

    def verdict(self, stopped_on_purpose=False):
        """What is wrong with how the guest ended, or None."""
        if (index := self.splat()) is not None:
            return f"the kernel complained: {self.console_lines()[index]}"
        if self.job.shell or stopped_on_purpose:
            return None
        if self.timed_out:
            return f"{NO_END} {self.job.timeout} s"
        if self.end is None:
            return self.why_no_end()
        taint = int(self.end["tainted"])
        bad = [word for bit, word in BAD_TAINT.items() if taint >> bit & 1]
        if bad:
            return f"the kernel is tainted: {', '.join(bad)}"
        if (leaks := self.end.get("leaks", "0")) != "0":
            return f"kmemleak: {leaks} objects leaked"
        if self.end.get("lockdep") == "off":
            return "lockdep has switched itself off"
        if self.end["status"] != "0":
            return f"{SCRIPT_FAILED} {self.end['status']}"
        return None

    def why_no_end(self):
        if not any("Linux version" in line for line in self.console_lines()):
            return f"the kernel did not start: {self.starter.read_text().strip() or 'no word on the console'}"
        return "the guest went down before its script had ended"

    def report(self, verdict):
        """The verdict with the piece of the console that goes with it."""
        lines = self.console_lines()
        index = self.splat()
        shown = lines[-CONSOLE_TAIL:] if index is None else lines[max(0, index - 5) : index + SPLAT_LINES]
        return "\n".join([f"{self.name}: {verdict}", *(f"  | {line}" for line in [*self.trace, *shown])])

    def close(self):
        if self.process.poll() is None:
            self.stop()
        if self.job.log:
            self.job.log.mkdir(parents=True, exist_ok=True)
            for path in (self.console, self.output):
                shutil.copy(path, self.job.log / f"{self.name}.{path.name}")
        if self.job.handed_out:
            unpack_files(self.dir / HANDED_OUT, self.job.handed_out)
        shutil.rmtree(self.dir, ignore_errors=True)


def unpack_files(stream, folder):
    """What a guest has handed out, as far as it got: for each file a line with its name and length, then the file."""
    folder.mkdir(parents=True, exist_ok=True)
    with stream.open("rb") as handed:
        while match := HANDED_FILE.fullmatch(handed.readline()):
            (folder / match["name"].decode()).write_bytes(handed.read(int(match["size"])))


def network(directory):
    """The two ends of a cable between two guests."""
    path = Path(directory) / "cable"
    server = f"stream,server=on,addr.type=unix,addr.path={path}"
    client = f"stream,server=off,addr.type=unix,addr.path={path},reconnect-ms=200"
    return server, client


def run(job, peer=None, emit=print):
    """Runs a job to its end, beside it a peer that lives as long as the job does.

    Gives each line of the job's output to `emit`. Returns the list of what went wrong, as texts.
    """
    guests = []
    with tempfile.TemporaryDirectory(prefix="net-") as directory:
        try:
            if peer:
                server, client = network(directory)
                peer.netdevs.append(server)
                job.netdevs.append(client)
                guests.append(Guest(peer, "peer"))
            guests.append(Guest(job))
            follow(guests[-1], guests[:-1], emit)
            return [guest.report(verdict) for guest in guests if (verdict := judge(guest, guests[-1]))]
        finally:
            for guest in guests:
                guest.close()


def follow(guest, others, emit):
    """Waits for the guest's end. Without its peer it cannot go on: then its end comes at once."""
    while True:
        lines, running = guest.poll()
        for line in lines:
            emit(line)
        if not running:
            return
        for other in others:
            said, alive = other.poll()
            for line in said:
                emit(f"# {other.name}: {line}")
            if not alive:
                guest.stop()
        time.sleep(0.05)


def judge(guest, main):
    """A peer is stopped when the main guest has ended; that it still ran then is how it should be."""
    return guest.verdict(stopped_on_purpose=guest is not main and guest.process.poll() is None)
