# SPDX-License-Identifier: GPL-2.0
"""Sends one packet by an interface through a packet socket that does not say of what protocol it is.

  inject.py INTERFACE WHAT
"""

import socket
import struct
import sys

PAYLOAD = struct.pack("!HHHH", 9, 9, 8, 0)
UDP = 17


def checksum(header):
    total = sum(struct.unpack(f"!{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def ipv4():
    def header(sum_):
        addresses = socket.inet_aton("10.7.0.1") + socket.inet_aton("10.7.0.2")
        return struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, UDP, sum_) + addresses

    return header(checksum(header(0))) + PAYLOAD


def ipv6():
    addresses = [socket.inet_pton(socket.AF_INET6, text) for text in ("fd07::1", "fd07::2")]
    return struct.pack("!IHBB", 6 << 28, len(PAYLOAD), UDP, 64) + b"".join(addresses) + PAYLOAD


def with_version(version):
    packet = bytearray(ipv4())
    packet[0] = version << 4 | 5
    return bytes(packet)


PACKETS = {
    "ipv4": ipv4(),
    "ipv6": ipv6(),
    "empty-ipv4": b"\x45" + bytes(3),
    "short-ipv4": ipv4()[:19],
    "short-ipv6": ipv6()[:39],
    "version-0": with_version(0),
    "version-5": with_version(5),
    "version-15": with_version(15),
    "one-byte": b"\x45",
}


def main():
    interface, what = sys.argv[1:]
    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as packets:
        packets.bind((interface, 0))
        try:
            packets.send(PACKETS[what])
        except OSError as error:
            # What the device refuses may be told to the sender.
            print(f"refused: {error}")


if __name__ == "__main__":
    main()
