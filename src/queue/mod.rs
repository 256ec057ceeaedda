// SPDX-License-Identifier: GPL-2.0

//! Where contexts meet.
//!
//! A batch of packets is numbered in its peer's [`ordered`] queue, encrypted or decrypted wherever
//! the [`parallel`] queue takes it, and passed on by the ordered queue in the order of its number,
//! on the way in through the [`inbox`] of a poller. It has one owner at any time: the worker that has it, or the queue that it waits in.

pub(crate) mod backlog;
pub(crate) mod fifo;
pub(crate) mod inbox;
pub(crate) mod ordered;
pub(crate) mod parallel;
