// SPDX-License-Identifier: GPL-2.0

//! A timer that is never armed.

use std::{convert::Infallible, marker::PhantomData};

use kernel::prelude::*;

pub(crate) struct Timer<T>(PhantomData<fn(T)>);

impl<T> Timer<T> {
    pub(crate) fn new(_key: ()) -> impl PinInit<Self> {
        Self(PhantomData)
    }

    pub(crate) fn cancel(&self) {}

    pub(crate) fn cancel_sync(&self) {
        kernel::task::might_sleep();
    }
}
