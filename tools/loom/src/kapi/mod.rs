// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi`, of which what needs no other kernel is mounted as it is.

#[path = "../../../host-test/src/kapi/array.rs"]
pub(crate) mod array;
#[path = "../../../../src/kapi/cpu.rs"]
pub(crate) mod cpu;
pub(crate) mod farewell;
#[path = "../../../../src/kapi/flags.rs"]
mod flags;
pub(crate) mod log;
pub(crate) mod net;
pub(crate) mod random;
pub(crate) mod sync;
pub(crate) mod time;
pub(crate) mod timer;
pub(crate) mod tracepoint;
#[path = "../../../../src/kapi/workqueue.rs"]
pub(crate) mod workqueue;
