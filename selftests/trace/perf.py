# SPDX-License-Identifier: GPL-2.0
"""Counts an event as perf does, on all CPUs, while a command runs: perf.py EVENT COMMAND…

Prints how often there was one, and ends as the command does. Without the program perf, which is large.
"""

import ctypes
import os
import struct
import subprocess
import sys
from pathlib import Path

TRACEFS = Path("/sys/kernel/tracing/events/wireguard")
PERF_EVENT_OPEN = 298
TYPE_TRACEPOINT = 2
ATTRIBUTES = 64
"""The size of `struct perf_event_attr` in its first version."""


def opened(event, cpu):
    number = int((TRACEFS / event / "id").read_text())
    attributes = struct.pack("IIQ", TYPE_TRACEPOINT, ATTRIBUTES, number).ljust(ATTRIBUTES, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    fd = libc.syscall(PERF_EVENT_OPEN, attributes, -1, cpu, -1, 0)
    if fd < 0:
        sys.exit(f"perf.py: perf_event_open: {os.strerror(ctypes.get_errno())}")
    return fd


def main():
    counters = [opened(sys.argv[1], cpu) for cpu in range(os.cpu_count())]
    status = subprocess.run(sys.argv[2:], stdout=subprocess.DEVNULL, check=False).returncode
    print(sum(struct.unpack("Q", os.read(fd, 8))[0] for fd in counters))
    sys.exit(status)


if __name__ == "__main__":
    main()
