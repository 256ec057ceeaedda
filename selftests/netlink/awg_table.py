# SPDX-License-Identifier: GPL-2.0
"""Settings of AmneziaWG that must be refused: each to a device that is as BASE says, or as a new one.

A refusal says why in words, in which the setting and the bound are, points at an attribute, and changes nothing.
"""

import base64
from dataclasses import dataclass

import wireguard as wg
from amneziawg import (
    CONTENT_PADDING_ADDITION, DISABLE_COOKIES, H1, H2, H3, H4, HEADER_PROTECTION_KEY, I1, I2, I3, I4, I5, JC, JMAX, JMIN,
    KEEPALIVE_TIMEOUT, MAX_HANDSHAKE_ATTEMPTS, PEER, RANDOM_TRAILERS, REJECT_AFTER_TIME, REKEY_AFTER_TIME, REKEY_TIMEOUT,
    S1, S2, S3, S4, SETTINGS, keepalive, settings,
)  # fmt: skip
from netlink import attr, nest, text, u8, u16, u32, u64

KEY = base64.b64encode(bytes(range(32))).decode()

BASE = {
    "Jc": "4", "Jmin": "8", "Jmax": "80", "S1": "20", "S2": "30", "S3": "40", "S4": "16",
    "H1": "100-199", "H2": "200-299", "H3": "300-399", "H4": "400-499", "I1": "<b 0xf00d><r 10>", "I3": "<t><c><rc 5><rd 5>",
    "HeaderProtectionKey": KEY, "ContentPaddingAddition": "10-100", "RekeyAfterTime": "100-120", "RekeyTimeout": "3-7",
    "RejectAfterTime": "150-180", "KeepaliveTimeout": "5-15", "MaxHandshakeAttempts": "15-20", "RandomTrailers": "on",
    "DisableCookies": "on",
}  # fmt: skip


@dataclass(frozen=True)
class Bad:
    name: str
    attrs: bytes
    """Beside the name of the device."""
    words: tuple[str, ...] = ()
    """In the text; none if the core refuses, which has texts of its own."""
    blamed: int = 0
    """The type of the attribute that is pointed at."""
    error: str = "EINVAL"
    new: bool = False
    """To a device without settings, instead."""


def bad(what, words, blamed, **more):
    return Bad(", ".join(f"{name} {value[:40]}" for name, value in what.items()), settings(what), words, blamed, **more)


def raw(name, attrs, blamed, words=(), **more):
    return Bad(name, attrs, words, blamed, **more)


def junk():
    yield bad({"Jc": "129"}, ("Jc", "128"), JC)
    yield bad({"Jc": "65535"}, ("Jc", "128"), JC, new=True)
    yield bad({"Jmax": "1453"}, ("Jmax", "1452"), JMAX)
    yield bad({"Jmin": "65535", "Jmax": "65535"}, ("Jmax", "1452"), JMAX)
    yield bad({"Jmin": "81"}, ("Jmin", "Jmax"), JMIN)
    yield bad({"Jmax": "7"}, ("Jmin", "Jmax"), JMAX)
    yield bad({"Jmax": "89", "Jmin": "90"}, ("Jmin", "Jmax"), JMIN)
    yield bad({"Jmin": "1"}, ("Jmin", "Jmax"), JMIN, new=True)


def prefixes():
    types = {"S1": S1, "S2": S2, "S3": S3, "S4": S4}
    for name, ty in types.items():
        yield bad({name: "1305"}, (name, "1304"), ty)
        yield bad({name: "11"}, (name, "12", "HeaderProtectionKey"), ty)
        enough = dict.fromkeys(types.keys() - {name}, "12")
        yield bad({**enough, "HeaderProtectionKey": KEY}, (name, "12", "HeaderProtectionKey"), HEADER_PROTECTION_KEY, new=True)
    yield bad({"S1": "0", "HeaderProtectionKey": KEY}, ("S1", "12"), S1)
    yield bad({"S2": "65535"}, ("S2", "1304"), S2, new=True)


