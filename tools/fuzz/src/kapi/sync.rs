// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

#[path = "../../../host-test/src/kapi/sync/atomic.rs"]
pub(crate) mod atomic;
#[path = "../../../host-test/src/kapi/sync/rcu.rs"]
pub(crate) mod rcu;
#[path = "../../../../src/kapi/sync/rcu_tree/mod.rs"]
pub(crate) mod rcu_tree;
