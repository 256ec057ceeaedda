# SPDX-License-Identifier: GPL-2.0
"""Where Rust code says `unsafe`, as what, and for which reasons."""

from dataclasses import dataclass

import rust

# Lines that may stand between `unsafe` and its SAFETY comment: the head of the same statement.
STATEMENT_LINES = 8

# What may stand between the documentation of a function and its `unsafe`.
HEAD = ("//", "#[", ")]")

TAGS = ("INVARIANT:", "CAST:", "PANIC:")


@dataclass(frozen=True)
class Use:
    """One `unsafe`: a block, an impl, a fn or a trait; the function that it is in or that it is; its reasons."""

    kind: str
    line: int
    place: str
    reasons: str


class File:
    """The text of a file, by lines and by tokens."""

    def __init__(self, source):
        self.lines = source.split("\n")
        self.notes = rust.comments(source)
        self.stream = rust.code(source)
        self.unsafe_lines = {token.line for token in self.stream if token.text == "unsafe"}

    def uses(self):
        place, scopes, head = "", [], []
        for index, token in enumerate(self.stream):
            if token.text == "fn" and self.text(index + 1) != "(":
                place = self.text(index + 1)
            if token.text == "unsafe" and (kind := self.kind(index)):
                name = self.name(index) if kind != "block" else place
                yield Use(kind, token.line, name, self.reasons(kind, token.line, scopes))
            head = follow(token, head, scopes)

    def text(self, index):
        return self.stream[index].text if index < len(self.stream) else ""

    def kind(self, index):
        """What `unsafe` stands before; nothing if that is but the type of a pointer."""
        word = self.text(index + 1)
        if word == "extern":
            index, word = index + 1, self.text(index + 2)
        if word == "fn":
            return "fn" if self.text(index + 2) != "(" else None
        return {"{": "block", "impl": "impl", "trait": "trait"}.get(word)

    def name(self, index):
        """The words of the head of an item, as far as its body."""
        words = []
        while self.text(index) not in ("{", "(", ";", "where", ""):
            words.append(self.text(index))
            index += 1
        return " ".join(words[1:]).replace(" :: ", "::")

    def reasons(self, kind, line, scopes):
        if kind in ("block", "impl"):
            return self.above(line)
        if "trait impl" in scopes:
            return "As the trait says."
        return self.documented(line)

    def above(self, line):
        """The SAFETY comment on the line or above the statement that the line belongs to."""
        if "SAFETY:" in self.notes.get(line, ""):
            return said(self.notes[line])
        for above in range(line - 1, max(0, line - 1 - STATEMENT_LINES), -1):
            text = self.lines[above - 1].strip()
            if self.is_comment(above):
                return said(" ".join(self.block(above)))
            # Another statement, or one whose reasons are for another `unsafe`.
            if not text or text.endswith((";", "}")) or above in self.unsafe_lines:
                return ""
        return ""

    def is_comment(self, line):
        return line in self.notes and self.lines[line - 1].strip().startswith(("//", "/*", "*"))

    def block(self, line):
        """The lines of the comment that ends at a line."""
        first = line
        while self.is_comment(first - 1):
            first -= 1
        return [self.notes[at].strip().lstrip("/*! ") for at in range(first, line + 1)]

    def documented(self, line):
        """What is below "# Safety" in the documentation above an item."""
        first = line
        while self.lines[first - 2].strip().startswith(HEAD):
            first -= 1
        docs = [text.strip() for text in self.lines[first - 1 : line - 1]]
        if "/// # Safety" not in docs:
            return ""
        behind = docs[docs.index("/// # Safety") + 1 :]
        return " ".join(text.lstrip("/ ") for text in behind if text.startswith("///")).strip()


def follow(token, head, scopes):
    """Notes what scope a brace opens or closes; returns the words of the head of the next one."""
    if token.text == "{":
        scopes.append("trait impl" if "impl" in head and "for" in head else "")
    elif token.text == "}" and scopes:
        scopes.pop()
    return [] if token.text in ("{", "}", ";") else [*head, token.text]


def said(comment):
    """What a comment says behind SAFETY, up to the next tag."""
    text = comment.partition("SAFETY:")[2]
    for tag in TAGS:
        text = text.partition(tag)[0]
    return " ".join(text.replace("//", " ").split())


def uses(source):
    return list(File(source).uses())
