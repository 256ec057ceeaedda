# SPDX-License-Identifier: GPL-2.0
"""The generic netlink family `amneziawg`, as AmneziaWG's tool speaks it, and a small command in its place.

    amneziawg.py set DEVICE [Key=value]… [Profile=… [Key=value]…]… [PublicKey=… [Key=value]…]…
    amneziawg.py show DEVICE
    amneziawg.py profiles DEVICE

Keys are those of configuration files, of the section `[Interface]` before the first public key and of `[Peer]` behind it.
Beside them, `ReplacePeers=on` removes all peers before, and `Remove=on` the peer. `Profile=NUMBER` before the first public key
has the settings that follow be those of that profile, or `Remove=on` remove it; behind one it is what the peer wears.
"""

import base64
import os
import struct
import sys

import wireguard as wg
from netlink import attr, attributes, error_name, nest, text, u8, u16, u32, u64
from wireguard import WireGuard

VERSION = 3

# Of a device, beside the family wireguard's.
JC, JMIN, JMAX, S1, S2, H1, H2, H3, H4, PEER, S3, S4, I1, I2, I3, I4, I5 = range(9, 26)
(HEADER_PROTECTION_KEY, CONTENT_PADDING_ADDITION, REKEY_AFTER_TIME, REKEY_TIMEOUT, REJECT_AFTER_TIME, KEEPALIVE_TIMEOUT,
 MAX_HANDSHAKE_ATTEMPTS, RANDOM_TRAILERS, DISABLE_COOKIES) = range(26, 35)  # fmt: skip

# Of a device, this driver's own, and of a profile: there, settings have the same numbers.
PROFILES = 133
WANT_PROFILES = 4
PROFILE_NUMBER, PROFILE_FLAGS = 1, 2
REMOVE_PROFILE = 1

# Of a peer.
ADVANCED_SECURITY = 11
HAS_ADVANCED_SECURITY = 8
PROFILE = 129

UNKNOWN_PEER = 2


# --- how values are encoded, in one version of the family or another

def number(ty, value, _version):
    return u16(ty, int(value))


def ends(value):
    """The ends of a range, which is a number or two with a dash between them."""
    lo, _, hi = str(value).partition("-")
    return int(lo), int(hi or lo)


def header(ty, value, version):
    if version < 2:
        return u32(ty, int(value))
    if version < 3:
        return text(ty, str(value))
    lo, hi = ends(value)
    return u64(ty, hi << 32 | lo)


def range16(ty, value, _version):
    lo, hi = ends(value)
    return u32(ty, hi << 16 | lo)


def words(ty, value, _version):
    return text(ty, value)


def key(ty, value, _version):
    return attr(ty, base64.b64decode(value) if value else bytes(32))


def switch(ty, value, _version):
    return u8(ty, {"on": 1, "off": 0}.get(value, value))


def keepalive(value, version=VERSION):
    value = 0 if value == "off" else value
    if version < 3:
        return u16(wg.KEEPALIVE, int(value))
    return range16(wg.KEEPALIVE, value, version)


SETTINGS = {
    "Jc": (JC, number), "Jmin": (JMIN, number), "Jmax": (JMAX, number),
    "S1": (S1, number), "S2": (S2, number), "S3": (S3, number), "S4": (S4, number),
    "H1": (H1, header), "H2": (H2, header), "H3": (H3, header), "H4": (H4, header),
    "I1": (I1, words), "I2": (I2, words), "I3": (I3, words), "I4": (I4, words), "I5": (I5, words),
    "HeaderProtectionKey": (HEADER_PROTECTION_KEY, key),
    "ContentPaddingAddition": (CONTENT_PADDING_ADDITION, range16),
    "RekeyAfterTime": (REKEY_AFTER_TIME, range16), "RekeyTimeout": (REKEY_TIMEOUT, range16),
    "RejectAfterTime": (REJECT_AFTER_TIME, range16), "KeepaliveTimeout": (KEEPALIVE_TIMEOUT, range16),
    "MaxHandshakeAttempts": (MAX_HANDSHAKE_ATTEMPTS, range16),
    "RandomTrailers": (RANDOM_TRAILERS, switch), "DisableCookies": (DISABLE_COOKIES, switch),
}  # fmt: skip

