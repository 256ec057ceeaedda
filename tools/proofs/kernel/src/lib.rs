// SPDX-License-Identifier: GPL-2.0

//! As much of the `kernel` crate as sessions use: what the tests on the host have, and
//! initialisers, which are values here.

pub use host::{alloc, bindings, error, rbtree, sync};

/// What makes a `T`.
pub trait PinInit<T, E = error::Error> {
    /// Makes it.
    fn make(self) -> Result<T, E>;
}

/// What has been made already.
pub struct Ready<T>(pub T);

impl<T, E> PinInit<T, E> for Ready<T> {
    fn make(self) -> Result<T, E> {
        Ok(self.0)
    }
}

/// What is made when it is asked for.
pub struct Later<F>(pub F);

impl<T, E, F: FnOnce() -> Result<T, E>> PinInit<T, E> for Later<F> {
    fn make(self) -> Result<T, E> {
        (self.0)()
    }
}

/// Makes a structure from what its fields are, or are made by.
#[macro_export]
macro_rules! pin_init {
    ($type:ident { $($fields:tt)* }) => { $crate::pin_init!(@ $type [] $($fields)*) };
    (@ $type:ident [$($made:tt)*]) => { $crate::Ready($type { $($made)* }) };
    (@ $type:ident [$($made:tt)*] $name:ident <- $value:expr, $($rest:tt)*) => {
        $crate::pin_init!(@ $type [$($made)* $name: $value,] $($rest)*)
    };
    (@ $type:ident [$($made:tt)*] $name:ident : $value:expr, $($rest:tt)*) => {
        $crate::pin_init!(@ $type [$($made)* $name: $value,] $($rest)*)
    };
    (@ $type:ident [$($made:tt)*] $name:ident, $($rest:tt)*) => {
        $crate::pin_init!(@ $type [$($made)* $name,] $($rest)*)
    };
}

/// The same if making the fields may fail.
#[macro_export]
macro_rules! try_pin_init {
    ($type:ident { $($fields:tt)* }? $error:ty) => {
        $crate::Later(move || Ok::<_, $error>($crate::pin_init!($type { $($fields)* }).0))
    };
}

/// What is in the kernel's prelude.
pub mod prelude {
    pub use crate::{pin_init, try_pin_init, PinInit};
    pub use host::prelude::*;
    pub use proofs_macros::pin_data;
}
