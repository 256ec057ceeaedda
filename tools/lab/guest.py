# SPDX-License-Identifier: GPL-2.0
"""Runs scripts in QEMU guests that boot the lab's kernel, and judges how the guests fared.

A guest has two serial ports: the kernel's console, and the output of the job. The job's last line, written by
guest-init, carries its exit status and the kernel's taint flags behind a word that is new for each run.
"""

import ctypes
import functools
import os
import re
import secrets
import shutil
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

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

SCRIPT_FAILED = "the script ended with status"


@functools.cache
def step(name):
    """Where the result of a step of the lab is."""
    return Path(subprocess.check_output([TREE / "tools/lab/lab", "path", name], text=True).strip())


@dataclass
class Job:
    """What one guest is to do."""

    script: Path
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
    environment: dict[str, str] = field(default_factory=dict)
    shell: bool = False
    log: Path | None = None
    """Folder to leave the console and the output in."""


def die_with_parent():
    """Makes the kernel kill the calling process as soon as its parent is gone."""
    PR_SET_PDEATHSIG = 1
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def accelerator():
    # KVM only when asked for: there are machines whose /dev/kvm starts a guest and then hangs.
    accel = os.environ.get("ACCEL", "tcg")
    if accel == "tcg":
        return ["-accel", "tcg,thread=multi", "-cpu", "max"]
    return ["-accel", accel, "-cpu", "host"]


def shell_quote(value):
    return "'" + value.replace("'", "'\\''") + "'"


class Guest:
    """One running guest. `poll` moves it on, `verdict` judges it once it has ended."""

    def __init__(self, job, name="guest"):
        self.job = job
        self.name = name
        self.dir = Path(tempfile.mkdtemp(prefix="guest-"))
        self.console = self.dir / "console"
        self.output = self.dir / "output"
        self.end_word = "guest-end-" + secrets.token_hex(8)
        self.end = None
        self.pending = b""
        self.offset = 0
        self.timed_out = False
        self.start()

    def start(self):
        for path in (self.console, self.output):
            path.touch()
        self.write_initramfs()
        self.started = time.monotonic()
        self.qemu = subprocess.Popen(
            self.command(),
            stdin=None if self.job.shell else subprocess.DEVNULL,
            stderr=None if self.job.shell else (self.dir / "qemu").open("w"),
            preexec_fn=die_with_parent,
        )

    def command(self):
        job = self.job
        append = (
            "console=ttyS0 panic=-1 panic_on_warn=1 oops=panic loglevel=7 net.ifnames=0 random.trust_cpu=on"
            f" {job.append}"
        )
        output = "stdio,id=output,signal=off" if job.shell else f"file,id=output,path={self.output}"
        command = ["qemu-system-x86_64", *accelerator(), "-M", "pc", "-smp", str(job.smp), "-m", str(job.mem)]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        command += ["-kernel", str(step("stock") / "kernel"), "-initrd", str(self.dir / "initrd"), "-append", append]
        command += ["-chardev", f"file,id=console,path={self.console}", "-serial", "chardev:console"]
        command += ["-chardev", output, "-serial", "chardev:output"]
        for index, netdev in enumerate(job.netdevs):
            mac = f"52:54:00:{secrets.token_hex(1)}:{secrets.token_hex(1)}:{index:02x}"
            command += ["-netdev", f"{netdev},id=net{index}"]
            command += ["-device", f"virtio-net-pci,netdev=net{index},mac={mac},romfile="]
        return command

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
        names = "".join(f"job/{path.name}\n" for path in sorted(job.iterdir()))
        archive = subprocess.run(
            ["cpio", "--quiet", "-o", "-H", "newc", "-R", "0:0"],
            input=("job\n" + names).encode(), cwd=self.dir / "tree", stdout=subprocess.PIPE, check=True,
        ).stdout  # fmt: skip
        with (self.dir / "initrd").open("wb") as initrd:
            parts = [step(self.job.image) / "initramfs.cpio", step("stock") / "modules.cpio", *self.job.archives]
            for part in parts:
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
        running = self.qemu.poll() is None
        if running and time.monotonic() - self.started > self.job.timeout:
            self.timed_out = True
            self.stop()
        return self.new_lines(), running

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
        return True

    def stop(self):
        self.qemu.kill()
        self.qemu.wait()

    def console_lines(self):
        text = self.console.read_text(errors="replace")
        return [line.rstrip("\r") for line in text.splitlines()]

    def splat(self):
        """The index of the first console line that a sound kernel never prints, or None."""
        lines = self.console_lines()
        return next((index for index, line in enumerate(lines) if SPLAT.search(line)), None)

    def verdict(self, stopped_on_purpose=False):
        """What is wrong with how the guest ended, or None."""
        if (index := self.splat()) is not None:
            return f"the kernel complained: {self.console_lines()[index]}"
        if self.job.shell or stopped_on_purpose:
            return None
        if self.timed_out:
            return f"no end within {self.job.timeout} s"
        if self.end is None:
            return self.why_no_end()
        taint = int(self.end["tainted"])
        bad = [word for bit, word in BAD_TAINT.items() if taint >> bit & 1]
        if bad:
            return f"the kernel is tainted: {', '.join(bad)}"
        if self.end["status"] != "0":
            return f"{SCRIPT_FAILED} {self.end['status']}"
        return None

    def why_no_end(self):
        if not any("Linux version" in line for line in self.console_lines()):
            return f"the kernel did not start: {(self.dir / 'qemu').read_text().strip() or 'no word on the console'}"
        return "the guest went down before its script had ended"

    def report(self, verdict):
        """The verdict with the piece of the console that goes with it."""
        lines = self.console_lines()
        index = self.splat()
        shown = lines[-CONSOLE_TAIL:] if index is None else lines[max(0, index - 5) : index + SPLAT_LINES]
        return "\n".join([f"{self.name}: {verdict}", *(f"  | {line}" for line in shown)])

    def close(self):
        if self.qemu.poll() is None:
            self.stop()
        if self.job.log:
            self.job.log.mkdir(parents=True, exist_ok=True)
            for path in (self.console, self.output):
                shutil.copy(path, self.job.log / f"{self.name}.{path.name}")
        shutil.rmtree(self.dir, ignore_errors=True)


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
    return guest.verdict(stopped_on_purpose=guest is not main and guest.qemu.poll() is None)
