# SPDX-License-Identifier: GPL-2.0
"""The command line of guest.py; see run-guest."""

import argparse
import sys
from pathlib import Path

import guest


def arguments():
    parser = argparse.ArgumentParser(prog="run-guest", description="Run a script in a QEMU guest.")
    parser.add_argument("--kernel", default="stock", help="stock, uml, debug, kcsan or speed")
    parser.add_argument("--image", default="guest", help="the userland: guest, which is small, or tools")
    parser.add_argument("--smp", type=int, default=1, help="CPUs")
    parser.add_argument("--mem", type=int, default=512, help="memory in MiB")
    parser.add_argument("--timeout", type=int, default=120, help="seconds until the guest counts as hung")
    parser.add_argument("--append", default="", help="more kernel parameters")
    parser.add_argument("--net", action="append", default=[], help="a QEMU -netdev without its id; repeatable")
    parser.add_argument("--module", default="intree", help="the wireguard.ko to test, or 'intree'")
    parser.add_argument("--file", type=Path, action="append", default=[], help="put a file into /job; repeatable")
    parser.add_argument("--archive", type=Path, action="append", default=[], help="unpack a cpio over it all; repeatable")
    parser.add_argument("--peer", type=Path, help="script of a second guest with the in-tree driver, joined to this one")
    parser.add_argument("--log", type=Path, help="folder to leave the console in")
    parser.add_argument("--shell", action="store_true", help="an interactive shell; SCRIPT is its start-up file")
    parser.add_argument("script", type=Path)
    return parser.parse_args()


def files_of(args):
    """What every guest script may source, and what was asked for."""
    return [*sorted((guest.TREE / "selftests").glob("*.sh")), *args.file]


def job_of(args):
    return guest.Job(
        script=args.script,
        module=None if args.module == "intree" else Path(args.module),
        kernel=args.kernel,
        image=args.image,
        smp=args.smp,
        mem=args.mem,
        timeout=10**9 if args.shell else args.timeout,
        append=args.append,
        netdevs=args.net,
        files=files_of(args),
        archives=args.archive,
        shell=args.shell,
        log=args.log,
    )


def main():
    args = arguments()
    peer = guest.Job(script=args.peer, kernel=args.kernel, files=files_of(args), timeout=10**9, log=args.log) if args.peer else None
    problems = guest.run(job_of(args), peer, emit=lambda line: print(line, flush=True))
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
