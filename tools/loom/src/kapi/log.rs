// SPDX-License-Identifier: GPL-2.0

//! Messages, which are not printed here.

macro_rules! debug {
    ($dev:expr, $format:tt $(, $arg:expr)* $(,)?) => {
        if false {
            let _ = ($dev.name(), format_args!($format $(, $arg)*));
        }
    };
}

pub(crate) use debug;
pub(crate) use debug as debug_ratelimited;
