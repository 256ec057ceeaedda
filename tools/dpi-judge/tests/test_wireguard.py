# SPDX-License-Identifier: GPL-2.0
"""Each rule names WireGuard by what it goes by, and nothing else."""

import unittest

import support
import wireguard
from support import BACK, THERE, cookie, data, flow, initiation, noise, response


class Rule(unittest.TestCase):
    def names(self, rule, *messages):
        self.assertEqual(rule(flow(*messages)).word, "WireGuard")

    def passes(self, rule, *messages):
        self.assertEqual(rule(flow(*messages)).word, "-")


class Ndpi(Rule):
    def test_handshake(self):
        self.names(wireguard.ndpi, (THERE, initiation()), (BACK, response()))
        self.names(wireguard.ndpi, (THERE, initiation()), (BACK, cookie()))
        self.names(wireguard.ndpi, (THERE, initiation()), (THERE, initiation()))

    def test_answer_to_nobody(self):
        self.passes(wireguard.ndpi, (THERE, initiation()), (BACK, response(receiver=b"cccc")))

    def test_data_alone(self):
        self.names(wireguard.ndpi, *((THERE, data(counter)) for counter in range(3)))
        self.passes(wireguard.ndpi, *((THERE, data(counter)) for counter in range(2)))
        self.passes(wireguard.ndpi, *((THERE, data(0, receiver)) for receiver in (b"aaaa", b"bbbb", b"cccc")))

    def test_anything_else_first(self):
        self.passes(wireguard.ndpi, (THERE, support.chance.randbytes(200)), (THERE, initiation()), (BACK, response()))
        self.passes(wireguard.ndpi, (THERE, initiation()[:1] + b"\1" + initiation()[2:]), (BACK, response()))


class Wireshark(Rule):
    def test_sizes(self):
        for one in (initiation(), response(), cookie(), data(0)):
            self.names(wireguard.wireshark, (THERE, one))
            self.passes(wireguard.wireshark, (THERE, one[:31]))

    def test_reserved(self):
        self.names(wireguard.wireshark, (THERE, b"\1\1" + initiation()[2:]))
        self.passes(wireguard.wireshark, (THERE, b"\4\1" + data(0)[2:]))
        self.passes(wireguard.wireshark, (THERE, b"\3\1" + cookie()[2:]))


class Zeek(Rule):
    def test_signature(self):
        self.names(wireguard.zeek, (THERE, data(0)), (THERE, initiation()))
        self.passes(wireguard.zeek, (THERE, initiation()[:147]), (BACK, response()), (THERE, data(0, inner=400)))


class OpenGfw(Rule):
    def test_indexes(self):
        self.names(wireguard.opengfw, (THERE, initiation()), (BACK, response()))
        self.names(wireguard.opengfw, (BACK, response(sender=b"cccc")), (THERE, data(0, b"cccc")))
        self.passes(wireguard.opengfw, (THERE, initiation()), (BACK, response(receiver=b"dddd")), (THERE, data(0, b"aaaa")))

    def test_some_junk_first(self):
        junk = [(THERE, support.chance.randbytes(200))] * 3
        self.names(wireguard.opengfw, *junk, (THERE, initiation()), (BACK, response()))
        self.passes(wireguard.opengfw, *junk, junk[0], (THERE, initiation()), (BACK, response()))

    def test_off_the_grid(self):
        ends = (THERE, initiation()), (BACK, response(receiver=b"dddd"))
        self.names(wireguard.opengfw, *ends, (BACK, data(0, b"aaaa", 96)))
        self.passes(wireguard.opengfw, *ends, (BACK, data(0, b"aaaa", 97)))


class Noise(unittest.TestCase):
    def test_no_rule_names_it(self):
        for rule in (wireguard.ndpi, wireguard.wireshark, wireguard.zeek, wireguard.opengfw):
            self.assertFalse(rule(noise(148, 92, 64, 400, 400, 400)).flagged, rule)
