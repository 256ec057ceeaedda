// SPDX-License-Identifier: GPL-2.0

//! Primitives.

pub(crate) fn wipe(bytes: &mut [u8]) {
    bytes.fill(0);
}
