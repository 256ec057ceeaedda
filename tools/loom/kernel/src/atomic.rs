// SPDX-License-Identifier: GPL-2.0

//! Atomics that loom sees every access of.
//!
//! Those in statics are the compiler's: a static outlives the executions of a model.

use std::{
    intrinsics::const_eval_select,
    sync::atomic::Ordering as HostOrdering, //
};

use loom::sync::atomic as model;

use crate::memory;

pub use std::sync::atomic::Ordering;

macro_rules! atomic {
    ($name:ident $(<$param:ident>)?, $host:ty, $model:ty, $value:ty) => {
        /// An atomic.
        pub struct $name $(<$param>)?(Kind<$host, $model>);

        impl $(<$param>)? $name $(<$param>)? {
            /// Creates one.
            pub const fn new(value: $value) -> Self {
                const fn in_static $(<$param>)?(value: $value) -> $name $(<$param>)? {
                    $name(Kind::Static(<$host>::new(value)))
                }
                fn in_model $(<$param>)?(value: $value) -> $name $(<$param>)? {
                    $name(Kind::Model(<$model>::new(value)))
                }
                const_eval_select((value,), in_static, in_model)
            }

            /// Reads it.
            #[track_caller]
            pub fn load(&self, order: Ordering) -> $value {
                match &self.0 {
                    Kind::Static(host) => host.load(HostOrdering::SeqCst),
                    Kind::Model(model) => model.load(order),
                }
            }

            /// Writes it.
            #[track_caller]
            pub fn store(&self, value: $value, order: Ordering) {
                match &self.0 {
                    Kind::Static(host) => host.store(value, HostOrdering::SeqCst),
                    Kind::Model(model) => model.store(value, order),
                }
            }

            /// Exchanges it.
            #[track_caller]
            pub fn swap(&self, value: $value, order: Ordering) -> $value {
                match &self.0 {
                    Kind::Static(host) => host.swap(value, HostOrdering::SeqCst),
                    Kind::Model(model) => model.swap(value, order),
                }
            }

            /// Exchanges it, if it is as expected.
            #[track_caller]
            pub fn compare_exchange(
                &self,
                expected: $value,
                value: $value,
                success: Ordering,
                failure: Ordering,
            ) -> Result<$value, $value> {
                match &self.0 {
                    Kind::Static(host) => host.compare_exchange(
                        expected,
                        value,
                        HostOrdering::SeqCst,
                        HostOrdering::SeqCst,
                    ),
                    Kind::Model(model) => {
                        model.compare_exchange(expected, value, success, failure)
                    }
                }
            }
        }

        impl $(<$param>)? $name $(<$param>)? {
            /// Its value, for who has it alone.
            #[track_caller]
            pub fn exclusive(&mut self) -> $value {
                match &mut self.0 {
                    Kind::Static(host) => *host.get_mut(),
                    Kind::Model(model) => model.with_mut(|value| *value),
                }
            }
        }

        impl $(<$param>)? Drop for $name $(<$param>)? {
            fn drop(&mut self) {
                if let Kind::Model(model) = &mut self.0 {
                    // All accesses must have come before.
                    model.with_mut(|_| ());
                }
            }
        }
    };
}

enum Kind<H, M> {
    Static(H),
    Model(M),
}

macro_rules! number {
    ($name:ident, $value:ty) => {
        atomic!($name, std::sync::atomic::$name, model::$name, $value);

        impl $name {
            /// Adds to it.
            #[track_caller]
            pub fn fetch_add(&self, value: $value, order: Ordering) -> $value {
                match &self.0 {
                    Kind::Static(host) => host.fetch_add(value, HostOrdering::SeqCst),
                    Kind::Model(model) => model.fetch_add(value, order),
                }
            }

            /// Subtracts from it.
            #[track_caller]
            pub fn fetch_sub(&self, value: $value, order: Ordering) -> $value {
                match &self.0 {
                    Kind::Static(host) => host.fetch_sub(value, HostOrdering::SeqCst),
                    Kind::Model(model) => model.fetch_sub(value, order),
                }
            }
        }
    };
}

number!(AtomicU8, u8);
number!(AtomicU32, u32);
number!(AtomicU64, u64);
number!(AtomicUsize, usize);

/// An atomic truth value.
pub struct AtomicBool(AtomicU32);

impl AtomicBool {
    /// Creates one.
    pub const fn new(value: bool) -> Self {
        Self(AtomicU32::new(value as u32))
    }

    /// Reads it.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> bool {
        self.0.load(order) != 0
    }

    /// Writes it.
    #[track_caller]
    pub fn store(&self, value: bool, order: Ordering) {
        self.0.store(u32::from(value), order);
    }

    /// Exchanges it.
    #[track_caller]
    pub fn swap(&self, value: bool, order: Ordering) -> bool {
        self.0.swap(u32::from(value), order) != 0
    }
}

#[allow(dead_code, reason = "pointers are not stored")]
mod pointer {
    use super::*;
    atomic!(
        AtomicPtr<T>,
        std::sync::atomic::AtomicPtr<T>,
        model::AtomicPtr<T>,
        *mut T
    );
}

/// A pointer. Who reads it to follow it uses what it points to.
pub struct AtomicPtr<T> {
    inner: pointer::AtomicPtr<T>,
    copy: *mut T,
}

// SAFETY: As for the pointers of `std`.
unsafe impl<T> Send for AtomicPtr<T> {}
// SAFETY: As above.
unsafe impl<T> Sync for AtomicPtr<T> {}

impl<T> AtomicPtr<T> {
    /// Creates one.
    pub const fn new(value: *mut T) -> Self {
        Self {
            inner: pointer::AtomicPtr::new(value),
            copy: value,
        }
    }

    /// Reads it.
    #[track_caller]
    pub fn load(&self, order: Ordering) -> *mut T {
        memory::used(self);
        let value = self.inner.load(order);
        if order != Ordering::Relaxed {
            memory::used(value);
        }
        value
    }

    /// Writes it.
    #[track_caller]
    pub fn store(&self, value: *mut T, order: Ordering) {
        memory::used(self);
        self.inner.store(value, order);
    }

    /// Exchanges it.
    #[track_caller]
    pub fn swap(&self, value: *mut T, order: Ordering) -> *mut T {
        memory::used(self);
        let before = self.inner.swap(value, order);
        memory::used(before);
        before
    }

    /// Exchanges it, if it is as expected.
    #[track_caller]
    pub fn compare_exchange(
        &self,
        expected: *mut T,
        value: *mut T,
        success: Ordering,
        failure: Ordering,
    ) -> Result<*mut T, *mut T> {
        memory::used(self);
        self.inner
            .compare_exchange(expected, value, success, failure)
    }

    /// Its value, to be read.
    pub fn get_mut(&mut self) -> &mut *mut T {
        self.copy = self.inner.exclusive();
        &mut self.copy
    }
}
