// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `bindings`.

pub(crate) use kernel::bindings::*;
