# SPDX-License-Identifier: GPL-2.0
"""What a change does to sessions. Whoever sets a whole configuration again must not lose one."""

from scenario import command, device, inside, ip, namespaces, scenario, until
from wireguard import (
    REMOVE_ME, REPLACE_ALLOWED_IPS, REPLACE_PEERS, UPDATE_ONLY, WireGuard, allowed, endpoint, flags, keepalive, mark, peer, peer_flags, peers, port,
    private_key, psk, version,
)  # fmt: skip
from wireguard import ip as allowed_ip

# Not clamped: the driver does that.
PRIVATE = {"a": bytes([0xFF] * 31 + [0x3F]), "b": bytes([0xF7] * 31 + [0xBF])}
SECRET = bytes(range(32))
ADDRESS = {"a": "192.0.2.1", "b": "192.0.2.2"}
INSIDE = {"a": "10.7.0.1", "b": "10.7.0.2"}


def clamped(key):
    return bytes([key[0] & 248]) + key[1:31] + bytes([key[31] & 127 | 64])


class Tunnel:
    """A tunnel between the namespaces a and b."""

    def __init__(self):
        ip("link", "add", "cable", "netns", "a", "type", "veth", "peer", "name", "cable", "netns", "b")
        for end, address in ADDRESS.items():
            ip("-n", end, "address", "add", f"{address}/24", "dev", "cable")
            ip("-n", end, "link", "set", "cable", "up")
            ip("-n", end, "link", "add", "wg0", "type", "wireguard")
            self.set(end, private_key(PRIVATE[end]), port(51820))
            ip("-n", end, "address", "add", f"{INSIDE[end]}/24", "dev", "wg0")
            ip("-n", end, "link", "set", "wg0", "up")
        self.public = {end: bytes.fromhex(self.show(end)["public"]) for end in ADDRESS}
        for end, other in (("a", "b"), ("b", "a")):
            self.set(end, peers(self.peer_of(end)))

    def other(self, end):
        return "b" if end == "a" else "a"

    def peer_of(self, end, *more):
        other = self.other(end)
        return peer(
            self.public[other], psk(SECRET), endpoint(ADDRESS[other], 51820), allowed(allowed_ip(f"{INSIDE[other]}/32")), *more
        )  # fmt: skip

    def set(self, end, *attrs):
        with inside(end):
            answer = WireGuard().set(*attrs)
        if answer != "ok":
            raise RuntimeError(f"{end}: {answer}")

    def show(self, end):
        with inside(end):
            return WireGuard().show()

    def handshake(self, end="a"):
        return self.show(end)["peers"][0]["handshake"]

    def carries(self):
        """A packet goes there and back, if need be after a handshake."""
        return until(lambda: command("ip", "netns", "exec", "a", "ping", "-q", "-c", 1, "-W", 2, INSIDE["b"]) == "ok")

    def after(self, *attrs, end="a"):
        """What becomes of the session when something is set."""
        before = self.handshake()
        self.set(end, *attrs)
        if not self.carries():
            return "nothing gets through"
        return "kept" if self.handshake() == before else "a new one"


def changes(tunnel):
    """What is set, in order, by name; each is to leave the tunnel working."""
    b = tunnel.public["b"]
    own = private_key(clamped(PRIVATE["a"]))
    yield "nothing", []
    yield "the same private key", [own]
    yield "the same preshared key", [peers(peer(b, psk(SECRET)))]
    yield "the same endpoint", [peers(peer(b, endpoint(ADDRESS["b"], 51820)))]
    yield "the same port", [port(51820)]
    yield "the same mark", [mark(0)]
    yield "the same keepalive", [peers(peer(b, keepalive(0)))]
    yield "the same allowed IPs", [peers(tunnel.peer_of("a"))]
    yield "the same allowed IPs in place of the old", [peers(tunnel.peer_of("a", peer_flags(REPLACE_ALLOWED_IPS)))]
    yield "all of it", [own, port(51820), mark(0), peers(tunnel.peer_of("a", peer_flags(REPLACE_ALLOWED_IPS | UPDATE_ONLY), version(1)))]
    yield "another mark", [mark(7)]
    yield "another keepalive", [peers(peer(b, keepalive(60)))]
    yield "another preshared key", [peers(peer(b, psk(bytes(32))))]
    yield "the first preshared key again", [peers(peer(b, psk(SECRET)))]
    yield "another peer", [peers(peer(bytes(31) + b"\1", allowed(allowed_ip("10.9.0.0/16"))))]
    yield "another port", [port(51821)]


