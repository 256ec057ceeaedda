# SPDX-License-Identifier: GPL-2.0
"""Records what a driver does, and compares two drivers.

    compare.py record requests|scenarios FILE           asks the driver that is loaded
    compare.py tell requests|scenarios THEIRS OURS      tells the result of each case in TAP
    compare.py tell requests|scenarios THEIRS           the same where the C driver itself is under test
"""

import json
import sys
import time

import scenario_bytes  # noqa: F401
import scenario_dumps  # noqa: F401
import scenario_rights  # noqa: F401
import scenario_sessions  # noqa: F401
import scenario_sockets  # noqa: F401
from netlink import error_name
from request_table import BASE, cases
from scenario import SCENARIOS, device


class Requests:
    """The table: each request finds a device in the same state."""

    @staticmethod
    def record():
        with device(base=True) as wireguard:
            base = wireguard.configuration()
            return {case.name: Requests.make(case, wireguard, base) for case in cases()}

    @staticmethod
    def make(case, wireguard, base):
        with wireguard.open(strict=case.strict) as sock:
            answer = sock.ask(*case.requests)
        after = wireguard.configuration()
        if after != base:
            wireguard.set(*BASE)
        return {
            "answer": [error_name(reply.error) for reply in answer if not reply.is_data()],
            "said": [reply.message for reply in answer if reply.error],
            "places": [reply.offset for reply in answer if reply.error],
            "changed": after != base,
            "after": after if after != base else None,
        }

    @staticmethod
    def tell(theirs, ours):
        for case in cases():
            wrong = list(wrong_with_request(case, theirs[case.name], ours[case.name]))
            yield f"{case.name}: {', '.join(ours[case.name]['answer']) or 'no answer'}", wrong


def wrong_with_request(case, theirs, ours):
    """What is wrong with our side of a case, or with what the table says of theirs."""
    is_theirs = ours is theirs
    wanted = theirs["answer"] if case.here is None or is_theirs else [case.here]
    if ours["answer"] != wanted:
        yield f"answered {ours['answer']}, wanted {wanted}, the C driver {theirs['answer']}"
    if case.here == theirs["answer"][:1]:
        yield f"the table knows of a difference that is none: both answer {case.here}"
    if failed(theirs) and theirs["changed"] != case.stays:
        yield f"the C driver failed and {'changed something' if theirs['changed'] else 'changed nothing'}"
    if is_theirs:
        return
    if failed(ours) and ours["changed"]:
        yield f"failed and changed: {ours['after']}"
    if not failed(ours) and not failed(theirs) and ours["after"] != theirs["after"]:
        yield f"led to {ours['after']}, the C driver to {theirs['after']}"
    yield from wrong_with_reasons(case, theirs, ours)


# What the core says of a type that there is not, and of one below the highest that there is: ours are in two groups.
OTHER_WORDS = {"Unknown attribute type": "Unsupported attribute"}


def wrong_with_reasons(case, theirs, ours):
    """The core's reasons and the places it blames are the same for both; the driver's own are ours alone."""
    for said, why, place, where in zip(ours["said"], theirs["said"], ours["places"], theirs["places"]):
        if bool(said) == case.mute:
            yield f"said '{said}'"
        if why and (place != where or said not in (why, OTHER_WORDS.get(why))):
            yield f"said '{said}' of the byte {place}, the C driver '{why}' of {where}"


def failed(found):
    """Whether all requests of a case failed: of several, one may have changed something."""
    return bool(found["answer"]) and "ok" not in found["answer"]


class Scenarios:
    """What takes more than a request."""

    @staticmethod
    def record():
        return {scenario.name: Scenarios.run(scenario) for scenario in SCENARIOS}

    @staticmethod
    def run(scenario):
        start = time.monotonic()
        try:
            found = scenario.run()
        except Exception as error:  # noqa: BLE001: one that fails shall not end the others
            found = f"raised {error!r}"
        print(f"{time.monotonic() - start:5.1f} s  {scenario.name}", file=sys.stderr)
        return found

    @staticmethod
    def tell(theirs, ours):
        for scenario in SCENARIOS:
            yield scenario.name, list(wrong_with_scenario(scenario, theirs[scenario.name], ours[scenario.name]))


def wrong_with_scenario(scenario, theirs, ours):
    for found in (theirs, ours):
        if isinstance(found, str) and found.startswith("raised"):
            yield found
            return
    if scenario.judge:
        if ours is not theirs and (wrong := scenario.judge(theirs, ours)):
            yield wrong
    elif scenario.here is None:
        if ours != theirs:
            yield f"saw {ours}, of the C driver {theirs}"
        if scenario.both not in (None, theirs):
            yield f"saw {theirs} of the C driver, wanted {scenario.both}"
    else:
        if theirs != scenario.theirs:
            yield f"saw {theirs} of the C driver, wanted {scenario.theirs}"
        if ours is not theirs and ours != scenario.here:
            yield f"saw {ours}, wanted {scenario.here}"


SUBJECTS = {"requests": Requests, "scenarios": Scenarios}


def load(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def tell(subject, theirs, ours):
    for name, wrong in subject.tell(theirs, ours):
        print(f"{'not ok' if wrong else 'ok'} {name}")
        for line in wrong:
            print(f"# {line[:1000]}")


def main():
    match sys.argv[1:]:
        case ["record", subject, path]:
            with open(path, "w", encoding="utf-8") as file:
                json.dump(SUBJECTS[subject].record(), file)
        case ["tell", subject, theirs]:
            found = load(theirs)
            tell(SUBJECTS[subject], found, found)
        case ["tell", subject, theirs, ours]:
            tell(SUBJECTS[subject], load(theirs), load(ours))
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
