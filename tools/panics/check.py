# SPDX-License-Identifier: GPL-2.0
"""Finds what a module refers to that can end in a panic.

The module and the objects of the kernel's Rust code are one graph of functions and constants, and of what they refer to.
Nothing in the module may refer to what an end of that graph can be reached from, but for what is known.
"""

import re
import subprocess

import elf
from graph import Graph, reach, ways

# Where every panic ends, by symbol; ud2 stands for a trap that is no warning. UBSAN only reports, which is the end where
# warnings are.
ENDS = re.compile(
    r"ud2|.*rust_begin_unwind|rust_build_error|rust_helper_BUG|panic|vpanic|nmi_panic|__fortify_panic|usercopy_abort"
    r"|__ubsan_handle_\w+"
)

# Generic, so that a module has copies of its own; whoever refers to one is named instead.
PANICS = re.compile(r"core::panicking::")

# The objects that the kernel's Rust code is in.
KERNEL = ("core", "compiler_builtins", "kernel", "bindings", "uapi", "ffi", "pin_init", "zerocopy")

WHOLE = "unwraps the writing of the longest text to a buffer that is made for it"

# Functions of the kernel that do not panic, though there is a way by what their objects say; with the reason. All show
# something in a message. An entry that is not needed is an error.
KNOWN = {
    "<core::fmt::Formatter>::pad": "subtracts what it has compared before",
    "<core::fmt::Formatter>::pad_integral": "adds up the lengths of short texts, and subtracts what it has compared before",
    "<core::net::ip_addr::Ipv4Addr as core::fmt::Display>::fmt": WHOLE,
    "<core::net::ip_addr::Ipv6Addr as core::fmt::Display>::fmt": WHOLE + "; it counts to eight",
    "<core::net::socket_addr::SocketAddrV4 as core::fmt::Display>::fmt": WHOLE,
    "kernel::module_param::set_param::<bool>": "adds one to the length of a text",
}

# What paths of sources begin with that says nothing.
FOLDERS = re.compile(r"^.*/(build/module/[^/]+|source|rustlib/src/rust/library)/")


def read_kernel(build):
    """The objects of a kernel that was built there."""
    return [elf.Object(build / "rust" / f"{name}.o") for name in KERNEL]


def demangle(names):
    said = subprocess.run(["c++filt", "-i"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return dict(zip(names, said.splitlines(), strict=True))


class Checker:
    """Collects the complaints about one module."""

    def __init__(self, module, kernel, known):
        self.module = module
        self.graph = Graph([module, *kernel])
        self.ours = set(self.graph.nodes[module].values())
        everything = self.graph.all_nodes()
        self.readable = demangle(sorted({node.name for node in everything}))
        self.known = {node: self.readable[node.name] for node in everything if self.readable[node.name] in known}
        self.unheard_of = known.keys() - set(self.known.values())
        ends = {node for node in everything if ENDS.fullmatch(node.name)}
        self.ways = ways(ends, self.known.keys())

    def run(self):
        """The complaints, each a line or several."""
        if not any("rust_begin_unwind" in name for name in self.graph.defined):
            return ["the kernel's objects have no panic handler, so none was looked for"]
        pairs = [(node, target) for node in self.ours for target in node.targets]
        found = {self.complaint(*pair) for pair in pairs if self.is_bad(*pair)}
        return sorted(found | {f"{name} is known for nothing" for name in self.unneeded()})

    def unneeded(self):
        """What is known without being in any way from the module to an end."""
        reached = reach(self.ours, self.known.keys()) & self.known.keys()
        needed = {self.known[node] for node in reached if node.targets.keys() & self.ways.keys()}
        return self.unheard_of | set(self.known.values()) - needed

    def is_bad(self, node, target):
        if PANICS.match(self.readable[node.name]):
            return False
        if target in self.ours:
            return bool(PANICS.match(self.readable[target.name]))
        return target in self.ways or self.is_unknown(target)

    def is_unknown(self, target):
        """Rust code that is in none of the objects: there is no telling."""
        return target.name.startswith("_R") and target.name not in self.graph.defined

    def complaint(self, node, target):
        users = sorted(self.readable[function.name] for function in node.functions()) or [self.readable[node.name]]
        how = "calls" if node.is_code else "has a constant with"
        places = node.targets[target] if node.is_code else []
        lines = dict.fromkeys(self.line(place) for place in places)
        return "\n    ".join([f"{', '.join(users)} {how} {self.way(target)}", *lines])

    def way(self, target):
        """What is referred to, and how it goes on to the end."""
        if target not in self.ways:
            return f"{self.readable[target.name]}, which is nowhere in the kernel's objects"
        names = []
        while target:
            names.append(self.readable[target.name])
            target = self.ways[target]
        return " → ".join(names)

    def line(self, place):
        """The line of source that a place was compiled from, and those that it was inlined in."""
        section = self.module.sections[place.section].name
        said = subprocess.run(
            ["addr2line", "-i", "-j", section, "-e", self.module.path, f"{place.offset:#x}"],
            capture_output=True, text=True, check=True,
        ).stdout  # fmt: skip
        return " ← ".join(FOLDERS.sub("", line) for line in said.splitlines())
