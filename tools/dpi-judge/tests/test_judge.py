# SPDX-License-Identifier: GPL-2.0
"""Bad input gets one line, and captures are read as they are."""

import struct
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from packets import Unreadable, flows, read

JUDGE = Path(__file__).resolve().parents[1] / "judge"

HEADER = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)


def capture(*frames, header=HEADER):
    records = (struct.pack("<4I", 10 + at, 500_000, len(one), len(one)) + one for at, one in enumerate(frames))
    return header + b"".join(records)


def frame(one=b"\1", two=b"\2", payload=b"hello", fragment=0):
    udp = struct.pack(">4H", 1000 + one[0], 1000 + two[0], 8 + len(payload), 0) + payload
    ip = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, fragment, 64, 17, 0) + b"\0\0\0" + one + b"\0\0\0" + two
    return bytes(12) + b"\x08\0" + ip + udp


class Reading(unittest.TestCase):
    def read(self, data):
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(data)
            return read(Path(file.name))

    def test_flows(self):
        there, back, other = frame(), frame(b"\2", b"\1", b"world"), frame(b"\3", b"\4")
        found = flows(self.read(capture(there, back, other, there)))
        self.assertEqual([len(flow.datagrams) for flow in found], [3, 1])
        self.assertEqual([one.payload for one in found[0].datagrams], [b"hello", b"world", b"hello"])
        self.assertEqual([one.from_initiator for one in found[0].datagrams], [True, False, True])
        self.assertEqual(found[0].datagrams[1].time, 11.5)

    def test_others_are_left_out(self):
        self.assertEqual(self.read(capture(frame(fragment=0x2000), bytes(60), b"", frame()[:20])), [])

    def test_no_capture(self):
        for data in (b"", b"#!/bin/sh\n", HEADER[:20], capture(header=HEADER[:20] + struct.pack("<I", 7))):
            with self.assertRaises(Unreadable):
                self.read(data)


class CommandLine(unittest.TestCase):
    def complaint(self, *arguments):
        done = subprocess.run([sys.executable, JUDGE, *arguments], capture_output=True, text=True, check=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "")
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        return done.stderr

    def test_no_such_file(self):
        self.assertIn("no file /nowhere.pcap", self.complaint("/nowhere.pcap"))

    def test_no_capture(self):
        self.assertIn("no capture", self.complaint(__file__))

    def test_empty(self):
        with tempfile.NamedTemporaryFile() as file:
            Path(file.name).write_bytes(capture())
            self.assertIn("no UDP", self.complaint(file.name))
