// SPDX-License-Identifier: GPL-2.0

//! Synchronisation.

mod arc;
mod mutex;
pub mod rcu;
mod spinlock;

pub use arc::Arc;
pub use mutex::{new_mutex, Mutex, MutexGuard};
pub use spinlock::{SpinLock, SpinLockGuard};
