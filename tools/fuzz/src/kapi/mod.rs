// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi`.

#[path = "../../../host-test/src/kapi/array.rs"]
pub(crate) mod array;
pub(crate) mod cpu;
pub(crate) mod crypto;
pub(crate) mod net;
pub(crate) mod string;
pub(crate) mod sync;
