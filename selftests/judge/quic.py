# SPDX-License-Identifier: GPL-2.0
"""Pages over HTTP/3, by aioquic.

  quic.py serve ADDRESS
  quic.py browse ADDRESS SEED               says how many bytes came
  quic.py first                              prints the bytes of one Initial packet
  quic.py pretend PORT ADDRESS              sends one Initial packet to ADDRESS from PORT, and no more
"""

import asyncio
import datetime
import socket
import ssl
import sys
import time
from collections import defaultdict

sys.path.insert(0, "/opt/aioquic")

from aioquic.asyncio import QuicConnectionProtocol, connect  # noqa: E402
from aioquic.asyncio import serve as serve_quic  # noqa: E402
from aioquic.h3.connection import H3_ALPN, H3Connection  # noqa: E402
from aioquic.h3.events import DataReceived, HeadersReceived  # noqa: E402
from aioquic.quic.configuration import QuicConfiguration  # noqa: E402
from aioquic.quic.connection import QuicConnection  # noqa: E402
from cryptography import x509  # noqa: E402
from cryptography.hazmat.primitives import hashes  # noqa: E402
from cryptography.hazmat.primitives.asymmetric import ec  # noqa: E402
from visits import body, visits  # noqa: E402

PORT = 443
NAME = "www.example.org"


def configuration(is_client):
    return QuicConfiguration(is_client=is_client, alpn_protocols=H3_ALPN, server_name=NAME, verify_mode=ssl.CERT_NONE)


def certify(settings):
    """A key and a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = x509.CertificateBuilder(
        issuer_name=name, subject_name=name, public_key=key.public_key(), serial_number=x509.random_serial_number(),
        not_valid_before=now - datetime.timedelta(days=1), not_valid_after=now + datetime.timedelta(days=1),
    )  # fmt: skip
    settings.certificate = certificate.sign(key, hashes.SHA256())
    settings.private_key = key


class Server(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)

    def quic_event_received(self, event):
        for one in self.http.handle_event(event):
            if isinstance(one, HeadersReceived):
                content = body(dict(one.headers)[b":path"].decode())
                headers = [(b":status", b"200"), (b"content-length", str(len(content)).encode())]
                self.http.send_headers(one.stream_id, headers)
                self.http.send_data(one.stream_id, content, end_stream=True)
        self.transmit()


class Client(QuicConnectionProtocol):
    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.http = H3Connection(self._quic)
        self.received = defaultdict(int)
        self.ends = {}

    async def get(self, size):
        stream = self._quic.get_next_available_stream_id()
        self.ends[stream] = self._loop.create_future()
        headers = [(b":method", b"GET"), (b":scheme", b"https"), (b":authority", NAME.encode()),
                   (b":path", f"/{size}".encode()), (b"cookie", b"x" * (size % 300))]  # fmt: skip
        self.http.send_headers(stream, headers, end_stream=True)
        self.transmit()
        await asyncio.wait_for(self.ends[stream], 60)
        return self.received.pop(stream)

    def quic_event_received(self, event):
        for one in self.http.handle_event(event):
            if isinstance(one, DataReceived):
                self.received[one.stream_id] += len(one.data)
            if isinstance(one, (DataReceived, HeadersReceived)) and one.stream_ended and not self.ends[one.stream_id].done():
                self.ends[one.stream_id].set_result(None)


async def serve(address):
    settings = configuration(is_client=False)
    certify(settings)
    await serve_quic(address, PORT, configuration=settings, create_protocol=Server)
    await asyncio.Event().wait()


async def browse(address, seed):
    received = 0
    async with connect(address, PORT, configuration=configuration(is_client=True), create_protocol=Client) as client:
        for sizes, reading in visits(seed):
            for size in sizes:
                if (came := await client.get(size)) != size:
                    sys.exit(f"{came} bytes of {size} came")
                received += size
            await asyncio.sleep(reading)
    print(received)


def first_datagram():
    """What a client begins with."""
    connection = QuicConnection(configuration=configuration(is_client=True))
    connection.connect(("192.0.2.2", PORT), now=time.time())
    (datagram, _), *_ = connection.datagrams_to_send(now=time.time())
    return datagram


async def pretend(port, address):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
        out.bind(("", int(port)))
        out.sendto(first_datagram(), (address, PORT))


async def first():
    print(first_datagram().hex())


if __name__ == "__main__":
    asyncio.run({"serve": serve, "browse": browse, "pretend": pretend, "first": first}[sys.argv[1]](*sys.argv[2:]))
