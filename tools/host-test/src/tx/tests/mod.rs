// SPDX-License-Identifier: GPL-2.0

//! Their tests, which are in here because nobody else sees them.

mod segments;
mod streak;
