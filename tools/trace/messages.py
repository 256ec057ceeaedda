# SPDX-License-Identifier: GPL-2.0
"""Follows messages through a trace: one is known by the index and the counter in it, at both ends."""

import re
from collections import Counter
from dataclasses import dataclass, field

# `ping-71 [001] ..s1. 12.345678: wg_xmit: …` of ftrace, and the same of perf with `wireguard:` before the name.
LINE = re.compile(r"\[\d+\]\s(?:.*\s)?(\d+)\.(\d+):\s+(?:wireguard:)?wg_(\w+): (.*)")
FIELD = re.compile(r"(\w+)=(\S+)")

OUT = ("xmit", "stage", "encrypt", "transmit")
IN = ("receive", "decrypt", "deliver")

# What is between two events that follow each other.
STEPS = {
    ("xmit", "stage"): "wait for a session",
    ("stage", "encrypt"): "encrypt",
    ("encrypt", "transmit"): "wait for its turn",
    ("receive", "decrypt"): "poll and decrypt",
    ("decrypt", "deliver"): "check and deliver",
    ("transmit", "receive"): "between the ends",
}


@dataclass
class Event:
    time: int
    """In nanoseconds."""
    name: str
    fields: dict


def events(lines):
    for line in lines:
        if match := LINE.search(line):
            seconds, fraction, name, rest = match.groups()
            time = int(seconds) * 10**9 + int(fraction.ljust(9, "0"))
            yield Event(time, name, dict(FIELD.findall(rest)))


@dataclass
class Found:
    messages: dict = field(default_factory=dict)
    """The times of each message by event, by index and counter."""
    drops: Counter = field(default_factory=Counter)

    def stages(self):
        """Names and times: of each step of messages that have it from end to end, so that the means of steps add up."""
        whole = {way: [] for way in (OUT, IN, OUT + IN)}
        for times in self.messages.values():
            for way, found in whole.items():
                if all(name in times for name in way):
                    found.append(times)
        for name, way in (("out", OUT), ("in", IN)):
            for step in zip(way, way[1:]):
                yield STEPS[step], spans(whole[way], *step)
            yield f"= {name}", spans(whole[way], way[0], way[-1])
        yield STEPS["transmit", "receive"], spans(whole[OUT + IN], "transmit", "receive")
        yield "= from end to end", spans(whole[OUT + IN], "xmit", "deliver")

    def others(self):
        """What there is to say of other messages."""
        if partly := sum(not has_whole_way(times) for times in self.messages.values()):
            yield "messages that are not seen from end to end of a device", partly
        for reason, count in sorted(self.drops.items()):
            yield f"dropped, {reason}", count


def spans(messages, first, last):
    return [times[last] - times[first] for times in messages]


def has_whole_way(times):
    """Keepalives are neither taken from the stack nor passed to it."""
    ways = [way for way in (OUT, IN) if any(name in times for name in way)]
    return all(name in times for way in ways for name in way)


def follow(events, dev=None):
    """What became of the messages that are told of, by devices of that name if there is one."""
    found, waiting = Found(), {}
    for event in events:
        fields = event.fields
        if dev and fields.get("dev") != dev:
            continue
        place = tuple(fields.get(name) for name in ("dev", "peer", "skbaddr", "len"))
        if event.name == "xmit":
            waiting[place] = event.time
        elif event.name == "drop":
            found.drops[fields["reason"]] += int(fields["messages"])
        elif event.name in OUT + IN:
            first, count = int(fields["counter"]), int(fields["messages"])
            # Until it has its counters, a packet of the stack is known by its address; what was there before is not as long.
            taken = waiting.pop(place, None) if event.name == "stage" else None
            for counter in range(first, first + count):
                times = found.messages.setdefault((fields["index"], counter), {})
                times[event.name] = event.time
                if taken is not None:
                    times["xmit"] = taken
    return found
