// SPDX-License-Identifier: GPL-2.0

//! The models. Each says what holds however its threads take turns.

mod inbox;
mod ordered;
mod parallel;
mod peers;
mod rcu;
mod roster;
mod staging;
mod tables;

use std::convert::Infallible;

use kernel::prelude::*;

/// Makes what cannot fail to be made.
fn made<T>(init: impl PinInit<T, Infallible>) -> T {
    match init.make() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}

/// Makes what may fail to be made.
fn made_or_failed<T>(init: impl PinInit<T, Error>) -> Result<T> {
    init.make()
}
