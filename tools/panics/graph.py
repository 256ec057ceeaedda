# SPDX-License-Identifier: GPL-2.0
"""What refers to what, in some objects that are linked with each other."""

from collections import defaultdict, deque

import elf


class Node:
    """A function or a constant."""

    def __init__(self, name, is_code=False):
        self.name = name
        self.is_code = is_code
        self.targets = defaultdict(list)
        """The nodes that it refers to, and from which places."""
        self.sources = set()

    def refer(self, other, place):
        self.targets[other].append(place)
        other.sources.add(self)

    def functions(self):
        """The function itself, or those that the constant is for."""
        seen, waiting = {self}, [self]
        while waiting:
            node = waiting.pop()
            if node.is_code:
                yield node
            else:
                waiting += node.sources - seen
                seen |= node.sources


class Graph:
    """All nodes of the objects, and those that they name without defining them."""

    def __init__(self, objects):
        self.by_name = {}
        self.pieces = {obj: elf.Pieces(obj) for obj in objects}
        self.nodes = {obj: {} for obj in objects}
        for obj in objects:
            self.name_nodes(obj)
        self.defined = set(self.by_name)
        for obj in objects:
            self.connect(obj)

    def name_nodes(self, obj):
        for symbol in obj.symbols:
            if symbol.section and symbol.kind in (elf.FUNCTION, elf.DATA):
                self.by_name[symbol.name] = self.node(obj, elf.Place(symbol.section, symbol.value))

    def node(self, obj, place):
        """The node that a place is in."""
        start = self.pieces[obj].piece(place)
        if start not in self.nodes[obj]:
            unnamed = f"{obj.sections[start.section].name}+{start.offset:#x}"
            name = self.pieces[obj].names.get(start, unnamed)
            self.nodes[obj][start] = Node(name, obj.is_code(start.section))
        return self.nodes[obj][start]

    def connect(self, obj):
        for source, target in obj.references:
            if isinstance(target, str):
                other = self.by_name.setdefault(target, Node(target))
            else:
                other = self.node(obj, target)
            if (node := self.node(obj, source)) is not other:
                node.refer(other, source)

    def all_nodes(self):
        return {*self.by_name.values(), *(node for nodes in self.nodes.values() for node in nodes.values())}


def ways(ends, barred):
    """For each node that an end can be reached from, the next one on the shortest way; for an end, None.

    No way leads over a node that is barred.
    """
    found, waiting = dict.fromkeys(ends), deque(ends)
    while waiting:
        node = waiting.popleft()
        for source in node.sources - found.keys() - barred:
            found[source] = node
            waiting.append(source)
    return found


def reach(nodes, barred):
    """All that can be reached; nothing is looked for behind a node that is barred."""
    found, waiting = set(nodes), list(nodes)
    while waiting:
        node = waiting.pop()
        if node not in barred:
            waiting += node.targets.keys() - found
            found |= node.targets.keys()
    return found
