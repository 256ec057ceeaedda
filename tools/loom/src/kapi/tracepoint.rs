// SPDX-License-Identifier: GPL-2.0

//! Tracepoints, which are off here.

macro_rules! tracepoints {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $type:ty),+ $(,)?);)+) => {$(
        $(#[$attribute])*
        pub(crate) mod $name {
            use super::*;

            pub(crate) fn is_on() -> bool {
                false
            }

            pub(crate) fn tell($($argument: $type),+) {
                let _ = ($($argument,)+);
            }
        }
    )+};
}

pub(crate) use tracepoints;
