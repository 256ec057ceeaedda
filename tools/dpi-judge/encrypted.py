# SPDX-License-Identifier: GPL-2.0
"""Whether a flow looks like nothing but random bytes: by the exemptions of Wu et al., *How the Great Firewall of China Detects
and Blocks Fully Encrypted Traffic* (USENIX Security 2023), and by entropy.

The firewall applies the former to the first packet of a TCP connection. Here they are applied to the first datagram.
"""

import math
from collections import Counter

import quic
from verdict import NOTHING, Verdict

# Set bits per byte of what is neither text nor too regular.
LEAST_BITS, MOST_BITS = 3.4, 4.6

PRINTABLE = range(0x20, 0x7F)
FIRST_PRINTABLE = 6
LONGEST_RUN = 20

METHODS = (b"GET ", b"PUT ", b"POST ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"CONNECT ", b"TRACE ", b"PATCH ")

# Entropy in bits per byte, of how many datagrams' payloads, and of how many bytes at least.
MUCH_ENTROPY = 7.0
ENTROPY_DATAGRAMS = 10
ENTROPY_BYTES = 512


def exemption(data):
    """The first that holds, or None."""
    bits = bits_per_byte(data)
    printable = [byte in PRINTABLE for byte in data]
    if bits <= LEAST_BITS or bits >= MOST_BITS:
        return f"{bits:.2f} bits set per byte"
    if len(data) >= FIRST_PRINTABLE and all(printable[:FIRST_PRINTABLE]):
        return f"the first {FIRST_PRINTABLE} bytes are printable"
    if sum(printable) * 2 > len(data):
        return "most bytes are printable"
    if longest_run(printable) > LONGEST_RUN:
        return f"more than {LONGEST_RUN} printable bytes in a row"
    if is_tls(data):
        return "begins like TLS"
    if data.startswith(METHODS):
        return "begins like HTTP"
    return None


def bits_per_byte(data):
    return int.from_bytes(data, "big").bit_count() / max(len(data), 1)


def longest_run(flags):
    longest = run = 0
    for flag in flags:
        run = run + 1 if flag else 0
        longest = max(longest, run)
    return longest


def is_tls(data):
    return len(data) >= 3 and data[0] in (0x16, 0x17) and data[1] == 3 and data[2] <= 9


def fully_encrypted(flow):
    """By the five exemptions alone. Genuine QUIC has none of them either."""
    data = flow.datagrams[0].payload
    if reason := exemption(data):
        return Verdict("exempt", reason)
    return Verdict("encrypted", f"{bits_per_byte(data):.2f} bits set per byte, no exemption", flagged=True)


def fully_encrypted_but_quic(flow):
    """As who uses these rules on UDP must do it: what begins like QUIC is left alone."""
    if quic.begins_like_quic(flow.datagrams[0].payload):
        return Verdict("exempt", "begins like QUIC")
    return fully_encrypted(flow)


def entropy(flow):
    data = b"".join(one.payload for one in flow.datagrams[:ENTROPY_DATAGRAMS])
    if len(data) < ENTROPY_BYTES:
        return NOTHING
    found = bits_of_entropy(data)
    flagged = found >= MUCH_ENTROPY
    return Verdict("random" if flagged else "structured", f"{found:.2f} bits per byte in {len(data)} bytes", flagged)


def bits_of_entropy(data):
    return -sum(count / len(data) * math.log2(count / len(data)) for count in Counter(data).values())
