# SPDX-License-Identifier: GPL-2.0
"""The layer rules of Documentation/architecture.rst, checked on the text of the sources.

    driver (src/ but for the rest) → kapi, proto, kernel, core, zerocopy
    kapi   (src/kapi)              → bindings, kernel, core
    proto  (src/proto)             → core, zerocopy

`unsafe` stands in kapi alone, and every use of it has its reasons above it.
"""

import re
from pathlib import Path

import rust
from unsafe_uses import uses

ALLOWED_CRATES = {
    "driver": {"core", "kernel", "zerocopy"},
    "kapi": {"core", "kernel", "pin_init"},
    "proto": {"core", "zerocopy", "zerocopy_derive"},
}

# The proto's implementation of its cryptography for user space is left out of the module.
USERSPACE_CRYPTO = "src/proto/rustcrypto.rs"
USERSPACE_CRATES = {"blake2", "chacha20poly1305", "curve25519_dalek", "subtle", "zeroize"}

KNOWN_CRATES = {"alloc", "core", "ffi", "kernel", "macros", "pin_init", "proc_macro", "std", "uapi"} | {
    "bindings", "zerocopy", "zerocopy_derive",
} | USERSPACE_CRATES  # fmt: skip

LINT_LIFTED = re.compile(r"#!?\[\s*(allow|expect|warn)\s*\([^\]]*\bunsafe_code\b")


def layer_of(path):
    """Which layer a file under src/ belongs to, None if the rules are not for it."""
    parts = Path(path).parts
    if parts[:1] != ("src",) or not path.endswith(".rs"):
        return None
    if parts[1] == "proto":
        return None if parts[2:3] == ("tests",) else "proto"
    if parts[1] in ("bindings.rs", "bindings_generated.rs"):
        return "bindings"
    return "kapi" if parts[1] in ("kapi", "kapi.rs") else "driver"


def module_of(path):
    """The path of a file's module: src/a/mod.rs and src/a.rs are both (a)."""
    parts = list(Path(path).with_suffix("").parts[1:])
    if parts[-1] in ("mod", "main") or (parts[0] == "proto" and parts[-1] == "lib"):
        parts.pop()
    return tuple(parts)


def absolute(path, module):
    """Segments from the crate's root, or None for what begins at another crate or at a local name."""
    segments = list(path.segments)
    here = [*module, *path.inside]
    if segments[0] in ("crate", "$crate"):
        return tuple(segments[1:])
    if segments[0] not in ("super", "self"):
        return None
    while segments and segments[0] in ("super", "self"):
        if segments.pop(0) == "super":
            here = here[:-1]
    return (*here, *segments)


class Checker:
    """Collects the violations of one tree of sources: a mapping from path to text."""

    def __init__(self, sources):
        self.sources = sources
        self.found = []
        self.driver_modules = {module_of(path)[0] for path in sources if layer_of(path) == "driver" and module_of(path)}

    def complain(self, path, line, text):
        self.found.append(f"{path}:{line}: {text}")

    def run(self):
        for path in sorted(self.sources):
            layer = layer_of(path)
            if layer in ALLOWED_CRATES:
                self.check_file(path, layer)
        self.check_root("src/main.rs", r"#!\[deny\(unsafe_code\)\]", "the crate root does not deny unsafe_code")
        self.check_root("src/proto/mod.rs", r"#!\[forbid\(unsafe_code\)\]", "proto does not forbid unsafe_code")
        return self.found

    def check_root(self, path, pattern, complaint):
        if path in self.sources and not re.search(pattern, self.sources[path]):
            self.complain(path, 1, complaint)

    def check_file(self, path, layer):
        source = self.sources[path]
        for used in rust.paths(source):
            if "tests" not in used.inside:
                self.check_path(path, layer, used)
        self.check_unsafe(path, layer, source)

    def check_path(self, path, layer, used):
        if layer != "kapi" and "bindings" in used.segments:
            self.complain(path, used.line, f"{layer} names bindings; only kapi may")
            return
        target = absolute(used, module_of(path))
        if target is None:
            self.check_crate(path, layer, used)
        elif target:
            self.check_module(path, layer, used.line, target[0])

    def check_crate(self, path, layer, used):
        name = used.segments[0]
        allowed = ALLOWED_CRATES[layer] | (USERSPACE_CRATES if path == USERSPACE_CRYPTO else set())
        # A local module or type may be the first segment as well; those are not our business.
        if name in KNOWN_CRATES - allowed and not (layer == "kapi" and name == "bindings"):
            self.complain(path, used.line, f"{layer} names the crate {name}; it may name {', '.join(sorted(allowed))}")

    def check_module(self, path, layer, line, top):
        if layer == "kapi" and (top == "proto" or top in self.driver_modules):
            self.complain(path, line, f"kapi names crate::{top}, which is above it")
        if layer == "proto" and (top in ("kapi", "bindings") or top in self.driver_modules):
            self.complain(path, line, f"proto names crate::{top}, which is outside it")

    def check_unsafe(self, path, layer, source):
        if layer != "kapi" and LINT_LIFTED.search(source):
            self.complain(path, 1, f"{layer} lifts the lint against unsafe code; only kapi may")
        if layer != "kapi":
            for token in rust.code(source):
                if token.text == "unsafe":
                    self.complain(path, token.line, f"unsafe in {layer}; only kapi may")
            return
        for use in uses(source):
            if not use.reasons:
                wanted = "a SAFETY comment above it" if use.kind in ("block", "impl") else "a # Safety section"
                self.complain(path, use.line, f"unsafe without {wanted}")


def read_tree(tree):
    return {str(path.relative_to(tree)): path.read_text() for path in sorted((tree / "src").rglob("*.rs"))}
