# SPDX-License-Identifier: GPL-2.0
"""Pages over HTTP and TCP.

  web.py serve ADDRESS
  web.py browse ADDRESS SEED        says how many bytes came
"""

import http.client
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from visits import body, visits

PORT = 80


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        content = body(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_):
        pass


def serve(address):
    ThreadingHTTPServer((address, PORT), Handler).serve_forever()


def browse(address, seed):
    connection = http.client.HTTPConnection(address, PORT, timeout=60)
    received = 0
    for sizes, reading in visits(seed):
        for size in sizes:
            connection.request("GET", f"/{size}", headers={"Cookie": "x" * (size % 300)})
            content = connection.getresponse().read()
            if len(content) != size:
                sys.exit(f"{len(content)} bytes of {size} came")
            received += size
        time.sleep(reading)
    print(received)


if __name__ == "__main__":
    {"serve": serve, "browse": browse}[sys.argv[1]](*sys.argv[2:])