def headers():
    for name, ty in (("H1", H1), ("H2", H2), ("H3", H3), ("H4", H4)):
        yield bad({name: "9-5"}, (name, "range"), ty)
    for a, b, inside in (
        ("H1", "H2", "250"), ("H1", "H3", "399"), ("H1", "H4", "400-401"), ("H2", "H3", "300-301"), ("H2", "H4", "499"),
        ("H3", "H4", "450"),
    ):  # fmt: skip
        yield bad({a: inside}, (a, b, "overlap"), SETTINGS[a][0])
        yield bad({a: "7000-8000", b: "8000-9000"}, (a, b, "overlap"), SETTINGS[b][0])
    yield bad({"H1": "0-4294967295"}, ("H1", "overlap"), H1)
    yield bad({"H4": "1"}, ("H1", "H4", "overlap"), H4, new=True)
    texts = [
        "", "-", "5-", "-5", "a", "1x", "x1", "+1", " 5", "5 ", "5 - 6", "0x10", "1.25", "4294967296", "1-4294967296", "5-6-7",
        "5--6",
    ]  # fmt: skip
    for wrong in texts:
        refused = {"words": ("H2",), "error": "EINVAL"} if wrong else {"words": (), "error": "ERANGE"}
        yield raw(f"H2 as text {wrong!r}", text(H2, wrong), H2, **refused)
    for length in (3, 5, 7, 9, 22):
        yield raw(f"H3 of {length} bytes that are no text", attr(H3, bytes([1] * length)), H3, ("H3", "32 bits"))
    for length in (0, 1, 23):
        yield raw(f"H3 of {length} bytes", attr(H3, bytes(length)), H3, error="ERANGE")
    yield raw("H1 as 64 bits, the end before the beginning", u64(H1, 5 << 32 | 6), H1, ("H1", "range"))
    yield raw("H1 as text of 7 characters, the end before the beginning", text(H1, "9000-10"), H1, ("H1", "range"))


def specials():
    types = {"I1": I1, "I2": I2, "I3": I3, "I4": I4, "I5": I5}
    wrong = [
        ("<r 10>" + "x" * 2995, ("3000",)), ("<r 1>" * 65, ("64",)), ("<r 1401>", ("1400",)), ("<r 700><b 0x00><rc 700>", ("1400",)),
        ("<r 99999999999999999999>", ("1400",)), ("<r 10", ("'>'",)), ("<", ("'>'",)), ("<x 1>", ("tag",)), ("<>", ("tag",)),
        ("<R 1>", ("tag",)), ("<wt 1>", ("tag",)), ("<b 0x>", ("hex",)), ("<b 0xabc>", ("hex",)), ("<b zz>", ("hex",)), ("<b>", ("hex",)),
        ("<r>", ("number",)), ("<r -1>", ("number",)), ("<r x>", ("number",)), ("<rc>", ("number",)), ("<rd 1.5>", ("number",)),
        ("<r 5><r 5 5>", ("number",)),
    ]  # fmt: skip
    for number, (value, words) in enumerate(wrong):
        name, ty = list(types.items())[number % 5]
        yield bad({name: value}, (name, *words), ty)
    yield bad({"I1": "<r 9>", "I2": "<q>"}, ("I2", "tag"), I2)
    yield raw("I5 that does not end", attr(I5, b"<r 5>"), I5)
    yield raw("I5 of no bytes", attr(I5), I5)


