# SPDX-License-Identifier: GPL-2.0
"""All rules of our own, by their names in the table. Each says of one flow what it takes it for."""

import encrypted
import quic
import shape
import wireguard
from verdict import Verdict

# Those that claim to know WireGuard.
WIREGUARD = {
    "rule of nDPI": wireguard.ndpi,
    "rule of Wireshark": wireguard.wireshark,
    "rule of Zeek": wireguard.zeek,
    "rule of OpenGFW": wireguard.opengfw,
}

RULES = {
    **WIREGUARD,
    "strict QUIC": quic.strict,
    "fully encrypted": encrypted.fully_encrypted,
    "… but QUIC": encrypted.fully_encrypted_but_quic,
    "entropy": encrypted.entropy,
    "columns": shape.columns,
    "lengths mod 16": shape.lengths,
    "beat": shape.beat,
}


def on_all(rule, flows):
    """One verdict on all flows: the same if all are of one mind, else how many are of which."""
    found = [rule(flow) for flow in flows]
    words = list(dict.fromkeys(one.word for one in found))
    if len(words) == 1:
        return found[0]
    counts = (f"{word} ×{sum(one.word == word for one in found)}" for word in words)
    why = next((one.why for one in found if one.flagged), "")
    return Verdict(", ".join(counts), why, any(one.flagged for one in found))
