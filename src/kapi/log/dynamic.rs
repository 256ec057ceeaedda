// SPDX-License-Identifier: GPL-2.0

//! What dynamic debug knows of messages.
//!
//! C header: [`include/linux/dynamic_debug.h`](srctree/include/linux/dynamic_debug.h)

use core::{
    cell::UnsafeCell,
    ptr, //
};

use kernel::{
    fmt,
    prelude::*, //
};

use crate::{
    bindings,
    kapi::net::device::Name, //
};

/// What dynamic debug knows of a message: a `struct _ddebug`.
///
/// # Invariants
///
/// The pointers are to static strings that end with a zero.
#[repr(C, align(8))]
pub(crate) struct Descriptor {
    modname: *const c_char,
    function: *const c_char,
    filename: *const c_char,
    format: *const c_char,
    /// `lineno`, `class_id` and `flags`, which C changes.
    bits: UnsafeCell<u32>,
    #[cfg(CONFIG_JUMP_LABEL)]
    pub(crate) key: bindings::static_key_false,
}

// SAFETY: Only dynamic debug accesses what can change, under its own lock or by reading once.
unsafe impl Sync for Descriptor {}

const _: () = {
    use core::mem::offset_of;

    // C takes the section that descriptors are in for an array.
    assert!(size_of::<Descriptor>() == size_of::<bindings::_ddebug>());
    assert!(offset_of!(Descriptor, format) == offset_of!(bindings::_ddebug, format));
    assert!(offset_of!(Descriptor, bits) == offset_of!(bindings::_ddebug, _bitfield_1));
    #[cfg(CONFIG_JUMP_LABEL)]
    assert!(offset_of!(Descriptor, key) == offset_of!(bindings::_ddebug, key));
};

impl Descriptor {
    const LINENO_BITS: u32 = 18;
    const CLASS_BITS: u32 = 6;

    /// Describes a message that is off. The strings end with a zero.
    pub(crate) const fn new(
        function: &'static str,
        filename: &'static str,
        format: &'static str,
        line: u32,
    ) -> Self {
        Self {
            modname: c_string(crate::__LOG_PREFIX),
            function: c_string(function.as_bytes()),
            filename: c_string(filename.as_bytes()),
            format: c_string(format.as_bytes()),
            bits: UnsafeCell::new(Self::bits(line)),
            #[cfg(CONFIG_JUMP_LABEL)]
            key: pin_init::zeroed(),
        }
    }

    /// The bit fields as the compiler of C lays them out, with no flag set, in the class of messages
    /// that have none.
    const fn bits(line: u32) -> u32 {
        const CLASS: u32 = (1 << Descriptor::CLASS_BITS) - 1;
        let line = line & ((1 << Self::LINENO_BITS) - 1);
        if cfg!(target_endian = "little") {
            line | CLASS << Self::LINENO_BITS
        } else {
            line << (u32::BITS - Self::LINENO_BITS) | CLASS << 8
        }
    }

    /// Whether the message is switched on, where there are no static branches.
    #[cfg(not(CONFIG_JUMP_LABEL))]
    pub(crate) fn is_on(&self) -> bool {
        const PRINT: u32 = if cfg!(target_endian = "little") {
            1 << (Descriptor::LINENO_BITS + Descriptor::CLASS_BITS)
        } else {
            1
        };
        // SAFETY: It is valid for reads, and C changes it by whole words.
        unsafe { ptr::read_volatile(self.bits.get()) & PRINT != 0 }
    }

    /// Prints the message, with what the user wants to see in front.
    #[cold]
    pub(crate) fn print(&'static self, dev: &Name, message: fmt::Arguments<'_>) {
        // SAFETY: The descriptor is one, and the arguments are what the format asks for.
        unsafe {
            bindings::__dynamic_pr_debug(
                ptr::from_ref(self).cast_mut().cast(),
                c"%s: %s: %pA\n".as_char_ptr(),
                c_string(crate::__LOG_PREFIX),
                dev.as_c_str().as_char_ptr(),
                ptr::from_ref(&message).cast::<c_void>(),
            );
        }
    }
}

const fn c_string(bytes: &'static [u8]) -> *const c_char {
    assert!(matches!(bytes, [.., 0]));
    bytes.as_ptr().cast()
}
