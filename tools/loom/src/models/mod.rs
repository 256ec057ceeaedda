// SPDX-License-Identifier: GPL-2.0

//! The models. Each says what holds however its threads take turns.

mod inbox;
mod ordered;
mod parallel;

use std::convert::Infallible;

use kernel::prelude::*;

/// Makes what cannot fail to be made.
fn made<T>(init: impl PinInit<T, Infallible>) -> T {
    match init.make() {
        Ok(value) => value,
        Err(never) => match never {},
    }
}
