# SPDX-License-Identifier: GPL-2.0
"""Runs a function for all arguments at once: every way through it that some arguments take.

Nothing may go wrong on any of them: no call of `refuted` or of what panics, no access outside of what a reference leads
to, nothing undefined. An operation whose flags do not hold gives poison, as LLVM has it; that is followed and must not
decide anything nor be written or passed on.
"""

from dataclasses import dataclass, field

from .ir import Aggregate, Integer, Pointer, Unreadable
from .solver import FALSE, TRUE, Term

STEPS = 200_000
"""Instructions on one way through. More, and the function is not for this prover."""
LARGE = 128
"""An object of so many bytes is words, of which any may be accessed; a smaller one is bytes at known places."""


class Refuted(Exception):
    """Something goes wrong for these arguments."""

    def __init__(self, what, arguments=()):
        super().__init__(what)
        self.what, self.arguments = what, arguments


@dataclass
class Value:
    """A term, and whether it is poison."""

    term: Term
    poison: Term = FALSE


@dataclass
class Place:
    """A pointer: an object and how far into it."""

    object: int
    offset: Term
    poison: Term = FALSE


@dataclass
class Bytes:
    """A small object: what is at the places that were accessed."""

    size: int | None
    content: dict = field(default_factory=dict)

    def copy(self):
        return Bytes(self.size, dict(self.content))


@dataclass
class Words:
    """A large object: what was in it at the places that were looked at, and what has been written since."""

    size: int
    first: list
    """Of index and word; shared by all ways, since it is about the beginning."""
    written: list = field(default_factory=list)

    def copy(self):
        return Words(self.size, self.first, list(self.written))

    def load(self, solver, index):
        word = self.before(solver, index)
        for place, value in self.written:
            word = solver.choose(solver.equal(place, index), value, word)
        return word

    def before(self, solver, index):
        """A word of which nothing is known, but that the same place has the same word."""
        for place, word in self.first:
            if place.is_same(index):
                return word
        fresh = solver.fresh(64, "word")
        for place, word in self.first:
            differs = solver.negate(solver.equal(place, index))
            solver.axioms.append(solver.disjunction(differs, solver.equal(word, fresh)))
        self.first.append((index, fresh))
        return fresh


@dataclass
class Frame:
    function: object
    values: dict
    block: str
    at: int = 0
    before: str | None = None
    result: str | None = None

    def copy(self):
        return Frame(self.function, dict(self.values), self.block, self.at, self.before, self.result)


@dataclass
class State:
    frames: list
    memory: dict
    path: list = field(default_factory=list)
    steps: int = 0

    def copy(self):
        memory = {name: object.copy() for name, object in self.memory.items()}
        return State([frame.copy() for frame in self.frames], memory, self.path, self.steps)


