# SPDX-License-Identifier: GPL-2.0
"""Each exemption holds for what it is meant for, and for random bytes none does."""

import unittest

import encrypted
from support import THERE, chance, flow, noise

QUIC = b"\xc3\0\0\0\1\x08" + chance.randbytes(1194)
RANDOM = chance.randbytes(400)


def first(data):
    return flow((THERE, data))


class FullyEncrypted(unittest.TestCase):
    def test_random_bytes(self):
        self.assertEqual(encrypted.fully_encrypted(first(RANDOM)).word, "encrypted")

    def test_exemptions(self):
        odd = bytes(byte | 0x80 for byte in RANDOM)
        for reason, data in {
            "bits set": bytes(200) + RANDOM[:100],
            "first 6 bytes": b"SSH-2." + odd,
            "most bytes": (b"\xff" + b"the rest is silence " + odd[:2]) * 8,
            "in a row": odd[:100] + b"abcdefghijklmnopqrstu" + odd[:100],
            "TLS": b"\x16\x03\x01" + odd,
            "HTTP": b"GET " + odd,
        }.items():
            self.assertIn(reason, encrypted.exemption(data) or "none", reason)

    def test_close_to_exemptions(self):
        odd = bytes(byte | 0x80 for byte in RANDOM)
        for reason, data in {
            "first 6 bytes": b"SSH-2" + odd,
            "in a row": odd[:100] + b"abcdefghijklmnopqrst" + odd[:100],
            "TLS": b"\x16\x04\x01" + odd,
            "HTTP": b"GOT " + odd,
        }.items():
            self.assertNotIn(reason, encrypted.exemption(data) or "none", reason)

    def test_quic(self):
        self.assertTrue(encrypted.fully_encrypted(first(QUIC)).flagged)
        self.assertFalse(encrypted.fully_encrypted_but_quic(first(QUIC)).flagged)
        self.assertTrue(encrypted.fully_encrypted_but_quic(first(RANDOM)).flagged)


class Entropy(unittest.TestCase):
    def test_random_or_not(self):
        self.assertEqual(encrypted.entropy(noise(*[300] * 10)).word, "random")
        self.assertEqual(encrypted.entropy(flow((THERE, b"a page of plain text, and then some more of it" * 40))).word, "structured")
        six_bits = bytes(0x40 | byte & 0x3F for byte in chance.randbytes(2000))
        self.assertEqual(encrypted.entropy(flow((THERE, six_bits))).word, "structured")
        self.assertEqual(encrypted.entropy(noise(100)).word, "-")
