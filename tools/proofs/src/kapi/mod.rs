// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi`.

pub(crate) mod farewell;
pub(crate) mod log;
pub(crate) mod random;
pub(crate) mod sync;
