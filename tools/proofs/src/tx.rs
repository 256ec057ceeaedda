// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `tx`.

pub(crate) struct TxHeader;