DEFAULTS = {
    **dict.fromkeys(("Jc", "Jmin", "Jmax", "S1", "S2", "S3", "S4"), "0"),
    **{f"H{number}": str(number) for number in range(1, 5)},
    **dict.fromkeys(("ContentPaddingAddition", "RekeyAfterTime", "RekeyTimeout", "RejectAfterTime", "KeepaliveTimeout",
                     "MaxHandshakeAttempts"), "0"),
    "RandomTrailers": "off", "DisableCookies": "off",
}  # fmt: skip
"""What is shown of a new device."""


def setting(name, value, version=VERSION):
    """One setting as an attribute."""
    ty, encode = SETTINGS[name]
    return encode(ty, value, version)


def settings(values, version=VERSION):
    return b"".join(setting(name, value, version) for name, value in values.items())


def profiles(*elements):
    return nest(PROFILES, *elements)


def profile(number, *attrs):
    """An element of a list of profiles."""
    return nest(0, u8(PROFILE_NUMBER, number), *attrs)


def no_profile(number):
    return profile(number, u32(PROFILE_FLAGS, REMOVE_PROFILE))


# --- how they are shown

def show_range(lo, hi):
    return str(lo) if lo == hi else f"{lo}-{hi}"


def show_setting(encode, raw):
    if encode is number:
        return str(*struct.unpack("=H", raw))
    if encode is header:
        bits, = struct.unpack("=Q", raw)
        return show_range(bits & 0xFFFFFFFF, bits >> 32)
    if encode is range16:
        return show_keepalive(struct.unpack("=I", raw)[0])
    if encode is words:
        assert raw[-1:] == b"\0" and raw.count(b"\0") == 1
        return raw[:-1].decode()
    if encode is key:
        return base64.b64encode(raw).decode()
    return {0: "off", 1: "on"}[struct.unpack("=B", raw)[0]]


def show_keepalive(bits):
    return show_range(bits & 0xFFFF, bits >> 16)


def read_settings(found):
    return {name: show_setting(encode, found[ty]) for name, (ty, encode) in SETTINGS.items() if ty in found}


def read_message(reply):
    """One message of a dump, with those settings that are in it."""
    return {**wg.read_message(reply), **read_settings(dict(reply.attrs()))}


def read_profiles(replies):
    """The settings of all profiles in a dump, by their numbers: one may be in pieces."""
    found = {}
    for reply in replies:
        for _, raw in attributes(dict(reply.attrs()).get(PROFILES, b"")):
            attrs = dict(attributes(raw))
            piece = found.setdefault(attrs[PROFILE_NUMBER][0], {})
            shown = read_settings(attrs)
            assert not piece.keys() & shown.keys(), "a setting comes twice"
            piece.update(shown)
    return found


def read_worn(replies):
    """The numbers of the profiles that peers wear, by their public keys."""
    peers = [dict(attributes(raw)) for reply in replies for _, raw in attributes(dict(reply.attrs()).get(wg.PEERS, b""))]
    return {peer[wg.PEER_PUBLIC_KEY]: peer[PROFILE][0] for peer in peers if PROFILE in peer}


class AmneziaWG(WireGuard):
    NAME = "amneziawg"
    read = staticmethod(read_message)

    def settings(self, device=wg.DEVICE):
        """What is shown of the settings."""
        shown = self.show(device)
        return {name: shown[name] for name in SETTINGS if name in shown}

    def dump_profiles(self, device=wg.DEVICE, size=1 << 16):
        return self.dump(device, size, wg.wanted(WANT_PROFILES))

    def profiles(self, device=wg.DEVICE):
        return read_profiles(self.dump_profiles(device))

    def worn(self, device=wg.DEVICE):
        return read_worn(self.dump_profiles(device))


# --- the command

def endpoint(value):
    address, _, port = value.rpartition(":")
    return wg.endpoint(address.strip("[]"), int(port))


