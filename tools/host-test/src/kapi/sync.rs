// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

#[path = "../../../../src/kapi/sync/atomic.rs"]
pub(crate) mod atomic;
pub(crate) mod rcu;
