# SPDX-License-Identifier: GPL-2.0
"""What an object file defines and refers to: of ELF, as much as that takes."""

import bisect
import re
import struct
import subprocess
from collections import defaultdict
from typing import NamedTuple

EXECUTABLE, ALLOCATED = 0x4, 0x2
RELA, SYMTAB = 4, 2
FUNCTION, DATA, SECTION = 2, 1, 3

# PC32, PLT32, GOTPCREL, GOTPCRELX and REX_GOTPCRELX of x86.
RELATIVE = {2, 4, 9, 41, 42}

# What kbuild, the loader and tracing read: none of it is run, or refers to what the code refers to anyway.
TABLES = re.compile(r"__patchable_function_entries|__jump_table|__mcount_loc|\.orc_|\.(return|retpoline|call)_sites|__bug_table")

JUMP = re.compile(r"^ *([0-9a-f]+):\s+(?:call|j[a-z]+)\s+([0-9a-f]+) <")
TRAP = re.compile(r"^ *([0-9a-f]+):\s+ud[012]\b")

# struct bug_entry: where the code is, three more words or halves of them, and flags. See include/asm-generic/bug.h.
BUG_ENTRY_SIZE, BUG_FLAGS, BUGFLAG_WARNING = 16, 14, 1

# See arch/x86/include/asm/static_call.h.
TRAMPOLINE_MARK = b"\x0f\xb9\xcc"


class Section(NamedTuple):
    name: str
    type: int
    flags: int
    offset: int
    size: int
    link: int
    info: int


class Symbol(NamedTuple):
    name: str
    kind: int
    section: int
    value: int
    size: int


class Place(NamedTuple):
    """A piece of code or data of an object."""

    section: int
    offset: int


class Reference(NamedTuple):
    """Something at a place refers to a place, or by name to what another object defines."""

    source: Place
    target: Place | str


