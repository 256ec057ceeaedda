# SPDX-License-Identifier: GPL-2.0
"""Generic netlink by hand: messages of any shape, also wrong ones, and what the kernel answers to them.

Scripts call it hundreds of times, each time in a new interpreter under emulation: it imports no more than it must.
"""

import errno
import socket
import struct

NETLINK_GENERIC = 16
SOL_NETLINK = 270
NETLINK_CAP_ACK = 10
NETLINK_EXT_ACK = 11
NETLINK_GET_STRICT_CHK = 12

NLMSG_ERROR = 2
NLMSG_DONE = 3

REQUEST = 0x01
MULTI = 0x02
ACK = 0x04
ECHO = 0x08
DUMP_INTR = 0x10
ROOT = 0x100
MATCH = 0x200
DUMP = ROOT | MATCH
CAPPED = 0x100
ACK_TLVS = 0x200

NESTED = 0x8000
BYTE_ORDER = 0x4000
TYPE_MASK = 0x3FFF

HEADER = 16
GENL_HEADER = 4

NLMSGERR_ATTR_MSG = 1
NLMSGERR_ATTR_OFFS = 2

GENL_ID_CTRL = 16
CTRL_CMD_GETFAMILY = 3
CTRL_CMD_GETPOLICY = 10
CTRL_ATTR_FAMILY_ID = 1
CTRL_ATTR_FAMILY_NAME = 2
CTRL_ATTR_VERSION = 3
CTRL_ATTR_MCAST_GROUPS = 7
CTRL_ATTR_POLICY = 8

GROUP_NAME = 1
GROUP_ID = 2

NETLINK_ADD_MEMBERSHIP = 1


def align(length):
    return length + 3 & ~3


def attr(ty, payload=b"", length=None):
    """An attribute with its padding; `length` makes its header lie."""
    length = 4 + len(payload) if length is None else length
    return struct.pack("=HH", length, ty) + payload + bytes(align(len(payload)) - len(payload))


def nest(ty, *attrs):
    return attr(ty | NESTED, b"".join(attrs))


def u8(ty, value):
    return attr(ty, struct.pack("=B", value))


def u16(ty, value):
    return attr(ty, struct.pack("=H", value))


def u32(ty, value):
    return attr(ty, struct.pack("=I", value))


def u64(ty, value):
    return attr(ty, struct.pack("=Q", value))


def text(ty, value):
    return attr(ty, value.encode() + b"\0")


def attributes(stream):
    """The attributes of a stream: pairs of type, without flags, and payload."""
    while len(stream) >= 4:
        length, ty = struct.unpack_from("=HH", stream)
        if not 4 <= length <= len(stream):
            raise ValueError(f"attribute of length {length} in {len(stream)} bytes")
        yield ty & TYPE_MASK, stream[4:length]
        stream = stream[align(length) :]
    if stream:
        raise ValueError(f"{len(stream)} bytes behind the last attribute")


class Request:
    """One message to a family. Whatever is given beside command and attributes makes it unusual."""

    def __init__(self, cmd, attrs=b"", flags=REQUEST | ACK, version=1, reserved=0, length=None, family=None, body=None):
        self.cmd = cmd
        self.attrs = attrs
        self.flags = flags
        self.version = version
        self.reserved = reserved
        self.length = length
        """What the header says; by default the truth."""
        self.family = family
        self.body = body
        """All that follows the netlink header, in place of command, version and attributes."""

    def encode(self, family, seq):
        body = self.body
        if body is None:
            body = struct.pack("=BBH", self.cmd, self.version, self.reserved) + self.attrs
        length = HEADER + len(body) if self.length is None else self.length
        family = family if self.family is None else self.family
        return struct.pack("=IHHII", length, family, self.flags, seq, 0) + body


class Reply:
    """One message from the kernel."""

    def __init__(self, ty, flags, seq, body):
        self.ty = ty
        self.flags = flags
        self.seq = seq
        self.body = body
        self.error = None
        self.message = ""
        self.offset = None
        if ty in (NLMSG_ERROR, NLMSG_DONE):
            self.read_error()

    def read_error(self):
        self.error = -struct.unpack_from("=i", self.body)[0]
        if self.flags & ACK_TLVS:
            start = 4 if self.ty == NLMSG_DONE else 4 + HEADER
            for ty, payload in attributes(self.body[start:]):
                if ty == NLMSGERR_ATTR_MSG:
                    self.message = payload.rstrip(b"\0").decode()
                elif ty == NLMSGERR_ATTR_OFFS:
                    self.offset = struct.unpack("=I", payload)[0]

    def is_data(self):
        return self.error is None

    def attrs(self):
        return attributes(self.body[GENL_HEADER:])


def error_name(number):
    names = {0: "ok", errno.EOPNOTSUPP: "EOPNOTSUPP"}
    return names.get(number) or errno.errorcode.get(number, str(number))


def replies(datagram):
    while datagram:
        length, ty, flags, seq, _ = struct.unpack_from("=IHHII", datagram)
        yield Reply(ty, flags, seq, datagram[HEADER:length])
        datagram = datagram[align(length) :]


class Socket:
    """A netlink socket, generic by default, in the network namespace of the calling thread."""

    def __init__(self, family=0, strict=False, protocol=NETLINK_GENERIC):
        self.family = family
        self.seq = 0
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, protocol)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_CAP_ACK, 1)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_EXT_ACK, 1)
        self.socket.setsockopt(SOL_NETLINK, NETLINK_GET_STRICT_CHK, int(strict))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        self.socket.bind((0, 0))

    def send(self, *requests):
        """Sends all in one datagram. The kernel has handled them when this returns."""
        datagram = b""
        for request in requests:
            self.seq += 1
            datagram += bytes(-len(datagram) % 4) + request.encode(self.family, self.seq)
        self.socket.sendto(datagram, (0, 0))

    def receive(self, size=1 << 16, peek=False):
        """What one call to the kernel gives; nothing if nothing waits. It makes the next part of a dump."""
        try:
            return list(replies(self.socket.recv(size, socket.MSG_DONTWAIT | (socket.MSG_PEEK if peek else 0))))
        except BlockingIOError:
            return []

    def receive_all(self, size=1 << 16):
        found = []
        while part := self.receive(size):
            found += part
        return found

    def ask(self, *requests, size=1 << 16):
        self.send(*requests)
        return self.receive_all(size)

    def join(self, group):
        """Hears from now on what is sent to a multicast group."""
        self.socket.setsockopt(SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, group)

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def find_family(name):
    """What the controller tells of a family: its number, and all attributes of the answer."""
    with Socket(GENL_ID_CTRL) as ctrl:
        answer = ctrl.ask(Request(CTRL_CMD_GETFAMILY, text(CTRL_ATTR_FAMILY_NAME, name), REQUEST))[0]
        if answer.error:
            raise OSError(answer.error, f"no generic netlink family {name}")
        told = dict(answer.attrs())
        return struct.unpack("=H", told[CTRL_ATTR_FAMILY_ID])[0], told


def find_groups(name):
    """The multicast groups of a family: their numbers by their names."""
    _, told = find_family(name)
    groups = [dict(attributes(raw)) for _, raw in attributes(told.get(CTRL_ATTR_MCAST_GROUPS, b""))]
    return {group[GROUP_NAME].rstrip(b"\0").decode(): struct.unpack("=I", group[GROUP_ID])[0] for group in groups}
