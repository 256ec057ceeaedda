// SPDX-License-Identifier: GPL-2.0

//! Those queues that need no kernel thread.

#[path = "../../../src/queue/backlog.rs"]
pub(crate) mod backlog;
#[path = "../../../src/queue/fifo.rs"]
pub(crate) mod fifo;
#[path = "../../../src/queue/ordered.rs"]
pub(crate) mod ordered;
