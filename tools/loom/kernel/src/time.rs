// SPDX-License-Identifier: GPL-2.0

//! Spans of time, in which nothing happens that a model would notice.

/// A span of time.
pub struct Delta;

impl Delta {
    /// So many milliseconds.
    pub const fn from_millis(_millis: i64) -> Self {
        Self
    }
}

/// Sleep.
pub mod delay {
    use super::Delta;

    /// Lets time pass.
    pub fn fsleep(_delta: Delta) {
        crate::task::might_sleep();
    }
}