@scenario("a session outlives whatever is set but a private key", both={})
def settings():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        assert tunnel.carries()
        found = {name: tunnel.after(*attrs) for name, attrs in changes(tunnel)}
        return {name: what for name, what in found.items() if what != "kept"}


@scenario("the same private key as it was before clamping", theirs="a new one", here="kept")
def unclamped_key():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        assert tunnel.carries()
        return tunnel.after(private_key(PRIVATE["a"]))


@scenario("a private key that clamping makes of zero, after a key was taken away", theirs="no key", here="a key")
def clamped_zero():
    with device(private_key(bytes([8] * 31 + [0x41]))) as wireguard:
        assert wireguard.set(private_key(bytes(32))) == "ok"
        assert wireguard.set(private_key(bytes(31) + b"\x40")) == "ok"
        return "a key" if wireguard.show()["public"] else "no key"


@scenario(
    "another private key ends the session, and with the old one again there is a new one",
    both=["a new one", [True, True], True, "192.0.2.2:51820 0000000000000000"],
)  # fmt: skip
def other_key():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        assert tunnel.carries()
        tunnel.set("a", private_key(bytes([0x10] * 31 + [0x41])))
        before = tunnel.show("a")["peers"][0]
        back = tunnel.after(private_key(PRIVATE["a"]))
        after = tunnel.show("a")["peers"][0]
        return [back, [after[name] >= before[name] > 0 for name in ("rx", "tx")], after["psk"] == before["psk"], after["endpoint"]]


@scenario("a key that is set late starts what waits for it", both=[0, True])
def late_key():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        tunnel.set("a", private_key(bytes(32)), peers(peer(tunnel.public["b"], keepalive(1))))
        alone = tunnel.handshake()
        tunnel.set("a", private_key(PRIVATE["a"]))
        return [alone, until(lambda: tunnel.handshake() > 0)]


@scenario("a keepalive interval where there was none sends one at once", both=[0, True])
def keepalive_starts():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        alone = tunnel.handshake()
        tunnel.set("a", peers(peer(tunnel.public["b"], keepalive(3600))))
        return [alone, until(lambda: tunnel.handshake() > 0)]


@scenario("an endpoint that is set late lets begin what waits for it", both=[0, True])
def late_endpoint():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        tunnel.set("a", peers(peer(tunnel.public["b"], peer_flags(REMOVE_ME))))
        tunnel.set("a", peers(peer(tunnel.public["b"], psk(SECRET), keepalive(1))))
        alone = tunnel.handshake()
        tunnel.set("a", peers(peer(tunnel.public["b"], endpoint(ADDRESS["b"], 51820))))
        return [alone, until(lambda: tunnel.handshake() > 0)]


@scenario(
    "in place of all peers, what is only to be updated is not there, also if it is listed as a whole behind",
    both=[0, "", [f"{INSIDE['b']}/32"]],
)  # fmt: skip
def updated_before_it_is_there():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        assert tunnel.carries()
        b = tunnel.public["b"]
        early = peer(b, peer_flags(UPDATE_ONLY), keepalive(77), psk(bytes(31) + b"\1"), allowed(allowed_ip("10.99.0.0/16")))
        whole = peer(b, allowed(allowed_ip(f"{INSIDE['b']}/32")))
        # So that it is one that may stay.
        tunnel.set("a", peers(peer(b, psk(bytes(32)))))
        tunnel.set("a", flags(REPLACE_PEERS), peers(early, whole))
        found = tunnel.show("a")["peers"]
        assert len(found) == 1
        return [found[0]["keepalive"], found[0]["psk"].strip("0"), found[0]["allowed"]]


@scenario("a peer that is removed and made again starts anew", both=[[0, 0, 0], "a new one"])
def peer_made_again():
    with namespaces("a", "b"):
        tunnel = Tunnel()
        assert tunnel.carries()
        tunnel.set("a", peers(peer(tunnel.public["b"], peer_flags(REMOVE_ME))))
        tunnel.set("a", peers(tunnel.peer_of("a")))
        found = tunnel.show("a")["peers"][0]
        return [[found[name] for name in ("handshake", "rx", "tx")], tunnel.after()]
