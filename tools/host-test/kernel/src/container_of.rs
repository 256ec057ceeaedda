// SPDX-License-Identifier: GPL-2.0

//! What leads from a field to what it is in.

/// The object that a pointer's target is a field of.
#[macro_export]
macro_rules! container_of {
    ($pointer:expr, $type:ty, $field:ident) => {
        $pointer
            .byte_sub(::core::mem::offset_of!($type, $field))
            .cast::<$type>()
    };
}