def ranges():
    for name, ty in (
        ("ContentPaddingAddition", CONTENT_PADDING_ADDITION), ("RekeyAfterTime", REKEY_AFTER_TIME), ("RekeyTimeout", REKEY_TIMEOUT),
        ("RejectAfterTime", REJECT_AFTER_TIME), ("KeepaliveTimeout", KEEPALIVE_TIMEOUT),
        ("MaxHandshakeAttempts", MAX_HANDSHAKE_ATTEMPTS),
    ):  # fmt: skip
        yield bad({name: "9-5"}, (name, "range"), ty)
        yield raw(f"{name} of 16 bits", u16(ty, 5), ty)
    words = ("RejectAfterTime", "greater", "RekeyAfterTime")
    yield bad({"RejectAfterTime": "120-300"}, words, REJECT_AFTER_TIME)
    yield bad({"RejectAfterTime": "1"}, words, REJECT_AFTER_TIME)
    yield bad({"RekeyAfterTime": "100-150"}, words, REKEY_AFTER_TIME)
    yield bad({"RekeyAfterTime": "180", "RejectAfterTime": "0"}, (*words, "180"), REJECT_AFTER_TIME)
    yield bad({"RekeyAfterTime": "0", "RejectAfterTime": "0-9"}, (*words, "120"), REJECT_AFTER_TIME)
    yield bad({"RejectAfterTime": "120"}, words, REJECT_AFTER_TIME, new=True)
    yield bad({"RekeyAfterTime": "1-180"}, words, REKEY_AFTER_TIME, new=True)


def forms():
    yield raw("RandomTrailers 2", u8(RANDOM_TRAILERS, 2), RANDOM_TRAILERS, ("RandomTrailers", "0 or 1"))
    yield raw("DisableCookies 255", u8(DISABLE_COOKIES, 255), DISABLE_COOKIES, ("DisableCookies", "0 or 1"))
    yield raw("RandomTrailers of no bytes", attr(RANDOM_TRAILERS), RANDOM_TRAILERS)
    yield raw("a key of 31 bytes", attr(HEADER_PROTECTION_KEY, bytes(31)), HEADER_PROTECTION_KEY, error="ERANGE")
    yield raw("a key of 33 bytes", attr(HEADER_PROTECTION_KEY, bytes(33)), HEADER_PROTECTION_KEY, error="ERANGE")
    yield raw("S1 of 32 bits", u32(S1, 5), S1)
    yield raw("Jc of 8 bits", u8(JC, 5), JC)
    yield raw("an unknown peer in a request", nest(PEER, attr(1, bytes(32))), PEER)
    yield raw("an attribute that there is not", u8(35, 1), 35)


def peers():
    key = bytes([7] * 32)
    words = ("PersistentKeepalive",)
    yield raw("PersistentKeepalive 9-5", wg.peers(wg.peer(key, keepalive("9-5"))), wg.KEEPALIVE, (*words, "range"))
    yield raw("PersistentKeepalive of 3 bytes", wg.peers(wg.peer(key, attr(wg.KEEPALIVE, bytes(3)))), wg.KEEPALIVE, (*words, "16 bits"))
    for length in (1, 5):
        attrs = wg.peers(wg.peer(key, attr(wg.KEEPALIVE, bytes(length))))
        yield raw(f"PersistentKeepalive of {length} bytes", attrs, wg.KEEPALIVE, error="ERANGE")
    yield raw("AdvancedSecurity with a value", wg.peers(wg.peer(key, u8(11, 1))), 11, error="ERANGE")
    good = settings({"Jc": "9", "S4": "50", "H1": "1000-2000", "I2": "<r 20>"})
    no_mask = wg.peers(wg.peer(key, wg.allowed(nest(0, u16(wg.FAMILY, 2), attr(wg.ADDRESS, bytes(4))))))
    yield raw("good settings and a bad allowed IP", good + no_mask, 0, ("mask",))
    yield raw("good settings and a peer without a key", good + wg.peers(nest(0, keepalive("5"))), 0, ("public key",))
    yield Bad("good settings, a good peer and a bad setting", wg.peers(wg.peer(key)) + good + settings({"S3": "2000"}), ("S3", "1304"), S3)
    yield Bad("a bad setting, a mark, a port and a key", wg.mark(7) + wg.port(7) + wg.private_key(key) + settings({"Jc": "200"}),
              ("Jc", "128"), JC)  # fmt: skip


def cases():
    for group in (junk, prefixes, headers, specials, ranges, forms, peers):
        yield from group()
