// SPDX-License-Identifier: GPL-2.0

//! Results, for the script that started us: it numbers them.

use std::error::Error;

/// What a test returns: why it failed, if it did.
pub type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

/// Fails the test unless the condition holds.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $($why:tt)+) => {
        if !$condition {
            return Err(format!($($why)+).into());
        }
    };
}

/// Fails the test unless both are equal.
#[macro_export]
macro_rules! ensure_eq {
    ($found:expr, $wanted:expr, $($what:tt)+) => {{
        let (found, wanted) = (&$found, &$wanted);
        if found != wanted {
            let what = format!($($what)+);
            return Err(format!("{what}: wanted {wanted:?}, found {found:?}").into());
        }
    }};
}

/// Prints the result of one test, and returns whether it was good.
pub fn report(name: &str, result: Result) -> bool {
    match result {
        Ok(()) => println!("ok {name}"),
        Err(ref why) => {
            println!("not ok {name}");
            for line in why.to_string().lines() {
                println!("# {line}");
            }
        }
    }
    result.is_ok()
}
