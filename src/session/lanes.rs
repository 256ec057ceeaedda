// SPDX-License-Identifier: GPL-2.0

//! What the sessions of a peer have in common, as one follows the other.

use kernel::prelude::*;

use crate::{
    kapi::sync::atomic::{AtomicU32, AtomicU64, Ordering},
    proto::time::BootTime,
    queue::{backlog::Backlog, ordered::Ordered},
    tx::TxHeader, //
};

/// How often it is asked what the path to a peer takes, in nanoseconds.
const ASK_INTERVAL: u64 = 60 * 1_000_000_000;

/// The ways out and in, which do not begin anew with a session.
///
/// Sessions keep them alive, so an idle peer has none.
#[pin_data]
pub(crate) struct Lanes {
    /// Batches to be sent, in the order of their counters.
    #[pin]
    pub(crate) tx_order: Ordered<TxHeader>,
    /// Packets from the socket to the stack.
    pub(crate) rx_backlog: Backlog,
    /// How long a packet may be for the path to the peer to take it whole, as was seen last.
    path_mtu: AtomicU32,
    /// When it was asked last what the path to the peer takes; zero if never.
    asked: AtomicU64,
}

impl Lanes {
    /// Nothing under way.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            tx_order <- Ordered::new(),
            rx_backlog: Backlog::new(),
            path_mtu: AtomicU32::new(0),
            asked: AtomicU64::new(0),
        })
    }

    /// Notes how long a packet may be, and returns whether that was so before.
    pub(crate) fn is_path_mtu(&self, mtu: u32) -> bool {
        let is_same = self.path_mtu.load(Ordering::Relaxed) == mtu;
        // All who send look there, and most often it is.
        if !is_same {
            self.path_mtu.store(mtu, Ordering::Relaxed);
        }
        is_same
    }

    /// Whether to ask what the path takes, if that is not done in vain: then it has been. By one sender at
    /// a time.
    pub(crate) fn is_to_ask(&self, BootTime(now): BootTime) -> bool {
        let asked = self.asked.load(Ordering::Relaxed);
        let is_due = asked == 0 || now.saturating_sub(asked) >= ASK_INTERVAL;
        if is_due {
            self.asked.store(now.max(1), Ordering::Relaxed);
        }
        is_due
    }

    /// Has it asked with the next opportunity: the path is not what it was taken for.
    pub(crate) fn ask_anew(&self) {
        self.asked.store(0, Ordering::Relaxed);
    }
}
