// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi`.

#[path = "../../../host-test/src/kapi/array.rs"]
pub(crate) mod array;
pub(crate) mod farewell;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod sync;
