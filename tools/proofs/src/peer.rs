// SPDX-License-Identifier: GPL-2.0

//! Plays the module's `peer`: whom a session is with.

pub(crate) struct Peer;
