// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

pub(crate) mod atomic {
    //! What `src/kapi/sync/atomic.rs` names, as loom sees it.

    pub(crate) use kernel::atomic::{
        AtomicBool,
        AtomicPtr,
        AtomicU32,
        AtomicU64,
        AtomicU8,
        AtomicUsize,
        Ordering, //
    };
}
#[path = "../../../../../src/kapi/sync/bh.rs"]
pub(crate) mod bh;
#[path = "../../../../../src/kapi/sync/once_box.rs"]
pub(crate) mod once_box;
#[path = "../../../../../src/kapi/sync/rcu.rs"]
pub(crate) mod rcu;
#[path = "../../../../../src/kapi/sync/rcu_slot.rs"]
pub(crate) mod rcu_slot;
#[path = "../../../../../src/kapi/sync/rcu_tree/mod.rs"]
pub(crate) mod rcu_tree;
#[path = "../../../../../src/kapi/sync/roster.rs"]
pub(crate) mod roster;

pub(crate) use kernel::sync::{
    SpinLock as SpinLockBh,
    SpinLockGuard as SpinLockBhGuard, //
};

macro_rules! new_spinlock_bh {
    ($inner:expr $(, $name:literal)?) => {
        $crate::kapi::sync::SpinLockBh::new($inner)
    };
}
pub(crate) use new_spinlock_bh;
