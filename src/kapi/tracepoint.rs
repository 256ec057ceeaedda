// SPDX-License-Identifier: GPL-2.0

//! Tracepoints that are defined in C.
//!
//! [`kernel::tracepoint::declare_trace`] takes what it needs from the kernel crate's own bindings, where
//! those of a module are not; and it leaves it to each caller to say why the call is sound. Here the types
//! of the arguments do.
//!
//! While a tracepoint is off, asking whether it is on costs an instruction that does nothing. What there
//! is to tell is best found out in a cold function, after that question.
//!
//! C header: [`include/linux/tracepoint.h`](srctree/include/linux/tracepoint.h)

use kernel::prelude::*;

use crate::{
    bindings,
    kapi::net::{device::NetDevice, skbuff::SkBuff}, //
};

/// What may be told to a tracepoint.
///
/// # Safety
///
/// For as long as `self` is there, what C gets is valid for whatever C may read of a thing of that type: all
/// of it. Whoever is told changes nothing.
pub(crate) unsafe trait Told {
    /// What it is in C.
    type InC;

    /// The value as C knows it.
    fn in_c(self) -> Self::InC;
}

macro_rules! told_as_they_are {
    ($($number:ty),+) => {$(
        // SAFETY: A number refers to nothing.
        unsafe impl Told for $number {
            type InC = Self;

            #[inline]
            fn in_c(self) -> Self {
                self
            }
        }
    )+};
}

told_as_they_are!(u8, u32, u64);

// SAFETY: The memory of the device is there, and in it a name that ends with a zero.
unsafe impl Told for &NetDevice {
    type InC = *const bindings::net_device;

    #[inline]
    fn in_c(self) -> Self::InC {
        self.as_ptr()
    }
}

// SAFETY: The packet is there.
unsafe impl Told for &SkBuff {
    type InC = *const bindings::sk_buff;

    #[inline]
    fn in_c(self) -> Self::InC {
        self.as_ptr()
    }
}

// SAFETY: The string ends with a zero.
unsafe impl Told for &'static CStr {
    type InC = *const c_char;

    #[inline]
    fn in_c(self) -> Self::InC {
        self.as_char_ptr()
    }
}

/// Declares tracepoints: `wg_drop(dev: &NetDevice, reason: &'static CStr);` for a `TRACE_EVENT(wg_drop, …)`
/// of C with arguments of those types, which the compiler compares.
///
/// Each becomes a module with two functions, `is_on` and `tell`.
macro_rules! tracepoints {
    ($($(#[$attribute:meta])* $name:ident($($argument:ident: $type:ty),+ $(,)?);)+) => {$(
        $(#[$attribute])*
        pub(crate) mod $name {
            use super::*;

            /// Whether anybody wants to know.
            #[inline(always)]
            #[must_use]
            pub(crate) fn is_on() -> bool {
                $crate::kapi::tracepoint::is_on!($name)
            }

            /// Tells whoever wants to know.
            #[inline]
            pub(crate) fn tell($($argument: $type),+) {
                $crate::kapi::tracepoint::tell!($name, $($argument),+);
            }
        }
    )+};
}

#[cfg(CONFIG_TRACEPOINTS)]
macro_rules! is_on {
    ($name:ident) => {
        ::kernel::macros::paste! {{
            #[allow(unsafe_code, reason = "that of a macro")]
            // SAFETY: The key is that of a tracepoint that C has defined.
            let is_on = unsafe {
                ::kernel::jump_label::static_branch_unlikely!(
                    $crate::bindings::[<__tracepoint_ $name>],
                    $crate::bindings::tracepoint,
                    key
                )
            };
            is_on
        }}
    };
}

#[cfg(CONFIG_TRACEPOINTS)]
macro_rules! tell {
    ($name:ident, $($argument:ident),+) => {
        ::kernel::macros::paste! {{
            use $crate::kapi::tracepoint::Told;
            #[allow(unsafe_code, reason = "that of a macro")]
            // SAFETY: By the promise of `Told`, the arguments are valid, and they are what C asks for, as the
            // compiler has seen. Tracepoints may be called in any context where RCU watches.
            unsafe {
                $crate::bindings::[<rust_do_trace_ $name>]($($argument.in_c()),+)
            };
        }}
    };
}

// A kernel without tracepoints has nobody who wants to know.
#[cfg(not(CONFIG_TRACEPOINTS))]
macro_rules! is_on {
    ($name:ident) => {
        false
    };
}

#[cfg(not(CONFIG_TRACEPOINTS))]
macro_rules! tell {
    ($name:ident, $($argument:ident),+) => {{
        use $crate::kapi::tracepoint::Told;
        $(let _ = $argument.in_c();)+
    }};
}

pub(crate) use {
    is_on,
    tell,
    tracepoints, //
};
