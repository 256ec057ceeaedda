# SPDX-License-Identifier: GPL-2.0
"""Sends eighty datagrams at once, to leave later: in two seconds the first, and then one every 25 ms. Prints when the first
is to leave, in seconds since the machine was booted.

  send_later.py ADDRESS PORT
"""

import socket
import struct
import sys
import time

SO_TXTIME = 61
COUNT, DELAY, GAP = 80, 2_000_000_000, 25_000_000


def main():
    address = sys.argv[1], int(sys.argv[2])
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        sender.setsockopt(socket.SOL_SOCKET, SO_TXTIME, struct.pack("=II", time.CLOCK_MONOTONIC, 0))
        first = time.monotonic_ns() + DELAY
        for index in range(COUNT):
            leaves = struct.pack("=Q", first + index * GAP)
            sender.sendmsg([bytes(100)], [(socket.SOL_SOCKET, SO_TXTIME, leaves)], 0, address)
    print(first / 1e9)


main()
