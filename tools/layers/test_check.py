# SPDX-License-Identifier: GPL-2.0
"""Tests of the layer check itself: each violation is found, and what is allowed is let pass."""

from check import Checker

ROOTS = {
    "src/main.rs": "#![deny(unsafe_code)]\nmod bindings;\nmod device;\nmod kapi;\nmod proto;\n",
    "src/proto/mod.rs": "#![forbid(unsafe_code)]\n",
    "src/device.rs": "",
}

# What it is, a file and its text, and a piece of the complaint; None where there must be none.
CASES = [
    ("driver may use kapi, proto, kernel and core", "src/device.rs",
     "use crate::{kapi::net, proto::noise};\nuse core::mem;\nuse kernel::prelude::*;", None),
    ("driver may not hold unsafe", "src/device.rs", "fn f() { unsafe { g() } }", "device.rs:1: unsafe in driver"),
    ("nor an unsafe fn", "src/tx/xmit.rs", "\nunsafe fn f() {}", "xmit.rs:2: unsafe in driver"),
    ("unsafe in a comment is none", "src/device.rs", "// unsafe { }\n/* unsafe { } */", None),
    ("unsafe in a string is none", "src/device.rs", "const A: &str = \"unsafe { }\";\nconst B: &str = r#\"unsafe\"#;", None),
    ("a character and a lifetime do not hide code", "src/device.rs",
     "fn f<'a>(x: &'a u8) -> char { unsafe { g() }; '\"' }", "unsafe in driver"),
    ("driver may not lift the lint", "src/device.rs", "#[allow(unsafe_code)]\nfn f() {}", "lifts the lint"),
    ("nor expect it", "src/device.rs", "#[expect(clippy::all, unsafe_code)]\nfn f() {}", "lifts the lint"),
    ("driver may not use our bindings", "src/device.rs", "use crate::bindings;", "driver names bindings"),
    ("nor the kernel's", "src/device.rs", "fn f(x: kernel::bindings::sk_buff) {}", "driver names bindings"),
    ("nor inside a group", "src/device.rs", "use kernel::{\n    prelude::*,\n    bindings::net, //\n};", ":3: driver names bindings"),
    ("nor under another name", "src/device.rs", "use kernel::bindings as b;", "driver names bindings"),
    ("driver may not use std", "src/device.rs", "use std::vec::Vec;", "driver names the crate std"),
    ("kapi may use bindings", "src/kapi/net/device.rs", "use crate::bindings;\nuse kernel::bindings::net;", None),
    ("kapi may use kapi", "src/kapi/net/device.rs", "use crate::kapi::sync;\nuse super::super::sync::Rcu;", None),
    ("kapi may not use the driver", "src/kapi/net/device.rs", "use crate::device::Device;", "kapi names crate::device"),
    ("nor by super", "src/kapi/net/skb.rs", "use super::super::super::device::Device;", "kapi names crate::device"),
    ("nor by super from an inline module", "src/kapi/cpu.rs", "mod a {\n fn f() { super::super::super::device::g() } }", ":2: kapi names crate::device"),
    ("kapi may not use proto", "src/kapi/crypto.rs", "fn f(k: crate::proto::Key) {}", "kapi names crate::proto"),
    ("nor through a macro's $crate", "src/kapi/crypto.rs", "macro_rules! m { () => { $crate::proto::f() } }", "kapi names crate::proto"),
    ("kapi needs reasons for unsafe", "src/kapi/cpu.rs", "fn f() {\n    unsafe { g() }\n}", "cpu.rs:2: unsafe without a SAFETY"),
    ("another comment is no reason", "src/kapi/cpu.rs", "fn f() {\n    // Fast.\n    unsafe { g() }\n}", "unsafe without"),
    ("a reason of an earlier statement does not count", "src/kapi/cpu.rs",
     "fn f() {\n    // SAFETY: Fine.\n    unsafe { g() };\n    unsafe { h() }\n}", "cpu.rs:4: unsafe without"),
    ("a reason right above is one", "src/kapi/cpu.rs", "fn f() {\n    // SAFETY: `g` has\n    // no demands.\n    unsafe { g() }\n}", None),
    ("or above the statement", "src/kapi/cpu.rs", "fn f() {\n    // SAFETY: Fine.\n    let x =\n        unsafe { g() };\n}", None),
    ("an unsafe impl needs reasons too", "src/kapi/cpu.rs", "\n\nunsafe impl Send for A {}", "cpu.rs:3: unsafe without"),
    ("the reasons of a statement are not those of what is within it", "src/kapi/cpu.rs",
     "fn f() {\n    // SAFETY: Fine.\n    if unsafe { g() } {\n        unsafe { h() }\n    }\n}", "cpu.rs:4: unsafe without"),
    ("an unsafe fn states its demands", "src/kapi/cpu.rs", "unsafe fn f() {}", "cpu.rs:1: unsafe without a # Safety"),
    ("in its documentation", "src/kapi/cpu.rs", "/// # Safety\n///\n/// Never.\n#[inline]\npub(crate) unsafe fn f() {}", None),
    ("also if C calls it", "src/kapi/cpu.rs", "/// Text.\nunsafe extern \"C\" fn f() {}", ":2: unsafe without a # Safety"),
    ("but not a section without a word", "src/kapi/cpu.rs", "/// # Safety\nunsafe fn f() {}", ":2: unsafe without a # Safety"),
    ("an unsafe fn of a trait has them there", "src/kapi/cpu.rs",
     "// SAFETY: Fine.\nunsafe impl A for B {\n    unsafe fn f() {}\n}", None),
    ("a pointer to an unsafe fn needs none", "src/kapi/cpu.rs", "type F = unsafe extern \"C\" fn(u8);", None),
    ("proto may use core and zerocopy", "src/proto/noise.rs", "use core::mem;\nuse zerocopy::IntoBytes;\nuse super::messages;", None),
    ("proto may not use kernel", "src/proto/noise.rs", "use kernel::prelude::*;", "proto names the crate kernel"),
    ("nor by a path in the code", "src/proto/noise.rs", "fn f() { kernel::pr_info!(\"\") }", "proto names the crate kernel"),
    ("proto may not use alloc", "src/proto/noise.rs", "extern crate alloc;\nuse alloc::vec::Vec;", "proto names the crate alloc"),
    ("proto may not use kapi", "src/proto/noise.rs", "use super::super::kapi::crypto;", "proto names crate::kapi"),
    ("proto may not use the driver", "src/proto/noise.rs", "use crate::device::Device;", "proto names crate::device"),
    ("proto's tests may use std", "src/proto/noise.rs", "#[cfg(test)]\nmod tests {\n    use std::vec::Vec;\n}", None),
    ("but not what follows them", "src/proto/noise.rs", "mod tests {\n}\nuse std::vec::Vec;", ":3: proto names the crate std"),
    ("cryptography for user space has its crates", "src/proto/rustcrypto.rs", "use blake2::Digest;", None),
    ("the rest of proto has not", "src/proto/noise.rs", "use blake2::Digest;", "proto names the crate blake2"),
    ("proto may not hold unsafe", "src/proto/noise.rs", "// SAFETY: No.\nfn f() { unsafe { g() } }", "unsafe in proto"),
    ("proto must forbid unsafe", "src/proto/mod.rs", "#![deny(unsafe_code)]", "proto does not forbid"),
    ("the crate must deny unsafe", "src/main.rs", "mod kapi;", "does not deny"),
]  # fmt: skip


def run_case(path, text, wanted):
    found = Checker({**ROOTS, path: text}).run()
    if wanted is None:
        return not found, found
    return len(found) > 0 and all(wanted in complaint for complaint in found), found


def run():
    """Prints the results in TAP; returns whether all passed."""
    passed = True
    for number, (name, path, text, wanted) in enumerate(CASES, 1):
        ok, found = run_case(path, text, wanted)
        passed = passed and ok
        print(f"{'ok' if ok else 'not ok'} {number} - {name}")
        if not ok:
            print(f"# wanted: {wanted}\n# found:  {found}")
    print(f"1..{len(CASES)}")
    return passed
