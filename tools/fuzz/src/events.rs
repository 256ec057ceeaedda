// SPDX-License-Identifier: GPL-2.0

//! As much of the module's `events` as requests speak of.

#[path = "../../../src/events/class.rs"]
mod class;

pub(crate) use class::Class;
