# SPDX-License-Identifier: GPL-2.0
"""Reads the part of LLVM's language that small functions without floating point are compiled to. What it does not know
is an error, never passed over."""

import re
from dataclasses import dataclass, field

TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>c?"[^"]*")
  | (?P<name>[%@](?:"[^"]*"|[-\w$.]+))
  | (?P<number>-?\d+\b(?!\.))
  | (?P<meta>![\w.]*|\#\d+)
  | (?P<word>[A-Za-z_][\w.]*)
  | (?P<sign>\.\.\.|[][(){}<>,=*|:])
)""",
    re.VERBOSE,
)
# Attributes of values, which say no more than what follows from the code, or are checked where it matters.
ATTRIBUTES = set(
    "noundef nonnull noalias nocapture readonly readnone writeonly zeroext signext immarg returned inreg nofree".split()
)
ATTRIBUTES_WITH_ARGUMENT = {"align", "range", "captures", "memory", "initializes"}
CALLING_CONVENTIONS = {"fastcc", "coldcc", "ccc"}
ORDERINGS = {"unordered", "monotonic", "acquire", "release", "acq_rel", "seq_cst", "volatile", "weak"}
FLAGS = {"nuw", "nsw", "exact", "nneg", "disjoint", "inbounds", "samesign", "nusw"}


class Unreadable(Exception):
    """Not in the part of the language that is understood."""


@dataclass
class Integer:
    width: int


@dataclass
class Pointer:
    pass


@dataclass
class Void:
    pass


@dataclass
class Aggregate:
    """A structure, or an array as a structure of equal parts."""

    parts: list


@dataclass
class Parameter:
    type: object
    name: str
    size: int | None
    """How many bytes a reference is said to lead to."""


@dataclass
class Instruction:
    op: str
    result: str | None = None
    type: object = None
    operands: list = field(default_factory=list)
    flags: set = field(default_factory=set)
    extra: object = None
    text: str = ""


@dataclass
class Function:
    name: str
    parameters: list
    result: object
    lines: list
    blocks: dict | None = None

    def block(self, label):
        self.blocks = self.blocks or read_blocks(self.lines)
        return self.blocks[label]

    @property
    def entry(self):
        self.blocks = self.blocks or read_blocks(self.lines)
        return next(iter(self.blocks))


class Tokens:
    """The rest of a line."""

    def __init__(self, text):
        self.text = text
        self.tokens = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = TOKEN.match(text, at)
            if not match:
                raise Unreadable(text)
            self.tokens.append(match.group(match.lastgroup))
            at = match.end()
        self.at = 0

    def peek(self, ahead=0):
        at = self.at + ahead
        return self.tokens[at] if at < len(self.tokens) else None

    def next(self):
        token = self.peek()
        if token is None:
            raise Unreadable(self.text)
        self.at += 1
        return token

    def accept(self, token):
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def expect(self, token):
        if not self.accept(token):
            raise Unreadable(f"{self.text}: {token} expected, not {self.peek()}")

    def take(self, words):
        taken = set()
        while self.peek() in words:
            taken.add(self.next())
        return taken

    def skip_group(self):
        """Skips what is in parentheses."""
        self.expect("(")
        depth = 1
        while depth:
            depth += {"(": 1, ")": -1}.get(self.next(), 0)

    def attributes(self):
        """Skips attributes of a value; returns the size if one says it."""
        size = None
        while True:
            word = self.peek()
            if word in ATTRIBUTES:
                self.next()
            elif word in ("dereferenceable", "dereferenceable_or_null"):
                self.next()
                self.expect("(")
                size = int(self.next())
                self.expect(")")
            elif word in ATTRIBUTES_WITH_ARGUMENT or word == "sret":
                self.next()
                if self.peek() == "(":
                    self.skip_group()
                else:
                    self.next()
            else:
                return size

    def type(self):
        token = self.next()
        if token == "ptr":
            return Pointer()
        if token == "void":
            return Void()
        if re.fullmatch(r"i\d+", token):
            return Integer(int(token[1:]))
        if token == "{":
            return Aggregate(self.listed(self.type, "}"))
        if token == "[":
            count = int(self.next())
            self.expect("x")
            part = self.type()
            self.expect("]")
            return Aggregate([part] * count)
        raise Unreadable(f"{self.text}: type {token}")

    def listed(self, read, end=None):
        """Values between commas, up to a sign or to the end of the line."""
        values = []
        while not (self.accept(end) if end else self.peek() is None or self.peek() == "align"):
            values.append(read())
            if not self.accept(","):
                if end:
                    self.expect(end)
                break
        return values

    def value(self, type):
        """A name, or a constant as (kind, number)."""
        token = self.next()
        if token[0] in "%@":
            return token
        if token in ("true", "false"):
            return "constant", int(token == "true")
        if token in ("null", "zeroinitializer"):
            return "zero", type
        if token in ("undef", "poison"):
            return token, type
        if re.fullmatch(r"-?\d+", token):
            return "constant", int(token)
        if token == "{":
            return "aggregate", self.listed(self.typed, "}")
        if token == "getelementptr":
            return "constant-expression", None
        raise Unreadable(f"{self.text}: value {token}")

    def typed(self):
        type = self.type()
        self.attributes()
        return type, self.value(type)


def read_parameters(tokens):
    def one():
        if tokens.accept("..."):
            return Parameter(Void(), "...")
        type = tokens.type()
        size = tokens.attributes()
        name = tokens.next() if (tokens.peek() or "")[:1] == "%" else ""
        return Parameter(type, name, size)

    tokens.expect("(")
    return tokens.listed(one, ")")


def read_module(text):
    """The functions that the text defines, by name; their bodies are read when they are asked for."""
    functions, lines = {}, iter(text.splitlines())
    for line in lines:
        if alias := re.match(r"(@\S+) = .*\balias\b.*, ptr (@\S+)$", line):
            functions[alias[1]] = alias[2]
        if not line.startswith("define "):
            continue
        head = Tokens(re.sub(r"\) (unnamed_addr|local_unnamed_addr|#).*", ")", line))
        head.next()
        while head.peek() not in ("void", "ptr", "{", "[") and not re.fullmatch(r"i\d+", head.peek()):
            head.next()
            if head.peek() == "(":
                head.skip_group()
        result = head.type()
        head.attributes()
        name = head.next()
        body = []
        for inner in lines:
            if inner == "}":
                break
            body.append(inner)
        functions[name] = Function(name, read_parameters(head), result, body)
    return {name: functions[value] if isinstance(value, str) else value for name, value in functions.items()}


def read_blocks(lines):
    blocks, current = {}, None
    joined = iter(lines)
    for line in joined:
        line = re.sub(r"\s*;.*", "", line) if '"' not in line else line.split(" ; preds")[0].rstrip()
        if not line.strip():
            continue
        if not line.startswith(" "):
            label = line.rstrip(":").strip('"')
            current = blocks.setdefault(f"%{label}", [])
            continue
        if re.match(r"\s+switch ", line):
            while "]" not in line.split("[", 1)[1]:
                line += " " + next(joined).strip()
        current.append(read_instruction(line.strip()))
    return blocks


def label(tokens):
    tokens.expect("label")
    return tokens.next().replace('"', "")


def read_instruction(text):
    # Metadata at the end says nothing that is relied on.
    tokens = Tokens(re.sub(r"(,? !\S+ !\S+| #\d+)+$", "", text))
    result = None
    if tokens.peek(1) == "=":
        result = tokens.next()
        tokens.next()
    op = tokens.next()
    while op in ("tail", "notail", "musttail"):
        op = tokens.next()
    instruction = Instruction(op, result, text=text)
    reader = READERS.get(op)
    if not reader:
        raise Unreadable(text)
    reader(tokens, instruction)
    return instruction


def read_binary(tokens, it):
    it.flags = tokens.take(FLAGS)
    it.type = tokens.type()
    first = tokens.value(it.type)
    tokens.expect(",")
    it.operands = [first, tokens.value(it.type)]


def read_icmp(tokens, it):
    it.flags = tokens.take(FLAGS)
    it.extra = tokens.next()
    read_binary(tokens, it)


def read_cast(tokens, it):
    it.flags = tokens.take(FLAGS)
    it.operands = [tokens.typed()]
    tokens.expect("to")
    it.type = tokens.type()


def read_select(tokens, it):
    it.operands = tokens.listed(tokens.typed)
    it.type = it.operands[1][0]


def read_phi(tokens, it):
    it.type = tokens.type()

    def incoming():
        tokens.expect("[")
        value = tokens.value(it.type)
        tokens.expect(",")
        source = tokens.next().replace('"', "")
        tokens.expect("]")
        return source, value

    it.extra = dict(tokens.listed(incoming))


def read_br(tokens, it):
    if tokens.peek() == "label":
        it.extra = [label(tokens)]
        return
    it.operands = [tokens.typed()]
    tokens.expect(",")
    first = label(tokens)
    tokens.expect(",")
    it.extra = [first, label(tokens)]


def read_switch(tokens, it):
    it.operands = [tokens.typed()]
    tokens.expect(",")
    default = label(tokens)
    tokens.expect("[")
    cases = []
    while not tokens.accept("]"):
        _, (_, number) = tokens.typed()
        tokens.expect(",")
        cases.append((number, label(tokens)))
    it.extra = default, cases


def read_ret(tokens, it):
    it.operands = [] if tokens.peek() == "void" else [tokens.typed()]


def read_call(tokens, it):
    tokens.take(CALLING_CONVENTIONS)
    tokens.attributes()
    it.type = tokens.type()
    it.extra = tokens.next()
    tokens.expect("(")
    it.operands = tokens.listed(tokens.typed, ")")


def read_load(tokens, it):
    tokens.take(ORDERINGS | {"atomic"})
    it.type = tokens.type()
    tokens.expect(",")
    it.operands = [tokens.typed()]


def read_store(tokens, it):
    tokens.take(ORDERINGS | {"atomic"})
    it.operands = [tokens.typed()]
    tokens.expect(",")
    it.operands.append(tokens.typed())


def read_atomicrmw(tokens, it):
    tokens.take(ORDERINGS)
    it.extra = tokens.next()
    it.operands = [tokens.typed()]
    tokens.expect(",")
    it.operands.append(tokens.typed())
    it.type = it.operands[1][0]


def read_gep(tokens, it):
    it.flags = tokens.take(FLAGS)
    it.type = tokens.type()
    tokens.expect(",")
    it.operands = tokens.listed(tokens.typed)


def read_alloca(tokens, it):
    it.type = tokens.type()


def read_extractvalue(tokens, it):
    it.operands = [tokens.typed()]
    tokens.expect(",")
    it.extra = int(tokens.next())


def read_insertvalue(tokens, it):
    it.operands = [tokens.typed()]
    tokens.expect(",")
    it.operands.append(tokens.typed())
    tokens.expect(",")
    it.extra = int(tokens.next())


def read_nothing(tokens, it):
    pass


def read_freeze(tokens, it):
    it.operands = [tokens.typed()]


READERS = {
    **dict.fromkeys("add sub mul udiv urem sdiv srem and or xor shl lshr ashr".split(), read_binary),
    **dict.fromkeys("zext sext trunc".split(), read_cast),
    "icmp": read_icmp,
    "select": read_select,
    "phi": read_phi,
    "br": read_br,
    "switch": read_switch,
    "ret": read_ret,
    "call": read_call,
    "load": read_load,
    "store": read_store,
    "atomicrmw": read_atomicrmw,
    "getelementptr": read_gep,
    "alloca": read_alloca,
    "extractvalue": read_extractvalue,
    "insertvalue": read_insertvalue,
    "freeze": read_freeze,
    "unreachable": read_nothing,
}
