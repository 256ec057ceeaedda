# SPDX-License-Identifier: GPL-2.0
"""What the code of a module calls: its disassembly with relocations, read as far as that.

User-mode Linux's modules load the address of whatever they call into a register. So it is followed where addresses go, along
all ways through a function: registers, copies, places on the stack.
"""

import re
import subprocess
from dataclasses import dataclass, field

FUNCTION = re.compile(r"([0-9a-f]+) <(.*)>:$")
SECTION = re.compile(r"Disassembly of section (.*):$")
INSTRUCTION = re.compile(r" *([0-9a-f]+): *\t([a-z0-9]+)(?:\s+(.*?))?(?:\s+#.*)?$")
RELOCATION = re.compile(r"\s+[0-9a-f]+:\s+R_X86_64_\w+\s+(.*)$")
TARGET = re.compile(r"0x([0-9a-f]+) <")

# What a call leaves of the registers.
CLOBBERED = ("rax", "rcx", "rdx", "rsi", "rdi", "r8", "r9", "r10", "r11")

# By the names of their lower halves.
WHOLE = {"eax": "rax", "ecx": "rcx", "edx": "rdx", "ebx": "rbx", "esi": "rsi", "edi": "rdi", "ebp": "rbp"}

NOTHING_WRITTEN = ("cmp", "test", "push", "nop", "j", "bt", "call", "ud2")


@dataclass
class Instruction:
    offset: int
    verb: str
    operands: list[str]
    symbol: str = ""
    """What a relocation puts into it."""
    behind: int = 0


@dataclass
class Function:
    name: str
    section: str
    code: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Call:
    section: str
    offset: int
    """Of the instruction behind it: what the stack shows below the callee."""
    caller: str
    callee: str
    is_jump: bool
    flags: frozenset[str]
    """What may be in the register of the fourth argument."""


def disassembly(module):
    command = ["llvm-objdump", "-d", "-r", "--no-show-raw-insn", str(module)]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def functions(text):
    """The functions of a disassembly."""
    section, function = "", None
    for line in text.splitlines():
        if match := SECTION.match(line):
            section = match.group(1)
        elif match := FUNCTION.match(line):
            if function:
                yield function
            function = Function(match.group(2), section)
        elif match := INSTRUCTION.match(line):
            offset = int(match.group(1), 16)
            if function.code:
                function.code[-1].behind = offset
            function.code.append(Instruction(offset, match.group(2), operands(match.group(3) or "")))
        elif function and (match := RELOCATION.match(line)):
            function.code[-1].symbol = match.group(1)
    if function:
        yield function


def operands(text):
    """`$0x1, -0x8(%rbp,%rax), %rcx` in pieces."""
    pieces = re.split(r",\s*(?![^(]*\))", text) if text else []
    return [WHOLE.get(piece.strip("%*"), piece.strip("%*")) for piece in pieces]


class Flow:
    """What may be where before each instruction of one function, if something known is there on all ways to it."""

    def __init__(self, function):
        self.code = function.code
        self.index = {instruction.offset: index for index, instruction in enumerate(self.code)}
        self.before = [None] * len(self.code)
        self.follow([(0, {})])
        # Behind jumps by a table, whose ways are not known.
        for index in range(len(self.code)):
            if self.before[index] is None:
                self.follow([(index, {})])

    def follow(self, ways):
        while ways:
            index, state = ways.pop()
            known = self.before[index]
            merged = state if known is None else {key: known[key] | state[key] for key in known.keys() & state.keys()}
            if merged == known:
                continue
            self.before[index] = merged
            after = step(self.code[index], dict(merged))
            ways += [(following, after) for following in self.following(index)]

    def following(self, index):
        instruction = self.code[index]
        if instruction.verb.startswith("j") and (match := TARGET.match(instruction.operands[0])):
            target = self.index.get(int(match.group(1), 16))
            if target is not None:
                yield target
        if not instruction.verb.startswith(("jmp", "ret", "ud2")) and index + 1 < len(self.code):
            yield index + 1


def step(instruction, state):
    """What is where after an instruction."""
    verb, pieces = instruction.verb, instruction.operands
    if verb.startswith("call"):
        for register in CLOBBERED:
            state.pop(register, None)
        return state
    if not pieces or verb.startswith(NOTHING_WRITTEN):
        return state
    value = written(instruction, state)
    state.pop(pieces[-1], None)
    if value is not None:
        state[pieces[-1]] = value
    return state


def written(instruction, state):
    verb, pieces = instruction.verb, instruction.operands
    if instruction.symbol and verb.startswith("movabs"):
        return {instruction.symbol}
    if verb.startswith("xor") and pieces[0] == pieces[-1]:
        return {"$0x0"}
    if verb.startswith("mov") and len(pieces) == 2:
        return {pieces[0]} if pieces[0].startswith("$") else state.get(pieces[0])
    return None


def calls(module):
    """All calls and tail calls of a module whose target is known; several, if it is one of several."""
    found = list(functions(disassembly(module)))
    starts = {(function.section, function.code[0].offset): function.name for function in found if function.code}
    for function in found:
        flow = Flow(function)
        for instruction, state in zip(function.code, flow.before):
            if instruction.verb.startswith(("call", "jmp")):
                is_jump = instruction.verb.startswith("jmp")
                flags = frozenset(state.get("rcx", ()))
                for symbol in sorted(targets(instruction, state)):
                    to = function_of(symbol, starts)
                    yield Call(function.section, instruction.behind, function.name, to, is_jump, flags)


def targets(instruction, state):
    return {instruction.symbol} if instruction.symbol else state.get(instruction.operands[0], set())


def function_of(symbol, starts):
    """A symbol, or a place in a section, as relocations name what is local."""
    section, _, offset = symbol.partition("+0x")
    return starts.get((section, int(offset or "0", 16)), symbol)


def imports(module):
    """What a module wants of the kernel or of other modules."""
    table = subprocess.run(["llvm-nm", "-u", str(module)], stdout=subprocess.PIPE, text=True, check=True).stdout
    return [line.split()[-1] for line in table.splitlines()]
