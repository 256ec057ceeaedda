// SPDX-License-Identifier: GPL-2.0

//! A spin lock that softirqs take too: it is held with bottom halves disabled.
//!
//! C header: [`include/linux/spinlock.h`](srctree/include/linux/spinlock.h)

use kernel::{
    prelude::*,
    sync::lock::{Backend, Guard, Lock}, //
};

use crate::bindings;

/// A spin lock that disables bottom halves while it is held.
pub(crate) type SpinLockBh<T> = Lock<T, SpinLockBhBackend>;

/// The guard of a [`SpinLockBh`].
pub(crate) type SpinLockBhGuard<'a, T> = Guard<'a, T, SpinLockBhBackend>;

/// The backend of [`SpinLockBh`].
pub(crate) struct SpinLockBhBackend;

// SAFETY: `spinlock_t` gives mutual exclusion, between CPUs by itself and against softirqs on the
// same CPU by disabling them; `relock` locks in the same way as `lock`.
unsafe impl Backend for SpinLockBhBackend {
    type State = bindings::spinlock_t;
    type GuardState = ();

    #[inline]
    unsafe fn init(ptr: *mut Self::State, name: *const c_char, key: *mut bindings::lock_class_key) {
        // SAFETY: By the caller's promise, `ptr` can be written, and `name` and `key` live forever.
        unsafe { bindings::__spin_lock_init(ptr, name, key) }
    }

    #[inline]
    unsafe fn lock(ptr: *mut Self::State) -> Self::GuardState {
        // SAFETY: By the caller's promise, the lock is initialised.
        unsafe { raw::lock_bh(ptr) }
    }

    #[inline]
    unsafe fn try_lock(ptr: *mut Self::State) -> Option<Self::GuardState> {
        // SAFETY: By the caller's promise, the lock is initialised.
        (unsafe { bindings::spin_trylock_bh(ptr) } != 0).then_some(())
    }

    #[inline]
    unsafe fn unlock(ptr: *mut Self::State, _guard_state: &Self::GuardState) {
        // SAFETY: By the caller's promise, the lock is ours.
        unsafe { raw::unlock_bh(ptr) }
    }

    #[inline]
    unsafe fn assert_is_held(ptr: *mut Self::State) {
        // Each lock that is taken is asked, and without lockdep the answer is nothing.
        if cfg!(CONFIG_LOCKDEP) {
            // SAFETY: By the caller's promise, the lock is initialised.
            unsafe { bindings::spin_assert_is_held(ptr) }
        }
    }
}

/// What `spin_lock_bh` and `spin_unlock_bh` are, without a function of ours in between: a packet
/// takes a dozen locks.
#[cfg(all(
    CONFIG_SMP,
    not(CONFIG_PREEMPT_RT),
    not(CONFIG_INLINE_SPIN_LOCK_BH),
    not(CONFIG_INLINE_SPIN_UNLOCK_BH)
))]
mod raw {
    use crate::bindings;

    const _: () =
        assert!(align_of::<bindings::spinlock_t>() >= align_of::<bindings::raw_spinlock_t>());

    /// # Safety
    ///
    /// The lock must be initialised.
    #[inline]
    pub(super) unsafe fn lock_bh(lock: *mut bindings::spinlock_t) {
        // SAFETY: By the caller's promise; a `spinlock_t` begins with the lock that it is.
        unsafe { bindings::_raw_spin_lock_bh(lock.cast()) }
    }

    /// # Safety
    ///
    /// The lock must be held.
    #[inline]
    pub(super) unsafe fn unlock_bh(lock: *mut bindings::spinlock_t) {
        // SAFETY: As above.
        unsafe { bindings::_raw_spin_unlock_bh(lock.cast()) }
    }
}

/// What `spin_lock_bh` and `spin_unlock_bh` are where they are not functions of the kernel.
#[cfg(not(all(
    CONFIG_SMP,
    not(CONFIG_PREEMPT_RT),
    not(CONFIG_INLINE_SPIN_LOCK_BH),
    not(CONFIG_INLINE_SPIN_UNLOCK_BH)
)))]
mod raw {
    pub(super) use crate::bindings::{spin_lock_bh as lock_bh, spin_unlock_bh as unlock_bh};
}

/// Creates an initialiser of a [`SpinLockBh`] with a lock class of its own.
macro_rules! new_spinlock_bh {
    ($inner:expr $(, $name:literal)? $(,)?) => {
        $crate::kapi::sync::SpinLockBh::new(
            $inner, ::kernel::optional_name!($($name)?), ::kernel::static_lock_class!())
    };
}
pub(crate) use new_spinlock_bh;
