# SPDX-License-Identifier: GPL-2.0
"""Sends datagrams by one socket, which waits when it has to, to the ports in turn.

  send.py ADDRESS COUNT SIZE SEGMENTS PORT...

Each of COUNT writes is of SEGMENTS datagrams of SIZE bytes.
"""

import socket
import sys

UDP_SEGMENT = 103
SOURCE = 5999


def main():
    address = sys.argv[1]
    count, size, segments, *ports = map(int, sys.argv[2:])
    sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    # The same each time, so that flows of the same port are the same.
    sender.bind(("", SOURCE))
    if segments > 1:
        sender.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, size)
    data = bytes(size * segments)
    for index in range(count):
        sender.sendto(data, (address, ports[index % len(ports)]))


main()
