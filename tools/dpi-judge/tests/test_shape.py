# SPDX-License-Identifier: GPL-2.0
"""Columns, lengths and beats are found where they are, and not in noise."""

import itertools
import unittest

import shape
from support import BACK, THERE, chance, flow, noise, tunnel


def beats(gaps):
    times = list(itertools.accumulate(gaps))
    return flow(*[(THERE, bytes(32))] * len(times), times=times)


class Columns(unittest.TestCase):
    def test_tunnel(self):
        found = shape.columns(flow(*tunnel()))
        self.assertEqual(found.word, "columns")
        self.assertIn("> 0-7,9-15", found.why)

    def test_noise(self):
        self.assertEqual(shape.columns(noise(*[100] * 200)).word, "none")
        self.assertEqual(shape.columns(noise(*[100] * 20)).word, "-")

    def test_one_constant_byte(self):
        messages = [(THERE, chance.randbytes(20) + b"x" + chance.randbytes(50)) for _ in range(60)]
        self.assertIn("> 20", shape.columns(flow(*messages)).why)

    def test_short_headers(self):
        identifier = chance.randbytes(8)
        short = [(way, bytes([0x40 | chance.randrange(64)]) + end + chance.randbytes(60))
                 for _ in range(60) for way, end in ((THERE, identifier), (BACK, b""))]  # fmt: skip
        self.assertEqual(shape.columns(flow(*short)).word, "as QUIC")
        other = [(THERE, bytes([4]) + identifier + chance.randbytes(60)) for _ in range(60)]
        self.assertEqual(shape.columns(flow(*other)).word, "columns")


class Lengths(unittest.TestCase):
    def test_grid(self):
        self.assertEqual(shape.lengths(flow(*tunnel())).word, "on a grid")

    def test_no_grid(self):
        self.assertEqual(shape.lengths(noise(*range(100, 1400, 13))).word, "no grid")
        self.assertEqual(shape.lengths(noise(*[160] * 50)).word, "-")

    def test_one_size_often_is_no_grid(self):
        self.assertEqual(shape.lengths(noise(*[160] * 500, *range(100, 1400, 13))).word, "no grid")


class Beat(unittest.TestCase):
    def test_regular(self):
        found = shape.beat(beats([2 + chance.uniform(-0.03, 0.03) for _ in range(20)]))
        self.assertEqual(found.word, "a beat")
        self.assertRegex(found.why, r"100% again after (1.9|2.0|2.1) s")

    def test_regular_with_others_between(self):
        gaps = [25 if chance.random() < 0.7 else chance.uniform(1, 20) for _ in range(40)]
        self.assertEqual(shape.beat(beats(gaps)).word, "a beat")

    def test_irregular(self):
        for _ in range(50):
            self.assertEqual(shape.beat(beats([chance.uniform(1, 20) for _ in range(30)])).word, "no beat")

    def test_irregular_but_dense(self):
        for _ in range(50):
            self.assertEqual(shape.beat(beats([chance.uniform(0.6, 1.6) for _ in range(12)])).word, "no beat")

    def test_too_few(self):
        self.assertEqual(shape.beat(beats([2] * 5)).word, "-")