class Machine:
    """Proves one function of a module; `close` it afterwards."""

    def __init__(self, module, solver):
        self.module, self.solver = module, solver
        self.arguments = []
        self.reached, self.ways = set(), 0

    def prove(self, name):
        """Raises what went wrong, if anything did."""
        function = self.module[name]
        waiting = [self.beginning(function)]
        while waiting:
            waiting += self.run(waiting.pop())
        expected = {
            instruction.operands[0][1][1]
            for label in function.blocks
            for instruction in function.block(label)
            if instruction.op == "call" and instruction.extra == "@come_here"
        }
        if not expected or expected != self.reached:
            raise Refuted(f"nothing comes to line {sorted(expected - self.reached)}")

    def beginning(self, function):
        state = State([Frame(function, {}, function.entry)], {})
        for parameter in function.parameters:
            if isinstance(parameter.type, Integer):
                term = self.solver.fresh(parameter.type.width, parameter.name)
                self.arguments.append((parameter.name, term))
                value = Value(term)
            elif isinstance(parameter.type, Pointer):
                value = Place(self.allocate(state, parameter.size), Term(64, 0))
            else:
                raise Unreadable(f"{function.name}: parameter {parameter.name}")
            state.frames[0].values[parameter.name] = value
        return state

    # Ways.

    def run(self, state):
        """Goes on until the end; returns other ways that there are to go."""
        others = []
        while state.frames:
            frame = state.frames[-1]
            instruction = frame.function.block(frame.block)[frame.at]
            frame.at += 1
            state.steps += 1
            if state.steps > STEPS:
                raise Unreadable("a loop without end")
            step = getattr(self, f"do_{instruction.op}", None)
            if step:
                found = step(state, frame, instruction)
                if found == "end":
                    return others
                others += found or []
            else:
                frame.values[instruction.result] = self.compute(frame, instruction)
        self.ways += 1
        return others

    def possible(self, state, *conditions):
        return self.solver.witness(state.path, conditions) is not None

    def must(self, state, condition, what):
        """Goes wrong unless the condition follows from the way that was taken."""
        if condition.is_known(1):
            return
        terms = [term for _, term in self.arguments]
        wrong = self.solver.witness(state.path, [self.solver.negate(condition)], terms)
        if wrong is not None:
            names = (name for name, _ in self.arguments)
            raise Refuted(what, list(zip(names, wrong)))

    def must_be_defined(self, state, value, instruction):
        self.must(state, self.solver.negate(value.poison), f"undefined: {instruction.text}")

    def branch(self, state, frame, choices):
        """Takes the first of (condition, label) that is possible; returns the other ones."""
        possible = []
        for choice in choices:
            # One of them is: that needs no question if no other one was.
            is_last = choice is choices[-1] and not possible
            if is_last or choice[0].is_known(1) or self.possible(state, choice[0]):
                possible.append(choice)
        ways = []
        for condition, target in possible[1:]:
            other = state.copy()
            self.assume(other, condition)
            self.go(other, target)
            ways.append(other)
        condition, target = possible[0]
        self.assume(state, condition)
        self.go(state, target)
        return ways

    def assume(self, state, condition):
        """Notes what is so on this way, and no more than is needed to say it: loops would make that long."""
        if condition.known:
            return
        state.path = [old for old in state.path if not any(part.implies(old) for part in condition.parts)]
        for part in condition.parts:
            if part is condition or self.possible(state, self.solver.negate(part)):
                state.path = [*state.path, part]

    def go(self, state, target):
        """Goes to a block; all its phis take their values at once."""
        frame = state.frames[-1]
        frame.before, frame.block, frame.at = frame.block, target, 0
        values = {}
        for instruction in frame.function.block(target):
            if instruction.op != "phi":
                break
            value = self.value(frame, instruction.type, instruction.extra[frame.before])
            if instruction.result in frame.values and isinstance(value, Value):
                value = self.settled(state, value)
            values[instruction.result] = value
            frame.at += 1
        frame.values |= values

    def settled(self, state, value):
        """The value of a variable of a loop: on the way that was taken it is mostly one number. Left as it is, it would
        grow with each turn."""
        if value.term.known:
            return value
        (number,) = self.solver.witness(state.path, (), [value.term])
        term = Term(value.term.width, number)
        if self.possible(state, self.solver.negate(self.solver.equal(value.term, term))):
            return value
        self.must(state, self.solver.negate(value.poison), "an undefined variable of a loop")
        return Value(term)

    def do_br(self, state, frame, it):
        if not it.operands:
            self.go(state, it.extra[0])
            return []
        condition = self.operand(frame, it.operands[0])
        self.must_be_defined(state, condition, it)
        negated = self.solver.negate(condition.term)
        choices = [(condition.term, it.extra[0]), (negated, it.extra[1])]
        return self.branch(state, frame, [choice for choice in choices if not choice[0].is_known(0)])

    def do_switch(self, state, frame, it):
        value = self.operand(frame, it.operands[0])
        self.must_be_defined(state, value, it)
        default, cases = it.extra
        choices, none = [], TRUE
        for number, target in cases:
            condition = self.solver.equal(value.term, Term(value.term.width, number))
            none = self.solver.conjunction(none, self.solver.negate(condition))
            choices.append((condition, target))
        choices.append((none, default))
        return self.branch(state, frame, [choice for choice in choices if not choice[0].is_known(0)])

    def do_ret(self, state, frame, it):
        value = self.operand(frame, it.operands[0]) if it.operands else None
        state.frames.pop()
        if state.frames and frame.result:
            state.frames[-1].values[frame.result] = value

    def do_unreachable(self, state, frame, it):
        self.must(state, FALSE, "what cannot be reached is")

    # Calls.

    def do_call(self, state, frame, it):
        name = it.extra
        if name == "@refuted":
            self.must(state, FALSE, f"line {it.operands[0][1][1]} does not hold")
        elif name == "@come_here":
            self.reached.add(it.operands[0][1][1])
        elif "panic" in name:
            self.must(state, FALSE, f"panics: {name}")
        elif name.startswith("@llvm."):
            value = self.intrinsic(state, frame, it)
            if it.result:
                frame.values[it.result] = value
        elif name in ("@bcmp", "@memcmp"):
            frame.values[it.result] = self.compare_memory(state, frame, it)
        elif name in self.module:
            self.enter(state, frame, it)
        else:
            raise Unreadable(f"{it.text}: not here")
        return "end" if name == "@refuted" or "panic" in name else []

    def enter(self, state, frame, it):
        function = self.module[it.extra]
        arguments = [self.operand(frame, operand) for operand in it.operands]
        names = [parameter.name for parameter in function.parameters]
        state.frames.append(Frame(function, dict(zip(names, arguments)), function.entry, result=it.result))

    def intrinsic(self, state, frame, it):
        kind = it.extra.split(".")[1:]
        if kind[0] in ("lifetime", "experimental", "dbg"):
            return None
        values = [self.operand(frame, operand) for operand in it.operands]
        if kind[0] == "assume":
            # What the compiler takes for granted must be so.
            self.must(state, values[0].term, f"assumed: {it.text}")
            return None
        handler = INTRINSICS.get(".".join(kind[:-1]))
        if not handler:
            raise Unreadable(it.text)
        poison = FALSE
        for value in values:
            poison = self.solver.disjunction(poison, value.poison)
        if kind[0] in ("ctlz", "cttz"):
            is_zero = self.solver.equal(values[0].term, Term(values[0].term.width, 0))
            poison = self.solver.disjunction(poison, self.solver.conjunction(is_zero, values[1].term))
        result = handler(self.solver, *[value.term for value in values])
        if isinstance(result, tuple):
            return [Value(term, poison) for term in result]
        return Value(result, poison)

    def compare_memory(self, state, frame, it):
        """Only whether there is a difference, not its sign."""
        first, second, count = (self.operand(frame, operand) for operand in it.operands)
        if not count.term.known:
            raise Unreadable(it.text)
        same = TRUE
        for at in range(count.term.value):
            a, b = (self.load(state, self.moved(place, at), 1, it) for place in (first, second))
            same = self.solver.conjunction(same, self.solver.equal(a, b))
        return Value(self.solver.choose(same, Term(32, 0), Term(32, 1)))

    # Memory.

    def allocate(self, state, size):
        name = len(state.memory)
        state.memory[name] = Words(size, []) if size is not None and size >= LARGE else Bytes(size)
        return name

    def index(self, object, offset):
        """Which word of the object is there, in as few bits as tell the words apart."""
        return self.solver.extract(offset, 3, (object.size >> 3).bit_length())

    def moved(self, place, bytes):
        return Place(place.object, self.solver.arithmetic("bvadd", place.offset, Term(64, bytes)), place.poison)

    def object_at(self, state, place, size, it):
        """The object, after a look whether the access is inside."""
        if not isinstance(place, Place):
            raise Unreadable(f"{it.text}: not a pointer to something")
        self.must_be_defined(state, place, it)
        object = state.memory[place.object]
        limit = (object.size if object.size is not None else 1 << 12) - size
        if limit < 0:
            self.must(state, FALSE, f"out of bounds: {it.text}")
        self.must(state, self.solver.compare("ule", place.offset, Term(64, limit)), f"out of bounds: {it.text}")
        if isinstance(object, Words):
            if size != 8:
                raise Unreadable(f"{it.text}: not a word")
            low_bits = self.solver.extract(place.offset, 0, 3)
            self.must(state, self.solver.equal(low_bits, Term(3, 0)), f"not aligned: {it.text}")
        elif not place.offset.known:
            raise Unreadable(f"{it.text}: an unknown place among bytes")
        return object

    def load(self, state, place, size, it):
        object = self.object_at(state, place, size, it)
        if isinstance(object, Words):
            return object.load(self.solver, self.index(object, place.offset))
        term = None
        for at in range(place.offset.value, place.offset.value + size):
            byte = object.content.setdefault(at, None) or self.solver.fresh(8, f"byte{at}")
            object.content[at] = byte
            term = byte if term is None else self.solver.concat(byte, term)
        return term

    def store(self, state, place, term, it):
        size = (term.width + 7) // 8
        object = self.object_at(state, place, size, it)
        term = self.solver.extend(term, size * 8)
        if isinstance(object, Words):
            object.written.append((self.index(object, place.offset), term))
            return
        for byte in range(size):
            object.content[place.offset.value + byte] = self.solver.extract(term, byte * 8, 8)

    def do_load(self, state, frame, it):
        if not isinstance(it.type, Integer):
            raise Unreadable(it.text)
        size = (it.type.width + 7) // 8
        term = self.load(state, self.operand(frame, it.operands[0]), size, it)
        frame.values[it.result] = Value(self.solver.extract(term, 0, it.type.width))

    def do_store(self, state, frame, it):
        value = self.operand(frame, it.operands[0])
        if not isinstance(value, Value):
            raise Unreadable(it.text)
        self.must_be_defined(state, value, it)
        self.store(state, self.operand(frame, it.operands[1]), value.term, it)

    def do_atomicrmw(self, state, frame, it):
        place, value = (self.operand(frame, operand) for operand in it.operands)
        self.must_be_defined(state, value, it)
        names = {"add": "bvadd", "sub": "bvsub", "or": "bvor", "and": "bvand", "xor": "bvxor"}
        old = self.load(state, place, value.term.width // 8, it)
        if it.extra == "xchg":
            new = value.term
        elif it.extra in names:
            new = self.solver.arithmetic(names[it.extra], old, value.term)
        else:
            raise Unreadable(it.text)
        self.store(state, place, new, it)
        frame.values[it.result] = Value(old)

    def do_alloca(self, state, frame, it):
        frame.values[it.result] = Place(self.allocate(state, bytes_of(it.type)), Term(64, 0))

    # Values.

    def operand(self, frame, typed):
        return self.value(frame, *typed)

    def value(self, frame, type, value):
        if isinstance(value, str):
            if value not in frame.values:
                raise Unreadable(f"{value}: not a value here")
            return frame.values[value]
        kind, content = value
        if isinstance(type, Integer):
            if kind in ("constant", "zero"):
                return Value(Term(type.width, content if kind == "constant" else 0))
            if kind in ("undef", "poison"):
                # `undef` is less than poison: what is right with this is right with that.
                return Value(Term(type.width, 0), TRUE)
        if isinstance(type, Aggregate) and kind in ("undef", "poison", "zero"):
            return [self.value(frame, part, (kind, part)) for part in type.parts]
        if isinstance(type, Aggregate) and kind == "aggregate":
            return [self.operand(frame, part) for part in content]
        raise Unreadable(f"a value of kind {kind}")

    def compute(self, frame, it):
        operands = [self.operand(frame, operand) if isinstance(operand, tuple) and not isinstance(operand[0], str)
                    else self.value(frame, it.type, operand) for operand in it.operands]  # fmt: skip
        compute = getattr(self, f"compute_{it.op}", None)
        if compute:
            return compute(it, *operands)
        if it.op in CASTS:
            return self.cast(it, *operands)
        if it.op in ARITHMETIC and isinstance(it.type, Integer):
            return self.arithmetic(it, *operands)
        raise Unreadable(it.text)

    def compute_icmp(self, it, a, b):
        poison = self.solver.disjunction(a.poison, b.poison)
        if isinstance(a, Place) or isinstance(b, Place):
            raise Unreadable(it.text)
        return Value(self.solver.compare(it.extra, a.term, b.term), poison)

    def compute_select(self, it, condition, a, b):
        if isinstance(a, Place) or isinstance(b, Place):
            raise Unreadable(it.text)
        solver = self.solver
        poison = solver.disjunction(condition.poison, solver.choose(condition.term, a.poison, b.poison))
        return Value(solver.choose(condition.term, a.term, b.term), poison)

    def compute_freeze(self, it, value):
        if value.poison.is_known(0):
            return value
        return Value(self.solver.choose(value.poison, self.solver.fresh(value.term.width), value.term))

    def compute_extractvalue(self, it, parts):
        return parts[it.extra]

    def compute_insertvalue(self, it, parts, value):
        return [value if at == it.extra else part for at, part in enumerate(parts)]

    def compute_getelementptr(self, it, place, *indexes):
        if len(indexes) != 1:
            raise Unreadable(it.text)
        (index,) = indexes
        solver = self.solver
        wide = solver.extend(index.term, 64, is_signed=True)
        distance = solver.arithmetic("bvmul", wide, Term(64, bytes_of(it.type)))
        offset = solver.arithmetic("bvadd", place.offset, distance)
        # Whether it is `inbounds` is asked when it is used.
        return Place(place.object, offset, solver.disjunction(place.poison, index.poison))

    def cast(self, it, value):
        solver, term, width = self.solver, value.term, it.type.width
        if it.op == "trunc":
            result, poison = solver.extract(term, 0, width), FALSE
            for flag, is_signed in (("nuw", False), ("nsw", True)):
                if flag in it.flags:
                    kept = solver.equal(solver.extend(result, term.width, is_signed), term)
                    poison = solver.disjunction(poison, solver.negate(kept))
        else:
            result, poison = solver.extend(term, width, it.op == "sext"), FALSE
            if "nneg" in it.flags:
                poison = solver.extract(term, term.width - 1, 1)
        return Value(result, solver.disjunction(value.poison, poison))

    def arithmetic(self, it, a, b):
        solver = self.solver
        poison = solver.disjunction(a.poison, b.poison)
        if it.op in ("udiv", "urem"):
            # Division by zero is undefined; the compiler has put a branch before it, or this is refuted.
            zero = solver.equal(b.term, Term(b.term.width, 0))
            quotient, remainder = solver.divide(a.term, b.term)
            return Value(quotient if it.op == "udiv" else remainder, solver.disjunction(poison, zero))
        for flag in it.flags:
            poison = solver.disjunction(poison, broken(solver, it.op, flag, a.term, b.term))
        if it.op in ("shl", "lshr", "ashr"):
            width = Term(b.term.width, b.term.width)
            in_range = solver.compare("ult", b.term, width)
            poison = solver.disjunction(poison, solver.negate(in_range))
        return Value(solver.arithmetic(ARITHMETIC[it.op], a.term, b.term), poison)


def broken(solver, op, flag, a, b):
    """Whether what a flag says is not so."""
    if flag == "disjoint":
        return solver.negate(solver.equal(solver.arithmetic("bvand", a, b), Term(a.width, 0)))
    if flag == "exact":
        there = solver.arithmetic(ARITHMETIC[op], a, b)
        return solver.negate(solver.equal(solver.arithmetic("bvshl", there, b), a))
    if op == "shl":
        there = solver.arithmetic("bvshl", a, b)
        back = solver.arithmetic("bvlshr" if flag == "nuw" else "bvashr", there, b)
        return solver.negate(solver.equal(back, a))
    if flag == "nuw" and a.limit + b.limit >> a.width == 0 and op == "add":
        return FALSE
    is_signed = flag == "nsw"
    width = a.width * 2 if op == "mul" else a.width + 1
    wide = solver.arithmetic(ARITHMETIC[op], solver.extend(a, width, is_signed), solver.extend(b, width, is_signed))
    narrow = solver.arithmetic(ARITHMETIC[op], a, b)
    return solver.negate(solver.equal(solver.extend(narrow, width, is_signed), wide))


def bytes_of(type):
    if isinstance(type, Integer):
        return (type.width + 7) // 8
    if isinstance(type, Pointer):
        return 8
    if isinstance(type, Aggregate) and all(part == type.parts[0] for part in type.parts):
        return sum(bytes_of(part) for part in type.parts)
    raise Unreadable(f"the size of {type}")


def minimum(predicate):
    return lambda solver, a, b: solver.choose(solver.compare(predicate, a, b), a, b)


def add_saturated(solver, a, b):
    total, wraps = add_with_overflow(solver, a, b)
    return solver.choose(wraps, Term(a.width, -1), total)


def subtract_saturated(solver, a, b):
    rest = solver.arithmetic("bvsub", a, b)
    return solver.choose(solver.compare("ult", a, b), Term(a.width, 0), rest)


def add_with_overflow(solver, a, b):
    total = solver.arithmetic("bvadd", a, b)
    return total, solver.compare("ult", total, a)


def subtract_with_overflow(solver, a, b):
    return solver.arithmetic("bvsub", a, b), solver.compare("ult", a, b)


def multiply_with_overflow(solver, a, b):
    wide = solver.arithmetic("bvmul", solver.extend(a, 2 * a.width), solver.extend(b, 2 * a.width))
    high = solver.extract(wide, a.width, a.width)
    return solver.extract(wide, 0, a.width), solver.negate(solver.equal(high, Term(a.width, 0)))


def count_zeros(solver, a, first_half):
    """Zeros from one end on: halves the number as long as there are halves. `first_half` gives the half that is looked
    at first, and the other one."""
    if a.width == 1:
        return solver.negate(a)
    half = a.width // 2
    first, second = first_half(solver.extract(a, half, half), solver.extract(a, 0, half))
    first_is_zero = solver.equal(first, Term(half, 0))
    rest = solver.choose(first_is_zero, second, first)
    count = solver.extend(count_zeros(solver, rest, first_half), a.width)
    more = solver.choose(first_is_zero, Term(a.width, half), Term(a.width, 0))
    return solver.arithmetic("bvadd", count, more)


def swap_bytes(solver, a):
    result = None
    for low in range(0, a.width, 8):
        byte = solver.extract(a, low, 8)
        result = byte if result is None else solver.concat(result, byte)
    return result


INTRINSICS = {
    "umin": minimum("ule"),
    "umax": minimum("uge"),
    "smin": minimum("sle"),
    "smax": minimum("sge"),
    "uadd.sat": add_saturated,
    "usub.sat": subtract_saturated,
    "uadd.with.overflow": add_with_overflow,
    "usub.with.overflow": subtract_with_overflow,
    "umul.with.overflow": multiply_with_overflow,
    "ctlz": lambda solver, a, _: count_zeros(solver, a, lambda high, low: (high, low)),
    "cttz": lambda solver, a, _: count_zeros(solver, a, lambda high, low: (low, high)),
    "bswap": swap_bytes,
    "expect": lambda solver, a, _expected: a,
}
CASTS = {"zext", "sext", "trunc"}
ARITHMETIC = {
    "add": "bvadd",
    "sub": "bvsub",
    "mul": "bvmul",
    "and": "bvand",
    "or": "bvor",
    "xor": "bvxor",
    "shl": "bvshl",
    "lshr": "bvlshr",
    "ashr": "bvashr",
    "udiv": "bvudiv",
    "urem": "bvurem",
}
