// SPDX-License-Identifier: GPL-2.0

//! Those queues that need no kernel thread.

#[path = "../../../src/queue/backlog.rs"]
pub(crate) mod backlog;
#[path = "../../../src/queue/bound.rs"]
pub(crate) mod bound;
#[path = "../../../src/queue/here.rs"]
pub(crate) mod here;
#[path = "../../../src/queue/inbox.rs"]
pub(crate) mod inbox;
#[path = "../../../src/queue/ordered.rs"]
pub(crate) mod ordered;
