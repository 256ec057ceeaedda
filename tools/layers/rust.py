# SPDX-License-Identifier: GPL-2.0
"""As much of Rust's syntax as the layer rules need: tokens, comments, and the paths that a file names."""

import re
from dataclasses import dataclass

TOKEN = re.compile(
    r"""
    (?P<comment> //[^\n]* | /\*(?:[^*]|\*(?!/))*\*/ )
  | (?P<string>  [bc]?r(?P<hash>\#*)".*?"(?P=hash) | [bc]?"(?:[^"\\]|\\.)*" | b?'(?:[^'\\\n]|\\[^\n]+?)' )
  | (?P<life>    '[A-Za-z_]\w* )
  | (?P<word>    \$?(?:r\#)?[A-Za-z_]\w* )
  | (?P<sep>     :: )
  | (?P<space>   \s+ )
  | (?P<mark>    . )
    """,
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True)
class Token:
    kind: str
    text: str
    line: int


@dataclass(frozen=True)
class Path:
    """A path as it is written: its segments, where, and in which inline modules of the file."""

    segments: tuple
    line: int
    inside: tuple
    is_use: bool


def tokens(source):
    line = 1
    for match in TOKEN.finditer(source):
        yield Token(match.lastgroup if match.lastgroup != "hash" else "string", match.group(), line)
        line += match.group().count("\n")


def code(source):
    """The tokens without spaces, comments and strings."""
    return [token for token in tokens(source) if token.kind in ("word", "sep", "mark")]


def comments(source):
    """The text of the comments on each line."""
    found = {}
    for token in tokens(source):
        if token.kind == "comment":
            for offset, text in enumerate(token.text.split("\n")):
                found[token.line + offset] = found.get(token.line + offset, "") + text
    return found


def paths(source):
    """Every path in the file, `use` trees taken apart; single words only where they stand in a `use`."""
    stream = code(source)
    modules = ModuleStack()
    index = 0
    while index < len(stream):
        token = stream[index]
        modules.see(stream, index)
        if token.text == "use" and token.kind == "word":
            found = []
            index = use_tree(stream, index + 1, (), found)
            for segments, line in found:
                yield Path(segments, line, modules.inside(), True)
        elif token.kind == "word":
            segments, index = plain_path(stream, index)
            if len(segments) > 1:
                yield Path(segments, token.line, modules.inside(), False)
        else:
            index += 1


class ModuleStack:
    """Which inline modules are open: `mod name {` pushes a name, every other brace a blank."""

    def __init__(self):
        self.open = []

    def see(self, stream, index):
        text = stream[index].text
        if text == "{":
            is_module = index >= 2 and stream[index - 2].text == "mod"
            self.open.append(stream[index - 1].text if is_module else None)
        elif text == "}" and self.open:
            self.open.pop()

    def inside(self):
        return tuple(name for name in self.open if name)


def plain_path(stream, index):
    segments = [stream[index].text]
    index += 1
    while index + 1 < len(stream) and stream[index].kind == "sep" and stream[index + 1].kind == "word":
        segments.append(stream[index + 1].text)
        index += 2
    return tuple(segments), index


def use_tree(stream, index, prefix, found):
    """Reads one tree at `index`; returns where it ends."""
    if stream[index].kind == "sep":
        index += 1
    if stream[index].text == "{":
        return use_group(stream, index + 1, prefix, found)
    if stream[index].kind != "word":
        found.append(((*prefix, stream[index].text), stream[index].line))
        return index + 1
    line = stream[index].line
    segments, index = plain_path(stream, index)
    if index < len(stream) and stream[index].kind == "sep":
        return use_tree(stream, index + 1, (*prefix, *segments), found)
    found.append(((*prefix, *segments), line))
    if index < len(stream) and stream[index].text == "as":
        index += 2
    return index


def use_group(stream, index, prefix, found):
    while stream[index].text != "}":
        if stream[index].text == ",":
            index += 1
        else:
            index = use_tree(stream, index, prefix, found)
    return index + 1
