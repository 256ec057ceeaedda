# SPDX-License-Identifier: GPL-2.0
"""Tests of what is made of the plugin's counts, and of the little that it knows of instructions."""

import subprocess
import tempfile
from pathlib import Path

from counts import Counts, bucket_of, read_counts, read_symbols
from measure import HERE, WARNINGS, compiler

# Code of the kernel, then of a module that is partly Rust and partly C. Each function has a block or two below.
SYMBOLS = """\
ffffffff81000000 T kfree_skb
ffffffff81000100 T memcpy
ffffffff81000200 T memset
ffffffff81000300 T csum_partial_copy_generic
ffffffff81000400 T _copy_to_iter
ffffffff81000500 T chacha_block_generic
ffffffff81000600 D not_code
ffffffffc0000000 t _RNvNtCs6O7xixDMbMw_9wireguard2tx4xmit\t[wireguard]
ffffffffc0000080 t .Ltmp0\t[wireguard]
ffffffffc0000100 t wg_helper_skb_free\t[wireguard]
ffffffffc0000200 t _RNvNtCs6O7xixDMbMw_9wireguard2rx7deliver\t[wireguard]
"""

# Address, instructions, times, target, and bytes moved, filled and stored otherwise.
COUNTS = """\
section
ffffffffc0000000 5 10 ffffffffc0000100 0 0 800
ffffffffc0000090 3 10 ffffffffc0000200 0 0 0
ffffffffc0000098 1 4 0 0 0 0
ffffffffc00000a0 2 6 ffffffff81000100 0 0 0
ffffffffc0000100 4 10 ffffffff81000000 0 0 0
ffffffff81000000 7 10 ffffffff81000100 0 0 70
ffffffff81000100 1 100 0 100 0 20
ffffffff81000200 1 300 0 0 300 0
ffffffff81000300 9 10 0 0 0 640
ffffffff81000400 2 10 0 50 0 160
ffffffff81000500 20 10 0 0 0 9999
user 12345
section
ffffffff81000200 1 8 0 0 8 0
user 0
"""


def read(folder):
    (folder / "symbols").write_text(SYMBOLS)
    (folder / "counts").write_text(COUNTS)
    return read_counts(folder / "counts", read_symbols(folder / "symbols"))


def checks_of_counts(parts):
    """What is checked, what was found, and what is right."""
    counts = Counts(parts[0], 10)
    yield "two marked parts are two", len(parts), 2
    yield "what has no target calls nothing, what stays in Rust is no call that leaves it", counts.shims, 1
    yield "a function of the kernel that Rust calls is called directly", counts.direct, 0.6
    yield "and by what is called", dict(counts.direct_calls), {"memcpy": 0.6}
    yield "what C calls in the kernel counts with that", counts.kernel, 1.6
    yield "the kernel's own calls are not among them", dict(counts.kernel_calls), {"memcpy": 0.6, "kfree_skb": 1}
    yield "copied is what was moved, and stored by what copies in registers", counts.copied, (100 + 20 + 640 + 50) / 10
    yield "other functions' stores are no copies", counts.copied_by["_copy_to_iter"], 5
    yield "cleared is what was filled", counts.cleared, 30
    yield "a part is counted by itself", Counts(parts[1], 1).cleared, 8
    yield "W is what the module runs", counts.w, (50 + 30 + 4 + 12 + 40) / 10
    yield "N is W and the rest", counts.n, counts.w + 7
    yield "copy does not contain clear", (counts.copy, counts.clear), ((100 + 90 + 20) / 10, 30)
    yield "the buckets are the total", counts.total, counts.crypto + counts.copy + counts.clear + counts.n
    yield "Rust's names are readable", [name for name in counts.by_symbol if "xmit" in name], ["tx::xmit[wireguard]"]


BUCKETS = {
    "copy": ["memcpy", "__memcpy", "memmove", "rep_movs_alternative", "_copy_from_iter", "_copy_from_user",
             "csum_partial", "__csum_partial", "csum_partial_copy_generic", "copy_page"],
    "clear": ["memset", "__memset", "memset_orig", "rep_stos_alternative", "clear_page_erms",
              "clear_highpages_kasan_tagged", "__clear_user"],
    "crypto": ["chacha_block_generic", "poly1305_blocks_avx2"],
    "module": ["memset_of_ours[wireguard]"],
    "rest": ["memcmp", "skb_copy_bits", "clear_bit_unlock", "copy_process"],
}  # fmt: skip


def checks():
    with tempfile.TemporaryDirectory() as folder:
        yield from checks_of_counts(read(Path(folder)))
        for bucket, names in BUCKETS.items():
            yield f"functions of the bucket {bucket}", [name for name in names if bucket_of(name) != bucket], []
        yield "what the plugin knows of instructions", *decoder(Path(folder))


def decoder(folder):
    """Those checks of decode_test.c that failed, and that this is none."""
    program = folder / "decode_test"
    subprocess.run([compiler(), *WARNINGS, "-o", program, HERE / "decode_test.c"], check=True)
    said = subprocess.run([program], stdout=subprocess.PIPE, text=True, check=False).stdout.splitlines()
    return [line for line in said if not line.startswith("ok")] or len(said) > 0, True


def run():
    """Prints the results in TAP; returns whether all passed."""
    number = failed = 0
    for number, (what, found, right) in enumerate(checks(), 1):
        held = found == right
        failed += not held
        print(f"{'ok' if held else 'not ok'} {number} - {what}")
        if not held:
            print(f"# wanted: {right}\n# found:  {found}")
    print(f"1..{number}")
    return number > 0 and not failed
