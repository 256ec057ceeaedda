// SPDX-License-Identifier: GPL-2.0

//! Those parts of the way out that reckon with what they are given.

#[path = "../../../../src/tx/segments.rs"]
mod segments;
#[path = "../../../../src/tx/streak.rs"]
mod streak;

mod tests;
