# SPDX-License-Identifier: GPL-2.0
"""Terms of bit-vectors, and the solver that decides about them: Z3, by the library that LLVM uses.

A term knows its width; its value is a number if that is known, and otherwise a term of Z3. A term of one bit is a
proposition there.
"""

import ctypes
import ctypes.util

UNKNOWN, UNSAT = 0, -1
MODELS = 4

pointer, uint = ctypes.c_void_p, ctypes.c_uint

# Result and arguments of what is called, behind the context.
PROTOTYPES = {
    "mk_bool_sort": (pointer,),
    "mk_bv_sort": (pointer, uint),
    "mk_string_symbol": (pointer, ctypes.c_char_p),
    "mk_const": (pointer, pointer, pointer),
    "mk_numeral": (pointer, ctypes.c_char_p, pointer),
    "mk_true": (pointer,),
    "mk_false": (pointer,),
    "mk_not": (pointer, pointer),
    "mk_ite": (pointer, pointer, pointer, pointer),
    "mk_eq": (pointer, pointer, pointer),
    "mk_xor": (pointer, pointer, pointer),
    "mk_and": (pointer, uint, pointer),
    "mk_or": (pointer, uint, pointer),
    "mk_extract": (pointer, uint, uint, pointer),
    "mk_zero_ext": (pointer, uint, pointer),
    "mk_sign_ext": (pointer, uint, pointer),
    "mk_solver_for_logic": (pointer, pointer),
    "solver_inc_ref": (None, pointer),
    "solver_dec_ref": (None, pointer),
    "solver_assert": (None, pointer, pointer),
    "solver_check": (ctypes.c_int, pointer),
    "solver_get_model": (pointer, pointer),
    "model_inc_ref": (None, pointer),
    "model_dec_ref": (None, pointer),
    "model_eval": (ctypes.c_bool, pointer, pointer, ctypes.c_bool, pointer),
    "get_numeral_string": (ctypes.c_char_p, pointer),
    "get_bool_value": (ctypes.c_int, pointer),
    "get_error_code": (ctypes.c_int,),
}
BINARY = "bvadd bvsub bvmul bvand bvor bvxor bvshl bvlshr bvashr bvudiv bvurem bvult bvule bvslt bvsle concat".split()
PROTOTYPES |= {f"mk_{name}": (pointer, pointer, pointer) for name in BINARY}


def load_library():
    library = ctypes.CDLL(ctypes.util.find_library("z3") or "libz3.so.4")
    library.Z3_mk_config.restype = library.Z3_mk_context.restype = pointer
    library.Z3_mk_context.argtypes = [pointer]
    library.Z3_del_context.argtypes = [pointer]
    library.Z3_global_param_set.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.Z3_get_full_version.restype = ctypes.c_char_p
    for name, (result, *arguments) in PROTOTYPES.items():
        function = getattr(library, f"Z3_{name}")
        function.restype, function.argtypes = result, [pointer, *arguments]
    # An error is a null pointer, and found by `Z3.__getattr__`; the default handler would end the process.
    library.Z3_set_error_handler.argtypes = [pointer, pointer]
    return library


class SolverError(Exception):
    """Z3 did not do what it should."""


class Term:
    """Some bits: `value` is a number, or a term of Z3. The number is `limit` at most, and divisible by two `zeros`
    times: what follows from that needs no question."""


    __slots__ = ("width", "value", "limit", "zeros", "parts", "below")

    def __init__(self, width, value, limit=None, zeros=0):
        self.width, self.value, self.zeros = width, value, zeros
        self.parts = [self]
        """What a conjunction is one of."""
        self.below = None
        """For the proposition that a number is below a term: this term and the number."""
        self.limit = (1 << width) - 1 if limit is None else limit
        if isinstance(value, int):
            self.value = self.limit = value & ((1 << width) - 1)
            self.zeros = (self.value & -self.value).bit_length() - 1 if self.value else width

    @property
    def known(self):
        return isinstance(self.value, int)

    def implies(self, other):
        """Whether one can see that, of propositions as loops make them with each turn."""
        if not self.below or not other.below:
            return False
        return self.below[0].is_same(other.below[0]) and self.below[1] >= other.below[1]

    def is_same(self, other):
        """Whether both are written alike."""
        mine, others = (term.value if term.known else term.value.handle for term in (self, other))
        return self.known == other.known and mine == others

    def is_known(self, value):
        return self.known and self.value == value & ((1 << self.width) - 1)


