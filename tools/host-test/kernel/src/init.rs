// SPDX-License-Identifier: GPL-2.0

//! Initialisers. They make objects by value: nothing here minds being moved before it is used.

use std::{convert::Infallible, marker::PhantomData};

/// How to make a `T`.
pub trait PinInit<T, E = Infallible> {
    /// Makes it.
    fn make(self) -> Result<T, E>;
}

impl<T> PinInit<T, Infallible> for T {
    fn make(self) -> Result<T, Infallible> {
        Ok(self)
    }
}

struct FromFn<F, T, E>(F, PhantomData<fn() -> Result<T, E>>);

/// An initialiser that is a function.
pub fn from_fn<T, E>(make: impl FnOnce() -> Result<T, E>) -> impl PinInit<T, E> {
    FromFn(make, PhantomData)
}

impl<F: FnOnce() -> Result<T, E>, T, E> PinInit<T, E> for FromFn<F, T, E> {
    fn make(self) -> Result<T, E> {
        (self.0)()
    }
}

/// An initialiser that cannot fail.
#[macro_export]
macro_rules! pin_init {
    ($type:ident { $($fields:tt)* }) => {
        $crate::try_pin_init!($type { $($fields)* }? ::core::convert::Infallible)
    };
}

/// An initialiser that can fail.
#[macro_export]
macro_rules! try_pin_init {
    ($type:ident { $($fields:tt)* }? $error:ty) => {
        $crate::__private::from_fn(move || -> ::core::result::Result<_, $error> {
            $crate::try_pin_init!(@next $type [] $($fields)*)
        })
    };
    (@next $type:ident [$($done:ident)*]) => {
        Ok($type { $($done),* })
    };
    (@next $type:ident [$($done:ident)*] $field:ident <- $init:expr, $($rest:tt)*) => {{
        let $field = $crate::__private::PinInit::make($init)?;
        $crate::try_pin_init!(@next $type [$($done)* $field] $($rest)*)
    }};
    (@next $type:ident [$($done:ident)*] $field:ident : $value:expr, $($rest:tt)*) => {{
        let $field = $value;
        $crate::try_pin_init!(@next $type [$($done)* $field] $($rest)*)
    }};
    (@next $type:ident [$($done:ident)*] $field:ident, $($rest:tt)*) => {
        $crate::try_pin_init!(@next $type [$($done)* $field] $($rest)*)
    };
    (@next $type:ident [$($done:ident)*] $field:ident <- $init:expr) => {
        $crate::try_pin_init!(@next $type [$($done)*] $field <- $init,)
    };
    (@next $type:ident [$($done:ident)*] $field:ident : $value:expr) => {
        $crate::try_pin_init!(@next $type [$($done)*] $field : $value,)
    };
}
