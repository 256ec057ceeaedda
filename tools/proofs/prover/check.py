# SPDX-License-Identifier: GPL-2.0
"""Compares what the prover does for each operation of LLVM with the same by numbers."""

import random

from .ir import Instruction, Integer
from .machine import ARITHMETIC, INTRINSICS, Machine, Value
from .solver import FALSE, Solver, Term

WIDTH = 8
TOP = 1 << WIDTH
EDGES = [0, 1, 2, 7, 8, 15, 127, 128, 129, 254, 255]


def signed(number):
    return number - TOP if number >= TOP // 2 else number


# Result and whether it is poison for each flag. None: poison whatever the flags, or undefined.
OPERATIONS = {
    "add": (lambda a, b: a + b, {"nuw": lambda a, b: a + b >= TOP, "nsw": lambda a, b: outside(signed(a) + signed(b))}),
    "sub": (lambda a, b: a - b, {"nuw": lambda a, b: a < b, "nsw": lambda a, b: outside(signed(a) - signed(b))}),
    "mul": (lambda a, b: a * b, {"nuw": lambda a, b: a * b >= TOP, "nsw": lambda a, b: outside(signed(a) * signed(b))}),
    "and": (lambda a, b: a & b, {}),
    "or": (lambda a, b: a | b, {"disjoint": lambda a, b: a & b != 0}),
    "xor": (lambda a, b: a ^ b, {}),
    "shl": (
        lambda a, b: a << b if b < WIDTH else None,
        {"nuw": lambda a, b: a << b >= TOP, "nsw": lambda a, b: outside(signed(a) << b)},
    ),
    "lshr": (lambda a, b: a >> b if b < WIDTH else None, {"exact": lambda a, b: a % (1 << b) != 0}),
    "ashr": (lambda a, b: signed(a) >> b if b < WIDTH else None, {"exact": lambda a, b: a % (1 << b) != 0}),
    "udiv": (lambda a, b: a // b if b else None, {}),
    "urem": (lambda a, b: a % b if b else None, {}),
}
COMPARISONS = {
    "eq": lambda a, b: a == b,
    "ne": lambda a, b: a != b,
    "ult": lambda a, b: a < b,
    "ule": lambda a, b: a <= b,
    "ugt": lambda a, b: a > b,
    "uge": lambda a, b: a >= b,
    "slt": lambda a, b: signed(a) < signed(b),
    "sle": lambda a, b: signed(a) <= signed(b),
    "sgt": lambda a, b: signed(a) > signed(b),
    "sge": lambda a, b: signed(a) >= signed(b),
}
FUNCTIONS = {
    "umin": lambda a, b: [min(a, b)],
    "umax": lambda a, b: [max(a, b)],
    "smin": lambda a, b: [min(a, b, key=signed)],
    "smax": lambda a, b: [max(a, b, key=signed)],
    "uadd.sat": lambda a, b: [min(a + b, TOP - 1)],
    "usub.sat": lambda a, b: [max(a - b, 0)],
    "uadd.with.overflow": lambda a, b: [a + b, a + b >= TOP],
    "usub.with.overflow": lambda a, b: [a - b, a < b],
    "umul.with.overflow": lambda a, b: [a * b, a * b >= TOP],
    "ctlz": lambda a, b: [WIDTH - a.bit_length()],
    "cttz": lambda a, b: [(a & -a).bit_length() - 1 if a else WIDTH],
    "expect": lambda a, b: [a],
}


def outside(number):
    return not -TOP // 2 <= number < TOP // 2


class Comparison:
    """What the prover makes of one operation, against numbers, for some pairs of operands."""

    def __init__(self):
        self.solver = Solver()
        self.machine = Machine({}, self.solver)
        numbers = random.Random(1)
        pairs = [(a, b) for a in EDGES for b in EDGES]
        self.pairs = pairs + [(numbers.randrange(TOP), numbers.randrange(TOP)) for _ in range(100)]

    def differs(self, operation, expected):
        """Whether `operation`, of two terms, can have another value than `expected`, of two numbers, which is a list;
        None in it is any value. The numbers are once known to the prover, and once not."""
        for a, b in self.pairs:
            for known in (True, False):
                x, y = (Term(WIDTH, n) if known else self.solver.fresh(WIDTH) for n in (a, b))
                given = [self.solver.equal(x, Term(WIDTH, a)), self.solver.equal(y, Term(WIDTH, b))]
                for term, number in zip(operation(x, y), expected(a, b)):
                    if number is None:
                        continue
                    same = self.solver.equal(term, Term(term.width, int(number)))
                    if self.solver.witness(given, [self.solver.negate(same)]) is not None:
                        return f"of {a} and {b} is not {int(number)}"
        return ""

    def instruction(self, op, flags=(), width=WIDTH):
        return Instruction(op, type=Integer(width), flags=set(flags), text=op)

    def arithmetic(self, op, flag=None):
        """Result and poison of an operation with a flag."""
        compute, claims = OPERATIONS[op]

        def expected(a, b):
            result = compute(a, b)
            is_poison = result is None or (flag is not None and claims[flag](a, b))
            return [None if is_poison else result, is_poison]

        def operation(x, y):
            value = self.machine.arithmetic(self.instruction(op, [flag] if flag else []), Value(x), Value(y))
            return [value.term, value.poison]

        return self.division(op) if op in ("udiv", "urem") else self.differs(operation, expected)

    def division(self, op):
        """By numbers that are known it is exact; by others the right result must be among the possible ones."""
        for a, b in self.pairs:
            for known in (True, False):
                x = self.solver.fresh(WIDTH)
                y = Term(WIDTH, b) if known else self.solver.fresh(WIDTH)
                # What is said of the divisions before is not about this one.
                self.solver.axioms.clear()
                value = self.machine.arithmetic(self.instruction(op), Value(x), Value(y))
                given = [self.solver.equal(x, Term(WIDTH, a)), self.solver.equal(y, Term(WIDTH, b))]
                if b == 0:
                    if self.solver.witness(given, [self.solver.negate(value.poison)]) is not None:
                        return "by zero is not undefined"
                    continue
                right = self.solver.equal(value.term, Term(WIDTH, a // b if op == "udiv" else a % b))
                if self.solver.witness(given, [right]) is None:
                    return f"of {a} and {b} cannot be right"
                if known and self.solver.witness(given, [self.solver.negate(right)]) is not None:
                    return f"of {a} and {b} can be wrong"
        return ""

    def cast(self, op, width, flag=None):
        """From 8 bits to more or to fewer."""

        def expected(a, _b):
            number = signed(a) if op == "sext" else a
            result = number & ((1 << width) - 1)
            back = result - (1 << width) if flag == "nsw" and result >> (width - 1) else result
            is_poison = {"nuw": result != a, "nsw": back != signed(a), "nneg": signed(a) < 0, None: False}[flag]
            return [None if is_poison else result, is_poison]

        def operation(x, _y):
            value = self.machine.cast(self.instruction(op, [flag] if flag else [], width), Value(x))
            return [value.term, value.poison]

        return self.differs(operation, expected)


def results():
    """For each operation its name and what is wrong with it."""
    compare = Comparison()
    assert set(OPERATIONS) == set(ARITHMETIC) and set(FUNCTIONS) | {"bswap"} == set(INTRINSICS)
    for op, (_, claims) in OPERATIONS.items():
        for flag in [None, *claims]:
            yield f"{op} {flag or ''}".strip(), compare.arithmetic(op, flag)
    for predicate, expected in COMPARISONS.items():
        yield f"icmp {predicate}", compare.differs(
            lambda x, y, predicate=predicate: [compare.solver.compare(predicate, x, y)],
            lambda a, b, expected=expected: [expected(a, b)],
        )
    for name, expected in FUNCTIONS.items():
        function = INTRINSICS[name]
        arguments = arguments_of(name)
        yield name, compare.differs(
            lambda x, y, function=function, arguments=arguments: as_list(function(compare.solver, *arguments(x, y))),
            expected,
        )
    yield "bswap", swapped(compare.solver)
    for op, width, flags in (("zext", 13, ["nneg"]), ("sext", 13, []), ("trunc", 5, ["nuw", "nsw"]), ("trunc", 1, [])):
        for flag in [None, *flags]:
            yield f"{op} {flag or ''} to {width}", compare.cast(op, width, flag)
    compare.solver.close()


def arguments_of(name):
    return (lambda x, y: (x, FALSE)) if name in ("ctlz", "cttz") else (lambda x, y: (x, y))


def as_list(result):
    return list(result) if isinstance(result, tuple) else [result]


def swapped(solver):
    term = solver.fresh(32)
    wrong = solver.negate(solver.equal(INTRINSICS["bswap"](solver, term), Term(32, 0x78563412)))
    given = solver.equal(term, Term(32, 0x12345678))
    return "of 0x12345678 is not 0x78563412" if solver.witness([given], [wrong]) is not None else ""