OF_DEVICE = {
    "PrivateKey": lambda value: wg.private_key(base64.b64decode(value)),
    "ListenPort": lambda value: wg.port(int(value)),
    "FwMark": lambda value: wg.mark(0 if value == "off" else int(value, 0)),
    "ReplacePeers": lambda _: wg.flags(wg.REPLACE_PEERS),
}

OF_PEER = {
    "PublicKey": lambda value: attr(wg.PEER_PUBLIC_KEY, base64.b64decode(value)),
    "PresharedKey": lambda value: wg.psk(base64.b64decode(value)),
    "Endpoint": endpoint,
    "PersistentKeepalive": keepalive,
    "AllowedIPs": lambda value: wg.allowed(*map(wg.ip, filter(None, value.replace(",", " ").split()))),
    "AdvancedSecurity": lambda _: attr(ADVANCED_SECURITY),
    "Remove": lambda _: wg.peer_flags(wg.REMOVE_ME),
    "Profile": lambda value: u8(PROFILE, int(value)),
}

OF_PROFILE = {
    "Profile": lambda value: u8(PROFILE_NUMBER, int(value)),
    "Remove": lambda _: u32(PROFILE_FLAGS, REMOVE_PROFILE),
}


def request(arguments):
    """The attributes that `Key=value`… stand for; case does not matter in keys."""
    of_settings = {name.lower(): lambda value, name=name: setting(name, value) for name in SETTINGS}
    of_device = {name.lower(): make for name, make in OF_DEVICE.items()} | of_settings
    of_profile = {name.lower(): make for name, make in OF_PROFILE.items()} | of_settings
    of_peer = {name.lower(): make for name, make in OF_PEER.items()}
    attrs, looks, peers = [], [], []
    for argument in arguments:
        name, _, value = argument.partition("=")
        name = name.strip().lower()
        if name == "publickey":
            peers.append([])
        if name == "profile" and not peers:
            looks.append([])
        known, place = (of_peer, peers[-1]) if peers else (of_profile, looks[-1]) if looks else (of_device, attrs)
        if name not in known:
            sys.exit(f"amneziawg.py: unknown key in {argument!r}")
        place.append(known[name](value.strip()))
    if looks:
        attrs.append(profiles(*(nest(0, *look) for look in looks)))
    if peers:
        attrs.append(wg.peers(*(nest(0, *peer) for peer in peers)))
    return attrs


def command_set(device, *arguments):
    family = AmneziaWG()
    answer = family.ask(wg.Request(wg.SET_DEVICE, wg.by_name(device) + b"".join(request(arguments))))[0]
    if answer.error:
        sys.exit(f"{error_name(answer.error)}: {answer.message or os.strerror(answer.error)}")


def command_show(device):
    shown = AmneziaWG().show(device)
    for name, value in shown.items():
        if name != "peers":
            print(f"{name} = {value}")
    for peer in shown["peers"]:
        print()
        print(f"PublicKey = {base64.b64encode(bytes.fromhex(peer['key'])).decode()}")
        print(f"AllowedIPs = {', '.join(peer['allowed'])}")
        for name in ("endpoint", "handshake", "rx", "tx"):
            print(f"{name} = {peer[name]}")
        print(f"PersistentKeepalive = {show_keepalive(peer['keepalive'])}")


def command_profiles(device):
    family = AmneziaWG()
    for number, values in family.profiles(device).items():
        print(f"Profile = {number}")
        for name, value in values.items():
            print(f"{name} = {value}")
        print()
    for key, number in family.worn(device).items():
        print(f"PublicKey = {base64.b64encode(key).decode()} {number}")


def main(arguments):
    commands = {"set": command_set, "show": command_show, "profiles": command_profiles}
    if len(arguments) < 2 or arguments[0] not in commands:
        sys.exit(__doc__)
    try:
        commands[arguments[0]](*arguments[1:])
    except OSError as error:
        sys.exit(f"{error_name(error.errno)}: {error.strerror}")


if __name__ == "__main__":
    main(sys.argv[1:])
