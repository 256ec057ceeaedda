// SPDX-License-Identifier: GPL-2.0

//! Debug messages about a network device, each of which can be switched on while the kernel runs.
//!
//! Every use of a macro is one line of `/sys/kernel/debug/dynamic_debug/control`, as a `pr_debug()`
//! in C is. While it is off, it costs an instruction that does nothing, and its arguments are not
//! evaluated. A kernel without dynamic debug has none of the messages.
//!
//! The text is made with interrupts disabled, so showing an argument must not take a lock: what is
//! under one is copied by the expression that the argument is.
//!
//! C header: [`include/linux/dynamic_debug.h`](srctree/include/linux/dynamic_debug.h)

#[cfg(CONFIG_DYNAMIC_DEBUG)]
mod dynamic;

use crate::bindings;

/// Whether another message may be printed now that strangers may be the reason for.
pub(crate) fn within_limit() -> bool {
    // SAFETY: May be called in any context.
    unsafe { bindings::net_ratelimit() != 0 }
}

/// Prints a debug message about a device: `debug!(dev, "Peer {} created", id)`.
macro_rules! debug {
    ($dev:expr, $($message:tt)+) => {
        $crate::kapi::log::debug_if!(true, $dev, $($message)+)
    };
}

/// As [`debug!`], but no more often than the network stack prints such messages in all.
macro_rules! debug_ratelimited {
    ($dev:expr, $($message:tt)+) => {
        $crate::kapi::log::debug_if!($crate::kapi::log::within_limit(), $dev, $($message)+)
    };
}

#[cfg(CONFIG_DYNAMIC_DEBUG)]
macro_rules! debug_if {
    ($condition:expr, $dev:expr, $format:tt $($arg:tt)*) => {{
        #[allow(unsafe_code, reason = "where C looks for a descriptor, there is one")]
        #[link_section = "__dyndbg"]
        static DESCRIPTOR: $crate::kapi::log::Descriptor = $crate::kapi::log::Descriptor::new(
            concat!(module_path!(), "\0"),
            concat!(file!(), "\0"),
            concat!("{}: ", $format, "\n\0"),
            line!(),
        );
        if $crate::kapi::log::is_on!(DESCRIPTOR) && $condition {
            let name = $dev.name();
            match ::kernel::prelude::fmt!($format $($arg)*) {
                message => DESCRIPTOR.print(&name, message),
            }
        }
    }};
}

#[cfg(not(CONFIG_DYNAMIC_DEBUG))]
macro_rules! debug_if {
    ($condition:expr, $dev:expr, $format:tt $($arg:tt)*) => {
        if false && $condition {
            let _ = ($dev.name(), ::kernel::prelude::fmt!($format $($arg)*));
        }
    };
}

#[cfg(all(CONFIG_DYNAMIC_DEBUG, CONFIG_JUMP_LABEL))]
macro_rules! is_on {
    ($descriptor:ident) => {{
        #[allow(unsafe_code, reason = "that of a macro")]
        // SAFETY: The key is initialised as C does it, in a descriptor that C knows.
        let is_on = unsafe {
            ::kernel::jump_label::static_branch_unlikely!(
                $descriptor,
                $crate::kapi::log::Descriptor,
                key
            )
        };
        is_on
    }};
}

#[cfg(all(CONFIG_DYNAMIC_DEBUG, not(CONFIG_JUMP_LABEL)))]
macro_rules! is_on {
    ($descriptor:ident) => {
        $descriptor.is_on()
    };
}

pub(crate) use {
    debug,
    debug_if,
    debug_ratelimited, //
};
#[cfg(CONFIG_DYNAMIC_DEBUG)]
pub(crate) use {
    dynamic::Descriptor,
    is_on, //
};
