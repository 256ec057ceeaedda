// SPDX-License-Identifier: GPL-2.0

//! Errors as numbers.

use std::convert::Infallible;

use crate::alloc::AllocError;

/// A kernel error.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Error(i32);

/// A result that fails with a kernel error.
pub type Result<T = (), E = Error> = core::result::Result<T, E>;

impl From<AllocError> for Error {
    fn from(_: AllocError) -> Self {
        code::ENOMEM
    }
}

impl From<Infallible> for Error {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

/// The errors.
pub mod code {
    use super::Error;

    /// No such entry.
    pub const ENOENT: Error = Error(-2);
    /// Out of memory.
    pub const ENOMEM: Error = Error(-12);
    pub const ENOKEY: Error = Error(-126);
    /// What a socket says that is not there, or that cannot send.
    pub const ENONET: Error = Error(-64);
    pub const EDESTADDRREQ: Error = Error(-89);
    pub const EMSGSIZE: Error = Error(-90);
    pub const EAFNOSUPPORT: Error = Error(-97);
    pub const ENETDOWN: Error = Error(-100);
    pub const ENOTCONN: Error = Error(-107);
    /// Invalid argument.
    pub const EINVAL: Error = Error(-22);
    /// Closed already.
    pub const ESHUTDOWN: Error = Error(-108);
    /// Out of range.
    pub const ERANGE: Error = Error(-34);
    /// Protocol family not supported.
    pub const EPFNOSUPPORT: Error = Error(-96);
}
