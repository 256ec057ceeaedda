// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

pub(crate) mod atomic;
pub(crate) mod bh;
pub(crate) mod once_box;
pub(crate) mod rcu;
pub(crate) mod rcu_slot;
pub(crate) mod rcu_tree;
pub(crate) mod roster;
mod spinlock_bh;

pub(crate) use spinlock_bh::{
    new_spinlock_bh,
    SpinLockBh,
    SpinLockBhGuard, //
};
