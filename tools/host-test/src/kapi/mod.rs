// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `kapi`.

pub(crate) mod array;
pub(crate) mod cpu;
pub(crate) mod net;
pub(crate) mod random;
pub(crate) mod sync;
pub(crate) mod time;
