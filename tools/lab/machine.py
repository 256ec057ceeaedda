# SPDX-License-Identifier: GPL-2.0
"""The machines that guests run on: QEMU, or the host itself under user-mode Linux.

The job's output is what the guest writes to its second serial port.
"""

import ctypes
import os
import secrets
import signal
import subprocess

# Whatever a sound kernel would warn of ends the guest at once.
STRICT = "panic=-1 panic_on_warn=1 oops=panic"

# KCSAN watches more often and for longer than it would by itself: under emulation it finds next to nothing else.
WATCHFUL = "kcsan.skip_watch=300 kcsan.udelay_task=300 kcsan.udelay_interrupt=300"

# As with the stock kernel, whose dummy is a module: no interface that nobody asked for.
UNASKED = "net.ifnames=0 dummy.numdummies=0"


LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1


# The file beside the console's that takes what a guest writes to the port for files.
HANDED_OUT = "handed-out"


class Qemu:
    """One or several processors under emulation, or with the host's help if it is asked for."""

    powers_off = True

    def start(self, job, kernel, initrd, console, output, starter):
        command = self.command(job, kernel, initrd, console, output)
        if job.shell:
            return popen(command)
        with starter.open("w") as log:
            return popen(command, stdin=subprocess.DEVNULL, stderr=log)

    def command(self, job, kernel, initrd, console, output):
        strict = f"{STRICT} {WATCHFUL}" if job.kernel == "kcsan" else STRICT
        # On a busy host the kernel would wait in vain for ticks of the timer that it checks, and panic.
        clock = "no_timer_check"
        append = f"console=ttyS0 {strict} loglevel=7 {UNASKED} {clock} random.trust_cpu=on {job.append}"
        port = "stdio,id=output,signal=off" if job.shell else f"file,id=output,path={output}"
        # A kernel without ACPI learns of one processor per socket.
        processors = f"{job.smp},sockets={job.smp}"
        command = ["qemu-system-x86_64", *self.accelerator(), "-M", "pc", "-smp", processors, "-m", str(job.mem)]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot"]
        command += ["-kernel", str(kernel), "-initrd", str(initrd), "-append", append]
        command += ["-chardev", f"file,id=console,path={console}", "-serial", "chardev:console"]
        command += ["-chardev", port, "-serial", "chardev:output"]
        for index, netdev in enumerate(job.netdevs):
            mac = f"52:54:00:{secrets.token_hex(1)}:{secrets.token_hex(1)}:{index:02x}"
            command += ["-netdev", f"{netdev},id=net{index}"]
            command += ["-device", f"virtio-net-pci,netdev=net{index},mac={mac},romfile="]
        if job.handed_out:
            command += ["-chardev", f"file,id=files,path={console.parent / HANDED_OUT}"]
            command += ["-device", "virtio-serial-pci", "-device", "virtserialport,chardev=files"]
        return command

    def accelerator(self):
        # KVM only when asked for: there are machines whose /dev/kvm starts a guest and then hangs.
        accel = os.environ.get("ACCEL", "tcg")
        if accel == "tcg":
            return ["-accel", "tcg,thread=multi", "-cpu", "max"]
        return ["-accel", accel, "-cpu", "host"]


class ClockedQemu(Qemu):
    """Emulation in which nothing depends on the host: time is the number of instructions, and chance has a seed.

    An instruction takes two to the power of `shift` nanoseconds.
    """

    def __init__(self, seed=42, shift=0):
        self.seed = seed
        self.shift = shift

    def accelerator(self):
        return ["-accel", "tcg,thread=single", "-icount", f"shift={self.shift},sleep=off", "-cpu", "max", "-seed", str(self.seed),
                "-rtc", "base=2026-01-01T00:00:00,clock=vm"]  # fmt: skip


class Uml:
    """The kernel as a process: one processor at native speed, and no network but inside the guest."""

    powers_off = False

    # The quicker way to run the guest's processes; see steps/uml for what it takes.
    processors = ("seccomp=on",)

    def start(self, job, kernel, initrd, console, output, starter):
        command = [str(kernel), *self.processors, f"mem={job.mem}M", f"initrd={initrd}", "retain_initrd", "noreboot"]
        command += [f"uml_dir={initrd.parent}/", "stderr=1", "con=null", "con0=null,fd:2", "ssl=null"]
        command += [*STRICT.split(), "loglevel=7", *UNASKED.split(), *job.append.split()]
        with console.open("ab") as log, output.open("ab") as port:
            if job.shell:
                return popen([*command, "ssl1=fd:0,fd:1"], stderr=log)
            command += [f"ssl1=null,fd:{port.fileno()}"]
            return popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, pass_fds=[port.fileno()])


class SkippingUml(Uml):
    """Time in which nothing happens is skipped: who sleeps for two minutes wakes up at once.

    It is no clock for who moves data for so many seconds: while timers are set ever anew, time hardly goes on.
    """

    processors = (*Uml.processors, "time-travel")


class FastUml(Uml):
    """The one without checks has several processors."""

    def __init__(self, cpus):
        self.processors = (*Uml.processors, f"ncpus={cpus}")


def machine(kernel, cpus):
    if kernel == "speed":
        return FastUml(cpus)
    return Uml() if kernel == "uml" else Qemu()


def popen(command, **streams):
    return subprocess.Popen(command, preexec_fn=die_with_parent, **streams)


def die_with_parent():
    """Makes the kernel kill the calling process as soon as its parent is gone."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
