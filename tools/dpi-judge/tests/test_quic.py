# SPDX-License-Identifier: GPL-2.0
"""What aioquic says passes; what only begins like it does not."""

import datetime
import ssl
import unittest

import quic
from support import BACK, CLIENT, SERVER, THERE, chance, data, flow

from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec


def certified(settings):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test")])
    now = datetime.datetime.now(datetime.timezone.utc)
    settings.private_key = key
    settings.certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    return settings


def conversation():
    """A connection of aioquic with itself, and some bytes over it."""
    client = QuicConnection(configuration=QuicConfiguration(verify_mode=ssl.CERT_NONE, alpn_protocols=["h3"]))
    client.connect(SERVER, now=0)
    server, messages = None, []
    for now in range(6):
        for datagram, _ in client.datagrams_to_send(now=now):
            if not server:
                settings = certified(QuicConfiguration(is_client=False, alpn_protocols=["h3"]))
                first = client.original_destination_connection_id
                server = QuicConnection(configuration=settings, original_destination_connection_id=first)
            messages.append((THERE, datagram))
            server.receive_datagram(datagram, CLIENT, now=now)
        for datagram, _ in server.datagrams_to_send(now=now):
            messages.append((BACK, datagram))
            client.receive_datagram(datagram, SERVER, now=now)
        if now == 3:
            client.send_stream_data(0, bytes(5000))
    return messages


class Strict(unittest.TestCase):
    def setUp(self):
        self.messages = conversation()

    def word(self, *messages):
        return quic.strict(flow(*messages)).word

    def test_genuine(self):
        found = quic.strict(flow(*self.messages))
        self.assertEqual(found.word, "QUIC", found.why)
        self.assertNotIn(" 0 short", found.why)

    def test_damaged_initial(self):
        (way, first), *rest = self.messages
        damaged = first[:100] + bytes([first[100] ^ 1]) + first[101:]
        found = quic.strict(flow((way, damaged), *rest))
        self.assertEqual(found.word, "fails")
        self.assertIn("cannot be opened", found.why)

    def test_initial_before_something_else(self):
        first, *_ = self.messages
        found = quic.strict(flow(first, *((THERE, data(counter)) for counter in range(20))))
        self.assertEqual(found.word, "fails")
        self.assertIn("the fixed bit is 0", found.why)

    def test_no_answer(self):
        self.assertIn("no ServerHello", quic.strict(flow(self.messages[0])).why)

    def test_foreign_identifier(self):
        (way, last) = next(one for one in reversed(self.messages) if one[1][0] & 0x80 == 0)
        foreign = last[:1] + chance.randbytes(8) + last[9:]
        self.assertEqual(self.word(*self.messages, (way, foreign)), "fails")

    def test_short_first_datagram(self):
        (way, first), *rest = self.messages
        self.assertEqual(self.word((way, first[:1100]), *rest), "not QUIC")

    def test_something_else(self):
        self.assertEqual(self.word(*((THERE, data(counter)) for counter in range(20))), "not QUIC")
        self.assertEqual(self.word((THERE, b"\xc0\1\2\3\4" + chance.randbytes(1200))), "not QUIC")