class Ast:
    """A term of Z3, which is not to be confused with a number."""

    __slots__ = ("handle",)

    def __init__(self, handle):
        self.handle = handle


FALSE, TRUE = Term(1, 0), Term(1, 1)


def signed(term):
    return term.value - (1 << term.width) if term.value >> (term.width - 1) else term.value


FOLDED = {
    "bvadd": lambda a, b, width: a + b,
    "bvsub": lambda a, b, width: a - b,
    "bvmul": lambda a, b, width: a * b,
    "bvand": lambda a, b, width: a & b,
    "bvor": lambda a, b, width: a | b,
    "bvxor": lambda a, b, width: a ^ b,
    "bvshl": lambda a, b, width: a << b if b < width else 0,
    "bvlshr": lambda a, b, width: a >> b if b < width else 0,
}


def bounds(name, a, b):
    """Limit and zeros of a result."""
    top = (1 << a.width) - 1
    if name == "bvand":
        return min(a.limit, b.limit), max(a.zeros, b.zeros)
    if name == "bvlshr" and b.known:
        return a.limit >> b.value, max(0, a.zeros - b.value)
    if name in ("bvor", "bvxor"):
        return min(top, (1 << max(a.limit, b.limit).bit_length()) - 1), min(a.zeros, b.zeros)
    if name == "bvadd":
        return (a.limit + b.limit if a.limit + b.limit <= top else top), min(a.zeros, b.zeros)
    if name == "bvmul":
        return (a.limit * b.limit if a.limit * b.limit <= top else top), min(a.width, a.zeros + b.zeros)
    if name == "bvshl" and b.known and b.value < a.width:
        return (a.limit << b.value if a.limit << b.value <= top else top), min(a.width, a.zeros + b.value)
    return top, 0


