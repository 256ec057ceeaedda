// SPDX-License-Identifier: GPL-2.0

//! Strings of C in bytes that may hold anything.

use core::ffi::CStr;

/// The string that `bytes` begins with, up to its first NUL; `None` if there is none.
///
/// As [`CStr::from_bytes_until_nul`], which does arithmetic that could end in a panic by what the
/// compiler knows.
pub(crate) fn first(bytes: &[u8]) -> Option<&CStr> {
    let mut lens = (1..=bytes.len()).zip(bytes);
    let (len, _) = lens.find(|(_, &byte)| byte == 0)?;
    let bytes = bytes.get(..len)?;
    // SAFETY: The last byte is a NUL, and the only one.
    Some(unsafe { CStr::from_bytes_with_nul_unchecked(bytes) })
}

/// The bytes of a string, without the NUL at its end.
pub(crate) fn bytes(string: &CStr) -> &[u8] {
    let bytes = string.to_bytes_with_nul().split_last();
    bytes.map_or(&[], |(_nul, bytes)| bytes)
}

#[kernel::macros::kunit_tests(string)]
mod tests {
    use super::*;

    #[test]
    fn a_string_ends_at_the_first_nul() {
        assert_eq!(first(b"wg0\0wg1\0"), Some(c"wg0"));
        assert_eq!(first(b"\0wg1"), Some(c""));
        assert_eq!(first(b"wg0"), None);
        assert_eq!(first(b""), None);
    }

    #[test]
    fn its_bytes_are_without_the_nul() {
        assert_eq!(bytes(c"wg0"), b"wg0");
        assert_eq!(bytes(c""), b"");
    }
}
