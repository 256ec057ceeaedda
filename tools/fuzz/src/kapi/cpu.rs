// SPDX-License-Identifier: GPL-2.0

//! CPUs, of which there is one.

/// Lets others run.
pub(crate) fn cond_resched() {}
