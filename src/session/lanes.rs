// SPDX-License-Identifier: GPL-2.0

//! What the sessions of a peer have in common, as one follows the other.

use kernel::prelude::*;

use crate::{
    queue::{backlog::Backlog, ordered::Ordered},
    tx::TxHeader, //
};

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
}

impl Lanes {
    /// Nothing under way.
    pub(crate) fn new() -> impl PinInit<Self> {
        pin_init!(Self {
            tx_order <- Ordered::new(),
            rx_backlog: Backlog::new(),
        })
    }
}