class Object:
    """An object file in ELF for a little-endian machine of 64 bits."""

    def __init__(self, path):
        self.path = path
        self.data = path.read_bytes()
        if self.data[:6] != b"\x7fELF\x02\x01":
            raise ValueError(f"{path}: not an ELF file of 64 bits, little-endian")
        self.sections = self.read_sections()
        self.symbols = self.read_symbols()
        self.references = [*self.relocations(), *self.jumps()]

    def unpack(self, layout, offset):
        return struct.unpack_from("<" + layout, self.data, offset)

    def string(self, table, offset):
        start = table.offset + offset
        return self.data[start : self.data.index(b"\0", start)].decode()

    def read_sections(self):
        (start,) = self.unpack("Q", 40)
        size, count, names = self.unpack("HHH", 58)
        rows = [self.unpack("IIQQQQIIQQ", start + index * size) for index in range(count)]
        plain = [Section("", row[1], row[2], row[4], row[5], row[6], row[7]) for row in rows]
        return [
            section._replace(name=self.string(plain[names], row[0])) for row, section in zip(rows, plain, strict=True)
        ]

    def read_symbols(self):
        table = next(section for section in self.sections if section.type == SYMTAB)
        rows = (self.unpack("IBBHQQ", offset) for offset in range(table.offset, table.offset + table.size, 24))
        names = self.sections[table.link]
        return [Symbol(self.string(names, row[0]), row[1] & 15, row[3], row[4], row[5]) for row in rows]

    def is_code(self, section):
        return bool(self.sections[section].flags & EXECUTABLE)

    def is_ours(self, section):
        """Whether what is there is loaded, and not a table about the rest."""
        return bool(self.sections[section].flags & ALLOCATED) and not TABLES.match(self.sections[section].name)

    def relocations_of(self, section):
        """The offset, symbol and addend of each."""
        for offset in range(section.offset, section.offset + section.size, 24):
            where, info, addend = self.unpack("QQq", offset)
            yield where, self.symbols[info >> 32], addend, info & 0xFFFFFFFF

    def relocations(self):
        for section in self.sections:
            if section.type != RELA or not self.is_ours(section.info):
                continue
            # Code counts from the end of the instruction, which its operand is the last of.
            behind = 4 if self.is_code(section.info) else 0
            for where, symbol, addend, kind in self.relocations_of(section):
                from_here = behind if kind in RELATIVE else 0
                yield Reference(Place(section.info, where), self.target(symbol, addend + from_here))

    def target(self, symbol, addend):
        if symbol.section == 0:
            return symbol.name
        return Place(symbol.section, symbol.value + addend if symbol.kind == SECTION else symbol.value)

    def jumps(self):
        """Calls and jumps inside a section, which need no relocation; and traps, by the name `ud2`."""
        relocated = {(section.info, where) for section in self.sections if section.type == RELA
                     for where, *_ in self.relocations_of(section)}  # fmt: skip
        warnings = self.warnings()
        for section, line in self.disassembly():
            if match := JUMP.match(line):
                source, target = (int(digits, 16) for digits in match.groups())
                # The operand follows an opcode of one byte or two.
                if not relocated & {(section, source + 1), (section, source + 2)}:
                    yield Reference(Place(section, source), Place(section, target))
            elif match := TRAP.match(line):
                place = Place(section, int(match.group(1), 16))
                if place not in warnings and not self.is_mark(place):
                    yield Reference(place, "ud2")

    def is_mark(self, place):
        """Whether that is by what the kernel knows a static call's trampoline: it is behind the only jump, where nobody comes."""
        section, offset = self.sections[place.section], place.offset
        found = self.data[section.offset + offset :][: len(TRAMPOLINE_MARK)]
        return section.name == ".static_call.text" and offset % 8 == 5 and found == TRAMPOLINE_MARK

    def disassembly(self):
        """Lines, with the section that they are in."""
        numbers = {section.name: number for number, section in enumerate(self.sections) if self.is_code(number)}
        said = subprocess.run(
            ["objdump", "-d", "--no-show-raw-insn", self.path], capture_output=True, text=True, check=True
        ).stdout  # fmt: skip
        section = None
        for line in said.splitlines():
            if line.startswith("Disassembly of section "):
                section = numbers[line[len("Disassembly of section ") : -1]]
            else:
                yield section, line

    def warnings(self):
        """The traps after which the kernel goes on."""
        found = set()
        for relocations in self.sections:
            if relocations.type != RELA or self.sections[relocations.info].name != "__bug_table":
                continue
            table = self.sections[relocations.info]
            for where, symbol, addend, _ in self.relocations_of(relocations):
                target = self.target(symbol, addend)
                if where % BUG_ENTRY_SIZE == 0:
                    if isinstance(target, str) or not self.is_code(target.section):
                        raise ValueError(f"{self.path}: entries of __bug_table are not as expected")
                    (flags,) = self.unpack("H", table.offset + where + BUG_FLAGS)
                    if flags & BUGFLAG_WARNING:
                        found.add(target)
        return found


class Pieces:
    """Cuts an object into functions and constants.

    Constants have no names of their own: one begins wherever something refers to.
    """

    def __init__(self, obj):
        self.names = {}
        starts = defaultdict(set)
        for symbol in obj.symbols:
            if symbol.section and symbol.section < len(obj.sections) and symbol.kind in (FUNCTION, DATA):
                starts[symbol.section].add(symbol.value)
                self.names.setdefault(Place(symbol.section, symbol.value), symbol.name)
        for reference in obj.references:
            if isinstance(reference.target, Place) and not obj.is_code(reference.target.section):
                starts[reference.target.section].add(reference.target.offset)
        self.starts = {section: sorted({0, *places}) for section, places in starts.items()}

    def piece(self, place):
        """Where the piece begins that a place is in."""
        starts = self.starts.get(place.section, [0])
        return Place(place.section, starts[max(bisect.bisect_right(starts, place.offset) - 1, 0)])
