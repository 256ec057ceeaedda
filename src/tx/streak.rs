// SPDX-License-Identifier: GPL-2.0

//! Tells a stream of packets from a conversation.
//!
//! Who waits for an answer before it goes on has its packets sent at once: nothing would be gained
//! by waiting for more. Who sends one packet after the other has them sent together.

use crate::time::mono_now;

/// The length of a window of time, as a power of two of nanoseconds: some four thousandths of a
/// second.
const WINDOW: u32 = 22;

/// How many packets in a row, within one window and without one from the other side, make a stream.
const LONG: u32 = 16;

/// Packets in a row.
#[derive(Default)]
pub(super) struct Streak {
    window: u64,
    count: u32,
}

impl Streak {
    /// None yet.
    pub(super) const fn new() -> Self {
        Self {
            window: 0,
            count: 0,
        }
    }

    /// Counts one packet, and says whether it is part of a stream.
    ///
    /// `answered` is whether the other side has sent something since the one before.
    #[inline]
    pub(super) fn goes_on(&mut self, answered: bool) -> bool {
        if answered {
            self.count = 1;
            return false;
        }
        let window = mono_now().0 >> WINDOW;
        if window != self.window {
            // What was a stream goes on as one.
            let was_stream = window.wrapping_sub(self.window) == 1 && self.count > 2 * LONG;
            self.count = if was_stream { LONG } else { 0 };
        }
        self.window = window;
        self.count = self.count.saturating_add(1);
        self.count > LONG
    }
}
