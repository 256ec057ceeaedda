# SPDX-License-Identifier: GPL-2.0
"""The scripts in selftests/ with a `# guest:` header, each on the stock kernel and on debug kernels."""

import os
import re
import shlex
import shutil
import subprocess
from pathlib import Path

import guest
from machine import ClockedQemu, SkippingUml
from report import TapListener

TREE = Path(__file__).resolve().parents[1]
LOGS = TREE / "build/log"

HEADER = re.compile(r"^# guest: *(.*)$", re.MULTILINE)

# Steps of the lab among the files of a header.
STEP = re.compile(r"(?:^|,)([a-z]+):")

# By what the header calls them: the steps of the lab that make the kernels.
KERNELS = {"stock": "stock", "uml": "uml", "x86": "debug", "kcsan": "kcsan"}

# How else than by the host's clock a kernel can tell time, and the machine that does.
CLOCKS = {("stock", "instructions"): ClockedQemu, ("uml", "skips"): SkippingUml}

# How much longer a guest may take than on the stock kernel, and the memory in MiB that its checks cost.
PATIENCE = {"stock": 1, "uml": 2, "debug": 6, "kcsan": 8}
OVERHEAD = {"stock": 0, "uml": 256, "debug": 128, "kcsan": 192}


def lane_of(kernel):
    """User-mode Linux has one processor, and leaves the other to what is emulated."""
    return "uml" if kernel == "uml" else "qemu"


class GuestSuite:
    """One script on one kernel."""

    def __init__(self, script, settings, kernel):
        self.script = script
        self.settings = settings
        self.kernel = kernel
        self.name = script.stem if kernel == "stock" else f"{kernel}/{script.stem}"
        self.image = settings.get("image", "guest")
        self.judge = settings.get("judge")
        self.programs = settings.get("programs") != "no"
        brought = ",".join(settings.get(what, "") for what in ("files", "archives"))
        self.steps = [kernel, self.image, *STEP.findall(brought), *(["observers"] if self.judge else [])]
        self.repeats = kernel in kernels(settings.get("repeats", ""))
        self.lane = "asleep" if self.waits() else lane_of(kernel)
        self.patience = int(settings.get("timeout", 120)) * PATIENCE[kernel]

    def run(self, section):
        listener = TapListener(section, self.name)
        job = self.job()
        if job.handed_out:
            shutil.rmtree(job.handed_out, ignore_errors=True)
        if job.module and not job.module.exists():
            section.result(False, f"{self.name}: there is no module to test")
            return
        problems = guest.run(job, self.peer(job), emit=listener.line)
        # A guest may be late on processors that others use; a kernel that complains, or leaks, is never excused.
        section.second_try = all(guest.may_be_late(text) for text in problems)
        # That a script with failures ends with a failure is no news.
        news = [text for text in problems if not (listener.failed and guest.SCRIPT_FAILED in text.split("\n")[0])]
        listener.end(news)
        if self.judge:
            self.ask_judge(section, job.handed_out)
        if section.second_try and not section.passed():
            self.keep_consoles()

    def keep_consoles(self):
        """Another try is going to put its own in their place."""
        for console in (LOGS / self.name).glob("*.console"):
            shutil.copy(console, f"{console}-failed")

    def ask_judge(self, section, folder):
        """A program of the tree that looks at what the guest has handed out, and tells in TAP what it finds."""
        listener = TapListener(section, self.name)
        command = [str(TREE / self.judge), str(folder)]
        said = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
        for line in said.stdout.splitlines():
            listener.line(line)
        listener.end([] if said.returncode == 0 or listener.failed else [f"{self.judge} ended with status {said.returncode}"])

    def job(self):
        get = self.settings.get
        return guest.Job(
            script=self.script,
            kernel=self.kernel,
            module=None if os.environ.get("DUT") == "intree" else built(self.kernel) / "wireguard.ko",
            image=self.image,
            smp=int(get("smp", 1)),
            mem=int(get("mem", 512)) + OVERHEAD[self.kernel],
            timeout=self.patience,
            append=get("append", ""),
            files=self.files(),
            machine=self.machine(),
            archives=list(named_files(get("archives", ""))),
            handed_out=LOGS / self.name / "files" if self.judge else None,
            log=LOGS / self.name,
        )

    def waits(self):
        """Whether it leaves the processors to others: it mostly sleeps, or its time does not go on meanwhile."""
        return self.kernel != "uml" and ("asleep" in self.settings or self.machine() is not None)

    def machine(self):
        """What tells time as `clock` wants it, where this kernel can: by the number of instructions, or without what is slept."""
        words = self.settings.get("clock", "").split(",")
        return next((CLOCKS[self.kernel, word]() for word in words if (self.kernel, word) in CLOCKS), None)

    def files(self):
        named = self.settings.get("files", "").replace("{kernel}", self.kernel)
        files = [*sorted((TREE / "selftests").glob("*.sh")), *named_files(named)]
        if "source" in self.settings:
            files.append(guest.step("kernel") / "source" / self.settings["source"])
        return files

    def peer(self, job):
        if "peer" not in self.settings:
            return None
        return guest.Job(
            script=self.script.parent / self.settings["peer"],
            kernel=self.kernel,
            image=self.image,
            mem=512 + OVERHEAD[self.kernel],
            files=job.files,
            timeout=10**9,
            log=job.log,
        )


def named_files(names):
    """Files that are named one by one or by their folder: `PATH` in the tree, or `STEP:PATH` in what the lab has."""
    for name in filter(None, names.split(",")):
        step, colon, inside = name.rpartition(":")
        path = (guest.step(step) if colon else TREE) / inside
        yield from sorted(filter(Path.is_file, path.iterdir())) if path.is_dir() else [path]


def built(kernel):
    return TREE / "build/module" / kernel


def kernels(words):
    """The steps of the lab that make the kernels which a header calls by these words."""
    return [KERNELS[word] for word in words.split(",") if word]


def kernels_of(settings):
    """User-mode Linux has one processor, and no cable to another guest: for others there is x86."""
    stock = [] if settings.get("stock") == "no" else ["stock"]
    return [*stock, *kernels(settings.get("debug", ""))]


def guest_suites():
    for script in sorted((TREE / "selftests").glob("*.sh")):
        if header := HEADER.search(script.read_text()):
            settings = dict(word.split("=", 1) for word in shlex.split(header.group(1)))
            for kernel in kernels_of(settings):
                yield GuestSuite(script, settings, kernel)