class Solver:
    """Makes terms, and answers whether propositions can be true together. One for each theorem."""

    LIBRARY = None

    def __init__(self, timeout_ms=300_000):
        if Solver.LIBRARY is None:
            Solver.LIBRARY = load_library()
        library = Solver.LIBRARY
        library.Z3_global_param_set(b"timeout", str(timeout_ms).encode())
        self.context = library.Z3_mk_context(library.Z3_mk_config())
        library.Z3_set_error_handler(self.context, None)
        self.sorts, self.models = {}, []
        self.fresh_names = 0
        self.queries = 0
        self.divisions = {}
        self.axioms = []

    def close(self):
        for model in self.models:
            self.call("model_dec_ref", model)
        Solver.LIBRARY.Z3_del_context(self.context)

    def call(self, name, *arguments):
        result = getattr(Solver.LIBRARY, f"Z3_{name}")(self.context, *arguments)
        if Solver.LIBRARY.Z3_get_error_code(self.context):
            raise SolverError(name)
        return result

    def ast(self, name, *arguments):
        return Ast(self.call(name, *arguments))

    def sort(self, width):
        if width not in self.sorts:
            self.sorts[width] = self.call("mk_bool_sort") if width == 1 else self.call("mk_bv_sort", width)
        return self.sorts[width]

    def raw(self, term):
        if not term.known:
            return term.value.handle
        if term.width == 1:
            return self.call("mk_true" if term.value else "mk_false")
        return self.call("mk_numeral", str(term.value).encode(), self.sort(term.width))

    def fresh(self, width, name="v"):
        """Any value."""
        self.fresh_names += 1
        symbol = self.call("mk_string_symbol", f"{name}!{self.fresh_names}".encode())
        return Term(width, self.ast("mk_const", symbol, self.sort(width)))

    # Propositions.

    def negate(self, a):
        return Term(1, a.value ^ 1 if a.known else self.ast("mk_not", self.raw(a)))

    def junction(self, name, neutral, a, b):
        for one, other in ((a, b), (b, a)):
            if one.known:
                return other if one.value == neutral else one
        return Term(1, self.ast(name, 2, (pointer * 2)(self.raw(a), self.raw(b))))

    def conjunction(self, a, b):
        result = self.junction("mk_and", 1, a, b)
        if not a.known and not b.known:
            result.parts = a.parts + b.parts
        return result

    def disjunction(self, a, b):
        return self.junction("mk_or", 0, a, b)

    def equal(self, a, b):
        assert a.width == b.width
        if a.known and b.known:
            return Term(1, int(a.value == b.value))
        return Term(1, self.ast("mk_eq", self.raw(a), self.raw(b)))

    def choose(self, condition, a, b):
        assert a.width == b.width
        if condition.known:
            return a if condition.value else b
        if a.known and b.known and a.value == b.value:
            return a
        if a.width == 1 and b.is_known(0):
            return self.conjunction(condition, a)
        if a.width == 1 and a.is_known(1):
            return self.disjunction(condition, b)
        ast = self.ast("mk_ite", self.raw(condition), self.raw(a), self.raw(b))
        return Term(a.width, ast, max(a.limit, b.limit), min(a.zeros, b.zeros))

    def compare(self, predicate, a, b):
        """Unsigned and signed comparisons by the names that LLVM has for them."""
        if predicate in ("eq", "ne"):
            equal = self.equal(a, b)
            return equal if predicate == "eq" else self.negate(equal)
        if predicate[1:] in ("gt", "ge"):
            a, b = b, a
        is_strict = predicate[1:] in ("gt", "lt")
        if a.known and b.known:
            x, y = (a.value, b.value) if predicate[0] == "u" else (signed(a), signed(b))
            return Term(1, int(x < y if is_strict else x <= y))
        if b.known and predicate[0] == "u" and a.limit + is_strict <= b.value:
            return TRUE
        ast = self.ast(f"mk_bv{predicate[0]}{'lt' if is_strict else 'le'}", *map(self.raw, map(self.widened, (a, b))))
        result = Term(1, ast)
        if a.known and predicate[0] == "u":
            result.below = b, a.value - (not is_strict)
        return result

    def widened(self, a):
        """What Z3 takes for bits: propositions are none."""
        return self.extend(a, 8) if a.width == 1 else a

    # Bits.

    def arithmetic(self, name, a, b):
        assert a.width == b.width
        if a.width == 1:
            return self.of_propositions(name, a, b)
        if a.known and b.known and name in FOLDED:
            return Term(a.width, FOLDED[name](a.value, b.value, a.width))
        if b.is_known(0) and name in ("bvadd", "bvsub", "bvor", "bvxor", "bvshl", "bvlshr"):
            return a
        if a.is_known(0) and name in ("bvadd", "bvor", "bvxor"):
            return b
        limit, zeros = bounds(name, a, b)
        return Term(a.width, self.ast(f"mk_{name}", self.raw(a), self.raw(b)), limit, zeros)

    def of_propositions(self, name, a, b):
        if name in ("bvand", "bvmul"):
            return self.conjunction(a, b)
        if name == "bvor":
            return self.disjunction(a, b)
        if name in ("bvxor", "bvadd", "bvsub"):
            if a.known and b.known:
                return Term(1, a.value ^ b.value)
            return Term(1, self.ast("mk_xor", self.raw(a), self.raw(b)))
        raise SolverError(f"{name} of propositions")

    def extend(self, a, width, is_signed=False):
        if width == a.width:
            return a
        if a.known:
            return Term(width, signed(a) if is_signed else a.value)
        if a.width == 1:
            return self.choose(a, Term(width, -1 if is_signed else 1), Term(width, 0))
        if is_signed and a.limit >> (a.width - 1):
            return Term(width, self.ast("mk_sign_ext", width - a.width, self.raw(a)))
        return Term(width, self.ast("mk_zero_ext", width - a.width, self.raw(a)), a.limit, a.zeros)

    def extract(self, a, low, width):
        if low == 0 and width == a.width:
            return a
        if a.known:
            return Term(width, a.value >> low)
        if low + width <= a.zeros or a.limit >> low == 0:
            return Term(width, 0)
        bits = self.ast("mk_extract", low + width - 1, low, self.raw(a))
        if width > 1:
            return Term(width, bits, min(a.limit >> low, (1 << width) - 1), max(0, a.zeros - low))
        one = self.call("mk_numeral", b"1", self.call("mk_bv_sort", 1))
        return Term(1, self.ast("mk_eq", bits.handle, one))

    def concat(self, high, low):
        if high.known and low.known:
            return Term(high.width + low.width, high.value << low.width | low.value)
        return Term(high.width + low.width, self.ast("mk_concat", self.raw(high), self.raw(low)))

    def divide(self, a, b):
        """Quotient and remainder. If the divisor is not known, they are any two numbers of which a little is said:
        what is proved of them is true of the real ones."""
        if b.known and b.value:
            if a.known:
                return Term(a.width, a.value // b.value), Term(a.width, a.value % b.value)
            return self.arithmetic("bvudiv", a, b), self.arithmetic("bvurem", a, b)
        key = (a.width, self.raw(a), self.raw(b))
        if key not in self.divisions:
            quotient, remainder = self.fresh(a.width, "quotient"), self.fresh(a.width, "remainder")
            self.axioms += [self.disjunction(self.equal(b, Term(a.width, 0)), fact)
                            for fact in self.facts_of_division(a, b, quotient, remainder)]  # fmt: skip
            self.divisions[key] = quotient, remainder
        return self.divisions[key]

    def facts_of_division(self, a, b, quotient, remainder):
        """What is true of division by anything but zero."""
        is_less = self.compare("ult", a, b)
        yield self.compare("ult", remainder, b)
        yield self.compare("ule", remainder, a)
        yield self.compare("ule", quotient, a)
        yield self.equal(is_less, self.equal(quotient, Term(a.width, 0)))
        yield self.disjunction(self.negate(is_less), self.equal(remainder, a))
        yield self.disjunction(is_less, self.compare("ule", remainder, self.arithmetic("bvsub", a, b)))

    # Questions.

    def witness(self, path, more=(), wanted=()):
        """Values of the terms wanted, if all propositions can be true together; none if they cannot."""
        propositions = [*path, *more, *self.axioms]
        if any(p.is_known(0) for p in propositions):
            return None
        self.queries += 1
        for model in self.models:
            if all(self.value_in(model, p) for p in propositions):
                return self.values(model, wanted)
        model = self.model_of(propositions)
        if model is None:
            return None
        self.remember(model)
        return self.values(model, wanted)

    def model_of(self, propositions):
        """Values by which all are true, from Z3."""
        solver = self.call("mk_solver_for_logic", self.call("mk_string_symbol", b"QF_BV"))
        self.call("solver_inc_ref", solver)
        try:
            for proposition in propositions:
                if not proposition.known:
                    self.call("solver_assert", solver, self.raw(proposition))
            answer = self.call("solver_check", solver)
            if answer == UNKNOWN:
                raise SolverError("undecided within the time")
            if answer == UNSAT:
                return None
            model = self.call("solver_get_model", solver)
            self.call("model_inc_ref", model)
            return model
        finally:
            self.call("solver_dec_ref", solver)

    def remember(self, model):
        """Keeps a few models: what is possible by one is often by the next question, too."""
        self.models.insert(0, model)
        for old in self.models[MODELS:]:
            self.call("model_dec_ref", old)
        del self.models[MODELS:]

    def values(self, model, wanted):
        return [self.value_in(model, term) for term in wanted]

    def value_in(self, model, term):
        if term.known:
            return term.value
        result = pointer()
        self.call("model_eval", model, self.raw(term), True, ctypes.byref(result))
        if term.width == 1:
            return int(self.call("get_bool_value", result) == 1)
        return int(self.call("get_numeral_string", result))
